"""Labels from probabilities: the most probable class, a tuned threshold or class factors.

For metrics such as F1 on imbalanced classes the most probable class is not the best label. The rule
is tuned on out-of-fold probabilities and used only if it improves the metric there.
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
"""Time of validating a rule, as a multiple of the time of tuning it once."""
# A threshold can optimise these metrics alone by predicting one class always or almost never.
ONE_SIDED = frozenset(
    {"precision", "recall", "precision_macro", "precision_weighted", "precision_micro"}
)


@dataclass(frozen=True)
class Decision:
    """A rule that derives labels from probabilities.

    Parameters
    ----------
    kind : {'argmax', 'threshold', 'multipliers'}
        The most probable class; the second of two classes at or above a threshold; or the most
        probable class after multiplication of each probability by a factor of its class.
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
                f"Invalid decision {self.kind!r} with the values {self.values!r}.",
                hint=f"Use one of {', '.join(KINDS)}.",
            )

    def labels(self, probabilities: np.ndarray) -> np.ndarray:
        """Return class codes of shape (n,), int64, from probabilities of shape (n, k)."""
        if self.kind == "threshold":
            ranking = np.asarray(probabilities[:, 1], dtype=np.float64)
            return (ranking >= self.values[0]).astype(np.int64)
        if self.kind == "multipliers":
            return (probabilities * np.asarray(self.values)).argmax(axis=1)
        return most_probable(np.asarray(probabilities))

    def to_json(self) -> dict[str, Any]:
        """Return the decision as JSON-ready values."""
        return {"kind": self.kind, "values": list(self.values)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Decision:
        """Return the decision that `to_json` wrote."""
        return cls(str(record["kind"]), tuple(record["values"]))


def quick_decision(
    probabilities: np.ndarray,
    y: np.ndarray,
    metric: Metric,
    sample_weight: np.ndarray | None = None,
) -> Decision:
    """Return the best threshold on the given rows, to compare trials with each other.

    Only binary tasks with label metrics have a threshold; otherwise the most probable class is
    used. The scores of all trials are slightly optimistic in the same way, because the threshold is
    tuned on the evaluated rows; the final model gets its rule from `fit_decision`.

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
    """Tune the rule that derives labels from probabilities, and validate it.

    For two classes, the threshold is chosen among all cuts between two neighbouring probabilities.
    For several classes, factors start from powers of the inverse prevalence and are then improved
    one class at a time. The rule is used if its gain over the most probable class exceeds one
    standard error (jackknife over five folds) in five-fold cross-validation, in both of two
    repetitions. Nothing is tuned below 100 rows, below 20 rows of one of two classes, or for a
    metric that a threshold can optimise alone (precision, recall). With several classes, classes of
    fewer than 20 rows keep the factor derived from their prevalence.

    Parameters
    ----------
    probabilities : ndarray of shape (n, k)
        Out-of-fold probabilities of the final model.
    y : ndarray of shape (n,)
        Class codes.
    metric : Metric
        Metric to tune for; for other than label metrics the most probable class is used.
    sample_weight : ndarray of shape (n,), optional
        Weight of each row.
    seed : int
        Seed of the splits.
    deadline : Deadline
        The rule is validated on a sample of the rows if all rows would take longer; if time does
        not suffice for that, the most probable class is used.

    Returns
    -------
    Decision
        Never worse on the given rows than the most probable class.

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
    started = time.monotonic()
    best = tune(probabilities, y, metric, sample_weight)
    if not metric.loss(y, probabilities, sample_weight, best) < plain:
        return Decision()
    used = _validation_rows(y, k, seed, time.monotonic() - started, deadline)
    if len(used) < MIN_ROWS:
        return Decision()
    probabilities, y = probabilities[used], y[used]
    sample_weight = None if sample_weight is None else sample_weight[used]
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
        if not _is_significant(labels, probabilities, y, metric, sample_weight, folds):
            return Decision()
    return best


def _validation_rows(
    y: np.ndarray, k: int, seed: int, seconds: float, deadline: Deadline
) -> np.ndarray:
    """Return the rows that validate a rule: all, or as many as the remaining time allows."""
    share = deadline.remaining() / max(TUNINGS * seconds, 1e-9)
    if share >= 1.0:
        return np.arange(len(y))
    # For several classes tuning uses at most MAX_ROWS, so only fewer rows than that save time.
    tuned = len(y) if k == 2 else min(len(y), MAX_ROWS)
    return stratified_rows(y, max(int(share * tuned), 1), seed, classes=True)


def _is_significant(
    labels: np.ndarray,
    probabilities: np.ndarray,
    y: np.ndarray,
    metric: Metric,
    sample_weight: np.ndarray | None,
    folds: list[np.ndarray],
) -> bool:
    """Return whether the gain of the labels exceeds one standard error (jackknife over folds)."""

    def gain(rows: np.ndarray) -> float:
        weight = None if sample_weight is None else sample_weight[rows]
        plain = metric.loss(y[rows], probabilities[rows], weight)
        tuned = metric.loss(y[rows], probabilities[rows], weight, _FixedLabels(labels[rows]))
        return plain - tuned

    every = np.arange(len(y))
    without = np.array([gain(np.setdiff1d(every, rows, assume_unique=True)) for rows in folds])
    share = (len(folds) - 1) / len(folds)
    error = math.sqrt(share * float(np.sum((without - without.mean()) ** 2)))
    return gain(every) > error


@dataclass(frozen=True)
class _FixedLabels:
    codes: np.ndarray

    def labels(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the fixed codes and ignore the probabilities."""
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
        cuts, matrices = _cut_matrices(ranking, y, sample_weight, metric)
        scores = metric.function.values(matrices)
        losses = -scores if metric.greater_is_better else scores
    else:
        cuts = np.unique(np.quantile(ranking, np.linspace(0, 1, GENERIC_CUTS)))
        if metric.positive == 0:
            # The lowest cut must predict the positive class everywhere.
            cuts = np.nextafter(cuts, np.inf)
        losses = np.array(
            [
                metric.loss(y, probabilities, sample_weight, Decision("threshold", (cut,)))
                for cut in cuts
            ]
        )
    losses = np.where(np.isnan(losses), np.inf, losses)
    # In a tie, prefer the cut nearest to one half, the default threshold.
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
    """Return the loss at the best of 400 cuts or the most probable class, for greedy search."""
    plain = metric.loss(y, probabilities, sample_weight)
    if (
        probabilities.shape[1] != 2
        or not _is_tunable(metric)
        or not isinstance(metric.function, ConfusionMetric)
    ):
        return plain
    ranking = np.asarray(probabilities[:, 1], dtype=np.float64)
    weight = _weights(sample_weight, metric)
    _, matrices = _cut_matrices(ranking, y, weight, metric, at_most=SEARCH_CUTS)
    scores = metric.function.values(matrices)
    best = float(scores.max() if metric.greater_is_better else scores.min())
    return min(plain, metric.score_to_loss(best))


def _cut_matrices(
    ranking: np.ndarray,
    y: np.ndarray,
    sample_weight: np.ndarray | None,
    metric: Metric,
    at_most: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return cuts between neighbouring values and their confusion matrices of (cuts, 2, 2).

    One more cut predicts the positive class everywhere. The matrices have it last.
    """
    order = np.argsort(ranking)[::-1]
    ranking = ranking[order]
    weight = np.ones(len(y)) if sample_weight is None else sample_weight[order]
    positive = weight * (y[order] == 1)
    ends = np.append(np.flatnonzero(ranking[1:] != ranking[:-1]), len(y) - 1)
    if at_most is not None and len(ends) > at_most:
        ends = ends[np.linspace(0, len(ends) - 1, at_most).astype(int)]
    tp = np.cumsum(positive)[ends]
    fp = np.cumsum(weight - positive)[ends]
    matrices = np.stack([fp[-1] - fp, fp, tp[-1] - tp, tp], axis=-1)
    upper = ranking[ends]
    lower = np.append(ranking[ends[:-1] + 1], upper[-1])
    middle = (upper + lower) / 2
    # Between adjacent floats the middle may round to the lower one.
    cuts = np.where(middle > lower, middle, upper)
    matrices = np.maximum(matrices, 0.0).reshape(-1, 2, 2)
    if metric.positive == 0:
        cuts = np.append(np.nextafter(ranking[0], np.inf), cuts[:-1])
        none = np.array([[[fp[-1], 0.0], [tp[-1], 0.0]]])
        matrices = np.concatenate([none, matrices[:-1]])[..., ::-1, ::-1]
    return cuts, matrices


def _best_multipliers(
    probabilities: np.ndarray,
    y: np.ndarray,
    metric: Metric,
    sample_weight: np.ndarray | None,
) -> Decision:
    weight = _weights(sample_weight, metric)
    factors = best_factors(probabilities, y, metric, weight, MIN_CLASS_ROWS)
    return Decision() if np.allclose(factors, 1.0) else Decision("multipliers", tuple(factors))
