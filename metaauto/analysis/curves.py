"""Summarise predictions for plots: ROC, precision-recall, calibration, confusion, residuals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from metaauto.metrics.base import LabelRule, most_probable
from metaauto.task import Task

__all__ = ["diagnose"]

_MAX_ROWS = 20_000
_CURVE_POINTS = 60
_CURVE_CLASSES = 5
_BINS = 10
_BIN_ROWS = 20
_TABLE_CLASSES = 30
_OTHERS = "all others"
_HISTOGRAM = 24


def diagnose(
    task: Task,
    y: np.ndarray,
    prediction: np.ndarray,
    weights: np.ndarray | None = None,
    decision: LabelRule | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Summarise predictions against targets, JSON-ready and without rows.

    Parameters
    ----------
    task : Task
        The task.
    y : ndarray of shape (n,)
        Class codes, or values.
    prediction : ndarray of shape (n, classes) or (n,)
        Probabilities, or values.
    weights : ndarray of shape (n,), optional
        Weight of each row.
    decision : object with ``labels(probabilities)``, optional
        Decision rule; the most probable class by default.
    seed : int
        Seed of the sample that is used for more than 20,000 rows.

    Returns
    -------
    dict
        ``rows`` (their number), and in classification ``curves`` (ROC and precision-recall,
        of the positive class or at most five classes), ``calibration`` (bins) and ``confusion``
        (labels and counts, of at most 30 classes); in regression ``bins`` by predicted value,
        ``residuals`` (a histogram) and ``errors`` (quantiles of the absolute error).
    """
    if len(y) > _MAX_ROWS:
        chosen = np.sort(np.random.default_rng(seed).choice(len(y), _MAX_ROWS, replace=False))
        y, prediction = y[chosen], prediction[chosen]
        weights = None if weights is None else weights[chosen]
    found: dict[str, Any] = {"rows": len(y)}
    if not len(y):
        return found
    if not task.is_classification:
        return {**found, **_of_values(np.asarray(y, dtype=np.float64), prediction, weights)}
    labels = most_probable(prediction) if decision is None else decision.labels(prediction)
    return {
        **found,
        "curves": _curves(task, y, prediction, weights),
        "calibration": _calibration(task, y, prediction, weights),
        "confusion": _confusion(task, y, labels),
    }


def _short(values: Any, digits: int = 5) -> list[float]:
    """Round numbers to five significant digits, enough for a plot."""
    return [float(f"{value:.{digits}g}") for value in np.asarray(values, dtype=np.float64)]


def _frequent(task: Task, y: np.ndarray, count: int) -> list[int]:
    """Return the most frequent classes, in the order of the classes."""
    rows = np.bincount(y, minlength=task.n_classes)
    return sorted(int(code) for code in np.argsort(-rows, kind="stable")[:count])


def _curves(
    task: Task, y: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None
) -> list[dict[str, Any]]:
    """Return one-vs-rest ROC and precision-recall curves."""
    codes = [task.positive_code] if task.n_classes == 2 else _frequent(task, y, _CURVE_CLASSES)
    weight = np.ones(len(y)) if weights is None else np.asarray(weights, dtype=np.float64)
    found = []
    for code in codes:
        order = np.argsort(-probabilities[:, code], kind="stable")
        ranked, positive = probabilities[order, code], y[order] == code
        ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
        tp = np.cumsum(weight[order] * positive)[ends]
        fp = np.cumsum(weight[order] * ~positive)[ends]
        if tp[-1] <= 0 or fp[-1] <= 0:
            continue
        recall = np.concatenate(([0.0], tp / tp[-1]))
        fpr = np.concatenate(([0.0], fp / fp[-1]))
        precision = tp / (tp + fp)
        precision = np.concatenate((precision[:1], precision))
        roc = _spread(fpr + recall)
        pr = _spread(recall)
        gains = np.diff(recall)
        found.append(
            {
                "class": _text(task, code),
                "share": float(f"{tp[-1] / (tp[-1] + fp[-1]):.5g}"),
                "auc": float(f"{np.sum(np.diff(fpr) * (recall[1:] + recall[:-1])) / 2:.5g}"),
                "average_precision": float(f"{np.sum(gains * precision[1:]):.5g}"),
                "roc": [_short(fpr[roc]), _short(recall[roc])],
                "pr": [_short(recall[pr]), _short(precision[pr])],
            }
        )
    return found


