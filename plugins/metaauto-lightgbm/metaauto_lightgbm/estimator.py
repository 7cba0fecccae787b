"""scikit-learn estimators over LightGBM's native interface.

The native interface is used because it can stop between any two rounds, accepts folds with missing
classes, and does not depend on scikit-learn's internals.
"""

from __future__ import annotations

import time
from typing import Any

import lightgbm
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from metaauto.api import Deadline, DecisionTrees
from metaauto_lightgbm.checks import check_model_text
from metaauto_lightgbm.trees import decision_trees

QUIET: dict[str, Any] = {"verbosity": -1}
_RATE = 0.05
_FULL_CLASSES = 10
"""Most classes with the full number of rounds: each round has one tree per class."""


class LightGBMEstimator(BaseEstimator):
    """Base class of the classifier and the regressor.

    Parameters
    ----------
    values : dict, optional
        LightGBM's parameters; ``bagging`` switches ``bagging_fraction`` on.
    categorical : tuple of int
        Columns with category codes; NaN and negative codes are missing values.
    random_state : int
        Random seed.
    n_jobs : int
        Number of threads.

    Attributes
    ----------
    booster_ : lightgbm.Booster
        The fitted booster, truncated after its best round. That of a regressor predicts
        ``(y - center_) / scale_``: L1 and L2 then do not depend on the unit of the target, and
        LightGBM's float32 targets lose no precision if the mean is large.
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

    def _params(self, objective: dict[str, Any]) -> dict[str, Any]:
        params = {"learning_rate": _RATE, **(self.values or {})}
        params["bagging_freq"] = int(params.pop("bagging", False))
        return {
            **params,
            **objective,
            **QUIET,
            "seed": self.random_state,
            "num_threads": self.n_jobs,
            "deterministic": True,
            "force_col_wise": True,
        }

    def _boost(
        self,
        params: dict[str, Any],
        train: Any,
        validation: Any,
        deadline: Any,
        rounds: int | None,
    ) -> None:
        """Boost until early stopping, or until the next round might exceed the deadline."""
        X, y, weight = train
        self.n_features_in_ = X.shape[1]
        categorical = list(self.categorical)
        data = lightgbm.Dataset(X, y, weight=weight, categorical_feature=categorical, params=params)
        booster = lightgbm.Booster(params, data)
        rounds, patience = rounds or self._rounds(15), 0
        if validation is not None:
            X, y, weight = validation
            booster.add_valid(data.create_valid(X, y, weight=weight), "validation")
            rounds = self.max_iter_
            patience = max(20, round(2.5 / params["learning_rate"]))
        best, best_loss, slowest = 0, np.inf, 0.0
        for number in range(1, rounds + 1):
            start = time.monotonic()
            booster.update()
            if validation is not None:
                loss = booster.eval_valid()[0][2]
                if loss < best_loss:
                    best, best_loss = number, loss
                elif number - best >= patience:
                    break
            slowest = max(slowest, time.monotonic() - start)
            if deadline is not None and deadline.remaining() < 2 * slowest:
                break
        # Reloading the model drops the training data and the rounds after the best one.
        text = booster.model_to_string(num_iteration=best or -1)
        self.booster_ = lightgbm.Booster(model_str=text)

    @property
    def n_iter_(self) -> int:
        """Number of rounds."""
        return int(self.booster_.current_iteration())

    @property
    def max_iter_(self) -> int:
        """Largest number of rounds with early stopping."""
        return self._rounds(100)

    def _rounds(self, total_rate: float) -> int:
        """Return the rounds whose learning rates add up to a total, fewer for many classes."""
        share = min(1.0, _FULL_CLASSES / max(len(getattr(self, "classes_", ())), 1))
        rate = (self.values or {}).get("learning_rate", _RATE)
        return max(round(share * total_rate / rate), 1)

    @property
    def feature_importances_(self) -> np.ndarray:
        """Total gain of the splits on each feature, of shape (features,)."""
        return np.asarray(self.booster_.feature_importance("gain"))

    def decision_trees(self) -> DecisionTrees:
        """Return the trees with the output scale of the estimator."""
        trees = decision_trees(self.booster_)
        return trees.scaled(getattr(self, "scale_", 1.0), getattr(self, "center_", 0.0))

    def _raw(self, X: Any) -> np.ndarray:
        return np.asarray(self.booster_.predict(X, num_threads=self.n_jobs, **QUIET))

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "booster_" in state:
            state["booster_"] = state["booster_"].model_to_string().encode()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "booster_" in state:
            n_classes = len(state.get("classes_", ()))
            text = check_model_text(state["booster_"].decode(), state["n_features_in_"], n_classes)
            state = {**state, "booster_": lightgbm.Booster(model_str=text)}
        super().__setstate__(state)


class LightGBMClassifier(ClassifierMixin, LightGBMEstimator):
    """Gradient-boosted trees for classification, with early stopping on the log loss.

    The parameters are those of `LightGBMEstimator`.

    References
    ----------
    Ke et al. "LightGBM: a highly efficient gradient boosting decision tree", NeurIPS 2017.
    """

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        validation: tuple[Any, Any, Any] | None = None,
        deadline: Deadline | None = None,
        rounds: int | None = None,
    ) -> LightGBMClassifier:
        """Fit; ``validation`` (X, y, weights or None) is for early stopping, else ``rounds``."""
        self.classes_, codes = np.unique(y, return_inverse=True)
        if validation is not None:
            validation = _with_training_classes(validation, self.classes_)
        k = len(self.classes_)
        objective: dict[str, Any] = {"objective": "binary", "metric": "binary_logloss"}
        if k > 2:
            objective = {
                "objective": "multiclass",
                "metric": "multi_logloss",
                "num_class": k,
            }
        train = (X, codes, _scaled(sample_weight))
        self._boost(self._params(objective), train, validation, deadline, rounds)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities of shape (rows, classes)."""
        raw = self._raw(X)
        return raw if raw.ndim == 2 else np.column_stack([1.0 - raw, raw])

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each row."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class LightGBMRegressor(RegressorMixin, LightGBMEstimator):
    """Gradient-boosted trees for regression, with early stopping on the squared error.

    The parameters are those of `LightGBMEstimator`.
    """

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        validation: tuple[Any, Any, Any] | None = None,
        deadline: Deadline | None = None,
        rounds: int | None = None,
    ) -> LightGBMRegressor:
        """Fit; ``validation`` (X, y, weights or None) is for early stopping, else ``rounds``."""
        y = np.asarray(y, dtype=np.float64)
        self.center_, self.scale_ = float(y.mean()), float(y.std()) or 1.0
        if validation is not None:
            validation = (validation[0], self._standard(validation[1]), validation[2])
        train = (X, self._standard(y), _scaled(sample_weight))
        params = self._params({"objective": "regression", "metric": "l2"})
        self._boost(params, train, validation, deadline, rounds)
        return self

    def _standard(self, y: Any) -> np.ndarray:
        return (np.asarray(y, dtype=np.float64) - self.center_) / self.scale_

    def predict(self, X: Any) -> np.ndarray:
        """Return one value per row."""
        return self._raw(X) * self.scale_ + self.center_


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
