"""From probabilities to labels: the most probable class, a tuned threshold or class multipliers.

Search maximises metrics such as F1 on imbalanced classes, where the most probable class is a poor
choice of label. The rule is tuned on out-of-fold probabilities and kept only where it pays there.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from metaauto.components import Deadline
from metaauto.ensemble.class_factors import MAX_ROWS, best_factors
from metaauto.ensemble.folds import stratified_folds, stratified_rows
from metaauto.errors import SettingError
from metaauto.metrics.base import Metric, most_probable
from metaauto.metrics.classification import ConfusionMetric

__all__ = ["Decision", "fit_decision", "quick_decision"]

NO_LIMIT = Deadline()
KINDS = ("argmax", "threshold", "multipliers")
MIN_ROWS = 100
MIN_CLASS_ROWS = 20
GENERIC_CUTS = 100
SEARCH_CUTS = 400
TUNINGS = 13
"""Judging a rule takes about so often what tuning it takes."""
# A threshold alone can drive these to their optimum by saying one class always, or hardly ever.
ONE_SIDED = frozenset(
    {"precision", "recall", "precision_macro", "precision_weighted", "precision_micro"}
)


@dataclass(frozen=True)
class Decision:
    """How labels come from probabilities.

    Parameters
    ----------
    kind : {'argmax', 'threshold', 'multipliers'}
        The most probable class; the second of two classes from a probability on; or the most
        probable class after each probability was multiplied by its class's factor.
    values : tuple of float
        The threshold, or the factors in class order.

    Examples
    --------
    >>> import numpy as np
    >>> from metaauto.ensemble import Decision
    >>> Decision("threshold", (0.2,)).labels(np.array([[0.9, 0.1], [0.7, 0.3]]))
    array([0, 1])
    """

    kind: str = "argmax"
    values: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(float(v) for v in self.values))
        lengths = {"argmax": (0,), "threshold": (1,)}.get(self.kind)
        wrong = len(self.values) not in lengths if lengths else len(self.values) < 2
        if self.kind not in KINDS or wrong or not all(math.isfinite(v) for v in self.values):
            raise SettingError(
                f"The decision {self.kind!r} with the values {self.values!r} cannot be used.",
                hint=f"Kinds are {', '.join(KINDS)}.",
            )

    def labels(self, probabilities: np.ndarray) -> np.ndarray:
        """Class codes of shape (n,), int64, from probabilities of shape (n, k)."""
        if self.kind == "threshold":
            ranking = np.asarray(probabilities[:, 1], dtype=np.float64)
            return (ranking >= self.values[0]).astype(np.int64)
        if self.kind == "multipliers":
            return (probabilities * np.asarray(self.values)).argmax(axis=1)
        return most_probable(np.asarray(probabilities))

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {"kind": self.kind, "values": list(self.values)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Decision:
        """Rebuild what `to_json` wrote."""
        return cls(str(record["kind"]), tuple(record["values"]))


def quick_decision(
    probabilities: np.ndarray,
    y: np.ndarray,
    metric: Metric,
    sample_weight: np.ndarray | None = None,
) -> Decision:
    """Best threshold on these very rows, for comparing trials with one another.

    Only binary tasks and label metrics have one; otherwise it is the most probable class. All
    trials get the same small advantage of being tuned on the rows they are judged on; the model
    that ships gets its rule from `fit_decision`.

    Parameters
    ----------
    probabilities : ndarray of shape (n, k)
        Out-of-fold probabilities.
    y : ndarray of shape (n,)
        Class codes.
    metric : Metric
        The metric that drives the search.
    sample_weight : ndarray of shape (n,), optional
        Weight of each row.

    Returns
    -------
    Decision
    """
    if not _is_tunable(metric) or probabilities.shape[1] != 2 or len(np.unique(y)) < 2:
        return Decision()
    return _best_threshold(probabilities, y, metric, sample_weight)


def fit_decision(
    probabilities: np.ndarray,
    y: np.ndarray,
    metric: Metric,
    sample_weight: np.ndarray | None = None,
    seed: int = 0,
    deadline: Deadline = NO_LIMIT,
) -> Decision:
    """Tune how labels come from probabilities; keep it only where it pays.

    A threshold is chosen among all cuts between two neighbouring probabilities (binary). With
    several classes, factors start from powers of the inverse prevalence and are then improved one
    class at a time. The rule is kept if, tuned on four fifths of the rows and judged on the last
    fifth, it gains more than one standard error (a jackknife over the fifths) on the most probable
    class, in both of two repetitions. Nothing is tuned below 100
    rows, below 20 rows of one of two classes, or for a metric that a threshold alone can drive to
    its optimum (precision, recall); classes of fewer than 20 rows among several keep the factor
    that their prevalence gives them.

    Parameters
    ----------
    probabilities : ndarray of shape (n, k)
        Out-of-fold probabilities of the model that ships.
    y : ndarray of shape (n,)
        Class codes.
    metric : Metric
        Metric to tune for; anything but a label metric leaves the most probable class.
    sample_weight : ndarray of shape (n,), optional
        Weight of each row.
    seed : int
        Seed of the splits.
    deadline : Deadline
        Whether the rule pays is judged on a sample of the rows if all would take longer; where
        not even that is known in time, it is the most probable class.

    Returns
    -------
    Decision
        On the given rows it is never worse than the most probable class.

    Examples
    --------
    >>> import numpy as np
    >>> from metaauto.ensemble import fit_decision
    >>> from metaauto.metrics import METRICS
    >>> y = np.repeat([0, 1], [900, 100])
    >>> positive = np.where(y == 1, 0.3, 0.1) + np.linspace(0, 0.05, 1000)
    >>> decision = fit_decision(np.column_stack([1 - positive, positive]), y, METRICS["f1"])
    >>> decision.kind
    'threshold'
    """
    k = probabilities.shape[1]
    counts = np.bincount(y, minlength=k)
    if not _is_tunable(metric) or (counts > 0).sum() < 2:
        return Decision()
    if len(y) < MIN_ROWS or (k == 2 and counts.min() < MIN_CLASS_ROWS):
        return Decision()
    if k == 2:
        tune: Callable[..., Decision] = _best_threshold
    else:
        tune = _best_multipliers
    plain = metric.loss(y, probabilities, sample_weight)
    began = time.monotonic()
    best = tune(probabilities, y, metric, sample_weight)
    if not metric.loss(y, probabilities, sample_weight, best) < plain:
        return Decision()
    judges = _judges(y, k, seed, time.monotonic() - began, deadline)
    if len(judges) < MIN_ROWS:
        return Decision()
    probabilities, y = probabilities[judges], y[judges]
    sample_weight = None if sample_weight is None else sample_weight[judges]
    for repetition in range(2):
        folds = stratified_folds(y, 5, seed + repetition)
        labels = np.empty(len(y), dtype=np.int64)
        for rows in folds:
            if deadline.passed():
                return Decision()
            rest = np.setdiff1d(np.arange(len(y)), rows, assume_unique=True)
            weight = None if sample_weight is None else sample_weight[rest]
            labels[rows] = tune(probabilities[rest], y[rest], metric, weight).labels(
                probabilities[rows]
            )
        if not _pays(labels, probabilities, y, metric, sample_weight, folds):
            return Decision()
    return best


def _judges(y: np.ndarray, k: int, seed: int, seconds: float, deadline: Deadline) -> np.ndarray:
    """The rows that say whether a rule pays: all, or as many as can be tuned on in time."""
    share = deadline.remaining() / max(TUNINGS * seconds, 1e-9)
    if share >= 1.0:
        return np.arange(len(y))
    # Several classes are tuned on a sample anyway, so that fewer rows beyond it save nothing.
    tuned = len(y) if k == 2 else min(len(y), MAX_ROWS)
    return stratified_rows(y, max(int(share * tuned), 1), seed, classes=True)


def _pays(
    labels: np.ndarray,
    probabilities: np.ndarray,
    y: np.ndarray,
    metric: Metric,
    sample_weight: np.ndarray | None,
    folds: list[np.ndarray],
) -> bool:
    """Whether the labels gain more than one standard error (jackknife over the folds)."""

    def gain(rows: np.ndarray) -> float:
        weight = None if sample_weight is None else sample_weight[rows]
        plain = metric.loss(y[rows], probabilities[rows], weight)
        tuned = metric.loss(y[rows], probabilities[rows], weight, _Given(labels[rows]))
        return plain - tuned

    every = np.arange(len(y))
    without = np.array([gain(np.setdiff1d(every, rows, assume_unique=True)) for rows in folds])
    share = (len(folds) - 1) / len(folds)
    error = math.sqrt(share * float(np.sum((without - without.mean()) ** 2)))
    return gain(every) > error


@dataclass(frozen=True)
class _Given:
    codes: np.ndarray

    def labels(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the codes, whatever the probabilities."""
        return self.codes


