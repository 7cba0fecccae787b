"""Inputs of the network: scaled numbers, missing values, categories, encodings of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

__all__ = ["NetworkInputs"]

# Categories of at most this many levels are one-hot encoded, others are embedded.
ONE_HOT_LEVELS = 9
# Fewer bins or frequencies are used if the encodings of all numbers were wider.
MAX_ENCODED = 512
# Code of a missing value of a category.
MISSING = -2.0
# Scaled values beyond are clipped before the smooth clipping, which squares them.
LARGEST = 1e6
# Range of the smooth clipping, in interquartile ranges.
CLIP = 3.0


class NetworkInputs(BaseEstimator):
    """Prepare rows for a network.

    Numbers are scaled by median and interquartile range; missing numbers become the median and
    a column that marks them. `encode` clips the numbers smoothly [1]_ and adds their encodings
    [2]_.

    Parameters
    ----------
    categorical : tuple of int, default=()
        Columns of category codes; NaN is a missing value, other unknown codes are ignored.
    encoding : {'piecewise_linear', 'periodic', 'none'}, default='piecewise_linear'
        Encoding of numbers: position within bins between quantiles, or sine and cosine of random
        frequencies.
    width : int, default=8
        Bins, or twice the number of frequencies, of a number.
    seed : int, default=0
        Seed of the frequencies.

    Attributes
    ----------
    n_plain_, n_inputs_ : int
        Columns of the output of `encode` without and with the encodings.
    n_levels_ : int
        Rows of the embedding table of all embedded categories; the last one is for unknown codes.

    References
    ----------
    .. [1] Holzmüller et al., Better by Default, NeurIPS 2024. arXiv:2407.04491
    .. [2] Gorishniy et al., On Embeddings for Numerical Features, NeurIPS 2022. arXiv:2203.05556
    """

    def __init__(
        self,
        categorical: tuple[int, ...] = (),
        encoding: str = "piecewise_linear",
        width: int = 8,
        seed: int = 0,
    ) -> None:
        self.categorical = categorical
        self.encoding = encoding
        self.width = width
        self.seed = seed

    def fit(self, X: Any, y: Any = None) -> NetworkInputs:
        """Compute scales, levels and bins from rows of shape (rows, features)."""
        X = np.asarray(X)
        self.n_features_in_ = X.shape[1]
        self.numeric_ = np.setdiff1d(np.arange(X.shape[1]), self.categorical)
        numbers = X[:, self.numeric_].astype(float)
        self.marked_ = np.flatnonzero(np.isnan(numbers).any(axis=0))
        self.center_, self.scale_ = _robust_scale(numbers)
        levels = [np.unique(codes) for codes in self._codes(X).T]
        self.one_hot_ = [i for i, found in enumerate(levels) if len(found) <= ONE_HOT_LEVELS]
        self.embedded_ = [i for i, found in enumerate(levels) if len(found) > ONE_HOT_LEVELS]
        self.levels_ = levels
        self.n_levels_ = sum(len(levels[i]) for i in self.embedded_) + 1
        flags = len(self.marked_) + sum(len(levels[i]) for i in self.one_hot_)
        self.n_plain_ = len(self.numeric_) + flags
        self._fit_encoding(self._scaled(numbers))
        self.n_inputs_ = self.n_plain_ + len(self.source_) * (1 + (self.encoding == "periodic"))
        return self

    def _fit_encoding(self, scaled: np.ndarray) -> None:
        """Set the source column, the offset and the factor of each encoded value."""
        width = min(self.width, MAX_ENCODED // max(scaled.shape[1], 1))
        columns, offsets, factors = [], [], []
        if self.encoding == "periodic" and width > 1:
            random = np.random.default_rng(self.seed)
            for column in range(scaled.shape[1]):
                columns.append(np.full(width // 2, column))
                offsets.append(np.zeros(width // 2))
                factors.append(random.normal(0.0, np.pi, width // 2))
        elif self.encoding == "piecewise_linear" and width > 1:
            for column, values in enumerate(scaled.T):
                edges = np.unique(np.quantile(values, np.linspace(0.0, 1.0, width + 1)))
                if len(edges) > 2:
                    columns.append(np.full(len(edges) - 1, column))
                    offsets.append(edges[:-1])
                    factors.append(1.0 / np.maximum(np.diff(edges), 1e-6))
        self.source_ = np.concatenate([np.zeros(0, dtype=np.intp), *columns])
        self.offset_ = np.concatenate([np.zeros(0), *offsets]).astype(np.float32)
        self.factor_ = np.concatenate([np.zeros(0), *factors]).astype(np.float32)

    def transform(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return scaled numbers with 0/1 columns, and rows of the embedding table."""
        X = np.asarray(X)
        numbers = X[:, self.numeric_].astype(float)
        codes = self._codes(X)
        parts = [self._scaled(numbers), np.isnan(numbers[:, self.marked_])]
        parts += [codes[:, [i]] == self.levels_[i] for i in self.one_hot_]
        table = np.full((len(X), len(self.embedded_)), self.n_levels_ - 1, dtype=np.intp)
        start = 0
        for place, column in enumerate(self.embedded_):
            levels = self.levels_[column]
            found = np.minimum(np.searchsorted(levels, codes[:, column]), len(levels) - 1)
            known = levels[found] == codes[:, column]
            table[known, place] = start + found[known]
            start += len(levels)
        return np.hstack(parts, dtype=np.float32, casting="unsafe"), table

    def encode(self, rows: np.ndarray) -> np.ndarray:
        """Return the inputs of the network for some rows of the first array of `transform`."""
        inputs = np.empty((len(rows), self.n_inputs_), dtype=np.float32)
        plain, n_numbers = self.n_plain_, len(self.numeric_)
        inputs[:, :plain] = rows
        numbers = inputs[:, :n_numbers]
        numbers /= np.sqrt(1.0 + (numbers / np.float32(CLIP)) ** 2)
        if self.encoding == "periodic":
            angles = inputs[:, self.source_] * self.factor_
            inputs[:, plain : plain + len(self.source_)] = np.sin(angles)
            inputs[:, plain + len(self.source_) :] = np.cos(angles)
        elif len(self.source_):
            encoded = rows[:, self.source_]
            encoded -= self.offset_
            encoded *= self.factor_
            np.clip(encoded, 0.0, 1.0, out=inputs[:, plain:])
        return inputs

    def _scaled(self, numbers: np.ndarray) -> np.ndarray:
        # A denormal scale gives infinity, which is clipped.
        with np.errstate(over="ignore"):
            scaled = (numbers - self.center_) / self.scale_
        return np.asarray(np.clip(np.nan_to_num(scaled, nan=0.0), -LARGEST, LARGEST))

    def _codes(self, X: np.ndarray) -> np.ndarray:
        codes = X[:, list(self.categorical)].astype(float)
        return np.where(np.isnan(codes), MISSING, codes)


def _robust_scale(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return medians and interquartile ranges, or half the range where those are 0."""
    if not numbers.shape[1]:
        return np.zeros(0), np.ones(0)
    filled = np.where(np.isnan(numbers).all(axis=0), 0.0, numbers)
    low, center, high = np.nanquantile(filled, (0.25, 0.5, 0.75), axis=0)
    half_range = (np.nanmax(filled, axis=0) - np.nanmin(filled, axis=0)) / 2.0
    scale = np.where(high > low, high - low, half_range)
    return center, np.where(scale > 0, scale, 1.0)
