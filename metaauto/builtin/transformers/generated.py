"""Generated features: arithmetic of numbers, statistics of groups, crosses of categories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from metaauto.builtin.transformers.categories import CodedColumns
from metaauto.builtin.transformers.columns import LARGEST, ColumnTransform, as_matrix
from metaauto.builtin.transformers.groups import Group, group_candidates
from metaauto.builtin.transformers.target import fold_numbers, target_matrix

__all__ = ["FeatureGenerator", "MixedColumns"]

_OPERATIONS = ("*", "/", "+", "-")
_SAMPLE_ROWS = 3_000
_MAX_COLUMNS = 32
_MAX_CANDIDATES = 1_200
_MAX_CLASSES = 10
_FOLDS = 5
# Standard errors of a correlation that chance does not exceed in a thousand candidates.
_CHANCE = 4.0
_REDUNDANT = 0.98


class MixedColumns:
    """The numeric columns of a frame as a matrix, and the codes of its category columns.

    Parameters
    ----------
    frame : DataFrame
        Numeric and category columns.
    """

    ndim = 2

    def __init__(self, frame: pd.DataFrame) -> None:
        is_category = np.array([isinstance(t, pd.CategoricalDtype) for t in frame.dtypes], bool)
        self.shape = frame.shape
        self.numeric, self.categorical = np.flatnonzero(~is_category), np.flatnonzero(is_category)
        self.matrix = as_matrix(frame.iloc[:, self.numeric])
        self.coded = CodedColumns(frame.iloc[:, self.categorical])

    def __len__(self) -> int:
        return self.shape[0]


class FeatureGenerator(ColumnTransform):
    """Generate numeric features from numeric and category columns.

    - ``arithmetic``: products, ratios, sums and differences of pairs of numeric columns, of those
      that are most correlated with the target.
    - ``groups``: number of rows of a category or of a pair of categories, mean target of a pair
      (cross-fitted, as in `TargetEncoder`); mean of a number within a category, and the difference
      and the rank of a number within its category.

    A candidate is kept if its rank correlation with the target is beyond chance and if it is not
    redundant to one that is kept; those with the largest gain over their own columns come first.
    Correlations are computed on at most 3,000 training rows.

    Parameters
    ----------
    arithmetic, groups : bool
        The families to generate.
    n_features : int
        Maximum number of features.
    smoothing : float
        Weight of the overall mean in the mean target of a pair, in rows.
    kind : {'binary', 'multiclass', 'regression'}
        Kind of task; in classification the largest correlation with a class counts.
    seed : int
        Seed of the samples and of the folds.

    References
    ----------
    Horn, Pack and Rieger, "The autofeat Python Library for Automated Feature Engineering and
    Selection", ECML PKDD 2019 workshops, doi:10.1007/978-3-030-43823-4_10: generation and selection
    by correlation.
    """

    takes_array = False

    def __init__(
        self,
        arithmetic: bool = True,
        groups: bool = True,
        n_features: int = 24,
        smoothing: float = 10.0,
        kind: str = "regression",
        seed: int = 0,
    ) -> None:
        self.arithmetic = arithmetic
        self.groups = groups
        self.n_features = n_features
        self.smoothing = smoothing
        self.kind = kind
        self.seed = seed

    @staticmethod
    def prepare_columns(frame: pd.DataFrame) -> MixedColumns:
        """Return what `transform` computes of a frame before it uses what it has learned."""
        return MixedColumns(frame)

    def fit(self, X: Any, y: Any) -> FeatureGenerator:
        """Choose the features from a frame of numeric and category columns."""
        self.fit_transform(X, y)
        return self

    def fit_transform(self, X: Any, y: Any = None, **params: Any) -> np.ndarray:
        """Choose the features; the mean target of a pair is cross-fitted, unlike in `transform`."""
        frame = _as_frame(X)
        self._set_columns(frame)
        columns = MixedColumns(frame)
        self.numeric_, self.categorical_ = columns.numeric, columns.categorical
        self.categories_ = columns.coded.names
        codes = self._codes_of(columns)
        random = np.random.default_rng(self.seed)
        y = np.asarray(y)
        rows = np.arange(len(columns))
        if len(rows) > _SAMPLE_ROWS:
            rows = np.sort(random.choice(rows, _SAMPLE_ROWS, replace=False))
        target = _target_columns(y[rows], self.kind)
        ranks = _ranks(columns.matrix[rows])
        single = _correlations(ranks, target)
        left, right, operation = self._pairs(single, random)
        groups: list[Group] = []
        means, parts = np.zeros((len(y), 0)), np.zeros(0)
        if self.groups and codes:
            means = target_matrix(y, self.kind, _MAX_CLASSES)[0]
            sizes = [len(names) + 1 for names in self.categories_]
            order = np.argsort(-single)
            groups = group_candidates(
                columns.matrix, codes, sizes, means, order, self.smoothing, random
            )
            parts = fold_numbers(len(columns), _FOLDS, random)

        def values_of(group: Group, rows: Any = slice(None)) -> np.ndarray:
            if group.statistic == "target":
                return group.cross_fitted(codes, means, self.smoothing, parts)[rows]
            return group.values(columns.matrix[rows], [code[rows] for code in codes])

        # Of the candidates, only the sample is computed: there may be hundreds.
        pairs = _computed(columns.matrix[rows], left, right, operation)
        candidates = _ranks(np.column_stack([pairs, *(values_of(g, rows) for g in groups)]))
        parents = np.maximum(single[left], single[right]) if len(left) else np.zeros(0)
        own = [single[g.number] if g.number >= 0 else 0.0 for g in groups]
        kept = self._chosen(candidates, target, np.concatenate([parents, own]))
        some = kept[kept < len(left)]
        self.left_, self.right_, self.operation_ = left[some], right[some], operation[some]
        chosen = [groups[place] for place in kept[kept >= len(left)] - len(left)]
        # As dicts, since a model file may hold them without a further trusted type.
        self.groups_ = [vars(group) for group in chosen]
        arithmetic = _computed(columns.matrix, self.left_, self.right_, self.operation_)
        found = np.column_stack([arithmetic, *map(values_of, chosen)])
        return np.clip(found, -LARGEST, LARGEST)

    def transform(self, X: Any) -> np.ndarray:
        """Compute the chosen features as float64; NaN where a part is missing, or by zero."""
        columns = X if isinstance(X, MixedColumns) else MixedColumns(_as_frame(X))
        self._check(columns)
        found = _computed(columns.matrix, self.left_, self.right_, self.operation_)
        if self.groups_:
            codes = self._codes_of(columns)
            more = [Group(**group).values(columns.matrix, codes) for group in self.groups_]
            found = np.hstack([found, np.column_stack(more)])
        return np.clip(found, -LARGEST, LARGEST)

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> np.ndarray:
        """Return readable names, such as ``"price / area"`` and ``"mean(price) by city"``."""
        names = np.asarray(self._names(input_features), dtype=object)
        numbers, categories = list(names[self.numeric_]), list(names[self.categorical_])
        found = [
            f"{numbers[i]} {_OPERATIONS[operation]} {numbers[j]}"
            for i, j, operation in zip(self.left_, self.right_, self.operation_, strict=True)
        ]
        found += [Group(**group).name(numbers, categories) for group in self.groups_]
        return np.asarray(found, dtype=object)

    def _codes_of(self, columns: MixedColumns) -> list[np.ndarray]:
        return columns.coded.codes_in(self.categories_)

    def _pairs(
        self, single: np.ndarray, random: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return left and right column and operation of each candidate of arithmetic."""
        columns = np.argsort(-single, kind="stable")[: _MAX_COLUMNS if self.arithmetic else 0]
        first, second = np.triu_indices(len(columns), 1)
        first, second = columns[first], columns[second]
        # Both ratios of a pair; the other operations do not depend on the order.
        left = np.concatenate([first, first, second, first, first])
        right = np.concatenate([second, second, first, second, second])
        operation = np.repeat(np.array([0, 1, 1, 2, 3]), len(first))
        if len(left) > _MAX_CANDIDATES:
            some = np.sort(random.choice(len(left), _MAX_CANDIDATES, replace=False))
            left, right, operation = left[some], right[some], operation[some]
        return left, right, operation

    def _chosen(self, ranks: np.ndarray, target: np.ndarray, own: np.ndarray) -> np.ndarray:
        """Return the candidates to keep, given the correlation of the columns of each."""
        scores = _correlations(ranks, target)
        order = np.argsort(own - scores, kind="stable")
        useful = scores > _CHANCE / np.sqrt(max(len(ranks), 1))
        return np.sort(_distinct(ranks, order[useful[order]], self.n_features))


