"""Preprocessing of fold models as nodes of a graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from metaauto.model.onnx.columns import LARGEST, InputColumns
from metaauto.model.onnx.dates import date_parts
from metaauto.model.onnx.graph import Graph, NotConvertible
from metaauto.model.onnx.interpolation import interpolated, normal_quantile
from metaauto.task import Role

__all__ = ["prepared_rows"]


def prepared_rows(columns: InputColumns, steps: list[Any]) -> str:
    """Add the steps before the model; return the name of float64 rows.

    Parameters
    ----------
    columns : InputColumns
        The columns of the table.
    steps : list of transformer
        Fitted steps of a pipeline, the first one a ColumnTransformer.

    Raises
    ------
    NotConvertible
        A step has no equivalent in ONNX.
    """
    from sklearn.compose import ColumnTransformer

    if not steps or type(steps[0]) is not ColumnTransformer:
        raise NotConvertible("it has no preprocessing of columns")
    parts = []
    for _, branch, chosen in steps[0].transformers_:
        if (isinstance(branch, str) and branch == "drop") or np.size(chosen) == 0:
            continue
        positions = np.atleast_1d(np.arange(len(columns.columns))[chosen])
        parts.append(_branch(columns, branch, positions))
    rows = columns.graph.joined(parts)
    for step in steps[1:]:
        rows = _applied(columns.graph, step, rows)
    return rows


def _branch(columns: InputColumns, branch: Any, positions: np.ndarray) -> str:
    from sklearn.pipeline import Pipeline

    steps = [step for _, step in branch.steps] if type(branch) is Pipeline else [branch]
    first = type(steps[0]).__name__
    roles = {columns.columns[place].role for place in positions}
    if roles <= {Role.NUMERIC, Role.BOOLEAN} and first in (*_NUMERIC, "str"):
        rows = columns.numbers(positions)
    elif first in _COLUMNS:
        rows, steps = _COLUMNS[first](columns, steps[0], positions), steps[1:]
    else:
        raise _unknown(steps[0])
    for step in steps:
        rows = _applied(columns.graph, step, rows)
    return rows


def _applied(graph: Graph, step: Any, rows: str) -> str:
    if step is None or (isinstance(step, str) and step == "passthrough"):
        return rows
    kind = type(step)
    if kind.__name__ not in _NUMERIC or not kind.__module__.startswith("metaauto.builtin."):
        raise _unknown(step)
    return _NUMERIC[kind.__name__](graph, step, rows)


def _unknown(step: Any) -> NotConvertible:
    return NotConvertible(f"its preprocessing step {type(step).__name__} is not supported")


def _imputed(graph: Graph, step: Any, rows: str) -> str:
    missing = graph.add("IsNaN", rows)
    if step.strategy != "keep":
        rows = graph.add("Where", missing, step.fill_values_[None, :], rows)
    if step.indicator and len(step.missing_columns_):
        flags = graph.cast(graph.gathered(missing, step.missing_columns_), np.float64)
        rows = graph.joined([rows, flags])
    return rows


def _scaled(graph: Graph, step: Any, rows: str) -> str:
    rows = graph.add("Div", graph.add("Sub", rows, step.center_), step.scale_)
    rows = graph.clipped(rows, LARGEST)
    if step.smooth_clip:
        third = graph.add("Div", rows, np.float64(3.0))
        square = graph.add("Add", graph.add("Mul", third, third), np.float64(1.0))
        rows = graph.add("Div", rows, graph.add("Sqrt", square))
    return rows


def _quantiles(graph: Graph, step: Any, rows: str) -> str:
    found = []
    for column, quantiles in enumerate(step.quantiles_.T):
        cells = graph.gathered(rows, [column])
        upper = interpolated(graph, cells, quantiles, step.levels_)
        flipped = graph.add("Neg", cells)
        lower = interpolated(graph, flipped, -quantiles[::-1], -step.levels_[::-1])
        found.append(graph.add("Mul", graph.add("Sub", upper, lower), np.float64(0.5)))
    return normal_quantile(graph, graph.joined(found), 1e-7)


def _components(graph: Graph, step: Any, rows: str) -> str:
    standard = graph.add("Div", graph.add("Sub", rows, step.center_), step.scale_)
    return graph.add("MatMul", standard, step.components_)


def _selected(graph: Graph, step: Any, rows: str) -> str:
    return graph.gathered(rows, step.kept_)


def _codes(columns: InputColumns, known: list[np.ndarray], positions: Any) -> list[np.ndarray]:
    """Return the encoder's code of each code of the input, the last one of missing values."""
    from metaauto.builtin.transformers.categories import matched_codes

    found = []
    for place, names in zip(positions, known, strict=True):
        given = columns.categories(place)
        found.append(matched_codes(np.append(np.arange(len(given)), -1), given, names))
    return found


