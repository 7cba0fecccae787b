"""Dimensionality reduction: principal components and univariate feature selection."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np
from scipy import sparse as sp

from metaauto.builtin.mutual_information import bin_codes, mutual_information
from metaauto.builtin.transformers.columns import ColumnTransform, as_matrix

__all__ = ["ColumnSelector", "PrincipalComponents"]

_SAMPLE_ROWS = 10_000
_INFORMATION_ROWS = 2_000
_MAX_EXACT = 1_500


class PrincipalComponents(ColumnTransform):
    """Compute principal components of the standardised columns, fitted on at most 10,000 rows.

    Parameters
    ----------
    variance : float
        Share of the variance to keep, 0 to 1.
    max_components : int
        Maximum number of components.
    seed : int
        Seed of the row sample and of the randomised solver, used for matrices with more than 1,500
        rows and columns.
    """

    def __init__(self, variance: float = 0.95, max_components: int = 200, seed: int = 0) -> None:
        self.variance = variance
        self.max_components = max_components
        self.seed = seed

    def fit(self, X: Any, y: Any = None) -> PrincipalComponents:
        """Learn the components of a dense numeric matrix without NaN."""
        self._set_columns(X if hasattr(X, "shape") else np.asarray(X))
        matrix = as_matrix(X)
        if len(matrix) > _SAMPLE_ROWS:
            rows = np.random.default_rng(self.seed).choice(len(matrix), _SAMPLE_ROWS, replace=False)
            matrix = matrix[np.sort(rows)]
        self.center_ = matrix.mean(axis=0)
        scale = matrix.std(axis=0)
        constant = scale <= 1e-14 * np.maximum(np.abs(self.center_), 1e-280)
        self.scale_ = np.where(constant, 1.0, scale)
        matrix = np.where(constant, 0.0, (matrix - self.center_) / self.scale_)
        total = float((matrix**2).sum())
        variances, directions = self._decompose(matrix)
        kept = np.searchsorted(np.cumsum(variances) / max(total, 1e-12), self.variance) + 1
        directions = directions[: min(kept, self.max_components, len(directions))]
        largest = np.argmax(np.abs(directions), axis=1)
        signs = np.where(directions[np.arange(len(directions)), largest] < 0, -1.0, 1.0)
        # A column that is constant in training must not contribute to predictions.
        self.components_ = np.where(constant[:, None], 0.0, directions.T * signs)
        return self

    def _decompose(self, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return squared singular values and right singular vectors, largest first."""
        n_rows, n_columns = matrix.shape
        if min(n_rows, n_columns) > _MAX_EXACT:
            from sklearn.utils.extmath import randomized_svd

            state = np.random.RandomState(self.seed)
            _, values, directions = randomized_svd(
                matrix, self.max_components, n_iter=3, random_state=state
            )
            return values**2, directions
        if n_columns <= n_rows:
            values, vectors = np.linalg.eigh(matrix.T @ matrix)
            return np.maximum(values[::-1], 0.0), vectors[:, ::-1].T
        values, vectors = np.linalg.eigh(matrix @ matrix.T)
        values = np.maximum(values[::-1], 0.0)
        directions = vectors[:, ::-1].T @ matrix
        lengths = np.sqrt((directions**2).sum(axis=1, keepdims=True))
        return values, directions / np.maximum(lengths, 1e-12)

    def transform(self, X: Any) -> np.ndarray:
        """Project a dense numeric matrix onto the components."""
        matrix = as_matrix(X)
        self._check(matrix)
        return ((matrix - self.center_) / self.scale_) @ self.components_

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> np.ndarray:
        """Return the names of the output columns."""
        return np.asarray(
            [f"component_{i}" for i in range(self.components_.shape[1])], dtype=object
        )


