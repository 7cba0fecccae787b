"""Bootstrap intervals of scores, at a bounded cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from metaauto.components import Deadline
from metaauto.ensemble import quick_decision
from metaauto.metrics import Metric
from metaauto.metrics.base import LabelRule

__all__ = ["difference_intervals", "score_intervals"]

_ROWS = 2_000
_PILOT_ROWS = 400
_MIN_DRAWS = 12
_NORMAL = 1.96
_NO_LIMIT = Deadline()


def score_intervals(
    metric: Metric,
    y: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    weights: np.ndarray | None = None,
    decision: LabelRule | None = None,
    *,
    groups: np.ndarray | None = None,
    draws: int = 60,
    seed: int = 0,
    deadline: Deadline = _NO_LIMIT,
    scores: Mapping[str, float] | None = None,
    total: int | None = None,
) -> dict[str, Any]:
    """Return 95 % intervals of scores, and how often the first is better than each other.

    Rows are drawn with replacement, complete groups if there are groups, the same for all
    predictions. At most about 2,000 rows are drawn at a time; the spread is then scaled to all
    rows. The models are fixed: the interval covers neither the selection on the same rows nor the
    variation of training. Rows of a time series are dependent, so intervals are too narrow there.

    Parameters
    ----------
    metric : Metric
        The metric.
    y : ndarray of shape (n,)
        Class codes, or values.
    predictions : mapping of str to ndarray
        By name, over the same rows.
    weights : ndarray of shape (n,), optional
        Weight of each row.
    decision : object with ``labels(probabilities)``, optional
        Decision rule of the first prediction; the others use the best threshold.
    groups : ndarray of shape (n,), optional
        Group of each row.
    draws : int
        Number of bootstrap samples.
    seed : int
        Seed of the draws.
    deadline : Deadline
        End of the sampling; with fewer than 12 samples there is no interval.
    scores : mapping of str to float, optional
        Scores that are known already.
    total : int, optional
        Number of rows of the scores, if the given rows are a sample of them.

    Returns
    -------
    dict
        ``intervals``: by name ``{"score", "low", "high"}``, ``low`` and ``high`` None without an
        interval; ``beats``: by name of each other, the share of samples in which the first was
        better.

    References
    ----------
    Bickel, Götze and van Zwet, "Resampling fewer than n observations", Statistica Sinica 1997.
    """
    names = list(predictions)
    rows = _few(len(y), np.random.default_rng(seed))
    rules = {name: _rule(metric, y[rows], predictions[name][rows]) for name in names}
    if decision is not None and names:
        rules[names[0]] = decision

    def score_of(name: str, rows: Any) -> float:
        return _score(metric, y, predictions[name], weights, rules[name], rows)

    units = _Rows(len(y)) if groups is None else _Groups(groups)
    drawn, size = _drawn(score_of, names, units, draws, seed, deadline)
    shrinkage = np.sqrt(size * len(y) / (units.count * max(total or len(y), 1)))
    found: dict[str, Any] = {}
    for place, name in enumerate(names):
        known_score = None if scores is None else scores.get(name)
        score = score_of(name, slice(None)) if known_score is None else known_score
        half = _half_width(drawn[:, place]) * shrinkage
        found[name] = {"score": float(score), **_ends(metric, float(score), float(half))}
    known = np.isfinite(drawn).all(axis=1)
    beats = {}
    if known.sum() >= _MIN_DRAWS:
        sign = 1.0 if metric.greater_is_better else -1.0
        for place, name in enumerate(names[1:], start=1):
            gain = sign * (drawn[known, 0] - drawn[known, place])
            beats[name] = float((np.mean(gain > 0) + np.mean(gain >= 0)) / 2)
    return {"intervals": found, "beats": beats}


def difference_intervals(
    score_of: Callable[[str, Any], float],
    names: Sequence[str],
    count: int,
    *,
    draws: int = 200,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Return the differences of scores to the first, with paired bootstrap intervals.

    Parameters
    ----------
    score_of : callable
        ``score_of(name, rows) -> score``, NaN where it is undefined.
    names : sequence of str
        The first is compared with each other.
    count : int
        Number of rows; the same ones are drawn for all names, as in `score_intervals`.
    draws, seed : int
        Number of bootstrap samples, and the seed of the draws.

    Returns
    -------
    dict of str to (float, float)
        By name of each other, the difference of its score over all rows to that of the first, and
        half the width of its 95 % interval; NaN if it is undefined.
    """
    drawn, size = _drawn(score_of, names, _Rows(count), draws, seed, _NO_LIMIT)
    shrinkage = np.sqrt(size / max(count, 1))
    complete = score_of(names[0], slice(None))
    return {
        name: (
            score_of(name, slice(None)) - complete,
            float(_half_width(drawn[:, place] - drawn[:, 0]) * shrinkage),
        )
        for place, name in enumerate(names[1:], start=1)
    }