def _flat(columns: InputColumns, positions: Any, tables: list[np.ndarray]) -> str:
    """Look up one entry for each category, of shape (rows, columns) or (rows, columns, width)."""
    sizes = np.array([len(table) for table in tables])
    starts = (np.cumsum(sizes) - sizes)[None, :]
    codes = columns.graph.add("Add", columns.codes(positions), starts.astype(np.int64))
    return columns.graph.add("Gather", np.concatenate(tables), codes, axis=0)


def _numbers_of_categories(columns: InputColumns, step: Any, positions: np.ndarray) -> str:
    codes = _codes(columns, step.categories_, positions)
    tables = [np.asarray(t, float)[c] for t, c in zip(step.tables_, codes, strict=True)]
    found = _flat(columns, positions, tables)
    if tables[0].ndim == 1:
        return found
    width = tables[0].shape[1] * len(tables)
    return columns.graph.add("Reshape", found, np.array([-1, width], dtype=np.int64))


def _one_hot(columns: InputColumns, step: Any, positions: np.ndarray) -> str:
    codes = _codes(columns, step.categories_, positions)
    starts = np.cumsum([0, *step.widths_[:-1]])
    tables = [
        np.where(t[c] < 0, -1, t[c] + start)
        for t, c, start in zip(step.tables_, codes, starts, strict=True)
    ]
    places = _flat(columns, positions, tables)
    spread = columns.graph.gathered(places, np.repeat(np.arange(len(tables)), step.widths_))
    width = np.arange(sum(step.widths_), dtype=np.int64)
    return columns.graph.cast(columns.graph.add("Equal", spread, width), np.float64)


def _generated(columns: InputColumns, step: Any, positions: np.ndarray) -> str:
    graph, parts = columns.graph, []
    numeric, categorical = positions[step.numeric_], positions[step.categorical_]
    matrix = columns.numbers(numeric) if len(numeric) else ""
    if len(step.operation_):
        order = np.argsort(step.operation_, kind="stable")
        computed = [
            _arithmetic(graph, kind, matrix, step.left_[mine], step.right_[mine])
            for kind, mine in enumerate(step.operation_ == kind for kind in range(4))
            if mine.any()
        ]
        parts.append(graph.gathered(graph.joined(computed), np.argsort(order)))
    codes = _codes(columns, step.categories_, categorical)
    parts += [_group(columns, group, matrix, codes, categorical) for group in step.groups_]
    if not parts:
        raise NotConvertible("its feature generator has no features")
    return graph.clipped(graph.joined(parts), LARGEST)


def _arithmetic(graph: Graph, kind: int, matrix: str, left: np.ndarray, right: np.ndarray) -> str:
    a, b = graph.gathered(matrix, left), graph.gathered(matrix, right)
    found = graph.add(("Mul", "Div", "Add", "Sub")[kind], a, b)
    if kind == 1:  # division by zero is a missing value
        zero = graph.add("Equal", b, np.float64(0.0))
        found = graph.add("Where", zero, np.float64(np.nan), found)
    return found


def _group(
    columns: InputColumns, group: dict[str, Any], matrix: str, codes: list[np.ndarray], places: Any
) -> str:
    """Add one feature of a category or of a pair, float64 of shape (rows, 1)."""
    graph, table = columns.graph, np.asarray(group["table"], dtype=np.float64)
    first, second, width = group["first"], group["second"], group["width"]
    code = columns.codes([places[first]])
    entries = codes[first]
    if second >= 0:
        size = np.int64(len(codes[second]))
        code = graph.add("Add", graph.add("Mul", code, size), columns.codes([places[second]]))
        entries = (codes[first][:, None] * width + codes[second][None, :]).ravel()
    found = graph.add("Gather", table[entries], code, axis=0)
    if group["statistic"] == "difference":
        return graph.add("Sub", graph.gathered(matrix, [group["number"]]), found)
    if group["statistic"] == "rank":
        quantiles = graph.add("Reshape", found, np.array([-1, table.shape[1]], dtype=np.int64))
        levels = np.linspace(0.0, 1.0, table.shape[1])
        return interpolated(graph, graph.gathered(matrix, [group["number"]]), quantiles, levels)
    return found


def _dates(columns: InputColumns, step: Any, positions: np.ndarray) -> str:
    return date_parts(columns.graph, step, [columns.columns[place].name for place in positions])


_NUMERIC: dict[str, Callable[[Graph, Any, str], str]] = {
    "NumericImputer": _imputed,
    "NumericScaler": _scaled,
    "QuantileScaler": _quantiles,
    "PrincipalComponents": _components,
    "ColumnSelector": _selected,
}
_COLUMNS: dict[str, Callable[[InputColumns, Any, np.ndarray], str]] = {
    "NativeEncoder": _numbers_of_categories,
    "OrdinalEncoder": _numbers_of_categories,
    "FrequencyEncoder": _numbers_of_categories,
    "TargetEncoder": _numbers_of_categories,
    "OneHotEncoder": _one_hot,
    "FeatureGenerator": _generated,
    "DateParts": _dates,
}
