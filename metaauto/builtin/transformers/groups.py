"""Statistics of the rows of a category, or of a pair of categories, as features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metaauto.builtin.transformers.target import smoothed_means

__all__ = ["Group", "group_candidates"]

_MAX_LEVELS, _MAX_GROUPS = 254, 50
_MAX_CELLS = 20_000
_MAX_CATEGORIES, _MAX_NUMBERS, _MAX_PAIRS = 8, 8, 12
_MIN_ROWS_PER_LEVEL = 3
_QUANTILES = np.linspace(0.0, 1.0, 17)


@dataclass
class Group:
    """A feature computed from the code of a category, or of a pair, and perhaps a number.

    Parameters
    ----------
    statistic : {'count', 'target', 'mean', 'difference', 'rank'}
        Statistic.
    first, second : int
        Category columns; the second is -1 without a pair.
    number : int
        Numeric column; -1 if none is used.
    table : ndarray of shape (codes,), or (codes, 17) for ranks
        Value, or quantiles of the number, by code.
    output : int
        Column of a mean target; -1 if the target has one column.
    width : int
        Number of codes of the second category.
    """

    statistic: str
    first: int
    second: int
    number: int
    table: np.ndarray
    output: int = -1
    width: int = 1

    def values(self, matrix: np.ndarray, codes: Sequence[np.ndarray]) -> np.ndarray:
        """Return the feature of rows, given their numbers and category codes."""
        code = self.code(codes)
        if self.statistic == "difference":
            return matrix[:, self.number] - self.table[code]
        if self.statistic == "rank":
            return _ranks_within(matrix[:, self.number], code, self.table)
        return self.table[code]

    def code(self, codes: Sequence[np.ndarray]) -> np.ndarray:
        """Return the code of the category, or of the pair, in each row."""
        if self.second < 0:
            return codes[self.first]
        return codes[self.first] * self.width + codes[self.second]

    def cross_fitted(
        self, codes: Sequence[np.ndarray], targets: np.ndarray, smoothing: float, parts: np.ndarray
    ) -> np.ndarray:
        """Return a mean target of training rows, computed without the part of each row."""
        code, target = self.code(codes), targets[:, [max(self.output, 0)]]
        found = np.empty(len(code))
        for part in np.unique(parts):
            inside, outside = parts == part, parts != part
            means = smoothed_means(code[outside], len(self.table), target[outside], smoothing)
            found[inside] = means[code[inside], 0]
        return found

    def name(self, numbers: Sequence[str], categories: Sequence[str]) -> str:
        """Return a readable name, given those of the columns."""
        group = categories[self.first]
        if self.second >= 0:
            group = f"{group} & {categories[self.second]}"
        number = numbers[self.number] if self.number >= 0 else ""
        words = {
            "count": f"count({group})",
            "target": f"mean target{'' if self.output < 0 else f' {self.output}'} by {group}",
            "mean": f"mean({number}) by {group}",
            "difference": f"{number} - mean({number}) by {group}",
            "rank": f"rank({number}) by {group}",
        }
        return words[self.statistic]


def group_candidates(
    matrix: np.ndarray,
    codes: Sequence[np.ndarray],
    sizes: Sequence[int],
    targets: np.ndarray,
    numbers: np.ndarray,
    smoothing: float,
    random: np.random.Generator,
) -> list[Group]:
    """Return the candidates of training rows.

    Parameters
    ----------
    matrix : ndarray of shape (rows, numbers)
        Numeric columns.
    codes : sequence of ndarray
        Codes of each category column.
    sizes : sequence of int
        Number of codes of each category column.
    targets : ndarray of shape (rows, outputs)
        Target columns.
    numbers : ndarray of int
        Numeric columns, the most useful first.
    smoothing : float
        Weight of the overall mean of the target, in rows.
    random : numpy.random.Generator
        For the choice of pairs.
    """
    found: list[Group] = []
    fitting = [c for c, size in enumerate(sizes) if size <= _MAX_LEVELS][:_MAX_CATEGORIES]
    for category in fitting:
        code, size = codes[category], sizes[category]
        counts = np.bincount(code, minlength=size).astype(np.float64)
        found.append(Group("count", category, -1, -1, counts))
        if size > _MAX_GROUPS or size * _MIN_ROWS_PER_LEVEL > len(code):
            continue
        for number in numbers[:_MAX_NUMBERS]:
            column = matrix[:, number]
            means, quantiles = _statistics(column, code, size)
            for statistic, table in (
                ("mean", means),
                ("difference", means),
                ("rank", quantiles),
            ):
                found.append(Group(statistic, category, -1, int(number), table))
    pairs = [(i, j) for k, i in enumerate(fitting) for j in fitting[k + 1 :]]
    pairs = [(i, j) for i, j in pairs if sizes[i] * sizes[j] <= _MAX_CELLS]
    some = np.sort(random.permutation(len(pairs))[:_MAX_PAIRS])
    for first, second in (pairs[place] for place in some):
        width, cells = sizes[second], sizes[first] * sizes[second]
        code = codes[first] * width + codes[second]
        counts = np.bincount(code, minlength=cells).astype(np.float64)
        found.append(Group("count", first, second, -1, counts, width=width))
        means = smoothed_means(code, cells, targets, smoothing).T
        for output, table in enumerate(means):
            place = output if len(means) > 1 else -1
            found.append(Group("target", first, second, -1, table, place, width))
    return found


def _statistics(column: np.ndarray, code: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and quantiles of a number by code; those of all rows for a code without rows."""
    known = ~np.isnan(column)
    everything = column[known] if known.any() else np.zeros(1)
    means = np.full(size, everything.mean())
    quantiles = np.tile(np.quantile(everything, _QUANTILES), (size, 1))
    order = np.argsort(code, kind="stable")
    bounds = np.searchsorted(code[order], np.arange(size + 1))
    for level in np.flatnonzero(np.diff(bounds)):
        inside = column[order[bounds[level] : bounds[level + 1]]]
        inside = inside[~np.isnan(inside)]
        if len(inside):
            means[level] = inside.mean()
            quantiles[level] = np.quantile(inside, _QUANTILES)
    return means, quantiles


def _ranks_within(values: np.ndarray, code: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    """Return the rank of each value among the rows of its code, from 0 to 1; NaN is kept."""
    found = np.full(len(values), np.nan)
    for level in np.unique(code):
        mine = (code == level) & ~np.isnan(values)
        found[mine] = np.interp(values[mine], quantiles[level], _QUANTILES)
    return found