def _few(count: int, random: np.random.Generator) -> Any:
    """Return a sample of rows for the choice of a threshold."""
    return slice(None) if count <= _ROWS else random.choice(count, _ROWS, replace=False)


def _drawn(
    score_of: Callable[[str, Any], float],
    names: Sequence[str],
    units: _Rows | _Groups,
    draws: int,
    seed: int,
    deadline: Deadline,
) -> tuple[np.ndarray, int]:
    """Return scores by bootstrap sample and name, and the number of units in each sample."""
    random = np.random.default_rng(seed)
    few, many = (max(min(units.count, round(n / units.rows)), 2) for n in (_PILOT_ROWS, _ROWS))
    before = deadline.remaining()
    found = []
    size = few if np.isfinite(before) else many
    for number in range(draws if units.count > 1 else 0):
        if deadline.passed():
            break
        rows = units.draw(random, size)
        found.append([score_of(name, rows) for name in names])
        spent = before - deadline.remaining()
        if number == 0 and size < many and spent * many / size * 2 * _MIN_DRAWS < before:
            found, size = [], many
    return np.array(found, dtype=np.float64).reshape(len(found), len(names)), size


class _Rows:
    """Sample single rows."""

    rows = 1.0

    def __init__(self, count: int) -> None:
        self.count = count

    def draw(self, random: np.random.Generator, size: int) -> np.ndarray:
        """Draw rows with replacement."""
        return random.integers(0, self.count, size)


class _Groups:
    """Sample complete groups."""

    def __init__(self, groups: np.ndarray) -> None:
        order = np.argsort(groups, kind="stable")
        starts = np.flatnonzero(np.diff(groups[order])) + 1
        self._members = np.split(order, starts)
        self.count = len(self._members)
        self.rows = len(groups) / self.count

    def draw(self, random: np.random.Generator, size: int) -> np.ndarray:
        """Draw groups with replacement and return their rows."""
        return np.concatenate([self._members[i] for i in random.integers(0, self.count, size)])


def _rule(metric: Metric, y: np.ndarray, prediction: np.ndarray) -> LabelRule | None:
    return quick_decision(prediction, y, metric) if metric.needs == "labels" else None


def _score(
    metric: Metric,
    y: np.ndarray,
    prediction: np.ndarray,
    weights: np.ndarray | None,
    rule: LabelRule | None,
    rows: Any,
) -> float:
    try:
        return metric.score(
            y[rows], prediction[rows], None if weights is None else weights[rows], rule
        )
    except (ValueError, ZeroDivisionError):
        # A metric may be undefined on a sample, such as one with a single class.
        return float("nan")


def _half_width(scores: np.ndarray) -> float:
    known = scores[np.isfinite(scores)]
    return _NORMAL * float(known.std(ddof=1)) if len(known) >= _MIN_DRAWS else float("nan")


def _ends(metric: Metric, score: float, half: float) -> dict[str, float | None]:
    if not np.isfinite(score) or not np.isfinite(half):
        return {"low": None, "high": None}
    low, high = score - half, score + half
    if np.isfinite(metric.optimum):
        # Clip the interval at the optimum of the metric.
        high = min(high, metric.optimum) if metric.greater_is_better else high
        low = low if metric.greater_is_better else max(low, metric.optimum)
    return {"low": low, "high": high}
