"""Numeric features from one text column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse as sp
from sklearn.base import BaseEstimator, TransformerMixin

from metaauto.api import DataError

__all__ = ["TextComponents", "TextTerms"]

_LEARN_ROWS = 20_000
_MAX_CHARACTERS = 10_000
_SVD_ROWS = 10_000
_BLOCK_ROWS = 1_000
_WORD = r"(?u)\b\w{1,40}\b"
_STATISTICS = ("length", "words", "word_length", "digits", "capitals", "marks")


class TextTerms(TransformerMixin, BaseEstimator):
    """Compute TF-IDF weights of words or character n-grams, with logarithmic term counts.

    Only the first 10,000 characters of a text are used. The vocabulary is learned on at most 20,000
    rows; if no text contains a term, the output is one column of zeros.

    Parameters
    ----------
    terms : {'words', 'word_pairs', 'characters'}
        Words; words and bigrams of words; character 2-grams and 3-grams within words.
    max_features : int
        Maximum size of the vocabulary, the most frequent terms.
    seed : int
        Seed of the row sample.
    """

    def __init__(self, terms: str = "words", max_features: int = 20_000, seed: int = 0) -> None:
        self.terms = terms
        self.max_features = max_features
        self.seed = seed

    def fit(self, X: Any, y: Any = None) -> TextTerms:
        """Learn the vocabulary from a one-dimensional array of str."""
        self._learn(X)
        return self

    def fit_transform(self, X: Any, y: Any = None, **params: Any) -> sp.csr_matrix:
        """Learn the vocabulary and return the weights; tokenise once if all rows are used."""
        counts = self._learn(X)
        if counts is not None and counts.shape[0] == len(X):
            return self._tfidf(counts)
        return self.transform(X)

    def _learn(self, X: Any) -> Any:
        """Learn the vocabulary; return the term counts of the sampled rows, or None."""
        texts = _as_texts(X)
        self.name_ = _column_name(X)
        rows = _sample(len(texts), _LEARN_ROWS, self.seed)
        counter = self._counter(min_df=2 if len(rows) >= 100 else 1)
        try:
            counts = counter.fit_transform(texts[rows])
        except ValueError:  # raised by scikit-learn if no text contains a term
            self.vocabulary_ = ""
            self.weights_ = np.ones(1)
            return None
        # One string, because serialising 20,000 strings takes seconds.
        self.vocabulary_ = "\n".join(counter.get_feature_names_out())
        present = np.bincount(counts.indices, minlength=counts.shape[1])
        self.weights_ = np.log((1.0 + len(rows)) / (1.0 + present)) + 1.0
        return counts

    def transform(self, X: Any) -> sp.csr_matrix:
        """Return the TF-IDF weights of an array of str, as CSR of shape (rows, terms)."""
        texts = _as_texts(X)
        if not self.vocabulary_:
            return sp.csr_matrix((len(texts), 1))
        return self._tfidf(self._loaded_counter().transform(texts))

    def _tfidf(self, counts: Any) -> sp.csr_matrix:
        from sklearn.preprocessing import normalize

        counts = sp.csr_matrix(counts, dtype=np.float64)
        counts.data = (np.log(counts.data) + 1.0) * self.weights_[counts.indices]
        return normalize(counts, copy=False)

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> np.ndarray:
        """Return the names of the output columns, ``column:term``."""
        name = self.name_ if input_features is None else str(input_features[0])
        return np.asarray([f"{name}:{t}" for t in self.vocabulary_.split("\n")], dtype=object)

    def _loaded_counter(self) -> Any:
        if not hasattr(self, "_loaded"):
            terms = self.vocabulary_.split("\n")
            self._loaded = self._counter(vocabulary={t: i for i, t in enumerate(terms)})
        return self._loaded

    def _counter(self, **options: Any) -> Any:
        from sklearn.feature_extraction.text import CountVectorizer

        if self.terms == "characters":
            options |= {"analyzer": "char_wb", "ngram_range": (2, 3)}
        else:
            pairs = (1, 2) if self.terms == "word_pairs" else (1, 1)
            options |= {"token_pattern": _WORD, "ngram_range": pairs}
        return CountVectorizer(max_features=self.max_features, **options)

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in super().__getstate__().items() if k != "_loaded"}


class TextComponents(TransformerMixin, BaseEstimator):
    """Compute latent semantic components of the TF-IDF weights, and text statistics.

    Components come from a truncated singular value decomposition fitted on at most 10,000 rows
    and are divided by the standard deviation of the largest one. Statistics (length, words, mean
    word length, shares of digits, capitals and punctuation of Latin-1) are standardised.

    Parameters
    ----------
    n_components : int
        Maximum number of components; limited by the number of terms and rows.
    terms, max_features, seed
        As in `TextTerms`.
    statistics : bool
        Append the statistics.

    References
    ----------
    S. Deerwester et al. Indexing by latent semantic analysis. JASIS 41(6), 1990.
    """

    def __init__(
        self,
        n_components: int = 64,
        terms: str = "words",
        max_features: int = 20_000,
        statistics: bool = True,
        seed: int = 0,
    ) -> None:
        self.n_components = n_components
        self.terms = terms
        self.max_features = max_features
        self.statistics = statistics
        self.seed = seed

    def fit(self, X: Any, y: Any = None) -> TextComponents:
        """Learn vocabulary and components from a one-dimensional array of str."""
        self.fit_transform(X)
        return self

    def fit_transform(self, X: Any, y: Any = None, **params: Any) -> np.ndarray:
        """Fit on a one-dimensional array of str and return its float64 features."""
        texts = _as_texts(X)
        self.name_ = _column_name(X)
        self.terms_ = TextTerms(self.terms, self.max_features, self.seed)
        weights = self.terms_.fit_transform(texts)
        self.components_ = self._learn_components(weights)
        scores = weights @ self.components_
        self.scale_ = float(np.sqrt(max(scores.var(axis=0).max(initial=0.0), 1e-12)))
        statistics = _statistics(texts)
        self.centers_ = statistics.mean(axis=0)
        deviations = statistics.std(axis=0)
        self.deviations_ = np.where(deviations > 1e-9, deviations, 1.0)
        return self._join(scores, statistics)

    def transform(self, X: Any) -> np.ndarray:
        """Convert a one-dimensional array of str to float64 features."""
        texts = _as_texts(X)
        scores = self.terms_.transform(texts) @ self.components_
        return self._join(scores, _statistics(texts) if self.statistics else None)

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> np.ndarray:
        """Return the names of the output columns."""
        name = self.name_ if input_features is None else str(input_features[0])
        names = [f"{name}_component_{i}" for i in range(self.components_.shape[1])]
        if self.statistics:
            names += [f"{name}_{statistic}" for statistic in _STATISTICS]
        return np.asarray(names, dtype=object)

    def _learn_components(self, weights: sp.csr_matrix) -> np.ndarray:
        from sklearn.utils.extmath import randomized_svd

        weights = weights[_sample(weights.shape[0], _SVD_ROWS, self.seed)]
        n_components = min(self.n_components, *weights.shape)
        if n_components == min(weights.shape):  # small enough for the exact decomposition
            directions = np.linalg.svd(weights.toarray(), full_matrices=False)[2]
        else:
            directions = randomized_svd(
                weights, n_components, n_iter=3, random_state=np.random.RandomState(self.seed)
            )[2]
        # The sign of a component is arbitrary; its largest weight is made positive.
        largest = np.argmax(np.abs(directions), axis=1)
        signs = np.sign(directions[np.arange(len(directions)), largest])
        return (directions * np.where(signs == 0, 1.0, signs)[:, None]).T.astype(np.float32)

    def _join(self, scores: np.ndarray, statistics: np.ndarray | None) -> np.ndarray:
        scores = np.asarray(scores, dtype=np.float64) / self.scale_
        if not self.statistics or statistics is None:
            return scores
        return np.hstack([scores, (statistics - self.centers_) / self.deviations_])


def _as_texts(X: Any) -> np.ndarray:
    values = np.asarray(X, dtype=object)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise DataError(
            f"Expected a single text column, got an array of shape {values.shape}.",
            hint="Select a single column by its name.",
        )
    missing = pd.isna(values)
    texts = ["" if m else str(t)[:_MAX_CHARACTERS] for t, m in zip(values, missing, strict=True)]
    return np.asarray(texts, dtype=object)


def _column_name(X: Any) -> str:
    name = getattr(X, "name", None)
    if name is None and isinstance(X, pd.DataFrame):
        name = X.columns[0]
    return "text" if name is None else str(name)


def _sample(n_rows: int, most: int, seed: int) -> np.ndarray:
    if n_rows <= most:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng(seed).choice(n_rows, most, replace=False))


def _statistics(texts: np.ndarray) -> np.ndarray:
    parts = [_count(texts[i : i + _BLOCK_ROWS]) for i in range(0, len(texts), _BLOCK_ROWS)]
    length, space, digits, capitals, marks = np.vstack(parts).T
    words = np.where(length > 0, space + 1.0, 0.0)
    shares = [n / np.maximum(length, 1.0) for n in (digits, capitals, marks)]
    columns = [np.log1p(length), np.log1p(words), length / (words + 1.0), *shares]
    return np.stack(columns, axis=1)


def _count(texts: np.ndarray) -> np.ndarray:
    """Return the number of characters per text, in total and by type (Latin-1)."""
    encoded = [text.encode("latin-1", "ignore") for text in texts]
    kinds = _KINDS[np.frombuffer(b"".join(encoded), dtype=np.uint8)]
    running = np.vstack([np.zeros((1, kinds.shape[1])), np.cumsum(kinds, axis=0)])
    ends = np.cumsum([0, *map(len, encoded)])
    return np.column_stack([[len(text) for text in texts], np.diff(running[ends], axis=0)])


_CHARACTERS = [chr(i) for i in range(256)]
_KINDS = np.array(
    [
        (c.isspace(), c.isdigit(), c.isupper(), not (c.isalnum() or c.isspace()))
        for c in _CHARACTERS
    ],
    dtype=np.float64,
)
