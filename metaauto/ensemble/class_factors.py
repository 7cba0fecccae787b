"""Factors on the probabilities of several classes, improved one class at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from metaauto.ensemble.folds import stratified_rows
from metaauto.metrics.base import Metric
from metaauto.metrics.classification import ConfusionMetric, confusion

__all__ = ["best_factors"]

MAX_ROWS = 20_000
MAX_CLASSES = 50
ROUNDS = 3
GRID = np.linspace(0.02, 0.98, 25)
# A metric of which only the function is known is computed anew for each factor tried.
SLOW_MAX_ROWS = 5_000
SLOW_GRID = np.linspace(0.05, 0.95, 8)
POWERS = (0.0, 0.25, 0.5, 0.75, 1.0)


def best_factors(
    probabilities: np.ndarray,
    y: np.ndarray,
    metric: Metric,
    weight: np.ndarray | None,
    min_class_rows: int,
) -> np.ndarray:
    """Factors of lowest loss on these rows, the largest one 1; all 1 where nothing is gained.

    They start from the best of a few powers of the inverse prevalence. Then each class that has
    enough rows takes the best of some of the factors at which rows turn to it.
    """
    fast = isinstance(metric.function, ConfusionMetric)
    rows = stratified_rows(y, MAX_ROWS if fast else SLOW_MAX_ROWS, 0, classes=True)
    p = np.asarray(probabilities[rows], dtype=np.float64)
    weight = None if weight is None else weight[rows]
    problem = _Problem(p, y[rows], metric, weight)
    k = p.shape[1]
    counts = np.bincount(problem.y, minlength=k)
    prior = np.maximum(counts, 1) / len(p)
    starts = [prior**-power for power in POWERS]
    losses = [problem.loss(factors) for factors in starts]
    place = int(np.argmin(losses))
    factors, best = starts[place].copy(), losses[place]
    common = np.flatnonzero(counts >= min_class_rows) if k <= MAX_CLASSES else np.array([], int)
    for _ in range(ROUNDS):
        before = best
        for c in common:
            value, loss = problem.best_factor(factors, int(c))
            if loss < best:
                factors[c], best = value, loss
        if not best < before:
            break
    return factors / factors.max()


@dataclass
class _Problem:
    p: np.ndarray
    y: np.ndarray
    metric: Metric
    weight: np.ndarray | None

    def loss(self, factors: np.ndarray) -> float:
        """Loss of the labels that the factors give; NaN counts as infinite."""
        codes = (self.p * factors).argmax(axis=1)
        function = self.metric.function
        if isinstance(function, ConfusionMetric):
            score = float(function.values(confusion(self.y, codes, self.weight, self.p.shape[1])))
        elif self.weight is None:
            score = float(function(self.y, codes))
        else:
            score = float(function(self.y, codes, self.weight))
        return math.inf if math.isnan(score) else self.metric.score_to_loss(score)

    def best_factor(self, factors: np.ndarray, c: int) -> tuple[float, float]:
        """Best factor of one class among those at which rows turn to it, and its loss."""
        others = self.p * factors
        others[:, c] = -1.0
        rival = others.argmax(axis=1)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            turning = others[np.arange(len(rival)), rival] / self.p[:, c]
        useful = turning[np.isfinite(turning) & (turning > 0)]
        if not len(useful):
            return float(factors[c]), math.inf
        if not isinstance(self.metric.function, ConfusionMetric):
            return self._best_slowly(factors, c, np.quantile(useful, SLOW_GRID))
        grid = np.unique(np.quantile(useful, GRID))
        turning = np.where(np.isnan(turning), np.inf, turning)
        scores = self.metric.function.values(self._matrices(grid, turning, rival, c))
        losses = -scores if self.metric.greater_is_better else scores
        value = float(grid[np.argmin(losses)])
        tried = factors.copy()
        tried[c] = value
        return value, self.loss(tried)

    def _best_slowly(self, factors: np.ndarray, c: int, grid: np.ndarray) -> tuple[float, float]:
        found = (float(factors[c]), math.inf)
        for value in grid.tolist():
            tried = factors.copy()
            tried[c] = value
            loss = self.loss(tried)
            if loss < found[1]:
                found = (value, loss)
        return found

    def _matrices(
        self, grid: np.ndarray, turning: np.ndarray, rival: np.ndarray, c: int
    ) -> np.ndarray:
        """Confusion matrices at every factor of the grid, by counting the rows that turn."""
        k, steps = self.p.shape[1], len(grid)
        step = np.searchsorted(grid, turning, side="right")
        cells = (step * k + self.y) * k + rival
        counted = np.bincount(cells, weights=self.weight, minlength=(steps + 1) * k * k)
        moved = np.cumsum(counted.reshape(steps + 1, k, k), axis=0)
        matrices = moved[-1] - moved[:-1]
        matrices[:, :, c] += moved[:-1].sum(axis=2)
        return matrices
