"""scikit-learn estimators over XGBoost's native interface.

The native interface is used because it can stop between any two rounds, accepts folds with missing
classes, and does not depend on scikit-learn's internals.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import xgboost
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from metaauto.api import Deadline, DecisionTrees
from metaauto_xgboost.checks import check_model
from metaauto_xgboost.trees import decision_trees

_RATE = 0.05
_FULL_CLASSES = 10
"""Most classes with the full number of rounds: each round has one tree per class."""


class XGBoostEstimator(BaseEstimator):
    """Base class of the classifier and the regressor.

    Parameters
    ----------
    values : dict, optional
        XGBoost's parameters.
    categorical : tuple of int
        Columns with category codes; NaN and negative codes are missing values.
    random_state : int
        Random seed.
    n_jobs : int
        Number of threads.

    Attributes
    ----------
    booster_ : xgboost.Booster
        The fitted booster, truncated after its best round. That of a regressor predicts
        ``(y - center_) / scale_``: L1 and L2 then do not depend on the unit of the target, and
        XGBoost's float32 targets lose no precision if the mean is large.
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
        values = {"grow_policy": "depthwise", **(self.values or {})}
        if values["grow_policy"] == "lossguide":
            values["max_depth"] = 0
        return {
            "learning_rate": _RATE,
            **values,
            **objective,
            "tree_method": "hist",
            "seed": self.random_state,
            "nthread": self.n_jobs,
            "verbosity": 0,
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
        self.n_features_in_ = train[0].shape[1]
        data = self._matrix(xgboost.QuantileDMatrix, *train)
        rate, evals = params["learning_rate"], []
        stopping = Stopping(0, deadline)
        rounds = rounds or self._rounds(15)
        if validation is not None:
            evals = [(self._matrix(xgboost.QuantileDMatrix, *validation, ref=data), "validation")]
            stopping = Stopping(max(20, round(2.5 / rate)), deadline)
            rounds = self.max_iter_
        booster = xgboost.train(
            params, data, rounds, evals=evals, verbose_eval=False, callbacks=[stopping]
        )
        self.booster_ = booster[: stopping.best + 1] if evals else booster
        self.booster_.set_param({"nthread": self.n_jobs})

    @property
    def n_iter_(self) -> int:
        """Number of rounds."""
        return int(self.booster_.num_boosted_rounds())

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
        trees = decision_trees(self.booster_)
        return trees.scaled(getattr(self, "scale_", 1.0), getattr(self, "center_", 0.0))

    def _matrix(self, kind: Any, X: Any, y: Any = None, weight: Any = None, **other: Any) -> Any:
        types = None
        if self.categorical:
            X = _with_codes(X, list(self.categorical))
            types = ["c" if i in self.categorical else "q" for i in range(X.shape[1])]
        return kind(
            X,
            label=y,
            weight=weight,
            feature_types=types,
            enable_categorical=True,
            nthread=self.n_jobs,
            **other,
        )

    def _raw(self, X: Any) -> np.ndarray:
        return self.booster_.predict(self._matrix(xgboost.DMatrix, X))

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "booster_" in state:
            state["booster_"] = bytes(state["booster_"].save_raw("ubj"))
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "booster_" in state:
            n_classes = len(state.get("classes_", ()))
            check_model(state["booster_"], state["n_features_in_"], n_classes)
            booster = xgboost.Booster({"nthread": state["n_jobs"]})
            booster.load_model(bytearray(state["booster_"]))
            state = {**state, "booster_": booster}
        super().__setstate__(state)


def _with_codes(X: Any, columns: list[int]) -> Any:
    """Replace negative category codes by missing values.

    XGBoost treats absent cells of a sparse matrix as missing, so codes begin with 1 there.
    """
    is_sparse = sparse.issparse(X)
    codes = X[:, columns].toarray() if is_sparse else np.asarray(X)[:, columns]
    codes = np.where(codes < 0, np.nan, codes + is_sparse)
    if not is_sparse:
        X = np.array(X)
        X[:, columns] = codes
        return X
    others = np.setdiff1d(np.arange(X.shape[1]), columns)
    joined = sparse.hstack([sparse.csc_matrix(codes), X[:, others]], format="csc")
    return joined[:, np.argsort([*columns, *others])].tocsr()


class Stopping(xgboost.callback.TrainingCallback):
    """Early stopping by validation loss and deadline."""

    def __init__(self, patience: int, deadline: Deadline | None) -> None:
        self.patience = patience
        self.deadline = deadline
        self.best, self.best_loss = 0, np.inf
        self.start, self.slowest = time.monotonic(), 0.0

    def before_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Record the start time of the round."""
        self.start = time.monotonic()
        return False

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Return whether to stop."""
        for losses in evals_log.get("validation", {}).values():
            if losses[-1] < self.best_loss:
                self.best, self.best_loss = epoch, losses[-1]
            elif epoch - self.best >= self.patience:
                return True
        self.slowest = max(self.slowest, time.monotonic() - self.start)
        return self.deadline is not None and self.deadline.remaining() < 2 * self.slowest


class XGBoostClassifier(ClassifierMixin, XGBoostEstimator):
    """Gradient-boosted trees for classification, with early stopping on the log loss.

    The parameters are those of `XGBoostEstimator`.

    References
    ----------
    Chen and Guestrin, "XGBoost: a scalable tree boosting system", KDD 2016,
    `doi:10.1145/2939672.2939785 <https://doi.org/10.1145/2939672.2939785>`_.
    """

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        validation: tuple[Any, Any, Any] | None = None,
        deadline: Deadline | None = None,
        rounds: int | None = None,
    ) -> XGBoostClassifier:
        """Fit; ``validation`` (X, y, weights or None) is for early stopping, else ``rounds``."""
        self.classes_, codes = np.unique(y, return_inverse=True)
        if validation is not None:
            validation = _with_training_classes(validation, self.classes_)
        k = len(self.classes_)
        objective: dict[str, Any] = {"objective": "binary:logistic", "eval_metric": "logloss"}
        if k > 2:
            objective = {
                "objective": "multi:softprob",
                "eval_metric": "mlogloss",
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


class XGBoostRegressor(RegressorMixin, XGBoostEstimator):
    """Gradient-boosted trees for regression, with early stopping on the squared error.

    The parameters are those of `XGBoostEstimator`.
    """

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        validation: tuple[Any, Any, Any] | None = None,
        deadline: Deadline | None = None,
        rounds: int | None = None,
    ) -> XGBoostRegressor:
        """Fit; ``validation`` (X, y, weights or None) is for early stopping, else ``rounds``."""
        y = np.asarray(y, dtype=np.float64)
        self.center_, self.scale_ = float(y.mean()), float(y.std()) or 1.0
        if validation is not None:
            validation = (validation[0], self._standard(validation[1]), validation[2])
        train = (X, self._standard(y), _scaled(sample_weight))
        params = self._params({"objective": "reg:squarederror", "eval_metric": "rmse"})
        self._boost(params, train, validation, deadline, rounds)
        return self

    def _standard(self, y: Any) -> np.ndarray:
        return (np.asarray(y, dtype=np.float64) - self.center_) / self.scale_

    def predict(self, X: Any) -> np.ndarray:
        """Return one value per row."""
        return np.asarray(self._raw(X), dtype=np.float64) * self.scale_ + self.center_


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
