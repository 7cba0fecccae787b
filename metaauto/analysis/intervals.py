"""How far a score may be off because the rows are a sample: resampling, at a bounded cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from metaauto.components import Deadline
from metaauto.ensemble import quick_decision
from metaauto.metrics import Metric
from metaauto.metrics.base import LabelRule

__all__ = ["score_intervals"]

_ROWS = 2_000
_PILOT_ROWS = 400
_FEWEST = 12
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
    """Intervals of 95 % around scores, and how often the first beats each other.

    Rows are drawn with replacement, whole groups where rows belong together, the same for all
    predictions. About 2,000 are drawn at a time at most; the spread is then scaled to all of them.
    The models are taken as they are: neither that the same rows chose among them nor that another
    table would have trained others is in the interval. Rows of a time series depend on one another,
    which makes it too narrow there.

    Parameters
    ----------
    metric : Metric
        What is measured.
    y : ndarray of shape (n,)
        Class codes, or values.
    predictions : mapping of str to ndarray
        By name, over the same rows.
    weights : ndarray of shape (n,), optional
        Weight of each row.
    decision : object with ``labels(probabilities)``, optional
        How labels come from the first prediction's probabilities; the others get the best
        threshold.
    groups : ndarray of shape (n,), optional
        Group of each row.
    draws : int
        How often rows are drawn.
    seed : int
        Seed of the draws.
    deadline : Deadline
        Ends the drawing; with fewer than 12 draws there is no interval.
    scores : mapping of str to float, optional
        The scores themselves, where they are known already.
    total : int, optional
        Rows that the scores are over, where those given are a sample of them.

    Returns
    -------
    dict
        By name ``{"score", "low", "high"}``, ``low`` and ``high`` None where there is no interval,
        and ``beats``: by the name of each other, in which share of the draws the first was better.

    References
    ----------
    Bickel, Götze and van Zwet, "Resampling fewer than n observations", Statistica Sinica 1997.
    """
    names = list(predictions)
    rows = _few(len(y), np.random.default_rng(seed))
    rules = {name: _rule(metric, y[rows], predictions[name][rows]) for name in names}
    if decision is not None and names:
        rules[names[0]] = decision

    def measure(name: str, rows: Any) -> float:
        return _score(metric, y, predictions[name], weights, rules[name], rows)

    units = _Rows(len(y)) if groups is None else _Groups(groups)
    drawn, size = _drawn(measure, names, units, draws, seed, deadline)
    shrinkage = np.sqrt(size * len(y) / (units.count * max(total or len(y), 1)))
    found: dict[str, Any] = {}
    for place, name in enumerate(names):
        known_score = None if scores is None else scores.get(name)
        score = measure(name, slice(None)) if known_score is None else known_score
        half = _half_width(drawn[:, place]) * shrinkage
        found[name] = {"score": float(score), **_ends(metric, float(score), float(half))}
    known = np.isfinite(drawn).all(axis=1)
    beats = {}
    if known.sum() >= _FEWEST:
        sign = 1.0 if metric.greater_is_better else -1.0
        for place, name in enumerate(names[1:], start=1):
            gain = sign * (drawn[known, 0] - drawn[known, place])
            beats[name] = float((np.mean(gain > 0) + np.mean(gain >= 0)) / 2)
    return {"intervals": found, "beats": beats}


def _few(count: int, random: np.random.Generator) -> Any:
    """Rows that a threshold is found on."""
    return slice(None) if count <= _ROWS else random.choice(count, _ROWS, replace=False)


def _drawn(
    measure: Callable[[str, Any], float],
    names: Sequence[str],
    units: _Rows | _Groups,
    draws: int,
    seed: int,
    deadline: Deadline,
) -> tuple[np.ndarray, int]:
    """Scores by draw and name, and the number of units that were drawn each time."""
    random = np.random.default_rng(seed)
    few, many = (max(min(units.count, round(n / units.rows)), 2) for n in (_PILOT_ROWS, _ROWS))
    before = deadline.remaining()
    found = []
    size = few if np.isfinite(before) else many
    for number in range(draws if units.count > 1 else 0):
        if deadline.passed():
            break
        rows = units.draw(random, size)
        found.append([measure(name, rows) for name in names])
        spent = before - deadline.remaining()
        if number == 0 and size < many and spent * many / size * 2 * _FEWEST < before:
            found, size = [], many
    return np.array(found, dtype=np.float64).reshape(len(found), len(names)), size


class _Rows:
    """Draws rows one by one."""

    rows = 1.0

    def __init__(self, count: int) -> None:
        self.count = count

    def draw(self, random: np.random.Generator, size: int) -> np.ndarray:
        """Some rows."""
        return random.integers(0, self.count, size)


class _Groups:
    """Draws all rows of a group at a time."""

    def __init__(self, groups: np.ndarray) -> None:
        order = np.argsort(groups, kind="stable")
        starts = np.flatnonzero(np.diff(groups[order])) + 1
        self._members = np.split(order, starts)
        self.count = len(self._members)
        self.rows = len(groups) / self.count

    def draw(self, random: np.random.Generator, size: int) -> np.ndarray:
        """The rows of some groups."""
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
        # Not every draw defines every metric.
        return float("nan")


def _half_width(scores: np.ndarray) -> float:
    known = scores[np.isfinite(scores)]
    return _NORMAL * float(known.std(ddof=1)) if len(known) >= _FEWEST else float("nan")


def _ends(metric: Metric, score: float, half: float) -> dict[str, float | None]:
    if not np.isfinite(score) or not np.isfinite(half):
        return {"low": None, "high": None}
    low, high = score - half, score + half
    if np.isfinite(metric.optimum):
        # A score is never better than perfect.
        high = min(high, metric.optimum) if metric.greater_is_better else high
        low = low if metric.greater_is_better else max(low, metric.optimum)
    return {"low": low, "high": high}
