"""Normalise losses across datasets and impute missing ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["WORST", "NormalisedLosses", "normalise", "normalise_losses"]

WORST = 2.0
"""Normalised loss of a failed configuration, and the upper bound of all."""

_SHRINKAGE = 3.0
_RANK = 10
_ROUNDS = 20
_DAMPING = 0.5
_MIN_SHARED = 3
_MIN_SPREAD = 0.1


@dataclass(frozen=True)
class NormalisedLosses:
    """Losses relative to the best and the median configuration of each dataset.

    Parameters
    ----------
    values : ndarray of shape (rows, configurations), float64
        0 for the best configuration of a dataset, 1 for the median one, at most `WORST`; imputed
        where the configuration was not evaluated.
    is_known : ndarray of shape (rows, configurations), bool
        Whether the configuration was evaluated.
    """

    values: np.ndarray
    is_known: np.ndarray


def normalise_losses(
    loss: np.ndarray, n_seen: np.ndarray, models: Sequence[str], tables: np.ndarray | None = None
) -> NormalisedLosses:
    """Scale losses so that datasets are comparable, and impute missing ones.

    Parameters
    ----------
    loss : ndarray of shape (rows, configurations), float64
        NaN where there is none.
    n_seen : ndarray of shape (rows, configurations), int
        Number of evaluated folds; a configuration with folds but without a loss failed.
    models : sequence of str
        Model of each configuration.
    tables : ndarray of shape (rows,), int, optional
        Number of the dataset of each row; by default all rows are different datasets. If a dataset
        has several rows, they are aligned to the one with the most losses.

    Notes
    -----
    Missing losses are imputed by a shrunk mean of the configuration and a low-rank term, iterated
    as in "softImpute" (Mazumder, Hastie, Tibshirani 2010, JMLR 11:2287).
    """
    is_scored = np.isfinite(loss)
    is_known = is_scored | (n_seen > 0)
    values = np.full(loss.shape, np.nan)
    for row in range(loss.shape[0]):
        if is_scored[row].any():
            values[row] = normalise(loss[row], WORST)
    if tables is not None:
        _align(values, loss, np.asarray(models, dtype=object), tables)
    values[is_known & ~is_scored] = WORST
    return NormalisedLosses(_imputed(values, models), is_known)


def normalise(loss: np.ndarray, upper: float, reference: np.ndarray | None = None) -> np.ndarray:
    """Scale losses of one dataset: 0 for the best, 1 for the median; NaN stays NaN.

    Parameters
    ----------
    loss : ndarray of shape (configurations,)
        At least one is finite.
    upper : float
        Larger values are clipped to it.
    reference : ndarray, optional
        Losses whose best and median define the scale, so that others may be below 0; by default
        `loss`.
    """
    lower = 0.0 if reference is None else -np.inf
    reference = loss if reference is None else reference
    finite = reference[np.isfinite(reference)]
    best, median = finite.min(), np.median(finite)
    spread = max(median - best, 1e-12 * max(abs(best), 1e-12))
    return np.asarray(np.clip((loss - best) / spread, lower, upper))


def _align(values: np.ndarray, loss: np.ndarray, models: np.ndarray, tables: np.ndarray) -> None:
    """Align the rows of a dataset to the row with the most losses (the reference row).

    In a row with few configurations the best need not be good, nor the median typical. Their values
    are set to the best and the median of the same configurations in the reference row.
    Configurations missing in a row change by the median change of their model.
    """
    counts = np.isfinite(loss).sum(axis=1)
    order = np.argsort(-counts, kind="stable")
    reference_rows: dict[int, int] = {}
    for row in order:
        reference = reference_rows.setdefault(int(tables[row]), int(row))
        shared = np.isfinite(loss[row]) & np.isfinite(loss[reference])
        if reference == row or shared.sum() < _MIN_SHARED:
            continue
        known = values[reference, shared]
        best, median = known.min(), np.median(known)
        raw = normalise(loss[row], np.inf, loss[row, shared])
        values[row] = np.clip(best + max(median - best, _MIN_SPREAD) * raw, 0.0, WORST)
        change = np.where(shared, values[row] - values[reference], np.nan)
        for column in np.flatnonzero(np.isnan(loss[row]) & np.isfinite(loss[reference])):
            same_model = shared & (models == models[column])
            shift = np.median(change[same_model if same_model.any() else shared])
            values[row, column] = np.clip(values[reference, column] + shift, 0.0, WORST)


def _imputed(values: np.ndarray, models: Sequence[str]) -> np.ndarray:
    missing = np.isnan(values)
    if not missing.any():
        return values
    means = _column_means(values, np.asarray(models, dtype=object))
    filled = np.where(missing, means, values)
    rank = min(_RANK, min(values.shape) - 1)
    if rank < 1:
        return filled
    for _ in range(_ROUNDS):
        left, scale, right = np.linalg.svd(filled - means, full_matrices=False)
        damped = np.maximum(scale[:rank] - _DAMPING * scale[rank], 0.0)
        estimate = means + (left[:, :rank] * damped) @ right[:rank]
        filled = np.where(missing, np.clip(estimate, 0.0, WORST), values)
    return filled


def _column_means(values: np.ndarray, models: np.ndarray) -> np.ndarray:
    """Return the mean of each configuration, shrunk to its model's mean where data are few."""
    count = np.isfinite(values).sum(axis=0)
    total = np.nansum(values, axis=0)
    overall = total.sum() / max(count.sum(), 1)
    means = np.empty(values.shape[1])
    for model in np.unique(models):
        of_model = models == model
        number = count[of_model].sum()
        centre = (total[of_model].sum() + _SHRINKAGE * overall) / (number + _SHRINKAGE)
        means[of_model] = (total[of_model] + _SHRINKAGE * centre) / (count[of_model] + _SHRINKAGE)
    return means
