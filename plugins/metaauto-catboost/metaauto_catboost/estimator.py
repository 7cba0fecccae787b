"""scikit-learn estimators over CatBoost's native interface.

The native interface is used because it can stop between any two rounds, accepts folds with missing
classes, and does not depend on scikit-learn's internals.
"""

from __future__ import annotations

import time
from typing import Any

import catboost
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from metaauto.api import Deadline, DecisionTrees
from metaauto_catboost.checks import check_model
from metaauto_catboost.trees import decision_trees

MISSING = -2
_RATE = 0.06
_FULL_CLASSES = 10
"""Most classes with the full number of rounds: each leaf has one value per class."""


class CatBoostEstimator(BaseEstimator):
    """Base class of the classifier and the regressor.

    Parameters
    ----------
    values : dict, optional
        CatBoost's parameters.
    categorical : tuple of int
        Columns with category codes; NaN and negative codes are missing values.
    random_state : int
        Random seed.
    n_jobs : int
        Number of threads.

    Attributes
    ----------
    booster_ : catboost.Booster
        The fitted booster, truncated after its best round. That of a regressor predicts
        ``(y - center_) / scale_``: L1 and L2 then do not depend on the unit of the target, and
        CatBoost's float32 targets lose no precision if the mean is large.
    """

    def __init__(
        self,
        values: dict[str, Any] | None = None,
        categorical: tuple[int, ...] = (),
        random_state: int = 0,
        n_jobs: int = 1,
    ) -> None:
        self.values = values
        self.categorical = categorical
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _boost(
        self, loss: str, train: Any, validation: Any, deadline: Any, rounds: int | None
    ) -> None:
        """Boost until early stopping, or until the next round might exceed the deadline."""
        self.n_features_in_ = train[0].shape[1]
        values = {"learning_rate": _RATE, **(self.values or {})}
        rounds, stop_early = rounds or self._rounds(15), {}
        if validation is not None:
            rounds = self.max_iter_
            stop_early = {"early_stopping_rounds": max(20, round(2.5 / values["learning_rate"]))}
        model = catboost.CatBoost(
            {
                **values,
                "loss_function": loss,
                "iterations": rounds,
                "use_best_model": validation is not None,
                "random_seed": self.random_state,
                "thread_count": self.n_jobs,
                "allow_writing_files": False,
                "logging_level": "Silent",
            }
        )
        data = self._pool(*train)
        eval_set = None if validation is None else self._pool(*validation)
        model.fit(data, eval_set=eval_set, callbacks=[Stopping(deadline)], **stop_early)
        # Reloading the model drops the training data and settings.
        self.booster_ = catboost.CatBoost().load_model(blob=model._serialize_model())

    @property
    def n_iter_(self) -> int:
        """Number of rounds."""
        return int(self.booster_.tree_count_)

    @property
    def max_iter_(self) -> int:
        """Largest number of rounds with early stopping."""
        return self._rounds(100)

    def _rounds(self, total_rate: float) -> int:
        """Return the rounds whose learning rates add up to a total, fewer for many classes."""
        share = min(1.0, _FULL_CLASSES / max(len(getattr(self, "classes_", ())), 1))
        rate = (self.values or {}).get("learning_rate", _RATE)
        return max(round(share * total_rate / rate), 1)

    def decision_trees(self) -> DecisionTrees:
        """Return the trees with the output scale of the estimator."""
        trees = decision_trees(self.booster_, len(getattr(self, "classes_", ())))
        return trees.scaled(getattr(self, "scale_", 1.0), getattr(self, "center_", 0.0))

    def _pool(self, X: Any, y: Any = None, weight: Any = None) -> Any:
        """Return a CatBoost pool; its categories must be text or integers."""
        if not self.categorical:
            return catboost.Pool(X, y, weight=weight, thread_count=self.n_jobs)
        frame = pd.DataFrame(np.asarray(X))
        for column in self.categorical:
            codes = frame[column].fillna(MISSING).astype(np.int64)
            values, indices = np.unique(codes, return_inverse=True)
            frame[column] = pd.Categorical.from_codes(indices, values.astype(str))
        categorical = list(self.categorical)
        return catboost.Pool(
            frame, y, weight=weight, cat_features=categorical, thread_count=self.n_jobs
        )

    def _raw(self, X: Any, kind: str) -> np.ndarray:
        return self.booster_.predict(self._pool(X), prediction_type=kind, thread_count=self.n_jobs)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "booster_" in state:
            state["booster_"] = state["booster_"]._serialize_model()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "booster_" in state:
            data = state["booster_"]
            check_model(data, state["n_features_in_"], len(state.get("classes_", ())))
            state = {**state, "booster_": catboost.CatBoost().load_model(blob=data)}
        super().__setstate__(state)