def _spread(along: np.ndarray) -> np.ndarray:
    """Return the positions of at most 60 points, spread evenly along increasing values."""
    wanted = np.linspace(along[0], along[-1], _CURVE_POINTS)
    return np.unique(np.clip(np.searchsorted(along, wanted), 0, len(along) - 1))


def _calibration(
    task: Task, y: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None
) -> dict[str, Any]:
    """Return predicted probabilities and observed shares in equal-frequency bins."""
    if task.n_classes == 2:
        code = task.positive_code
        stated, true = probabilities[:, code], y == code
        about = _text(task, code)
    else:
        likely = probabilities.argmax(axis=1)
        stated, true = probabilities[np.arange(len(y)), likely], likely == y
        about = ""
    stated = np.asarray(stated, dtype=np.float64)
    bins = []
    for rows in _bins(stated):
        weight = None if weights is None else weights[rows]
        came, count = float(np.average(true[rows], weights=weight)), len(rows)
        middle, half = _wilson(came, count)
        bins.append(
            {
                "stated": _short([np.average(stated[rows], weights=weight)])[0],
                "came": _short([came])[0],
                "low": _short([max(middle - half, 0.0)])[0],
                "high": _short([min(middle + half, 1.0)])[0],
                "rows": count,
            }
        )
    return {"class": about, "bins": bins}


def _wilson(share: float, count: int, z: float = 1.96) -> tuple[float, float]:
    """Return middle and half width of the Wilson interval of a share."""
    scale = 1.0 + z * z / count
    middle = (share + z * z / (2 * count)) / scale
    half = z * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / scale
    return middle, float(half)


def _bins(values: np.ndarray) -> list[np.ndarray]:
    """Split rows by value into at most ten bins; equal values stay in one bin."""
    order = np.argsort(values, kind="stable")
    count = max(min(_BINS, len(values) // _BIN_ROWS), 1)
    ordered = values[order]
    ends = np.linspace(0, len(values), count + 1)[1:-1].astype(np.int64)
    cuts = np.unique(np.searchsorted(ordered, ordered[ends], side="left"))
    return [part for part in np.split(order, cuts) if len(part)]


def _confusion(task: Task, y: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Return counts by true class (rows) and predicted class (columns)."""
    codes = list(range(task.n_classes))
    names = [_text(task, code) for code in codes]
    if len(codes) > _TABLE_CLASSES:
        codes = _frequent(task, y, _TABLE_CLASSES - 1)
        names = [*(_text(task, code) for code in codes), _OTHERS]
    place = np.full(task.n_classes, len(codes), dtype=np.int64)
    place[codes] = np.arange(len(codes))
    size = len(names)
    counts = np.bincount(place[y] * size + place[labels], minlength=size * size)
    return {"labels": names, "counts": counts.reshape(size, size).tolist()}


def _of_values(y: np.ndarray, prediction: np.ndarray, weights: np.ndarray | None) -> dict[str, Any]:
    predicted = np.asarray(prediction, dtype=np.float64)
    residuals = y - predicted
    bins = []
    for rows in _bins(predicted):
        low, middle, high = np.quantile(y[rows], [0.1, 0.5, 0.9])
        stated = float(np.average(predicted[rows], weights=None))
        bins.append(
            dict(
                zip(
                    ("stated", "low", "middle", "high"),
                    # A large offset takes up the first digits.
                    _short([stated, low, middle, high], digits=15),
                    strict=True,
                )
            )
            | {"rows": len(rows)}
        )
    low, high = np.quantile(residuals, [0.005, 0.995])
    histogram: dict[str, Any] = {"edges": [], "counts": []}
    if high > low:
        edges = np.linspace(low, high, _HISTOGRAM + 1)
        counts, edges = np.histogram(np.clip(residuals, low, high), edges)
        histogram = {"edges": _short(edges), "counts": counts.tolist()}
    shares = (0.5, 0.8, 0.9, 0.95)
    return {
        "bins": bins,
        "residuals": histogram,
        "bias": _short([np.average(residuals, weights=weights)])[0],
        "errors": dict(
            zip(map(str, shares), _short(np.quantile(np.abs(residuals), shares)), strict=True)
        ),
    }


def _text(task: Task, code: int) -> str:
    classes: Sequence[Any] = task.classes or ()
    return str(classes[code])
