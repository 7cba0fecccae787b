"""What all transformers share: reading the input and naming columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from metaauto.api import DataError

__all__ = ["LARGEST", "ColumnTransform", "as_matrix"]

LARGEST = 3.0e38  # models that compute in float32 cannot hold more


def as_matrix(X: Any) -> np.ndarray:
    """Read the input as a float64 matrix within the range of float32; NaN stays."""
    matrix = np.asarray(X, dtype=np.float64)
    if matrix.ndim != 2:
        raise DataError(
            f"Expected a table with rows and columns, got an array of shape {matrix.shape}.",
            hint="Reshape one column with .reshape(-1, 1).",
        )
    return np.clip(matrix, -LARGEST, LARGEST)


class ColumnTransform(TransformerMixin, BaseEstimator):
    """Base of the transformers: remembers the columns it was fitted on."""

    def _remember(self, X: Any) -> None:
        self.n_features_in_ = X.shape[1]
        if isinstance(X, pd.DataFrame):
            self.feature_names_in_ = np.asarray([str(c) for c in X.columns], dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _check(self, X: Any) -> None:
        if not hasattr(self, "n_features_in_"):
            from sklearn.exceptions import NotFittedError

            raise NotFittedError(f"This {type(self).__name__} is not fitted yet: call fit first.")
        if X.ndim != 2 or X.shape[1] != self.n_features_in_:
            raise DataError(
                f"{type(self).__name__} was fitted on {self.n_features_in_} columns "
                f"and got an array of shape {X.shape}.",
                hint="Pass the columns it was fitted on, in the same order.",
            )

    def _names(self, input_features: Sequence[str] | None) -> list[str]:
        if input_features is not None:
            names = [str(name) for name in input_features]
            if len(names) != self.n_features_in_:
                raise DataError(
                    f"Got {len(names)} names for {self.n_features_in_} columns.",
                    hint="Pass one name per column that it was fitted on.",
                )
            return names
        if hasattr(self, "feature_names_in_"):
            return list(self.feature_names_in_)
        return [f"x{i}" for i in range(self.n_features_in_)]
