"""Encoders of categorical columns; each stores one table of numbers per category."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from metaauto.api import ColumnError
from metaauto.builtin.transformers.columns import ColumnTransform

__all__ = [
    "CategoryTransform",
    "CodedColumns",
    "FrequencyEncoder",
    "NativeEncoder",
    "OrdinalEncoder",
    "matched_codes",
]


class CodedColumns:
    """The codes and categories of the columns of a frame.

    Parameters
    ----------
    frame : DataFrame
        Category columns; other values are converted to texts.
    """

    ndim = 2

    def __init__(self, frame: pd.DataFrame) -> None:
        columns = [_as_categories(column) for _, column in frame.items()]
        self.shape = frame.shape
        self.codes = [column.codes.astype(np.int64) for column in columns]
        self.names = [
            np.asarray([str(name) for name in column.categories], dtype=np.str_)
            for column in columns
        ]
        self._matched: dict[tuple[int, ...], tuple[list[np.ndarray], list[np.ndarray]]] = {}

    def codes_in(self, categories: list[np.ndarray]) -> list[np.ndarray]:
        """Return the codes of the rows in other lists of categories, one for each column.

        Fold models of a loaded model share these lists, so that they are compared only once.
        """
        key = tuple(map(id, categories))
        if key not in self._matched:
            found = zip(self.codes, self.names, categories, strict=True)
            codes = [matched_codes(codes, names, known) for codes, names, known in found]
            # Keep the lists, because the IDs of deleted objects are used again.
            self._matched[key] = (list(categories), codes)
        return self._matched[key][1]

    def __len__(self) -> int:
        return self.shape[0]


class CategoryTransform(ColumnTransform):
    """Base class of the encoders: converts category columns to codes.

    Codes are the indices of the categories of the training frame. The code of a missing value, and
    of a category that is not in the training frame's dtype, is the number of categories.
    """

    @staticmethod
    def prepare_columns(frame: pd.DataFrame) -> CodedColumns:
        """Return what `transform` computes of a frame before it uses what it has learned."""
        return CodedColumns(frame)

    def _learn_codes(self, X: Any) -> list[np.ndarray]:
        frame = _as_frame(X)
        self._set_columns(frame)
        columns = CodedColumns(frame)
        self.categories_ = columns.names
        return self._codes(columns)

    def _codes(self, X: Any) -> list[np.ndarray]:
        columns = X if isinstance(X, CodedColumns) else CodedColumns(_as_frame(X))
        self._check(columns)
        return columns.codes_in(self.categories_)

    def _counts(self, codes: list[np.ndarray]) -> list[np.ndarray]:
        known = self.categories_
        return [np.bincount(c, minlength=len(k) + 1) for c, k in zip(codes, known, strict=True)]


class _NumberEncoder(CategoryTransform):
    """Base class of encoders with one number per category; the last entry is for missing values."""

    _suffix = ""

    def fit(self, X: Any, y: Any = None) -> Any:
        """Learn the tables from a frame of category columns."""
        codes = self._learn_codes(X)
        counts = self._counts(codes)
        self.tables_ = [
            self._table(count, names) for count, names in zip(counts, self.categories_, strict=True)
        ]
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Encode a frame of category columns as float64 of the same shape."""
        codes = self._codes(X)
        result = np.empty((len(X), self.n_features_in_))
        for j, table in enumerate(self.tables_):
            result[:, j] = table[codes[j]]
        return result

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> np.ndarray:
        """Return the names of the output columns."""
        return np.asarray([n + self._suffix for n in self._names(input_features)], dtype=object)

    def _table(self, counts: np.ndarray, names: np.ndarray) -> np.ndarray:
        raise NotImplementedError


class NativeEncoder(_NumberEncoder):
    """Encode categories as codes for models with native categorical splits.

    Code 0 is the most frequent category. Missing values are NaN. Rare categories share the last
    code; a category without training rows gets the same code, or NaN if no category is rare.

    Parameters
    ----------
    min_count : int
        Categories with fewer training rows are rare.
    max_categories : int
        Maximum number of distinct codes, including the shared one.
    """

    def __init__(self, min_count: int = 2, max_categories: int = 254) -> None:
        self.min_count = min_count
        self.max_categories = max_categories

    def _table(self, counts: np.ndarray, names: np.ndarray) -> np.ndarray:
        kept, merged = frequent(counts[:-1], self.min_count, self.max_categories)
        table = np.full(len(counts), float(len(kept)) if merged else np.nan)
        table[kept] = np.arange(len(kept))
        table[-1] = np.nan
        return table


class OrdinalEncoder(_NumberEncoder):
    """Encode categories by rank, from 0 (first) to 1 (last); a missing value is -1.

    Parameters
    ----------
    order : {'frequency', 'value'}
        By falling number of training rows (categories without rows come last), or by value:
        numbers in numeric order, other categories in the order of the schema.
    """

    def __init__(self, order: str = "frequency") -> None:
        self.order = order

    def _table(self, counts: np.ndarray, names: np.ndarray) -> np.ndarray:
        if self.order == "frequency":
            keys = -counts[:-1]
        else:
            keys = pd.to_numeric(pd.Series(names, dtype=object), errors="coerce").to_numpy(float)
            if np.isnan(keys).any():
                keys = np.arange(len(names))
        table = np.full(len(counts), -1.0)
        table[np.argsort(keys, kind="stable")] = np.arange(len(names)) / max(len(names) - 1, 1)
        return table


class FrequencyEncoder(_NumberEncoder):
    """Encode categories by their frequency in the training rows; an unseen category is 0.

    Parameters
    ----------
    log : bool
        ``log(1 + rows)`` instead of the share of the rows.
    """

    _suffix = "_frequency"

    def __init__(self, log: bool = True) -> None:
        self.log = log

    def _table(self, counts: np.ndarray, names: np.ndarray) -> np.ndarray:
        return np.log1p(counts) if self.log else counts / max(counts.sum(), 1)


def frequent(counts: np.ndarray, min_count: int, most: int) -> tuple[np.ndarray, bool]:
    """Return the categories to keep, most frequent first, and whether others share a code."""
    observed = int((counts > 0).sum())
    order = np.argsort(-counts, kind="stable")[:observed]
    n_kept = int((counts[order] >= min_count).sum())
    if n_kept >= most and observed > most:
        n_kept = most - 1
    if observed - n_kept == 1 and observed <= most:
        n_kept = observed  # a single rare category gets its own code
    return order[:n_kept], n_kept < observed


def _as_frame(X: Any) -> pd.DataFrame:
    return X if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X, dtype=object))


def _as_categories(column: pd.Series) -> pd.Categorical:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.array
    if column.dtype.kind in "mM":
        raise ColumnError(
            f"Column {column.name!r} contains dates; expected categories.",
            hint="Use a preprocessor of the datetime slot.",
        )
    return pd.Categorical(column.map(str, na_action="ignore"))


def matched_codes(codes: np.ndarray, names: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Convert codes of categories `names` to those of the categories `known`."""
    if not np.array_equal(names, known):
        positions = pd.Index(known.astype(object)).get_indexer(names.astype(object))
        codes = np.append(positions, -1)[codes]
    return np.where(codes < 0, len(known), codes)
