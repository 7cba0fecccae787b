"""Imputation and scaling of numeric columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from metaauto.builtin.transformers.columns import ColumnTransform, as_matrix

__all__ = ["NumericImputer", "NumericScaler", "QuantileScaler"]

_SAMPLE_ROWS = 50_000


class NumericImputer(ColumnTransform):
    """Impute missing values with one number per column, optionally with missing indicators.

    Values beyond the range of float32 are clipped. A column without values in the training rows is
    imputed with 0.

    Parameters
    ----------
    strategy : {'median', 'mean', 'keep'}
        Imputed value; 'keep' keeps NaN.
    indicator : bool
        Append a 0/1 column for each column with missing values in the training rows.
    """

    def __init__(self, strategy: str = "median", indicator: bool = False) -> None:
        self.strategy = strategy
        self.indicator = indicator

    def fit(self, X: Any, y: Any = None) -> NumericImputer:
        """Learn the imputed values from numbers of shape (rows, columns)."""
        self._set_columns(X if hasattr(X, "shape") else np.asarray(X))
        matrix = as_matrix(X)
        missing = np.isnan(matrix)
        self.missing_columns_ = np.flatnonzero(missing.any(axis=0))
        self.fill_values_ = np.zeros(matrix.shape[1])
        if self.strategy != "keep":
            centre = np.median if self.strategy == "median" else np.mean
            for j in range(matrix.shape[1]):
                values = matrix[~missing[:, j], j]
                if len(values):
                    self.fill_values_[j] = centre(values)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Impute numbers of shape (rows, columns); indicators are the last columns."""
        matrix = as_matrix(X)
        self._check(matrix)
        missing = np.isnan(matrix)
        if self.strategy != "keep" and missing.any():
            matrix = np.where(missing, self.fill_values_, matrix)
        if self.indicator:
            matrix = np.hstack([matrix, missing[:, self.missing_columns_]])
        return matrix

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> np.ndarray:
        """Return the names of the output columns."""
        names = self._names(input_features)
        flags = [f"{names[j]}_missing" for j in self.missing_columns_] if self.indicator else []
        return np.asarray(names + flags, dtype=object)


class _Scaler(ColumnTransform):
    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> np.ndarray:
        """Return the names of the output columns: those of the input."""
        return np.asarray(self._names(input_features), dtype=object)


class NumericScaler(_Scaler):
    """Centre and scale columns; NaN is kept.

    Parameters
    ----------
    method : {'standard', 'robust'}
        Mean and standard deviation, or median and interquartile range (divided by 1.349; the
        standard deviation if the interquartile range is 0).
    smooth_clip : bool
        Transform values z to ``z / sqrt(1 + (z / 3)^2)``, which is between -3 and 3.

    References
    ----------
    D. Holzmüller, L. Grinsztajn, I. Steinwart. Better by default: strong pre-tuned MLPs and boosted
    trees on tabular data. NeurIPS 2024. arXiv:2407.04491 (robust scaling with smooth clipping).
    """

    def __init__(self, method: str = "standard", smooth_clip: bool = True) -> None:
        self.method = method
        self.smooth_clip = smooth_clip

    def fit(self, X: Any, y: Any = None) -> NumericScaler:
        """Learn the centre and scale of numbers of shape (rows, columns)."""
        self._set_columns(X if hasattr(X, "shape") else np.asarray(X))
        matrix = as_matrix(X)
        self.center_, self.scale_ = np.zeros(matrix.shape[1]), np.ones(matrix.shape[1])
        missing = np.isnan(matrix).any(axis=0)
        complete = np.flatnonzero(~missing)
        self._learn(matrix[:, complete], complete)
        for j in np.flatnonzero(missing):
            column = matrix[:, [j]]
            self._learn(column[~np.isnan(column[:, 0])], np.array([j]))
        return self

    def _learn(self, matrix: np.ndarray, columns: np.ndarray) -> None:
        if not matrix.size:
            return
        center, scale = matrix.mean(axis=0), matrix.std(axis=0)
        if self.method == "robust":
            low, center, high = np.percentile(matrix, (25, 50, 75), axis=0)
            scale = np.where(high - low > 1e-9 * scale, (high - low) / 1.349, scale)
        # Rounding errors can make the standard deviation of a constant column positive.
        varies = scale > 1e-14 * np.maximum(np.abs(center), 1e-280)
        self.center_[columns] = center
        self.scale_[columns] = np.where(varies, scale, 1.0)

    def transform(self, X: Any) -> np.ndarray:
        """Scale numbers of shape (rows, columns)."""
        matrix = as_matrix(X)
        self._check(matrix)
        with np.errstate(over="ignore"):  # overflow is clipped by as_matrix
            matrix = as_matrix((matrix - self.center_) / self.scale_)
        if self.smooth_clip:
            matrix /= np.sqrt(1.0 + (matrix / 3.0) ** 2)
        return matrix


class QuantileScaler(_Scaler):
    """Transform each column by its quantiles to a standard normal distribution; NaN is kept.

    Parameters
    ----------
    n_quantiles : int
        Quantiles learned per column, from at most 50,000 rows.
    seed : int
        Seed of the row sample.
    """

    def __init__(self, n_quantiles: int = 500, seed: int = 0) -> None:
        self.n_quantiles = n_quantiles
        self.seed = seed

    def fit(self, X: Any, y: Any = None) -> QuantileScaler:
        """Learn the quantiles of numbers of shape (rows, columns)."""
        self._set_columns(X if hasattr(X, "shape") else np.asarray(X))
        matrix = as_matrix(X)
        if len(matrix) > _SAMPLE_ROWS:
            rows = np.random.default_rng(self.seed).choice(len(matrix), _SAMPLE_ROWS, replace=False)
            matrix = matrix[rows]
        self.levels_ = np.linspace(0.0, 1.0, max(2, min(self.n_quantiles, len(matrix))))
        self.quantiles_ = np.zeros((len(self.levels_), matrix.shape[1]))
        for j in range(matrix.shape[1]):
            values = matrix[~np.isnan(matrix[:, j]), j]
            if len(values):
                # Rounding errors may break the order that np.interp requires.
                self.quantiles_[:, j] = np.maximum.accumulate(np.quantile(values, self.levels_))
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Transform numbers of shape (rows, columns) to values within about -5.2 and 5.2."""
        from scipy.special import ndtri

        matrix = as_matrix(X)
        self._check(matrix)
        result = np.empty_like(matrix)
        for j in range(matrix.shape[1]):
            column, quantiles = matrix[:, j], self.quantiles_[:, j]
            # The mean of both directions maps a value that spans many quantiles to their middle.
            upper = np.interp(column, quantiles, self.levels_)
            lower = -np.interp(-column, -quantiles[::-1], -self.levels_[::-1])
            result[:, j] = (upper + lower) / 2.0
        return ndtri(np.clip(result, 1e-7, 1.0 - 1e-7))
