"""Base class of the transformers: input checks and column names."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from metaauto.api import DataError

__all__ = ["LARGEST", "ColumnTransform", "as_matrix"]

LARGEST = 3.0e38  # within the range of float32, in which some models compute


def as_matrix(X: Any) -> np.ndarray:
    """Convert the input to a float64 matrix clipped to the range of float32; NaN is kept."""
    matrix = np.asarray(X, dtype=np.float64)
    if matrix.ndim != 2:
        raise DataError(
            f"Expected a two-dimensional array, got shape {matrix.shape}.",
            hint="Reshape a single column with .reshape(-1, 1).",
        )
    return np.clip(matrix, -LARGEST, LARGEST)


class ColumnTransform(TransformerMixin, BaseEstimator):
    """Base class of the transformers: stores the columns of the training frame."""

    takes_array = True
    """Whether `transform` gives the same for a frame of floats and for its array."""

    def __getstate__(self) -> dict[str, Any]:
        return {name: _packed(value) for name, value in super().__getstate__().items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({name: _unpacked(value) for name, value in state.items()})

    def _set_columns(self, X: Any) -> None:
        self.n_features_in_ = X.shape[1]
        if isinstance(X, pd.DataFrame):
            self.feature_names_in_ = np.asarray([str(c) for c in X.columns], dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _check(self, X: Any) -> None:
        if not hasattr(self, "n_features_in_"):
            from sklearn.exceptions import NotFittedError

            raise NotFittedError(f"This {type(self).__name__} is not fitted. Call fit first.")
        if X.ndim != 2 or X.shape[1] != self.n_features_in_:
            raise DataError(
                f"{type(self).__name__}: expected {self.n_features_in_} columns, got an array of "
                f"shape {X.shape}.",
                hint="Pass the columns of the training table in the same order.",
            )

    def _names(self, input_features: Sequence[str] | None) -> list[str]:
        if input_features is not None:
            names = [str(name) for name in input_features]
            if len(names) != self.n_features_in_:
                raise DataError(
                    f"Expected {self.n_features_in_} column names, got {len(names)}.",
                    hint="Pass one name per training column.",
                )
            return names
        if hasattr(self, "feature_names_in_"):
            return list(self.feature_names_in_)
        return [f"x{i}" for i in range(self.n_features_in_)]


_ARRAYS, _TEXTS, _JSON = "packed arrays", "packed texts", "packed JSON"


def _packed(value: Any) -> Any:
    """Return lists with one entry per column as one value: a model file has one entry for each."""
    if not isinstance(value, list) or not value:
        return value
    if all(isinstance(item, np.ndarray) and item.ndim > 0 for item in value):
        if all(item.dtype.kind == "U" and item.ndim == 1 for item in value):
            return _TEXTS, json.dumps([item.tolist() for item in value])
        if len({(item.dtype, item.shape[1:]) for item in value}) == 1 and value[0].dtype != object:
            return _ARRAYS, np.concatenate(value), np.array([len(item) for item in value])
    return (_JSON, json.dumps(value)) if _is_plain(value) else value


def _is_plain(value: Any) -> bool:
    """Return whether JSON gives back the same value."""
    if type(value) is list:
        return all(map(_is_plain, value))
    return type(value) in (str, int, float, bool, type(None))


def _unpacked(value: Any) -> Any:
    if not isinstance(value, tuple) or not value or not isinstance(value[0], str):
        return value
    if value[0] == _TEXTS:
        return list(_texts(value[1]))
    if value[0] == _ARRAYS:
        return np.split(value[1], np.cumsum(value[2])[:-1])
    return json.loads(value[1]) if value[0] == _JSON else value


@functools.lru_cache(maxsize=8)
def _texts(text: str) -> tuple[np.ndarray, ...]:
    """Return arrays of texts, the same ones for all fold models of an ensemble."""
    return tuple(np.asarray(texts, dtype=np.str_) for texts in json.loads(text))
