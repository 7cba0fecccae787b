"""Small learning problems, and functions that fit and predict as the search does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from metaauto.components import Deadline, FitContext, Model

__all__ = [
    "Problem",
    "check_prediction",
    "contradictory",
    "fit_on",
    "make_problem",
    "predict_with",
]


@dataclass(frozen=True)
class Problem:
    """Training and validation rows of a small problem.

    Parameters
    ----------
    kind : {'binary', 'multiclass', 'regression'}
        Kind of task.
    X, X_validation : array, sparse matrix or DataFrame of shape (rows, features)
        Prepared rows (typed frames for models tagged ``accepts_dataframe``).
    y, y_validation : ndarray of shape (rows,)
        Class codes 0..k-1, or floats.
    n_classes : int
        Number of classes of the task, 0 in regression.
    categorical : tuple of int
        Indices of columns with category codes.
    sample_weight : ndarray of shape (rows,), optional
        Weights of the training rows.
    """

    kind: str
    X: Any
    y: np.ndarray
    X_validation: Any
    y_validation: np.ndarray
    n_classes: int = 0
    categorical: tuple[int, ...] = ()
    sample_weight: np.ndarray | None = None

    def with_columns(self, change: Any) -> Problem:
        """Return a copy with ``change`` applied to both matrices."""
        return replace(self, X=change(self.X), X_validation=change(self.X_validation))

    def context(
        self,
        seed: int = 0,
        seconds: float = float("inf"),
        validated: bool = True,
        rounds: int | None = None,
    ) -> FitContext:
        """Return the `FitContext` of a fit on this problem."""
        deadline = Deadline() if seconds == float("inf") else Deadline.after(seconds)
        weight = self.sample_weight
        return FitContext(
            kind=self.kind,
            n_rows=self.X.shape[0],
            n_features=self.X.shape[1],
            n_classes=self.n_classes,
            seed=seed,
            threads=1,
            categorical=self.categorical,
            metric="rmse" if self.kind == "regression" else "log_loss",
            X_validation=self.X_validation if validated else None,
            y_validation=self.y_validation if validated else None,
            sample_weight=weight,
            validation_weight=np.ones(len(self.y_validation)) if weight is not None else None,
            deadline=deadline,
            rounds=rounds,
        )


def make_problem(
    kind: str,
    n_rows: int = 120,
    n_features: int = 5,
    n_classes: int | None = None,
    seed: int = 0,
    frame: bool = False,
) -> Problem:
    """Make a problem with a learnable target.

    Parameters
    ----------
    kind : {'binary', 'multiclass', 'regression'}
        Kind of task.
    n_rows : int, default=120
        Training rows; half as many validation rows are added.
    n_features : int, default=5
        Columns; the first one or two are informative.
    n_classes : int, optional
        Number of classes; by default 2, 3 or 0 by kind.
    seed : int, default=0
        Random seed.
    frame : bool, default=False
        Return typed frames with one category column instead of matrices.

    Returns
    -------
    Problem
        Features with zero mean and unit variance; balanced classes.

    Examples
    --------
    >>> make_problem("binary", n_rows=10).X.shape
    (10, 5)
    """
    random = np.random.default_rng(seed)
    total = n_rows + max(n_rows // 2, 4)
    X = random.normal(size=(total, n_features))
    signal = X[:, 0] + 0.5 * X[:, min(1, n_features - 1)] + 0.3 * random.normal(size=total)
    if kind == "regression":
        classes, y = 0, 3.0 * signal + 10.0
    else:
        classes = n_classes or {"binary": 2, "multiclass": 3}[kind]
        # Rank within each part, so that both contain every class.
        y = np.concatenate([_ranked(signal[:n_rows], classes), _ranked(signal[n_rows:], classes)])
    rows: Any = _as_frame(X) if frame else X
    indexed: Any = rows.iloc if frame else rows
    return Problem(
        kind=kind,
        X=indexed[:n_rows],
        y=y[:n_rows],
        X_validation=indexed[n_rows:total],
        y_validation=y[n_rows:],
        n_classes=classes,
    )


def _ranked(signal: np.ndarray, classes: int) -> np.ndarray:
    ranks = np.argsort(np.argsort(signal, kind="stable"), kind="stable")
    return (ranks * classes // len(signal)).astype(np.int64)


def _as_frame(X: np.ndarray) -> Any:
    import pandas as pd

    frame = pd.DataFrame({f"number{i}": X[:, i] for i in range(X.shape[1] - 1)})
    codes = np.clip(np.floor(X[:, -1] + 1.5), 0, 2).astype(int)
    frame["category"] = pd.Categorical.from_codes(codes, ["low", "middle", "high"])
    return frame


def fit_on(
    model: Model, problem: Problem, values: Mapping[str, Any] | None = None, **context: Any
) -> Any:
    """Build a model and fit it on a problem, as the search does.

    Parameters
    ----------
    model : Model
        The component.
    problem : Problem
        The training and validation rows.
    values : mapping, optional
        Hyperparameter values; by default those of the model's space.
    **context
        ``seed``, ``seconds`` until the deadline, ``validated``: passed to `Problem.context`.

    Returns
    -------
    estimator
        The fitted estimator.
    """
    from metaauto.search.fitting import fit_model
    from metaauto.testing.sampling import default_values

    chosen = dict(default_values(model.space_for(problem.kind)) if values is None else values)
    return fit_model(model, chosen, problem.X, problem.y, problem.context(**context))


def predict_with(estimator: Any, problem: Problem, X: Any = None) -> np.ndarray:
    """Predict and check the prediction, as the search does.

    Parameters
    ----------
    estimator : object
        A fitted estimator from `fit_on`.
    problem : Problem
        The problem it was fitted on.
    X : matrix or DataFrame, optional
        Rows to predict; by default the validation rows.

    Returns
    -------
    ndarray of shape (rows, classes) or (rows,)
        float32 probabilities in the order of the class codes, or float64 values.

    Raises
    ------
    ComponentError
        The shape is wrong, or a prediction is not finite.
    """
    from metaauto.search.evaluate import predict_fold

    return predict_fold(estimator, problem.X_validation if X is None else X, problem.context())


def contradictory(problem: Problem) -> Problem:
    """Duplicate every training row, first with the lowest target, then with the highest."""
    half = len(problem.y) // 2
    X = problem.X[:half]
    if hasattr(X, "iloc"):
        import pandas as pd

        X = pd.concat([X, X], ignore_index=True)
    else:
        X = np.vstack([X, X])
    y = np.repeat([problem.y.min(), problem.y.max()], half)
    if problem.kind == "multiclass":
        y[:: problem.n_classes] = 1  # so that all classes are present
    return replace(problem, X=X, y=y)


def check_prediction(prediction: np.ndarray, problem: Problem) -> None:
    """Assert that a prediction of the validation rows has a valid shape and valid values."""
    n_rows = problem.X_validation.shape[0]
    assert np.isfinite(prediction).all()
    if problem.kind == "regression":
        assert prediction.shape == (n_rows,)
        return
    assert prediction.shape == (n_rows, problem.n_classes)
    assert (prediction >= 0).all()
    assert np.allclose(prediction.sum(axis=1), 1.0, atol=1e-4)
