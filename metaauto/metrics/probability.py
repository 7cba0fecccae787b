"""Metrics of class probabilities, in numpy because a search computes them thousands of times."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np

__all__ = [
    "average_precision",
    "binary_auc",
    "brier",
    "log_loss",
    "roc_auc",
    "roc_auc_ovo",
    "roc_auc_ovo_weighted",
    "roc_auc_weighted",
    "true_class_probability",
]

EPSILON = float(np.finfo(np.float64).eps)


def binary_auc(
    positive: np.ndarray, ranking: np.ndarray, sample_weight: np.ndarray | None = None
) -> float:
    """Return the area under the ROC curve: the share of correctly ordered pairs of classes.

    Ties count half. NaN if one of the classes is absent.
    """
    ranking = np.asarray(ranking, dtype=np.float64)
    order = np.argsort(ranking)
    ranking = ranking[order]
    positive = np.asarray(positive, dtype=bool)[order]
    if sample_weight is None and (ranking[1:] != ranking[:-1]).all():
        return _auc_of_ranks(np.flatnonzero(positive), len(positive))
    weight = np.ones(len(order)) if sample_weight is None else sample_weight[order]
    ends = np.append(np.flatnonzero(ranking[1:] != ranking[:-1]), len(order) - 1)
    above = np.cumsum(weight * positive)[ends]
    below = np.cumsum(weight * ~positive)[ends]
    pairs = above[-1] * below[-1]
    if not pairs > 0:
        return float("nan")
    gained = np.diff(above, prepend=0.0)
    before = np.concatenate(([0.0], below[:-1]))
    return float(np.sum(gained * (before + below)) / (2.0 * pairs))


def _auc_of_ranks(ranks: np.ndarray, n: int) -> float:
    """Return the area under the ROC curve from the ranks (from 0) of the positives; no ties."""
    positives = len(ranks)
    pairs = positives * (n - positives)
    if not pairs:
        return float("nan")
    return float((ranks.sum() - positives * (positives - 1) / 2) / pairs)


def _per_class(
    measure: Callable[..., float],
    y: np.ndarray,
    probabilities: np.ndarray,
    sample_weight: np.ndarray | None,
) -> np.ndarray:
    return np.array(
        [measure(y == c, probabilities[:, c], sample_weight) for c in range(probabilities.shape[1])]
    )


def _mean(values: np.ndarray, weights: np.ndarray | None = None) -> float:
    known = ~np.isnan(values)
    if not known.any():
        return float("nan")
    return float(np.average(values[known], weights=None if weights is None else weights[known]))


def _prevalence(y: np.ndarray, k: int, sample_weight: np.ndarray | None) -> np.ndarray:
    return np.bincount(y, weights=sample_weight, minlength=k).astype(np.float64)


def roc_auc(
    y: np.ndarray, probabilities: np.ndarray, sample_weight: np.ndarray | None = None
) -> float:
    """Return the area under the ROC curve; one-vs-rest mean for more than two classes."""
    if probabilities.shape[1] == 2:
        return binary_auc(y == 1, probabilities[:, 1], sample_weight)
    return _mean(_per_class(binary_auc, y, probabilities, sample_weight))


def roc_auc_weighted(
    y: np.ndarray, probabilities: np.ndarray, sample_weight: np.ndarray | None = None
) -> float:
    """Return the one-vs-rest area under the ROC curve, weighted by prevalence."""
    if probabilities.shape[1] == 2:
        return roc_auc(y, probabilities, sample_weight)
    areas = _per_class(binary_auc, y, probabilities, sample_weight)
    return _mean(areas, _prevalence(y, probabilities.shape[1], sample_weight))


def _ovo(y: np.ndarray, probabilities: np.ndarray, by_prevalence: bool) -> float:
    k = probabilities.shape[1]
    if k == 2:
        return roc_auc(y, probabilities)
    areas, shares = [], []
    for a, b in combinations(range(k), 2):
        rows = (y == a) | (y == b)
        pair, among = y[rows], probabilities[rows]
        if len(pair):
            both = binary_auc(pair == a, among[:, a]) + binary_auc(pair == b, among[:, b])
            areas.append(both / 2)
            shares.append(rows.mean())
    return _mean(np.array(areas), np.array(shares) if by_prevalence else None)


def roc_auc_ovo(y: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the one-vs-one area under the ROC curve over present pairs (Hand and Till, 2001)."""
    return _ovo(y, probabilities, by_prevalence=False)


def roc_auc_ovo_weighted(y: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the one-vs-one area under the ROC curve, pairs weighted by prevalence."""
    return _ovo(y, probabilities, by_prevalence=True)


def true_class_probability(y: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the normalised probability of the true class; float64 of shape (n,)."""
    total = probabilities.sum(axis=1, dtype=np.float64)
    return probabilities[np.arange(len(y)), y].astype(np.float64) / total


def log_loss(
    y: np.ndarray, probabilities: np.ndarray, sample_weight: np.ndarray | None = None
) -> float:
    """Return the mean negative log probability of the true class, clipped at float64 epsilon."""
    given = np.clip(true_class_probability(y, probabilities), EPSILON, 1 - EPSILON)
    return float(-np.average(np.log(given), weights=sample_weight))


def brier(
    y: np.ndarray, probabilities: np.ndarray, sample_weight: np.ndarray | None = None
) -> float:
    """Return the Brier score.

    Binary: squared error of the second class (0 to 1). More classes: sum over classes (0 to 2).
    """
    if probabilities.shape[1] == 2:
        error = (probabilities[:, 1].astype(np.float64) - y) ** 2
    else:
        distance = probabilities.astype(np.float64)
        distance[np.arange(len(y)), y] -= 1.0
        error = (distance**2).sum(axis=1)
    return float(np.average(error, weights=sample_weight))


def _binary_precision(
    positive: np.ndarray, ranking: np.ndarray, sample_weight: np.ndarray | None = None
) -> float:
    order = np.argsort(-np.asarray(ranking, dtype=np.float64))
    ranking = np.asarray(ranking)[order]
    positive = positive[order]
    weight = np.ones(len(order)) if sample_weight is None else sample_weight[order]
    ends = np.append(np.flatnonzero(ranking[1:] != ranking[:-1]), len(order) - 1)
    hits = np.cumsum(weight * positive)[ends]
    taken = np.cumsum(weight)[ends]
    if not hits[-1] > 0:
        return float("nan")
    precision = np.divide(hits, taken, out=np.zeros_like(hits), where=taken > 0)
    return float(np.sum(np.diff(hits, prepend=0.0) * precision) / hits[-1])


def average_precision(
    y: np.ndarray, probabilities: np.ndarray, sample_weight: np.ndarray | None = None
) -> float:
    """Return the average precision; mean over the present classes for more than two classes."""
    if probabilities.shape[1] == 2:
        return _binary_precision(y == 1, probabilities[:, 1], sample_weight)
    return _mean(_per_class(_binary_precision, y, probabilities, sample_weight))
