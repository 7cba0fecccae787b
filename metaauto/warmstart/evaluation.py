"""Evaluate the warm start by simulation: compare policies, with confidence intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from metaauto.knowledge import KnowledgeMatrix
from metaauto.warmstart.simulation import SECONDS, TRIALS, Regrets, cases, simulate

__all__ = [
    "MIN_CASES",
    "REFERENCE",
    "WARM_START",
    "Point",
    "WarmStartEvaluation",
    "compare_policies",
    "evaluate_warm_start",
    "interval",
]

WARM_START = "metaauto"
REFERENCE = "cheapest first"
"""Policy that the warm start is compared with; it needs almost no knowledge."""
MIN_CASES = 10
"""Minimum number of datasets for a comparison."""

_RESAMPLES = 2000
_SHARE = 0.95


@dataclass(frozen=True)
class Point:
    """Mean regret of the policies after a number of trials or seconds.

    Parameters
    ----------
    unit : {'trials', 'seconds'}
        Unit of ``amount``.
    amount : float
        Number of trials or seconds.
    regrets : mapping of str to float
        Mean regret over the datasets by policy: 0 for the best configuration, 1 for the median one.
    gain, low, high : float
        Mean regret of `REFERENCE` minus that of `WARM_START`, and its 95 % interval.
    """

    unit: str
    amount: float
    regrets: Mapping[str, float]
    gain: float
    low: float
    high: float

    @property
    def label(self) -> str:
        """Label of the point, as ``"5 trials"``."""
        unit = "trial" if self.unit == "trials" and self.amount == 1 else self.unit
        return f"{self.amount:g} {unit if self.unit == 'trials' else 's'}"


@dataclass(frozen=True)
class WarmStartEvaluation:
    """Result of the simulation for one kind of task.

    Parameters
    ----------
    kind, metric : str
        Kind of task, and the metric of the losses; empty if there is none.
    cases : int
        Datasets that were treated as new, leave-one-group-out.
    points : tuple of Point
        Empty if there are too few datasets.
    """

    kind: str
    metric: str
    cases: int
    points: tuple[Point, ...] = ()

    @property
    def wins(self) -> int:
        """Number of points whose interval is above zero."""
        return sum(point.low > 0 for point in self.points)

    @property
    def losses(self) -> int:
        """Number of points whose interval is below zero."""
        return sum(point.high < 0 for point in self.points)

    @property
    def is_enough(self) -> bool:
        """Whether there are enough datasets for a comparison."""
        return self.cases >= MIN_CASES

    @property
    def is_better(self) -> bool:
        """Whether `WARM_START` is significantly better than `REFERENCE` at most points."""
        return self.is_enough and 2 * self.wins > len(self.points)

    @property
    def summary(self) -> str:
        """The result in one sentence."""
        if not self.is_enough:
            return f"too few datasets: {self.cases} can be simulated, {MIN_CASES} are required."
        where = f"at {self.wins} of {len(self.points)} points"
        if self.is_better:
            return f"{WARM_START} beats {REFERENCE}: the 95 % interval is above zero {where}."
        worse = f", below zero at {self.losses}" if self.losses else ""
        return (
            f"{WARM_START} is not shown to beat {REFERENCE}: the 95 % interval is above zero only "
            f"{where}{worse}."
        )

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {
            **asdict(self),
            "points": [asdict(point) for point in self.points],
            "wins": self.wins,
            "losses": self.losses,
            "enough": self.is_enough,
            "better": self.is_better,
            "result": self.summary,
        }


def evaluate_warm_start(matrix: KnowledgeMatrix, seeds: int = 10) -> WarmStartEvaluation:
    """Simulate the policies on a matrix, leave-one-group-out, and compare them.

    Parameters
    ----------
    matrix : KnowledgeMatrix
        Knowledge of one kind of task.
    seeds : int, default=10
        Number of runs of the random policy.
    """
    evaluated = list(cases(matrix))
    if len(evaluated) < MIN_CASES:
        return WarmStartEvaluation(matrix.kind, matrix.metric, len(evaluated))
    return compare_policies(matrix.kind, matrix.metric, simulate(evaluated, seeds=seeds))


def compare_policies(kind: str, metric: str, results: Mapping[str, Regrets]) -> WarmStartEvaluation:
    """Compare policies that were simulated on the same datasets.

    Parameters
    ----------
    kind, metric : str
        Kind of task and metric, copied to the result.
    results : mapping of str to Regrets
        From `metaauto.warmstart.simulation.simulate`, with `WARM_START` and `REFERENCE`.

    Returns
    -------
    WarmStartEvaluation
        Without points if there are fewer than `MIN_CASES` datasets.
    """
    count = len(results[WARM_START].by_trials)
    if count < MIN_CASES:
        return WarmStartEvaluation(kind, metric, count)
    points = [
        _point(unit, float(amount), {name: getattr(r, by)[:, index] for name, r in results.items()})
        for unit, by, amounts in (
            ("trials", "by_trials", TRIALS),
            ("seconds", "by_seconds", SECONDS),
        )
        for index, amount in enumerate(amounts)
    ]
    return WarmStartEvaluation(kind, metric, count, tuple(points))


def _point(unit: str, amount: float, regrets: Mapping[str, np.ndarray]) -> Point:
    gains = regrets[REFERENCE] - regrets[WARM_START]
    low, high = interval(gains)
    means = {name: float(values.mean()) for name, values in regrets.items()}
    return Point(unit, amount, means, float(gains.mean()), low, high)


def interval(
    values: np.ndarray, resamples: int = _RESAMPLES, seed: int = 0, share: float = _SHARE
) -> tuple[float, float]:
    """Return a percentile bootstrap interval of a mean.

    Method: Efron 1979, doi:10.1214/aos/1176344552.

    Parameters
    ----------
    values : ndarray of shape (cases,)
        Values, such as paired differences.
    resamples : int, default=2000
        Number of bootstrap samples.
    seed : int, default=0
        Random seed; the same values and seed give the same interval.
    share : float, default=0.95
        Coverage: share of the bootstrap means inside the interval.

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