def _is_tunable(metric: Metric) -> bool:
    if metric.needs != "labels":
        return False
    function = metric.function
    return not (isinstance(function, ConfusionMetric) and function.formula in ONE_SIDED)


def _weights(sample_weight: np.ndarray | None, metric: Metric) -> np.ndarray | None:
    return sample_weight if metric.weighted else None


def _best_threshold(
    probabilities: np.ndarray,
    y: np.ndarray,
    metric: Metric,
    sample_weight: np.ndarray | None,
) -> Decision:
    ranking = np.asarray(probabilities[:, 1], dtype=np.float64)
    sample_weight = _weights(sample_weight, metric)
    if isinstance(metric.function, ConfusionMetric):
        cuts, matrices = _cut_matrices(ranking, y, sample_weight)
        scores = metric.function.values(matrices)
        losses = -scores if metric.greater_is_better else scores
    else:
        cuts = np.unique(np.quantile(ranking, np.linspace(0, 1, GENERIC_CUTS)))
        losses = np.array(
            [
                metric.loss(y, probabilities, sample_weight, Decision("threshold", (cut,)))
                for cut in cuts
            ]
        )
    losses = np.where(np.isnan(losses), np.inf, losses)
    # In a tie of several cuts the one nearest to one half is the least surprising.
    tied = cuts[losses <= losses.min()]
    found = Decision("threshold", (float(tied[np.argmin(np.abs(tied - 0.5))]),))
    plain = metric.loss(y, probabilities, sample_weight)
    return found if metric.loss(y, probabilities, sample_weight, found) < plain else Decision()