def _as_frame(X: Any) -> pd.DataFrame:
    return X if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X))


def _target_columns(y: np.ndarray, kind: str) -> np.ndarray:
    """Return what features are compared with: ranks of the values, or one column per class."""
    if kind == "regression":
        return _ranks(np.asarray(y, dtype=np.float64)[:, None])
    return _standardised(target_matrix(y, kind, _MAX_CLASSES)[0])


def _computed(
    matrix: np.ndarray, left: np.ndarray, right: np.ndarray, operation: np.ndarray
) -> np.ndarray:
    """Return the results of operations on pairs of columns."""
    found = np.empty((len(matrix), len(operation)))
    a, b = matrix[:, left], matrix[:, right]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for code, compute in enumerate((np.multiply, np.divide, np.add, np.subtract)):
            mine = operation == code
            found[:, mine] = compute(a[:, mine], b[:, mine])
    found[np.isinf(found) & (b == 0.0)] = np.nan
    return np.clip(found, -LARGEST, LARGEST)


def _ranks(matrix: np.ndarray) -> np.ndarray:
    """Return standardised ranks; a missing value has the mean rank."""
    if not matrix.size:
        return np.zeros(matrix.shape)
    # pandas is imported already; scipy.stats takes a second of a worker.
    return _standardised(pd.DataFrame(matrix).rank().to_numpy())


def _standardised(matrix: np.ndarray) -> np.ndarray:
    known = ~np.isnan(matrix)
    counts = np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, matrix - np.where(known, matrix, 0.0).sum(axis=0) / counts, 0.0)
    scale = np.sqrt((centred**2).mean(axis=0))
    return centred / np.where(scale > 1e-12, scale, np.inf)


def _correlations(ranks: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the largest absolute correlation of each column with a column of the target."""
    if not target.shape[1]:
        return np.zeros(ranks.shape[1])
    return np.abs(ranks.T @ target).max(axis=1) / max(len(ranks), 1)


def _distinct(ranks: np.ndarray, order: np.ndarray, count: int) -> np.ndarray:
    """Return the first columns in an order that are not redundant to earlier ones."""
    kept: list[int] = []
    for column in order:
        if len(kept) == count:
            break
        others = ranks[:, kept]
        redundant = np.abs(others.T @ ranks[:, column]) / max(len(ranks), 1)
        if not (redundant > _REDUNDANT).any():
            kept.append(int(column))
    return np.asarray(kept, dtype=np.int64)
