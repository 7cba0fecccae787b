"""Whether a warm start is worth its while: replays compared, with intervals, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from metaauto.knowledge import KnowledgeMatrix
from metaauto.warmstart.simulation import SECONDS, TRIALS, Regrets, cases, replay

__all__ = ["LEAST_CASES", "OURS", "RIVAL", "Point", "Verdict", "interval", "judge", "verify"]

OURS = "metaauto"
RIVAL = "cheapest first"
"""What a warm start must beat: the cheapest first needs hardly any knowledge."""
LEAST_CASES = 10
"""With fewer tables nothing can be said."""

_RESAMPLES = 2000
_SHARE = 0.95


@dataclass(frozen=True)
class Point:
    """How good the policies were after some trials or seconds.

    Parameters
    ----------
    unit : {'trials', 'seconds'}
        What was counted.
    amount : float
        How many.
    regrets : mapping of str to float
        Mean regret over the tables by policy: 0 the best configuration, 1 the median one.
    gain, low, high : float
        Mean regret of `RIVAL` minus that of `OURS`, and its 95 % interval.
    """

    unit: str
    amount: float
    regrets: Mapping[str, float]
    gain: float
    low: float
    high: float

    @property
    def label(self) -> str:
        """Such as ``"5 trials"``."""
        unit = "trial" if self.unit == "trials" and self.amount == 1 else self.unit
        return f"{self.amount:g} {unit if self.unit == 'trials' else 's'}"


@dataclass(frozen=True)
class Verdict:
    """What replaying the tables of one kind of task came to.

    Parameters
    ----------
    kind, metric : str
        Kind of task, and the metric whose losses were replayed; no metric if there is none.
    cases : int
        Tables that were taken for new in turn, each beside those of other groups.
    points : tuple of Point
        Empty if there are too few tables.
    """

    kind: str
    metric: str
    cases: int
    points: tuple[Point, ...] = ()

    @property
    def wins(self) -> int:
        """Points whose interval lies above zero."""
        return sum(point.low > 0 for point in self.points)

    @property
    def losses(self) -> int:
        """Points whose interval lies below zero."""
        return sum(point.high < 0 for point in self.points)

    @property
    def is_enough(self) -> bool:
        """Whether there are tables enough to say anything."""
        return self.cases >= LEAST_CASES

    @property
    def is_better(self) -> bool:
        """Whether `OURS` beats `RIVAL`: surely so at most points."""
        return self.is_enough and 2 * self.wins > len(self.points)

    @property
    def words(self) -> str:
        """The verdict as a sentence."""
        if not self.is_enough:
            return f"too few datasets: {self.cases} can be replayed, {LEAST_CASES} are needed."
        where = f"at {self.wins} of {len(self.points)} points"
        if self.is_better:
            return f"{OURS} beats {RIVAL}: the 95 % interval lies above zero {where}."
        worse = f", below zero at {self.losses}" if self.losses else ""
        return (
            f"{OURS} is not shown to beat {RIVAL}: the 95 % interval lies above zero {where} "
            f"only{worse}."
        )

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {
            **asdict(self),
            "points": [asdict(point) for point in self.points],
            "wins": self.wins,
            "losses": self.losses,
            "enough": self.is_enough,
            "better": self.is_better,
            "verdict": self.words,
        }


def verify(matrix: KnowledgeMatrix, seeds: int = 10) -> Verdict:
    """Replay a matrix, leaving each group of tables out in turn, and judge what came of it.

    Parameters
    ----------
    matrix : KnowledgeMatrix
        What is known of one kind of task.
    seeds : int, default=10
        Runs of the random policy.
    """
    found = list(cases(matrix))
    if len(found) < LEAST_CASES:
        return Verdict(matrix.kind, matrix.metric, len(found))
    return judge(matrix.kind, matrix.metric, replay(found, seeds=seeds))


def judge(kind: str, metric: str, results: Mapping[str, Regrets]) -> Verdict:
    """Compare policies that were replayed on the same tables.

    Parameters
    ----------
    kind, metric : str
        Kind of task and metric, for the record.
    results : mapping of str to Regrets
        From `metaauto.warmstart.simulation.replay`; `OURS` and `RIVAL` are among them.

    Returns
    -------
    Verdict
        Without points if there are fewer than `LEAST_CASES` tables.
    """
    count = len(results[OURS].by_trials)
    if count < LEAST_CASES:
        return Verdict(kind, metric, count)
    points = [
        _point(unit, float(amount), {name: getattr(r, of)[:, place] for name, r in results.items()})
        for unit, of, amounts in (
            ("trials", "by_trials", TRIALS),
            ("seconds", "by_seconds", SECONDS),
        )
        for place, amount in enumerate(amounts)
    ]
    return Verdict(kind, metric, count, tuple(points))


def _point(unit: str, amount: float, regrets: Mapping[str, np.ndarray]) -> Point:
    gains = regrets[RIVAL] - regrets[OURS]
    low, high = interval(gains)
    means = {name: float(values.mean()) for name, values in regrets.items()}
    return Point(unit, amount, means, float(gains.mean()), low, high)


def interval(
    values: np.ndarray, resamples: int = _RESAMPLES, seed: int = 0, share: float = _SHARE
) -> tuple[float, float]:
    """A bootstrap interval of a mean (percentiles; Efron 1979, doi:10.1214/aos/1176344552).

    Parameters
    ----------
    values : ndarray of shape (cases,)
        Such as paired differences.
    resamples : int, default=2000
        Samples drawn with replacement.
    seed : int, default=0
        Same values and seed, same interval.
    share : float, default=0.95
        Of the resampled means that lie inside.

    Returns
    -------
    low, high : float

    Examples
    --------
    >>> interval(np.full(20, 0.25))
    (0.25, 0.25)
    """
    random = np.random.default_rng(seed)
    drawn = random.integers(len(values), size=(resamples, len(values)))
    edge = 50.0 * (1.0 - share)
    low, high = np.percentile(values[drawn].mean(axis=1), [edge, 100.0 - edge])
    return float(low), float(high)
