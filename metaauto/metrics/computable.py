"""Why a metric cannot be computed on some rows, or says little there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from metaauto.metrics import regression
from metaauto.metrics.base import Metric
from metaauto.metrics.resolve import sample_rows, synthetic_predictions
from metaauto.text import counted

__all__ = ["error_on", "near_zero_note", "undefined_reason"]

_NEAR_ZERO = 1e-6
_MAX_CLASSES = 3


def undefined_reason(
    metric: Metric,
    y: np.ndarray,
    kind: str,
    classes: Sequence[Any] | None = None,
    weights: np.ndarray | None = None,
) -> str:
    """Return why a metric cannot be computed on rows with these targets; empty if it can.

    If all rows have one class, a metric that gives a perfect prediction less than its optimum, such
    as F1 without a row of the positive class, is undefined as well: it cannot rank models.

    Parameters
    ----------
    metric : Metric
        The metric.
    y : ndarray of shape (n,)
        Class codes 0..k-1, or floats.
    kind : {'binary', 'multiclass', 'regression'}
        Task.
    classes : sequence, optional
        Class labels by code.
    weights : ndarray of shape (n,), optional
        Weight of each row; rows of weight 0 do not count.
    """
    if weights is not None:
        y, weights = y[weights > 0], weights[weights > 0]
    if not len(y):
        return "no row has a positive weight"
    problem, best = _score(metric, y, kind, classes, weights)
    present = set() if classes is None else set(np.unique(y).tolist())
    is_lost = len(present) == 1 and _is_short_of_optimum(metric, best)
    if not problem and not math.isnan(best) and not is_lost:
        return ""
    absent = [repr(label) for code, label in enumerate(classes or ()) if code not in present]
    if absent:
        more = f" and {len(absent) - _MAX_CLASSES} more" if len(absent) > _MAX_CLASSES else ""
        words = "class" if len(absent) == 1 else "classes"
        return f"no row has the {words} {', '.join(absent[:_MAX_CLASSES])}{more}"
    return problem or f"it is NaN for {counted(len(y), 'row')}"


def error_on(
    metric: Metric,
    y: np.ndarray,
    kind: str,
    classes: Sequence[Any] | None = None,
    weights: np.ndarray | None = None,
) -> str:
    """Return the error that a metric raises on rows with these targets; empty if it has a value.

    The value may be NaN, as that of ROC AUC for a single fold with one class.
    """
    return _score(metric, y, kind, classes, weights)[0]


def near_zero_note(metric: Metric, y: np.ndarray) -> str:
    """Return a note if the metric divides by targets that are almost 0; empty otherwise."""
    if metric.core is not regression.mape:
        return ""
    size = np.abs(np.asarray(y, dtype=np.float64))
    count = int((size <= _NEAR_ZERO * size.mean()).sum())
    if not count:
        return ""
    return (
        f"{metric.name} divides by the target, which is 0 or almost 0 in {counted(count, 'row')}: "
        "these rows dominate the score. Prefer mae or rmse"
    )


def _score(
    metric: Metric,
    y: np.ndarray,
    kind: str,
    classes: Sequence[Any] | None,
    weights: np.ndarray | None,
) -> tuple[str, float]:
    """Return the error of the metric on synthetic predictions, and the score of a perfect one."""
    rows = sample_rows(y, kind)
    y, weights = y[rows], None if weights is None else weights[rows]
    count = len(classes) if classes is not None else None
    try:
        synthetic, perfect = synthetic_predictions(y, kind, count)
        known = metric.score(y, synthetic, weights), metric.score(y, perfect, weights)
    except Exception as error:
        return str(error).rstrip(".") or type(error).__name__, math.nan
    return "", math.nan if math.isnan(known[0]) else known[1]


def _is_short_of_optimum(metric: Metric, best: float) -> bool:
    return math.isfinite(metric.optimum) and not math.isclose(
        best, metric.optimum, rel_tol=1e-6, abs_tol=1e-6
    )
