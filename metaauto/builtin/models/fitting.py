"""Helpers of the models' `fit` functions: rounds, solver warnings, validation rows."""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from metaauto.api import FitContext

__all__ = [
    "CLASS_WEIGHT",
    "affordable_rounds",
    "ignore_solver_warnings",
    "keep_prediction_state",
    "training_rows",
    "validation_rows",
]

CLASS_WEIGHT = (None, "balanced")
"""Options of every model that supports class weights."""


@contextmanager
def ignore_solver_warnings() -> Iterator[None]:
    """Ignore warnings that are expected of solvers with limited iterations."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        # scipy's solvers warn about the same, and about options that scikit-learn passes.
        warnings.filterwarnings("ignore", message=".*`disp` and `iprint`")
        warnings.filterwarnings("ignore", message="The covariance matrix of class")
        warnings.filterwarnings("ignore", message="Variables are collinear")
        warnings.filterwarnings("ignore", message="Ill-conditioned matrix")
        warnings.filterwarnings("ignore", category=RuntimeWarning, message="overflow encountered")
        yield


def affordable_rounds(done: int, total: int, seconds: float, context: FitContext) -> int:
    """Return the number of further rounds to run before the deadline is checked again.

    Parameters
    ----------
    done, total : int
        Rounds completed so far, and in total.
    seconds : float
        Seconds of the completed rounds.
    context : FitContext
        Contains the deadline.

    Returns
    -------
    int
        All remaining rounds if they fit with a margin, else half of those that fit (the time per
        round is then measured again), 0 if no time is left.
    """
    rest = total - done
    remaining = context.deadline.remaining()
    if math.isinf(remaining) or rest <= 0:
        return max(rest, 0)
    fits = int(0.8 * max(remaining, 0.0) * done / max(seconds, 1e-6))
    return rest if fits >= rest else fits // 2


def keep_prediction_state(estimator: Any, attributes: Collection[str]) -> None:
    """Remove all attributes of a fitted estimator that are not needed to predict.

    Optimisers and copies of the weights for early stopping can be several times as large as the
    model itself, and would be stored in every model file.

    Parameters
    ----------
    estimator : scikit-learn estimator
        The fitted estimator, changed in place. Its parameters are kept.
    attributes : collection of str
        Further attributes to keep: those that its methods of predicting use. Optimisers of newer
        releases of scikit-learn are removed too, because this lists what is kept.
    """
    kept = {*estimator.get_params(deep=False), *attributes}
    for name in set(vars(estimator)) - kept:
        delattr(estimator, name)


def training_rows(X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
    """Return the rows of positive weight, for solvers that do not accept zero weights."""
    import numpy as np

    if sample_weight is None:
        return X, y, None
    weight = np.asarray(sample_weight, dtype=float)
    kept = weight > 0
    if kept.all() or not kept.any():
        return X, y, weight
    return X[kept], np.asarray(y)[kept], weight[kept]


def validation_rows(y: Any, context: FitContext) -> tuple[Any, Any, Any] | None:
    """Return the validation part without classes missing in training; None if empty."""
    import numpy as np

    if context.X_validation is None or context.y_validation is None:
        return None
    X, target = context.X_validation, np.asarray(context.y_validation)
    weight = context.validation_weight
    weight = None if weight is None else np.asarray(weight, dtype=float)
    if weight is not None and not weight.sum() > 0:
        weight = None
    if context.is_classification:
        known = np.isin(target, np.unique(y))
        if not known.all():
            X, target = X[known], target[known]
            weight = None if weight is None else weight[known]
    return (X, target, weight) if len(target) else None
