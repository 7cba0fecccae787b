"""Losses of different tables on one scale, and a guess for what was not measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["WORST", "RelativeLosses", "on_one_scale", "relative_losses"]

WORST = 2.0
"""What a configuration that failed is taken for, and the most that any is."""

_SHRINKAGE = 3.0
_RANK = 10
_ROUNDS = 20
_DAMPING = 0.5
_LEAST_SHARED = 3
_LEAST_SPREAD = 0.1


@dataclass(frozen=True)
class RelativeLosses:
    """How far configurations were from the best on each table.

    Parameters
    ----------
    values : ndarray of shape (rows, configurations), float64
        0 for the best configuration of a table, 1 for the median one, at most `WORST`; guessed
        where it was not measured.
    is_known : ndarray of shape (rows, configurations), bool
        Whether it was measured.
    """

    values: np.ndarray
    is_known: np.ndarray


def relative_losses(
    loss: np.ndarray, n_seen: np.ndarray, models: Sequence[str], tables: np.ndarray | None = None
) -> RelativeLosses:
    """Bring losses to a scale on which tables can be compared, and fill the gaps.

    Parameters
    ----------
    loss : ndarray of shape (rows, configurations), float64
        NaN where there is none.
    n_seen : ndarray of shape (rows, configurations), int
        How many folds were tried; a configuration that was tried and has no loss failed.
    models : sequence of str
        Model of each configuration.
    tables : ndarray of shape (rows,), int, optional
        Number of the table that each row is of; by default each of its own. Where a table has
        several rows, the fullest one says what the configurations of the others are worth.

    Notes
    -----
    Gaps take a shrunk mean of their configuration and a low-rank correction for the table, by
    alternating between both as in "softImpute" (Mazumder, Hastie, Tibshirani 2010, JMLR 11:2287).
    """
    is_scored = np.isfinite(loss)
    is_known = is_scored | (n_seen > 0)
    values = np.full(loss.shape, np.nan)
    for row in range(loss.shape[0]):
        if is_scored[row].any():
            values[row] = on_one_scale(loss[row], WORST)
    if tables is not None:
        _align(values, loss, np.asarray(models, dtype=object), tables)
    values[is_known & ~is_scored] = WORST
    return RelativeLosses(_filled(values, models), is_known)


def on_one_scale(loss: np.ndarray, most: float, among: np.ndarray | None = None) -> np.ndarray:
    """Losses of one table: 0 for the best, 1 for the median, at most some figure; NaN stays.

    Parameters
    ----------
    loss : ndarray of shape (configurations,)
        At least one is finite.
    most : float
        The most that any is taken for.
    among : ndarray, optional
        Losses that the best and the median are of, so that others may be below 0; by default these.
    """
    least = 0.0 if among is None else -np.inf
    among = loss if among is None else among
    found = among[np.isfinite(among)]
    best, usual = found.min(), np.median(found)
    spread = max(usual - best, 1e-12 * max(abs(best), 1e-12))
    return np.asarray(np.clip((loss - best) / spread, least, most))


def _align(values: np.ndarray, loss: np.ndarray, models: np.ndarray, tables: np.ndarray) -> None:
    """Read the rows of one table by its fullest one.

    Where only some configurations were measured, the best of them need not be good, nor the median
    one usual: they are put where the fullest row has the best and the median of the same
    configurations. What was not measured is expected to have changed as others of its model did.
    """
    counts = np.isfinite(loss).sum(axis=1)
    order = np.argsort(-counts, kind="stable")
    fullest: dict[int, int] = {}
    for row in order:
        whole = fullest.setdefault(int(tables[row]), int(row))
        shared = np.isfinite(loss[row]) & np.isfinite(loss[whole])
        if whole == row or shared.sum() < _LEAST_SHARED:
            continue
        known = values[whole, shared]
        best, usual = known.min(), np.median(known)
        raw = on_one_scale(loss[row], np.inf, loss[row, shared])
        values[row] = np.clip(best + max(usual - best, _LEAST_SPREAD) * raw, 0.0, WORST)
        change = np.where(shared, values[row] - values[whole], np.nan)
        for column in np.flatnonzero(np.isnan(loss[row]) & np.isfinite(loss[whole])):
            kin = shared & (models == models[column])
            moved = np.median(change[kin if kin.any() else shared])
            values[row, column] = np.clip(values[whole, column] + moved, 0.0, WORST)


def _filled(values: np.ndarray, models: Sequence[str]) -> np.ndarray:
    gaps = np.isnan(values)
    if not gaps.any():
        return values
    means = _column_means(values, np.asarray(models, dtype=object))
    filled = np.where(gaps, means, values)
    rank = min(_RANK, min(values.shape) - 1)
    if rank < 1:
        return filled
    for _ in range(_ROUNDS):
        left, scale, right = np.linalg.svd(filled - means, full_matrices=False)
        damped = np.maximum(scale[:rank] - _DAMPING * scale[rank], 0.0)
        guess = means + (left[:, :rank] * damped) @ right[:rank]
        filled = np.where(gaps, np.clip(guess, 0.0, WORST), values)
    return filled


def _column_means(values: np.ndarray, models: np.ndarray) -> np.ndarray:
    """Mean of each configuration, drawn to its model's where it was seldom measured."""
    count = np.isfinite(values).sum(axis=0)
    total = np.nansum(values, axis=0)
    overall = total.sum() / max(count.sum(), 1)
    means = np.empty(values.shape[1])
    for model in np.unique(models):
        of_model = models == model
        seen = count[of_model].sum()
        centre = (total[of_model].sum() + _SHRINKAGE * overall) / (seen + _SHRINKAGE)
        means[of_model] = (total[of_model] + _SHRINKAGE * centre) / (count[of_model] + _SHRINKAGE)
    return means
