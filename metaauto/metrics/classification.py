"""Metrics of predicted classes, computed from the confusion matrix.

Each formula takes confusion matrices of shape (..., k, k), true classes in rows, so that one call
evaluates many thresholds (see `metaauto.ensemble.thresholds`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["FORMULAS", "ConfusionMetric", "confusion"]

Formula = Callable[[np.ndarray], np.ndarray]


def confusion(
    y: np.ndarray, labels: np.ndarray, sample_weight: np.ndarray | None = None, k: int | None = None
) -> np.ndarray:
    """Return the confusion matrix of shape (k, k): weight of rows by true and predicted class."""
    if k is None:
        k = int(max(y.max(), labels.max())) + 1
    pairs = np.bincount(y * k + labels, weights=sample_weight, minlength=k * k)
    return pairs.reshape(k, k).astype(np.float64)


def _over(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """Return the quotient, 0 where the denominator is 0."""
    return np.divide(upper, lower, out=np.zeros(np.shape(upper)), where=lower != 0)


def _margins(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    hits = np.diagonal(matrix, axis1=-2, axis2=-1)
    return hits, matrix.sum(axis=-1), matrix.sum(axis=-2)


def accuracy(matrix: np.ndarray) -> np.ndarray:
    """Return the share of rows with the correct class."""
    hits, truth, _ = _margins(matrix)
    return _over(hits.sum(axis=-1), truth.sum(axis=-1))


def balanced_accuracy(matrix: np.ndarray) -> np.ndarray:
    """Return the mean recall over the classes that occur."""
    hits, truth, _ = _margins(matrix)
    return _over(_over(hits, truth).sum(axis=-1), (truth > 0).sum(axis=-1))


def _precision(matrix: np.ndarray) -> np.ndarray:
    hits, _, taken = _margins(matrix)
    return _over(hits, taken)


def _recall(matrix: np.ndarray) -> np.ndarray:
    hits, truth, _ = _margins(matrix)
    return _over(hits, truth)


def _f1(matrix: np.ndarray) -> np.ndarray:
    hits, truth, taken = _margins(matrix)
    return _over(2.0 * hits, truth + taken)


def _positive(per_class: Formula) -> Formula:
    return lambda matrix: per_class(matrix)[..., 1]


def _macro(per_class: Formula) -> Formula:
    def formula(matrix: np.ndarray) -> np.ndarray:
        _, truth, taken = _margins(matrix)
        return _over(per_class(matrix).sum(axis=-1), ((truth + taken) > 0).sum(axis=-1))

    return formula


def _weighted(per_class: Formula) -> Formula:
    def formula(matrix: np.ndarray) -> np.ndarray:
        _, truth, _ = _margins(matrix)
        return _over((per_class(matrix) * truth).sum(axis=-1), truth.sum(axis=-1))

    return formula


def mcc(matrix: np.ndarray) -> np.ndarray:
    """Return the Matthews correlation coefficient; 0 if truth or prediction is constant."""
    hits, truth, taken = _margins(matrix)
    total = truth.sum(axis=-1)
    together = hits.sum(axis=-1) * total - (truth * taken).sum(axis=-1)
    spread = (total**2 - (truth**2).sum(axis=-1)) * (total**2 - (taken**2).sum(axis=-1))
    return _over(together, np.sqrt(np.maximum(spread, 0.0)))


def cohen_kappa(matrix: np.ndarray) -> np.ndarray:
    """Return Cohen's kappa: the agreement beyond chance."""
    hits, truth, taken = _margins(matrix)
    total = truth.sum(axis=-1)
    chance = _over((truth * taken).sum(axis=-1), total)
    return _over(hits.sum(axis=-1) - chance, total - chance)


FORMULAS: dict[str, Formula] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "f1": _positive(_f1),
    "f1_macro": _macro(_f1),
    "f1_micro": accuracy,
    "f1_weighted": _weighted(_f1),
    "precision": _positive(_precision),
    "precision_macro": _macro(_precision),
    "precision_micro": accuracy,
    "precision_weighted": _weighted(_precision),
    "recall": _positive(_recall),
    "recall_macro": _macro(_recall),
    "recall_micro": accuracy,
    "recall_weighted": _weighted(_recall),
    "mcc": mcc,
    "cohen_kappa": cohen_kappa,
}


@dataclass(frozen=True)
class ConfusionMetric:
    """A formula of `FORMULAS` as the function of a metric; stored by name to be picklable."""

    formula: str

    def __call__(
        self, y: np.ndarray, labels: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> float:
        """Return the value for class codes."""
        k = int(max(y.max(), labels.max(), 1)) + 1
        matrix = confusion(y, labels, sample_weight, k)
        if sample_weight is not None and self.formula.endswith("_macro"):
            present = np.bincount(y, minlength=k) + np.bincount(labels, minlength=k) > 0
            return float(_macro_of(self.formula, matrix, int(present.sum())))
        return float(self.values(matrix))

    def values(self, matrix: np.ndarray) -> np.ndarray:
        """Return the values for confusion matrices of shape (..., k, k)."""
        return FORMULAS[self.formula](matrix)


def _macro_of(name: str, matrix: np.ndarray, present: int) -> float:
    """Return the macro mean over the classes with rows, those of weight zero included."""
    per_class = {"f1_macro": _f1, "precision_macro": _precision, "recall_macro": _recall}[name]
    return float(per_class(matrix).sum()) / present
