"""Transformers based on skrub's encoders that fulfil the contract of a preprocessor."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import skrub
from sklearn.base import BaseEstimator, TransformerMixin


class DirtyCategories(TransformerMixin, BaseEstimator):
    """Encode high-cardinality columns by string similarity, other columns one-hot.

    The encoding of every known category is computed once, in `fit`, and stored as one small table
    per column. Missing and unseen categories are zeros.

    Parameters
    ----------
    encoder : {'minhash', 'gap', 'string'}
        skrub's encoder of high-cardinality columns.
    n_components : int
        Maximum number of output columns per encoded column.
    few : int
        Columns with at most this many categories are one-hot encoded.
    random_state : int
        Random seed.

    References
    ----------
    Cerda and Varoquaux, "Encoding high-cardinality string categorical variables", IEEE TKDE 2022,
    `doi:10.1109/TKDE.2020.2992529 <https://doi.org/10.1109/TKDE.2020.2992529>`_.
    """

    def __init__(
        self,
        encoder: str = "minhash",
        n_components: int = 16,
        few: int = 20,
        random_state: int = 0,
    ) -> None:
        self.encoder = encoder
        self.n_components = n_components
        self.few = few
        self.random_state = random_state

    def fit(self, X: pd.DataFrame, y: Any = None) -> DirtyCategories:
        """Compute the encoding table of each column."""
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        self.categories_, self.tables_ = [], []
        for name in X.columns:
            column = X[name].astype("category")
            known = [str(category) for category in column.cat.categories]
            rows = column.dropna().astype(str)
            self.categories_.append(known)
            self.tables_.append(self._table(known, rows if len(rows) else pd.Series(known)))
        return self

    def _table(self, known: list[str], rows: pd.Series) -> np.ndarray:
        if len(known) <= self.few:
            return np.eye(len(known))
        size = max(1, min(self.n_components, rows.nunique() - 1))
        if self.encoder == "minhash":
            encoder = skrub.MinHashEncoder(n_components=size)
        elif self.encoder == "gap":
            encoder = skrub.GapEncoder(n_components=size, random_state=self.random_state)
        else:
            encoder = skrub.StringEncoder(n_components=size, random_state=self.random_state)
        _fit(encoder, rows.rename("category").reset_index(drop=True).astype(object))
        return _encode(encoder, pd.Series(known, name="category", dtype=object))

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """Encode categories by table lookup, with shape (rows, components)."""
        blocks = []
        for name, known, table in zip(
            self.feature_names_in_, self.categories_, self.tables_, strict=True
        ):
            codes = pd.Categorical(X[name].astype(object), categories=known).codes
            blocks.append(np.vstack([table, np.zeros((1, table.shape[1]))])[codes])
        return np.hstack(blocks)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return ``column=category`` for one-hot columns, else ``column_0``, ``column_1``, ..."""
        names = []
        for column, known, table in zip(
            self.feature_names_in_, self.categories_, self.tables_, strict=True
        ):
            few = len(known) <= self.few
            parts = [f"={c}" for c in known] if few else [f"_{i}" for i in range(table.shape[1])]
            names += [f"{column}{part}" for part in parts]
        return np.asarray(names, dtype=object)


class CalendarParts(TransformerMixin, BaseEstimator):
    """Extract year, month, day, weekday and time of date columns, optionally as cyclical features.

    Parameters
    ----------
    resolution : {'day', 'hour', 'minute'}
        Finest part.
    periodic : {'none', 'circular'}
        Encoding of periodic parts.
    """

    def __init__(self, resolution: str = "hour", periodic: str = "circular") -> None:
        self.resolution = resolution
        self.periodic = periodic

    def fit(self, X: pd.DataFrame, y: Any = None) -> CalendarParts:
        """Learn the varying parts of each column."""
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        self.encoders_ = [self._encoder().fit(X[name]) for name in X.columns]
        return self

    def _encoder(self) -> Any:
        return skrub.DatetimeEncoder(
            resolution=self.resolution,
            add_weekday=True,
            periodic_encoding=None if self.periodic == "none" else self.periodic,
        )

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """Return a matrix of shape (rows, parts); NaN for missing dates."""
        pairs = zip(self.feature_names_in_, self.encoders_, strict=True)
        return np.hstack(
            [np.asarray(encoder.transform(X[name]), dtype=np.float64) for name, encoder in pairs]
        )

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return ``column_year``, ``column_month`` and so on."""
        names = [name for encoder in self.encoders_ for name in encoder.get_feature_names_out()]
        return np.asarray(names, dtype=object)


class TextEncoder(TransformerMixin, BaseEstimator):
    """Encode texts by the main components of character n-grams, robust to typing errors.

    Parameters
    ----------
    n_components : int
        Maximum number of output columns.
    random_state : int
        Random seed.
    """

    def __init__(self, n_components: int = 30, random_state: int = 0) -> None:
        self.n_components = n_components
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> TextEncoder:
        """Learn the n-grams and their components from an array of str."""
        texts = _texts(X)
        self.encoder_ = None
        if texts.str.strip().nunique() > 1:
            size = min(self.n_components, texts.nunique() - 1)
            encoder = skrub.StringEncoder(n_components=size, random_state=self.random_state)
            self.encoder_ = _fit(encoder, texts)
        self.n_features_out_ = self.transform(texts[:1]).shape[1]
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return a matrix of shape (rows, components)."""
        texts = _texts(X)
        if self.encoder_ is None:
            return np.zeros((len(texts), 1))
        return _encode(self.encoder_, texts)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return ``text_0``, ``text_1`` and so on."""
        name = "text" if input_features is None else next(iter(input_features))
        return np.asarray([f"{name}_{i}" for i in range(self.n_features_out_)], dtype=object)


def _fit(encoder: Any, texts: pd.Series) -> Any:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # The encoder warns if a column has fewer n-grams than requested components.
        warnings.simplefilter("ignore")
        encoder.fit(texts)
    return encoder


def _encode(encoder: Any, texts: pd.Series) -> np.ndarray:
    with np.errstate(all="ignore"):  # the encoder divides by a variance that may be zero
        encoded = np.asarray(encoder.transform(texts), dtype=np.float64)
    return np.where(np.isfinite(encoded), encoded, 0.0)


def _texts(X: Any) -> pd.Series:
    return pd.Series(np.asarray(X, dtype=object).ravel(), name="text", dtype=object)