def quick_loss(
    probabilities: np.ndarray,
    y: np.ndarray,
    metric: Metric,
    sample_weight: np.ndarray | None = None,
) -> float:
    """Loss at the best of a few hundred cuts, or at the most probable class: for greedy search."""
    plain = metric.loss(y, probabilities, sample_weight)
    if (
        probabilities.shape[1] != 2
        or not _is_tunable(metric)
        or not isinstance(metric.function, ConfusionMetric)
    ):
        return plain
    ranking = np.asarray(probabilities[:, 1], dtype=np.float64)
    weight = _weights(sample_weight, metric)
    _, matrices = _cut_matrices(ranking, y, weight, at_most=SEARCH_CUTS)
    scores = metric.function.values(matrices)
    best = float(scores.max() if metric.greater_is_better else scores.min())
    return min(plain, metric.score_to_loss(best))


def _cut_matrices(
    ranking: np.ndarray,
    y: np.ndarray,
    sample_weight: np.ndarray | None,
    at_most: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Cuts between neighbouring values, and the confusion matrix of each, shape (cuts, 2, 2)."""
    order = np.argsort(ranking)[::-1]
    ranking = ranking[order]
    weight = np.ones(len(y)) if sample_weight is None else sample_weight[order]
    positive = weight * (y[order] == 1)
    ends = np.append(np.flatnonzero(ranking[1:] != ranking[:-1]), len(y) - 1)
    if at_most is not None and len(ends) > at_most:
        ends = ends[np.linspace(0, len(ends) - 1, at_most).astype(int)]
    found = np.cumsum(positive)[ends]
    wrong = np.cumsum(weight - positive)[ends]
    matrices = np.stack([wrong[-1] - wrong, wrong, found[-1] - found, found], axis=-1)
    upper = ranking[ends]
    lower = np.append(ranking[ends[:-1] + 1], upper[-1])
    middle = (upper + lower) / 2
    # Between neighbouring floats the middle may round to the lower one.
    cuts = np.where(middle > lower, middle, upper)
    return cuts, np.maximum(matrices, 0.0).reshape(-1, 2, 2)


def _best_multipliers(
    probabilities: np.ndarray,
    y: np.ndarray,
    metric: Metric,
    sample_weight: np.ndarray | None,
) -> Decision:
    weight = _weights(sample_weight, metric)
    factors = best_factors(probabilities, y, metric, weight, MIN_CLASS_ROWS)
    return Decision() if np.allclose(factors, 1.0) else Decision("multipliers", tuple(factors))