class ColumnSelector(ColumnTransform):
    """Select columns by a univariate score against the target.

    Accepts dense and scipy sparse matrices. NaN is kept; for the score it is replaced by the
    column's mean.

    Parameters
    ----------
    share : float
        Share of the columns to keep, 0 to 1; at least one is kept.
    score : {'variance_ratio', 'mutual_information'}
        Share of the variance between classes (regression: squared correlation), which gives the
        same order as the F statistic; or mutual information over 10 bins of at most 2,000 rows.
    kind : {'binary', 'multiclass', 'regression'}
        Kind of task.
    seed : int
        Seed of the row sample.
    """

    def __init__(
        self,
        share: float = 0.5,
        score: str = "variance_ratio",
        kind: str = "binary",
        seed: int = 0,
    ) -> None:
        self.share = share
        self.score = score
        self.kind = kind
        self.seed = seed

    def fit(self, X: Any, y: Any) -> ColumnSelector:
        """Score the columns of a matrix against a target of shape (rows,)."""
        self._set_columns(X if hasattr(X, "shape") else np.asarray(X))
        matrix = X.tocsr() if sp.issparse(X) else as_matrix(X)
        y = np.asarray(y)
        if self.score == "mutual_information":
            self.scores_ = self._information(matrix, y)
        else:
            self.scores_ = _variance_ratios(matrix, self._indicators(y))
        n_kept = max(1, ceil(self.share * matrix.shape[1]))
        # Stable sort, so that of equal columns the first ones are kept.
        self.kept_ = np.sort(np.argsort(-self.scores_, kind="stable")[:n_kept])
        return self

    def transform(self, X: Any) -> Any:
        """Return the selected columns."""
        matrix = X.tocsr() if sp.issparse(X) else np.asarray(X)
        self._check(matrix)
        return matrix[:, self.kept_]

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> np.ndarray:
        """Return the names of the selected columns."""
        return np.asarray(self._names(input_features), dtype=object)[self.kept_]

    def _indicators(self, y: np.ndarray) -> np.ndarray:
        """Return class indicators, or the centred and scaled numeric target."""
        if self.kind != "regression":
            return (y[:, None] == np.unique(y)[None, :]).astype(np.float64)
        y = y.astype(np.float64) - y.mean()
        return (y / max(np.abs(y).max(initial=0.0), 1e-280))[:, None]

    def _information(self, matrix: Any, y: np.ndarray) -> np.ndarray:
        n_rows = matrix.shape[0]
        if n_rows > _INFORMATION_ROWS:
            rows = np.random.default_rng(self.seed).choice(n_rows, _INFORMATION_ROWS, replace=False)
            matrix, y = matrix[rows], y[rows]
        if self.kind == "regression":
            y = bin_codes(y.astype(np.float64))
        target = np.unique(y, return_inverse=True)[1]
        columns = matrix.tocsc() if sp.issparse(matrix) else matrix
        scores = np.empty(matrix.shape[1])
        for j in range(len(scores)):
            values = columns[:, [j]].toarray()[:, 0] if sp.issparse(columns) else columns[:, j]
            scores[j] = mutual_information(bin_codes(values), target)
        return scores


def _variance_ratios(matrix: Any, indicators: np.ndarray) -> np.ndarray:
    """Return the share of each column's sum of squares explained by the indicators."""
    if sp.issparse(matrix):
        scale = np.maximum(abs(matrix).max(axis=0).toarray().ravel(), 1e-280)
        matrix = matrix @ sp.diags(1.0 / scale)
        means = np.asarray(matrix.mean(axis=0)).ravel()
        squares = np.asarray(matrix.multiply(matrix).sum(axis=0)).ravel()
    else:
        counts = np.maximum((~np.isnan(matrix)).sum(axis=0), 1)
        scale = np.maximum(np.nanmax(np.abs(matrix), axis=0, initial=0.0), 1e-280)
        matrix = matrix / scale
        matrix = np.where(np.isnan(matrix), np.nansum(matrix, axis=0) / counts, matrix)
        means, squares = matrix.mean(axis=0), (matrix**2).sum(axis=0)
    total = squares - matrix.shape[0] * means**2
    sums = np.asarray(matrix.T @ indicators).T  # (indicators, columns)
    sums = sums - indicators.sum(axis=0)[:, None] * means
    weights = np.maximum((indicators**2).sum(axis=0), 1e-280)[:, None]
    between = (sums**2 / weights).sum(axis=0)
    # A smaller sum of squares is rounding error: the column is constant.
    varies = total > 1e-12 * np.maximum(squares, 1e-280)
    return np.where(varies, between / np.where(varies, total, 1.0), 0.0)
