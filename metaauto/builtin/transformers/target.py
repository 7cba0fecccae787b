"""Target encoding with cross-fitting on the training rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from metaauto.builtin.transformers.categories import CategoryTransform

__all__ = ["TargetEncoder", "fold_numbers", "smoothed_means", "target_matrix"]


class TargetEncoder(CategoryTransform):
    """Encode categories by their mean target, shrunk towards the overall mean.

    A category with n rows and mean m becomes ``(n m + smoothing M) / (n + smoothing)``, where M is
    the overall mean; missing values are a separate category and an unseen category becomes M.
    In regression the target is standardised first, so that the codes are on the scale of the other
    columns.
    `fit_transform` uses cross-fitting: each fifth of the training rows is encoded with the means of
    the other four, so that no row uses its own target; the result therefore differs from `fit`
    followed by `transform`.

    Parameters
    ----------
    kind : {'binary', 'multiclass', 'regression'}
        Kind of task; 'multiclass' gives one column per class.
    smoothing : float
        Weight of the overall mean, in rows.
    max_classes : int
        Maximum number of classes with a column, the most frequent ones.
    folds : int
        Number of folds of `fit_transform`.
    seed : int
        Seed of the folds.

    References
    ----------
    D. Micci-Barreca. A preprocessing scheme for high-cardinality categorical attributes in
    classification and prediction problems. SIGKDD Explorations 3(1), 2001.
    doi:10.1145/507533.507538
    """

    def __init__(
        self,
        kind: str = "binary",
        smoothing: float = 10.0,
        max_classes: int = 24,
        folds: int = 5,
        seed: int = 0,
    ) -> None:
        self.kind = kind
        self.smoothing = smoothing
        self.max_classes = max_classes
        self.folds = folds
        self.seed = seed

    def fit(self, X: Any, y: Any) -> TargetEncoder:
        """Learn the means from a frame of category columns and a target of shape (rows,)."""
        self._learn(X, y)
        return self

    def fit_transform(self, X: Any, y: Any = None, **params: Any) -> np.ndarray:
        """Learn the means and encode each fold with the means of the other folds."""
        codes, targets = self._learn(X, y)
        n_rows = len(targets)
        parts = fold_numbers(n_rows, self.folds, self.seed)
        result = np.empty((n_rows, len(codes) * targets.shape[1]))
        for part in np.unique(parts):
            inside, outside = parts == part, parts != part
            # With a single row the other folds are empty, and the prior is 0.
            tables = self._tables(
                [c[outside] for c in codes], targets[outside] if outside.any() else targets[:0]
            )
            result[inside] = self._encode([c[inside] for c in codes], tables)
        return result

    def transform(self, X: Any) -> np.ndarray:
        """Encode a frame of category columns as float64."""
        return self._encode(self._codes(X), self.tables_)

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> np.ndarray:
        """Return the names of the output columns."""
        ends = [""] if self.kind != "multiclass" else [f"_{c}" for c in self.classes_]
        names = [f"{n}_target{end}" for n in self._names(input_features) for end in ends]
        return np.asarray(names, dtype=object)

    def _learn(self, X: Any, y: Any) -> tuple[list[np.ndarray], np.ndarray]:
        codes = self._learn_codes(X)
        targets = self._targets(np.asarray(y))
        self.tables_ = self._tables(codes, targets)
        return codes, targets

    def _targets(self, y: np.ndarray) -> np.ndarray:
        targets, classes = target_matrix(y, self.kind, self.max_classes)
        if classes is not None:
            self.classes_ = classes
        return targets

    def _tables(self, codes: list[np.ndarray], targets: np.ndarray) -> list[np.ndarray]:
        sizes = [len(names) + 1 for names in self.categories_]
        return [
            smoothed_means(column, size, targets, self.smoothing)
            for column, size in zip(codes, sizes, strict=True)
        ]

    @staticmethod
    def _encode(codes: list[np.ndarray], tables: list[np.ndarray]) -> np.ndarray:
        return np.hstack([t[c] for c, t in zip(codes, tables, strict=True)])


def target_matrix(
    y: np.ndarray, kind: str, max_classes: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return standardised values, or one column of zeros and ones per class, and the classes."""
    if kind == "regression":
        y = y.astype(np.float64)
        return ((y - y.mean()) / (y.std() or 1.0))[:, None], None
    classes, counts = np.unique(y, return_counts=True)
    if kind == "binary":
        classes = classes[-1:]
    else:
        classes = np.sort(classes[np.argsort(-counts, kind="stable")[:max_classes]])
    return (y[:, None] == classes[None, :]).astype(np.float64), classes


def smoothed_means(
    codes: np.ndarray, size: int, targets: np.ndarray, smoothing: float
) -> np.ndarray:
    """Return the mean of each target column by code, shrunk to the overall mean."""
    prior = targets.mean(axis=0) if len(targets) else np.zeros(targets.shape[1])
    counts = np.bincount(codes, minlength=size)
    sums = np.stack([np.bincount(codes, weights=t, minlength=size) for t in targets.T], axis=1)
    # Without smoothing, a category without rows still needs a value.
    weight = max(smoothing, 1e-9)
    means: np.ndarray = (sums + weight * prior) / (counts[:, None] + weight)
    return means


def fold_numbers(n_rows: int, folds: int, seed: Any) -> np.ndarray:
    """Return a random fold for each row; the folds are of about equal size."""
    parts = np.arange(n_rows) % max(2, min(folds, n_rows))
    np.random.default_rng(seed).shuffle(parts)
    return parts
