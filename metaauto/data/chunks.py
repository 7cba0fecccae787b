"""Tables that are larger than the memory, in parts with the types of the whole columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from metaauto.components import Reader
from metaauto.data.cells import is_text, typed, typed_table
from metaauto.data.parsing import EXACT_INTEGERS, MISSING_WORDS
from metaauto.data.read import open_table

__all__ = ["CHUNK_ROWS", "read_chunks"]

CHUNK_ROWS = 100_000
"""Rows of a chunk."""


def read_chunks(
    source: str | Path,
    readers: Iterable[Reader] = (),
    *,
    columns: Iterable[str] = (),
    format: str | None = None,
    rows: int = CHUNK_ROWS,
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Read a table in chunks; together they are the table that `read_table` returns.

    Parameters
    ----------
    source : str or Path
        A file, or an address. Whether parts of it can be read depends on its reader.
    readers, columns, format
        As of `read_table`.
    rows : int, default=100,000
        Rows of a chunk; the last one may have fewer.

    Yields
    ------
    (DataFrame, DataFrame)
        The rows as the reader gives them, and with the types of the columns. A source of several
        chunks is read twice, because the type of a column depends on all of its cells.

    Raises
    ------
    ReadError
        As from `read_table`.

    Examples
    --------
    >>> from metaauto.api import Reader
    >>> table = pd.DataFrame({"size": ["1", "2", "x"]})
    >>> reader = Reader("own", lambda source: True, lambda source: table)
    >>> [len(frame) for _, frame in read_chunks("t.own", [reader], rows=2)]
    [2, 1]
    """
    with open_table(source, readers, columns=columns, format=format) as opened:
        start = opened.parts(rows)
        leading = list(islice(start, 2))
        if len(leading) == 1:
            first = leading[0]
            table = typed_table(first)
            for place in range(0, len(table), rows):
                yield first.iloc[place : place + rows], table.iloc[place : place + rows]
            return
        kinds = _column_kinds(chain(leading, start))
        leading.clear()
        for frame in _of_size(opened.parts(rows), rows):
            yield frame, _with_kinds(frame, kinds)


def _of_size(parts: Iterable[pd.DataFrame], rows: int) -> Iterator[pd.DataFrame]:
    """Yield parts of exactly this number of rows, and the rest."""
    held: list[pd.DataFrame] = []
    for part in parts:
        held.append(part)
        if sum(map(len, held)) < rows:
            continue
        joined = pd.concat(held, ignore_index=True) if len(held) > 1 else held[0]
        whole = len(joined) - len(joined) % rows
        for place in range(0, whole, rows):
            yield joined.iloc[place : place + rows].reset_index(drop=True)
        held = [joined.iloc[whole:]] if whole < len(joined) else []
    if held:
        yield pd.concat(held, ignore_index=True)


def _column_kinds(parts: Iterable[pd.DataFrame]) -> list[str]:
    """Return for each column the type of all its cells: text, float, or as it is (empty)."""
    found: list[set[str]] = []
    for part in parts:
        found = found or [set() for _ in range(part.shape[1])]
        for place, kinds in enumerate(found):
            kinds.add(_kind(part.iloc[:, place]))
    return [_common(kinds) for kinds in found]


def _kind(cells: pd.Series) -> str:
    values = typed(cells)
    if values.isna().all():
        return "missing"
    if is_text(values) and values.dropna().str.strip().str.lower().isin(MISSING_WORDS).all():
        return "words for missing"
    if pd.api.types.is_bool_dtype(values.dtype) or _is_boolean_object(values):
        return "boolean"
    if isinstance(values.dtype, np.dtype) and values.dtype.kind in "iuf":
        if values.dtype.kind == "f":
            return "float"
        large = values[values.abs() >= EXACT_INTEGERS]
        is_exact = all(int(float(value)) == value for value in large.unique())
        return "integer" if is_exact else "long integer"
    return "text" if is_text(cells) else "other"


def _is_boolean_object(values: pd.Series) -> bool:
    return values.dtype == object and pd.api.types.infer_dtype(values, skipna=True) == "boolean"


def _common(kinds: set[str]) -> str:
    present = kinds - {"missing", "words for missing"}
    has_words = "words for missing" in kinds
    if "other" in kinds or not present:
        # Words for missing values are such only beside numbers.
        return "text" if has_words else ""
    if present <= {"integer", "long integer", "float"}:
        if "float" not in present and not has_words and "missing" not in kinds:
            return ""
        # With gaps the integers are floats, which would round the long ones.
        return "text" if "long integer" in present else "float"
    return "text" if has_words or len(present) > 1 or "text" in present else ""


def _with_kinds(frame: pd.DataFrame, kinds: list[str]) -> pd.DataFrame:
    columns: list[Any] = []
    for place, kind in enumerate(kinds):
        cells = frame.iloc[:, place]
        values = typed(cells, as_text=kind == "text")
        if kind == "float" and is_text(values):
            values = pd.Series(np.nan, index=values.index, name=values.name)
        columns.append(values.astype(np.float64) if kind == "float" else values)
    table = pd.concat(columns, axis=1)
    table.columns, table.attrs = frame.columns, frame.attrs
    return table
