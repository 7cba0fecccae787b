"""scikit-learn estimators over CatBoost's native interface.

The native interface is used because it can stop between any two rounds, takes folds that lack a
class, and does not follow scikit-learn's internals from version to version.
"""

from __future__ import annotations

import time
from typing import Any

import catboost
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from metaauto.api import Deadline

MISSING = -2


class CatBoostEstimator(BaseEstimator):
    """What classifier and regressor share.

    Parameters
    ----------
    values : dict, optional
        CatBoost's parameters.
    categorical : tuple of int
        Columns that hold category codes; NaN and negative codes are missing.
    random_state : int
        Seed.
    n_jobs : int
        Threads to fit and predict with.

    Attributes
    ----------
    booster_ : catboost.Booster
        The fitted booster, cut after its best round. A regressor's predicts ``(y - center_) /
        scale_``: L1 and L2 then mean the same whatever the unit, and CatBoost's float32 targets
        lose nothing when the mean is large.
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

    def _boost(self, loss: str, train: Any, validation: Any, deadline: Any) -> None:
        """Boost until validation stops improving or the next round might end too late."""
        self.n_features_in_ = train[0].shape[1]
        values = {"learning_rate": 0.06, **(self.values or {})}
        rate = values["learning_rate"]
        rounds, stop_early = round(15 / rate), {}
        if validation is not None:
            rounds = round(100 / rate)
            stop_early = {"early_stopping_rounds": max(20, round(2.5 / rate))}
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
        watch = None if validation is None else self._pool(*validation)
        model.fit(data, eval_set=watch, callbacks=[Stopping(deadline)], **stop_early)
        # Reading it back leaves the data and the training settings behind.
        self.booster_ = catboost.CatBoost().load_model(blob=model._serialize_model())

    def _pool(self, X: Any, y: Any = None, weight: Any = None) -> Any:
        """The rows as CatBoost reads them: its categories must be text or whole numbers."""
        if not self.categorical:
            return catboost.Pool(X, y, weight=weight, thread_count=self.n_jobs)
        frame = pd.DataFrame(np.asarray(X))
        for column in self.categorical:
            codes = frame[column].fillna(MISSING).astype(np.int64)
            values, places = np.unique(codes, return_inverse=True)
            frame[column] = pd.Categorical.from_codes(places, values.astype(str))
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
            booster = catboost.CatBoost().load_model(blob=state["booster_"])
            state = {**state, "booster_": booster}
        super().__setstate__(state)


class Stopping:
    """Ends training when the next round might end after the deadline."""

    def __init__(self, deadline: Deadline | None) -> None:
        self.deadline = deadline
        self.last, self.slowest = time.monotonic(), 0.0

    def after_iteration(self, info: Any) -> bool:
        """Whether to go on."""
        now = time.monotonic()
        if info.iteration > 1:  # the first one is timed with the preparation of the data
            self.slowest = max(self.slowest, now - self.last)
        self.last = now
        return self.deadline is None or self.deadline.remaining() >= 2 * self.slowest


class CatBoostClassifier(ClassifierMixin, CatBoostEstimator):
    """Gradient boosted trees for classes; stops early on log loss.

    Parameters are those of `CatBoostEstimator`.

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
    ) -> CatBoostClassifier:
        """Fit; ``validation`` is (X, y, weights or None), on which it stops early."""
        self.classes_, codes = np.unique(y, return_inverse=True)
        if validation is not None:
            validation = _known(validation, self.classes_)
        loss = "Logloss" if len(self.classes_) == 2 else "MultiClass"
        self._boost(loss, (X, codes, _scaled(sample_weight)), validation, deadline)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities of shape (rows, classes)."""
        return self._raw(X, "Probability")

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each row."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class CatBoostRegressor(RegressorMixin, CatBoostEstimator):
    """Gradient boosted trees for numbers; stops early on the squared error.

    Parameters are those of `CatBoostEstimator`.
    """

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        validation: tuple[Any, Any, Any] | None = None,
        deadline: Deadline | None = None,
    ) -> CatBoostRegressor:
        """Fit; ``validation`` is (X, y, weights or None), on which it stops early."""
        y = np.asarray(y, dtype=np.float64)
        self.center_, self.scale_ = float(y.mean()), float(y.std()) or 1.0
        if validation is not None:
            validation = (validation[0], self._standard(validation[1]), validation[2])
        train = (X, self._standard(y), _scaled(sample_weight))
        self._boost("RMSE", train, validation, deadline)
        return self

    def _standard(self, y: Any) -> np.ndarray:
        return (np.asarray(y, dtype=np.float64) - self.center_) / self.scale_

    def predict(self, X: Any) -> np.ndarray:
        """A value for each row."""
        return self._raw(X, "RawFormulaVal") * self.scale_ + self.center_


def _scaled(weight: Any) -> Any:
    """Weights of mean 1, so that limits on a leaf's weight mean rows."""
    return None if weight is None else np.asarray(weight, dtype=np.float64) / np.mean(weight)


def _known(validation: tuple[Any, Any, Any], classes: np.ndarray) -> Any:
    """The validation rows whose class was trained on, as class codes; None if there are none."""
    X, y, weight = validation
    rows = np.flatnonzero(np.isin(y, classes))
    if len(rows) == 0:
        return None
    codes = np.searchsorted(classes, np.asarray(y)[rows])
    return X[rows], codes, None if weight is None else np.asarray(weight)[rows]
