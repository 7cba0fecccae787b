"""One-hot encoding with rare categories merged."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np
from scipy import sparse as sp

from metaauto.builtin.transformers.categories import CategoryTransform, frequent

__all__ = ["OneHotEncoder"]


class OneHotEncoder(CategoryTransform):
    """Encode categories as 0/1 columns: one per frequent category, one for rare, one for missing.

    A category without training rows counts as rare; if no category is rare, all its columns are 0.
    Of two columns per variable only the rarer one is kept.

    Parameters
    ----------
    min_frequency : float
        Share of the training rows below which a category is rare.
    max_categories : int
        Maximum number of columns per variable, without the one for missing values.
    sparse : bool or 'auto'
        Return a scipy CSR matrix; 'auto' does so if at most 10 % of the values are non-zero and
        the matrix has more than 50 columns.
    """

    def __init__(
        self, min_frequency: float = 0.001, max_categories: int = 64, sparse: bool | str = "auto"
    ) -> None:
        self.min_frequency = min_frequency
        self.max_categories = max_categories
        self.sparse = sparse

    def fit(self, X: Any, y: Any = None) -> OneHotEncoder:
        """Learn the columns from a frame of category columns."""
        codes = self._learn_codes(X)
        self.tables_: list[np.ndarray] = []  # output column per category, -1 for none
        self.widths_: list[int] = []
        self.labels_: list[list[str]] = []
        for counts, names in zip(self._counts(codes), self.categories_, strict=True):
            table, labels = self._columns(counts, names)
            self.tables_.append(table)
            self.widths_.append(len(labels))
            self.labels_.append(labels)
        width = sum(self.widths_)
        self.sparse_ = bool(self.sparse)
        if self.sparse == "auto":
            self.sparse_ = width > 50 and self.n_features_in_ <= 0.1 * width
        return self

    def _columns(self, counts: np.ndarray, names: np.ndarray) -> tuple[np.ndarray, list[str]]:
        least = max(1, ceil(self.min_frequency * counts.sum()))
        kept, merged = frequent(counts[:-1], least, self.max_categories)
        labels = [str(name) for name in names[kept]]
        table = np.full(len(counts), -1)
        table[kept] = np.arange(len(kept))
        if merged:
            table[table < 0] = len(labels)
            table[-1] = -1
            labels.append("(rare)")
        if counts[-1]:
            table[-1] = len(labels)
            labels.append("(missing)")
        if len(labels) == 2:
            rows = [counts[table == i].sum() for i in (0, 1)]
            dropped = int(rows[1] > rows[0])
            table = np.where(table == 1 - dropped, 0, -1)
            labels = [labels[1 - dropped]]
        return table, labels

    def transform(self, X: Any) -> Any:
        """Encode a frame of category columns as float64, dense or CSR."""
        codes = self._codes(X)
        n_rows, width = len(X), sum(self.widths_)
        starts = np.cumsum([0, *self.widths_[:-1]])
        columns = [table[c] for table, c in zip(self.tables_, codes, strict=True)]
        if not self.sparse_:
            result = np.zeros((n_rows, width))
            for start, column in zip(starts, columns, strict=True):
                rows = np.flatnonzero(column >= 0)
                result[rows, start + column[rows]] = 1.0
            return result
        targets = np.stack([s + c for s, c in zip(starts, columns, strict=True)], axis=1)
        present = np.stack(columns, axis=1) >= 0
        pointers = np.concatenate([[0], np.cumsum(present.sum(axis=1))])
        indices = targets[present]
        return sp.csr_matrix((np.ones(len(indices)), indices, pointers), shape=(n_rows, width))

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        # scipy does not check the indices of the sparse matrices that `transform` returns.
        learned = vars(self)
        tables, widths = learned.get("tables_", ()), learned.get("widths_", ())
        for table, width in zip(tables, widths, strict=True):
            if not ((table >= -1) & (table < width)).all():
                raise ValueError("The columns of the one-hot encoder are out of bounds.")

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> np.ndarray:
        """Return the names of the output columns, ``column=category``."""
        names = self._names(input_features)
        return np.asarray(
            [
                f"{n}={label}"
                for n, labels in zip(names, self.labels_, strict=True)
                for label in labels
            ],
            dtype=object,
        )
