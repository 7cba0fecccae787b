"""Error analysis: find subgroups of rows with large errors, by the value of one column."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from metaauto.analysis.dependence import boolean_names
from metaauto.task import Column, Role, Task

__all__ = ["row_errors", "worst_slices"]

_LEAST_ROWS = 30
_LEAST_SHARE = 0.01
_VALUES = 15
_PARTS = 4
_ERROR_RATE = 0.05


def row_errors(
    task: Task, y: np.ndarray, prediction: np.ndarray, labels: np.ndarray | None
) -> np.ndarray:
    """Return the error of each row: 1 or 0 for a wrong or correct label, or the absolute error."""
    if task.is_classification:
        return np.asarray(labels != y, dtype=np.float64)
    return np.abs(y - np.asarray(prediction, dtype=np.float64))


def worst_slices(
    task: Task, typed: pd.DataFrame, errors: np.ndarray, count: int = 10
) -> dict[str, Any]:
    """Return the subgroups with a mean error significantly above that of the other rows.

    Parameters
    ----------
    task : Task
        Task of the model, for its columns.
    typed : pandas.DataFrame of shape (rows, columns)
        Rows as the model's schema encodes them.
    errors : ndarray of shape (rows,)
        From `row_errors`.
    count : int
        Maximum number of subgroups.

    Returns
    -------
    dict
        ``overall`` error, number of subgroups ``compared``, and ``groups``, the worst first:
        ``column``, ``value``, ``rows``, ``error``.

    Notes
    -----
    Subgroups have at least 30 rows and 1 % of all rows. The threshold is corrected for the number
    of comparisons (Bonferroni) to a family-wise error rate of 5 %.
    """
    overall = float(errors.mean()) if len(errors) else float("nan")
    least = max(_LEAST_ROWS, int(_LEAST_SHARE * len(errors)))
    spread = float(errors.std()) if len(errors) else 0.0
    found: list[tuple[float, dict[str, Any]]] = []
    compared = 0
    for column in task.features:
        for value, rows in _groups(typed[column.name], column):
            size = int(rows.sum())
            if size < least or size > len(errors) - least:
                continue
            compared += 1
            inside, outside = errors[rows], errors[~rows]
            gap = float(inside.mean() - outside.mean())
            noise = np.sqrt(
                max(inside.var(), 1e-3 * spread**2) / size + outside.var() / len(outside)
            )
            if noise > 0 and gap > 0:
                group = {
                    "column": column.name,
                    "value": value,
                    "rows": size,
                    "error": float(inside.mean()),
                }
                found.append((gap / noise, group))
    least_gap = NormalDist().inv_cdf(1.0 - _ERROR_RATE / max(compared, 1))
    clear = [group for gap, group in found if gap > least_gap]
    clear.sort(key=lambda group: -group["error"])
    return {"overall": overall, "compared": compared, "groups": clear[:count]}


def _groups(cells: pd.Series, column: Column) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name and the row mask of each subgroup."""
    absent = cells.isna().to_numpy()
    if absent.any():
        yield "missing", absent
    if column.role is Role.TEXT:
        return
    if column.role is Role.CATEGORICAL:
        codes = cells.cat.codes.to_numpy()
        counts = np.bincount(codes[codes >= 0], minlength=len(cells.cat.categories))
        for code in np.argsort(-counts, kind="stable")[:_VALUES]:
            yield str(cells.cat.categories[code]), codes == code
        return
    if column.role is Role.BOOLEAN:
        for value, name in enumerate(boolean_names(column)):
            yield name, (cells == value).to_numpy()
        return
    present = cells[~absent]
    values = np.sort(present.unique())
    if len(values) <= _PARTS:
        for value in values:
            yield _text(value), (cells == value).to_numpy()
        return
    ordered = np.sort(present.to_numpy())
    cuts = np.unique(ordered[np.linspace(0, len(ordered) - 1, _PARTS + 1).astype(np.int64)])
    for place, (low, high) in enumerate(pairwise(cuts)):
        last = place == len(cuts) - 2
        above = cells >= low
        rows = (above & ((cells <= high) if last else (cells < high))).to_numpy()
        yield f"{_text(low)} to {_text(high)}", rows


def _text(value: Any) -> str:
    if isinstance(value, np.datetime64):
        return str(value)[:10]
    if not isinstance(value, (float, np.floating)):
        return str(value)
    return f"{value:,.0f}" if 1e4 <= abs(float(value)) < 1e12 else f"{value:.4g}"
