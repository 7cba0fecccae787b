"""Formats of requests and answers: JSON, CSV and Parquet."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MEDIA_TYPES", "RequestError", "accepted", "format_of", "parse_json", "write_table"]

MEDIA_TYPES = {
    "application/json": "json",
    "text/csv": "csv",
    "application/vnd.apache.parquet": "parquet",
}
"""Formats by media type."""

_EXPECTED = ", ".join(MEDIA_TYPES)
_SHAPE = 'expected {"records": [{"column": value, ...}, ...]} or {"columns": {"column": [...]}}'


class RequestError(Exception):
    """A request cannot be answered; the message is for the client.

    Parameters
    ----------
    status : int
        HTTP status.
    message : str
        What was wrong, what was expected, and what was got.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def format_of(content_type: str | None) -> str:
    """Return the format of a body by the header ``Content-Type``."""
    kind = (content_type or "").split(";")[0].strip().lower()
    if kind not in MEDIA_TYPES:
        raise RequestError(415, f"Invalid Content-Type {kind!r}: expected one of {_EXPECTED}.")
    return MEDIA_TYPES[kind]


def accepted(accept: str | None, default: str) -> str:
    """Return the format of an answer by the header ``Accept``; `default` if any will do."""
    wanted = [_weighted(part) for part in (accept or "*/*").split(",")]
    for kind, weight in sorted(wanted, key=lambda pair: -pair[1]):
        if weight <= 0:
            continue
        if kind == "*/*":
            return default
        if kind in MEDIA_TYPES:
            return MEDIA_TYPES[kind]
    raise RequestError(406, f"Invalid Accept {accept!r}: expected one of {_EXPECTED}.")


def _weighted(part: str) -> tuple[str, float]:
    kind, *parameters = (text.strip().lower() for text in part.split(";"))
    weights = [text[2:] for text in parameters if text.startswith("q=")]
    try:
        return kind, float(weights[0]) if weights else 1.0
    except ValueError:
        return kind, 0.0


def parse_json(body: bytes) -> tuple[pd.DataFrame, bool]:
    """Return the rows of a JSON document, and whether it holds columns instead of records."""
    import pandas as pd

    try:
        content = json.loads(body, object_pairs_hook=_unique, parse_constant=_no_constant)
    except RecursionError as error:
        raise RequestError(400, f"The JSON is nested too deeply: {_SHAPE}.") from error
    except ValueError as error:  # invalid JSON, not UTF-8, or an integer with too many digits
        raise RequestError(400, f"The body is not valid JSON: {str(error)[:200]}.") from error
    by_column = isinstance(content, dict) and set(content) == {"columns"}
    if by_column and isinstance(content["columns"], dict):
        columns = content["columns"]
        lengths = {len(c) for c in columns.values() if isinstance(c, list)}
        if all(isinstance(c, list) for c in columns.values()) and len(lengths) == 1:
            for name, cells in columns.items():
                _check_cells((name, cell) for cell in cells)
            return pd.DataFrame(columns), True
        raise RequestError(400, f"The columns are not lists of one length: {_SHAPE}.")
    if isinstance(content, dict) and set(content) == {"records"}:
        content = content["records"]
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        raise RequestError(400, f"The JSON is not a table: {_SHAPE}.")
    if not content:
        raise RequestError(400, "There are no rows: expected one or more.")
    for row in content:
        _check_cells(row.items())
    return pd.DataFrame(content), False


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        name = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {name[:100]!r} occurs twice in one object")
    return found


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON; use null for a missing value")


def _check_cells(cells: Any) -> None:
    """Raise an error for cells that are not a text, number, Boolean or null."""
    for name, cell in cells:
        if isinstance(cell, (list, dict)):
            what = "a list" if isinstance(cell, list) else "an object"
            raise RequestError(
                400,
                f"Column {name[:100]!r} has {what} as a cell: expected a text, number, true, "
                "false or null.",
            )
        if type(cell) is int and abs(cell) >= 2**63:
            raise RequestError(400, f"Column {name[:100]!r} has an integer of more than 64 bits.")


def write_table(table: pd.DataFrame, kind: str, by_column: bool = False) -> bytes:
    """Return a table in a format; JSON as one object, which the server adds warnings to."""
    if kind == "csv":
        return table.to_csv(index=False, lineterminator="\n").encode()
    if kind == "parquet":
        file = io.BytesIO()
        table.to_parquet(file, index=False)
        return file.getvalue()
    columns = {str(name): table[name].tolist() for name in table.columns}
    if by_column:
        return json.dumps({"columns": columns}, allow_nan=False).encode()
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return json.dumps({"records": rows}, allow_nan=False).encode()