class Stopping:
    """Stops training if the next round might exceed the deadline."""

    def __init__(self, deadline: Deadline | None) -> None:
        self.deadline = deadline
        self.last, self.slowest = time.monotonic(), 0.0

    def after_iteration(self, info: Any) -> bool:
        """Return whether to continue."""
        now = time.monotonic()
        if info.iteration > 1:  # the time of the first round includes data preparation
            self.slowest = max(self.slowest, now - self.last)
        self.last = now
        return self.deadline is None or self.deadline.remaining() >= 2 * self.slowest


class CatBoostClassifier(ClassifierMixin, CatBoostEstimator):
    """Gradient-boosted trees for classification, with early stopping on the log loss.

    The parameters are those of `CatBoostEstimator`.

    References
    ----------
    Prokhorenkova et al. "CatBoost: unbiased boosting with categorical features", NeurIPS 2018.
    """

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        validation: tuple[Any, Any, Any] | None = None,
        deadline: Deadline | None = None,
        rounds: int | None = None,
    ) -> CatBoostClassifier:
        """Fit; ``validation`` (X, y, weights or None) is for early stopping, else ``rounds``."""
        self.classes_, codes = np.unique(y, return_inverse=True)
        if validation is not None:
            validation = _with_training_classes(validation, self.classes_)
        loss = "Logloss" if len(self.classes_) == 2 else "MultiClass"
        self._boost(loss, (X, codes, _scaled(sample_weight)), validation, deadline, rounds)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities of shape (rows, classes)."""
        return self._raw(X, "Probability")

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each row."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class CatBoostRegressor(RegressorMixin, CatBoostEstimator):
    """Gradient-boosted trees for regression, with early stopping on the squared error.

    The parameters are those of `CatBoostEstimator`.
    """

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        validation: tuple[Any, Any, Any] | None = None,
        deadline: Deadline | None = None,
        rounds: int | None = None,
    ) -> CatBoostRegressor:
        """Fit; ``validation`` (X, y, weights or None) is for early stopping, else ``rounds``."""
        y = np.asarray(y, dtype=np.float64)
        self.center_, self.scale_ = float(y.mean()), float(y.std()) or 1.0
        if validation is not None:
            validation = (validation[0], self._standard(validation[1]), validation[2])
        train = (X, self._standard(y), _scaled(sample_weight))
        self._boost("RMSE", train, validation, deadline, rounds)
        return self

    def _standard(self, y: Any) -> np.ndarray:
        return (np.asarray(y, dtype=np.float64) - self.center_) / self.scale_

    def predict(self, X: Any) -> np.ndarray:
        """Return one value per row."""
        return self._raw(X, "RawFormulaVal") * self.scale_ + self.center_


def _scaled(weight: Any) -> Any:
    """Scale weights to a mean of 1, so that limits on the weight of a leaf count rows."""
    return None if weight is None else np.asarray(weight, dtype=np.float64) / np.mean(weight)


def _with_training_classes(validation: tuple[Any, Any, Any], classes: np.ndarray) -> Any:
    """Return the validation rows of training classes, as class codes; None if there are none."""
    X, y, weight = validation
    rows = np.flatnonzero(np.isin(y, classes))
    if len(rows) == 0:
        return None
    codes = np.searchsorted(classes, np.asarray(y)[rows])
    return X[rows], codes, None if weight is None else np.asarray(weight)[rows]
