"""Tune factors on class probabilities by coordinate descent, one class at a time."""

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
# A metric that is not computed from the confusion matrix is computed again for each factor.
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
    """Return the factors of lowest loss on these rows, scaled to a maximum of 1; all 1 for no gain.

    The search starts from the best of a few powers of the inverse prevalence. Then, for each class
    with enough rows, it evaluates factors at which the predicted class of some rows changes to it.
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
        """Return the loss of the labels that result from the factors; infinite instead of NaN."""
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
        """Return the best factor of one class and its loss, among those that change labels."""
        others = self.p * factors
        others[:, c] = -1.0
        runner_up = others.argmax(axis=1)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            switch_at = others[np.arange(len(runner_up)), runner_up] / self.p[:, c]
        useful = switch_at[np.isfinite(switch_at) & (switch_at > 0)]
        if not len(useful):
            return float(factors[c]), math.inf
        if not isinstance(self.metric.function, ConfusionMetric):
            return self._best_of_grid(factors, c, np.quantile(useful, SLOW_GRID))
        grid = np.unique(np.quantile(useful, GRID))
        switch_at = np.where(np.isnan(switch_at), np.inf, switch_at)
        scores = self.metric.function.values(self._matrices(grid, switch_at, runner_up, c))
        losses = -scores if self.metric.greater_is_better else scores
        value = float(grid[np.argmin(losses)])
        tried = factors.copy()
        tried[c] = value
        return value, self.loss(tried)

    def _best_of_grid(self, factors: np.ndarray, c: int, grid: np.ndarray) -> tuple[float, float]:
        found = (float(factors[c]), math.inf)
        for value in grid.tolist():
            tried = factors.copy()
            tried[c] = value
            loss = self.loss(tried)
            if loss < found[1]:
                found = (value, loss)
        return found

    def _matrices(
        self, grid: np.ndarray, switch_at: np.ndarray, runner_up: np.ndarray, c: int
    ) -> np.ndarray:
        """Return the confusion matrix at each factor of the grid, by counting changed rows."""
        k, steps = self.p.shape[1], len(grid)
        step = np.searchsorted(grid, switch_at, side="right")
        cells = (step * k + self.y) * k + runner_up
        counted = np.bincount(cells, weights=self.weight, minlength=(steps + 1) * k * k)
        moved = np.cumsum(counted.reshape(steps + 1, k, k), axis=0)
        matrices = moved[-1] - moved[:-1]
        matrices[:, :, c] += moved[:-1].sum(axis=2)
        return matrices
