"""Objectives of the greedy selection: the loss after adding a member, fast for common metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from metaauto.components import Deadline
from metaauto.ensemble.folds import stratified_rows
from metaauto.ensemble.thresholds import quick_decision, quick_loss
from metaauto.metrics import probability, regression
from metaauto.metrics.base import Metric

__all__ = ["Objective", "objective_for"]

LOG_LOSS_ROWS = 20_000
GENERIC_CELLS = 40_000
GENERIC_ROWS = 10_000
CHUNK_ROWS = 65_536


class Objective(Protocol):
    """Losses of a growing sum of members; indices are those of the given predictions."""

    #: Whether evaluation is slow, so that most steps evaluate only promising candidates.
    costly: bool

    def start(self) -> None:
        """Remove the members added so far."""

    def losses(self, candidates: Sequence[int], deadline: Deadline) -> np.ndarray | None:
        """Return the loss after adding each candidate; None if the deadline passes before."""

    def add(self, index: int) -> None:
        """Add a member; a member may be added several times."""


class _Quadratic:
    """Squared errors: the loss of any mean follows from the products of the residuals."""

    costly = False

    def __init__(
        self,
        predictions: Sequence[np.ndarray],
        y: np.ndarray,
        weight: np.ndarray | None,
        transform: Callable[[np.ndarray], np.ndarray],
        classes: bool,
    ) -> None:
        members, n = len(predictions), len(y)
        self.products = np.zeros((members, members))
        total = float(n if weight is None else weight.sum())
        for begin in range(0, n, CHUNK_ROWS):
            rows = slice(begin, begin + CHUNK_ROWS)
            scale = None if weight is None else np.sqrt(weight[rows])
            left = np.stack([_residual(p[rows], y[rows], scale, classes) for p in predictions])
            self.products += left @ left.T
        self.products /= total
        self.transform = transform
        self.start()

    def start(self) -> None:
        self.size = 0
        self.own = 0.0
        self.cross = np.zeros(len(self.products))

    def losses(self, candidates: Sequence[int], deadline: Deadline) -> np.ndarray | None:
        chosen = np.asarray(candidates)
        sums = self.own + 2.0 * self.cross[chosen] + self.products[chosen, chosen]
        return self.transform(np.maximum(sums, 0.0) / (self.size + 1) ** 2)

    def add(self, index: int) -> None:
        self.own += 2.0 * self.cross[index] + self.products[index, index]
        self.cross += self.products[index]
        self.size += 1


def _residual(
    prediction: np.ndarray, y: np.ndarray, scale: np.ndarray | None, classes: bool
) -> np.ndarray:
    if not classes:
        residual = np.asarray(prediction, dtype=np.float64) - y
    elif prediction.shape[1] == 2:
        residual = np.asarray(prediction[:, 1], dtype=np.float64) - y
    else:
        residual = np.array(prediction, dtype=np.float64)
        residual[np.arange(len(y)), y] -= 1.0
    if scale is not None:
        residual = residual * (scale if residual.ndim == 1 else scale[:, None])
    return residual.ravel()


class _LogLoss:
    """Log loss, from the probability that each member gives to the true class.

    Uses numpy sums: BLAS would start its threads for each of a thousand short products.
    """

    costly = False

    def __init__(
        self,
        predictions: Sequence[np.ndarray],
        y: np.ndarray,
        weight: np.ndarray | None,
        seed: int,
    ) -> None:
        rows = stratified_rows(y, LOG_LOSS_ROWS, seed, classes=True)
        truth = y[rows]
        self.given = np.stack(
            [probability.true_class_probability(truth, p[rows]) for p in predictions]
        )
        share = np.ones(len(rows)) if weight is None else weight[rows]
        self.share = share / share.sum()
        self.start()

    def start(self) -> None:
        self.size = 0
        self.sum = np.zeros(self.given.shape[1])

    def losses(self, candidates: Sequence[int], deadline: Deadline) -> np.ndarray | None:
        scale = self.size + 1
        found = np.empty(len(candidates))
        for place, index in enumerate(candidates):
            if deadline.passed():
                return None
            mean = (self.sum + self.given[index]) / scale
            np.maximum(mean, probability.EPSILON, out=mean)
            np.log(mean, out=mean)
            mean *= self.share
            found[place] = -mean.sum()
        return found

    def add(self, index: int) -> None:
        self.sum += self.given[index]
        self.size += 1


class _Generic:
    """Any metric, on all rows or on a fixed sample."""

    costly = True

    def __init__(
        self,
        predictions: Sequence[np.ndarray],
        y: np.ndarray,
        weight: np.ndarray | None,
        metric: Metric,
        seed: int,
        decide: bool,
    ) -> None:
        classes = "regression" not in metric.tasks
        width = predictions[0].shape[1] if predictions[0].ndim == 2 else 1
        limit = max(2_000, min(GENERIC_ROWS, GENERIC_CELLS // width))
        balanced = metric.core is probability.roc_auc and weight is None
        rows = stratified_rows(y, limit, seed, classes=classes, balanced=balanced)
        self.members = [np.asarray(p[rows], dtype=np.float64) for p in predictions]
        self.y = y[rows]
        self.weight = None if weight is None else weight[rows]
        self.metric = metric
        self.decide = decide
        self.start()

    def start(self) -> None:
        self.size = 0
        self.sum = np.zeros_like(self.members[0])

    def losses(self, candidates: Sequence[int], deadline: Deadline) -> np.ndarray | None:
        found = np.empty(len(candidates))
        scale = self.size + 1
        for place, index in enumerate(candidates):
            if deadline.passed():
                return None
            mean = (self.sum + self.members[index]) / scale
            compute = quick_loss if self.decide else _plain_loss
            loss = compute(mean, self.y, self.metric, self.weight)
            found[place] = loss if loss == loss else np.inf
        return found

    def add(self, index: int) -> None:
        self.sum += self.members[index]
        self.size += 1


def _plain_loss(
    prediction: np.ndarray, y: np.ndarray, metric: Metric, weight: np.ndarray | None
) -> float:
    return metric.loss(y, prediction, weight)


def prediction_loss(
    metric: Metric,
    y: np.ndarray,
    prediction: np.ndarray,
    weight: np.ndarray | None,
    decide: bool,
) -> float:
    """Return the loss of a prediction, with `decide` at its quick decision; infinite for NaN."""
    decision = quick_decision(prediction, y, metric, weight) if decide else None
    loss = metric.loss(y, prediction, weight, decision)
    return loss if loss == loss else float("inf")


def objective_for(
    predictions: Sequence[np.ndarray],
    y: np.ndarray,
    metric: Metric,
    weight: np.ndarray | None,
    *,
    seed: int,
    decide: bool,
) -> Objective:
    """Return the fastest objective that ranks blends as the metric does."""
    weight = weight if metric.weighted else None
    core = metric.core
    if core is regression.rmse:
        return _Quadratic(predictions, y, weight, np.sqrt, classes=False)
    if core is regression.mse:
        return _Quadratic(predictions, y, weight, _same, classes=False)
    if core is regression.r2:
        spread = float(np.average((y - np.average(y, weights=weight)) ** 2, weights=weight))
        if spread > 0:
            return _Quadratic(predictions, y, weight, lambda m: m / spread, classes=False)
    if core is probability.brier:
        return _Quadratic(predictions, y, weight, _same, classes=True)
    if core is probability.log_loss:
        return _LogLoss(predictions, y, weight, seed)
    return _Generic(predictions, y, weight, metric, seed, decide)


def _same(mean_squares: np.ndarray) -> np.ndarray:
    return mean_squares
