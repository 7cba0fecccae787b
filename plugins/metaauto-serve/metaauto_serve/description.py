"""What a server tells about a model: its columns, their types and examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaauto.api import Role

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["column_defaults", "describe", "row_schema"]

_TYPES = {
    Role.NUMERIC: ["number", "string", "null"],
    Role.DATETIME: ["string", "number", "null"],
    Role.TEXT: ["string", "null"],
}
_NUMBER_DATES = {"unix s": 10**0, "unix ms": 10**3, "unix us": 10**6, "unix ns": 10**9}
_ANY = ["string", "number", "boolean", "null"]
_LISTED = 20
"""Categories that the description of a column lists."""


def describe(name: str, model: Any, background: pd.DataFrame | None) -> dict[str, Any]:
    """Return what is known about a model, JSON-ready.

    Parameters
    ----------
    name : str
        Name on the server.
    model : FinalModel
        The model.
    background : DataFrame, optional
        Rows like those of training, for the defaults.
    """
    task, record = model.task, model.record
    defaults = {} if background is None else column_defaults(model, background)
    interval = record.interval
    return {
        "name": name,
        "task": task.kind,
        "target": task.target,
        "classes": None if task.classes is None else list(task.classes),
        "columns": [
            {
                "name": column.name,
                "role": column.role.value,
                "format": column.format,
                "categories": None if column.categories is None else list(column.categories),
                "default": defaults.get(column.name),
                "example": defaults.get(column.name, _example(column)),
            }
            for column in task.features
        ],
        "metric": model.metric_label,
        "greater_is_better": record.greater_is_better,
        "score": record.score,
        "interval": None if interval is None else [interval.low, interval.high],
        "holdout_score": record.holdout_score,
        "models": len(model.members),
        "rows": task.n_rows,
        "created": record.created,
        "has_background": background is not None,
    }


def column_defaults(model: Any, rows: pd.DataFrame) -> dict[str, Any]:
    """Return a usual cell of each column but texts: the median, else the most frequent value."""
    import pandas as pd

    found = {}
    dates = model.schema.encode(rows)
    for column in model.task.features:
        cells = rows[column.name].dropna()
        is_number = pd.api.types.is_numeric_dtype(cells) and not pd.api.types.is_bool_dtype(cells)
        if column.role is Role.DATETIME and not is_number:
            cells = dates[column.name].dropna()
        if column.role is Role.TEXT or cells.empty:
            continue
        if column.categories is None and (is_number or column.role is Role.DATETIME):
            value = cells.quantile(0.5, interpolation="nearest")
        else:
            value = cells.mode().iloc[0]
        if isinstance(value, pd.Timestamp):
            value = value.isoformat().removesuffix("T00:00:00")
        value = value.item() if hasattr(value, "item") else value
        found[column.name] = value if isinstance(value, (bool, int, float)) else str(value)
    return found


def _example(column: Any) -> Any:
    if column.categories:
        return column.categories[0]
    if column.role is Role.DATETIME:
        if column.format == "excel":
            return 46023
        units = _NUMBER_DATES.get(column.format)
        return "2026-01-01" if units is None else 1767225600 * units
    return "text" if column.role is Role.TEXT or column.format else 0


def row_schema(model: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON schema of a row."""
    return {
        "type": "object",
        "properties": {
            column["name"]: {
                "type": _TYPES.get(Role(column["role"]), _ANY),
                "description": _described(column),
                "examples": [column["example"]],
            }
            for column in model["columns"]
        },
        "required": [column["name"] for column in model["columns"]],
    }


def _described(column: dict[str, Any]) -> str:
    text = str(column["role"])
    if column["format"]:
        text += f", format {column['format']}"
    if column["categories"]:
        known = column["categories"]
        more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
        text += f"; known values: {', '.join(map(repr, known[:_LISTED]))}{more}"
    return text
