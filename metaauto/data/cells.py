"""Types of text cells: empty cells, numbers and Booleans of a column are found in one place."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from metaauto.data.parsing import (
    EXACT_INTEGERS,
    INFINITY,
    MISSING_WORDS,
    PLAIN_NUMBER,
    as_number,
    is_exact,
)

__all__ = ["is_text", "typed", "typed_table", "without_words"]

_CODE = r"^-?0(\d+$|[xX])"
_SAMPLE = 100
_GROUP_CELLS = 1_000_000
_SHORT_ROWS = 20_000
_CAST_CELLS = 10_000


def typed_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose columns of text are converted by `typed`."""
    if all(map(pd.api.types.is_object_dtype, frame.dtypes)) and is_text(
        pd.Series(frame.to_numpy().ravel(), dtype=object)
    ):
        texts = list(range(frame.shape[1]))  # as it is for most tables with many columns
    else:
        texts = [place for place, (_, column) in enumerate(frame.items()) if is_text(column)]
    if not texts:
        return frame
    # A group of long columns would take longer than its columns.
    step = max(1, _GROUP_CELLS // max(len(frame), 1)) if len(frame) <= _SHORT_ROWS else 1
    others = sorted(set(range(frame.shape[1])) - set(texts))
    parts = [(others, frame.iloc[:, others])]
    for first in range(0, len(texts), step):
        parts += _typed_group(frame, texts[first : first + step])
    order = np.argsort([place for places, _ in parts for place in places])
    table = pd.concat([part for _, part in parts], axis=1).iloc[:, order]
    table.columns, table.attrs = frame.columns, frame.attrs
    return table


def _typed_group(frame: pd.DataFrame, places: list[int]) -> list[tuple[list[int], pd.DataFrame]]:
    """Convert many short columns at once if they are numbers, else the halves of the group."""
    if len(places) == 1:
        return [(places, typed(frame.iloc[:, places[0]]).to_frame())]
    cells = _joined(frame.iloc[:, places])
    values = None if cells is None else _numbers(cells)
    if cells is None or values is None:
        middle = len(places) // 2
        return [*_typed_group(frame, places[:middle]), *_typed_group(frame, places[middle:])]
    block = values.reshape(len(places), len(frame)).T
    if block.dtype == np.int64:
        return [(places, pd.DataFrame(block, frame.index))]
    trimmed = pc.utf8_trim_whitespace(cells)
    fractions = pc.fill_null(pc.match_substring_regex(trimmed, "[^0-9+-]"), True).to_numpy()
    gaps = np.isnan(block)
    whole = ~(fractions.reshape(len(places), len(frame)).any(axis=1) | gaps.any(axis=0))
    # Larger integers are not exact as floats, and a column without values remains text.
    single = (np.abs(block) >= EXACT_INTEGERS).any(axis=0) | gaps.all(axis=0)
    groups = []
    for mask, kind in ((whole & ~single, np.int64), (~whole & ~single, np.float64)):
        chosen = np.flatnonzero(mask)
        part = pd.DataFrame(block[:, chosen].astype(kind), frame.index)
        groups.append(([places[column] for column in chosen], part))
    for column in np.flatnonzero(single):
        groups += _typed_group(frame, [places[column]])
    return groups


def _joined(frame: pd.DataFrame) -> pa.ChunkedArray | None:
    """Return the cells of all columns, one after another."""
    cells = frame.to_numpy(dtype=object, na_value=None).T.ravel()
    try:
        return pa.chunked_array([pa.array(cells, pa.large_string())])
    except (UnicodeEncodeError, pa.ArrowInvalid):
        return None


def is_text(series: pd.Series) -> bool:
    """Return whether a column holds text and nothing else."""
    if isinstance(series.dtype, pd.CategoricalDtype):
        return False
    if pd.api.types.is_object_dtype(series.dtype):
        return bool(pd.api.types.infer_dtype(series, skipna=True) == "string")
    return pd.api.types.is_string_dtype(series.dtype)


def typed(series: pd.Series, as_text: bool = False) -> pd.Series:
    """Convert a column of text that is numbers or Booleans throughout.

    Parameters
    ----------
    series : pandas.Series
        Any column; columns of other types than text are returned unchanged.
    as_text : bool, default=False
        Keep text, also if it is numbers or Booleans; empty cells become missing.

    Returns
    -------
    pandas.Series
        Integers or float64 if each cell is a plain number, a word for a missing value, or empty;
        Booleans if each is true, false or empty; otherwise text. Empty cells are missing. Numbers
        with leading zeros are codes, and remain text, as do integers that float64 would round.

    Examples
    --------
    >>> typed(pd.Series(["1", "2.5", "NA"])).tolist()
    [1.0, 2.5, nan]
    >>> typed(pd.Series(["00501", "10001"])).tolist()
    ['00501', '10001']
    """
    if not is_text(series):
        return series
    try:
        cells = pa.chunked_array(pa.array(series.array, from_pandas=True))
    except (UnicodeEncodeError, pa.ArrowInvalid):  # surrogates, which are not valid text
        return series
    sample = [text.strip() for text in cells[: 10 * _SAMPLE].to_pylist() if text][:_SAMPLE]
    values: Any = None
    if not as_text and all(map(_may_be_number, sample)):
        values = _numbers(cells)
    if values is None:
        cells = pc.utf8_trim_whitespace(cells)
        cells = _with_missing(cells, pc.equal(cells, ""))
        if not as_text and all(text.lower() in ("true", "false", "") for text in sample):
            values = _booleans(cells)
    result = cells.to_pandas() if values is None else pd.Series(values)
    result.index, result.name = series.index, series.name
    return result


def _may_be_number(text: str) -> bool:
    is_number = PLAIN_NUMBER.fullmatch(text) or INFINITY.fullmatch(text)
    return bool(is_number) or text.lower() in MISSING_WORDS


def _with_missing(cells: pa.ChunkedArray, mask: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(mask, None, cells) if pc.any(mask).as_py() else cells


def _numbers(cells: pa.ChunkedArray) -> np.ndarray | None:
    """Return plain numbers as int64 or float64, None if there are other words or codes."""
    found = _cast(cells)
    if found is None:
        cells = pc.utf8_trim_whitespace(cells)
        words = pc.is_in(pc.utf8_lower(cells), pa.array(sorted(MISSING_WORDS)))
        cells = _with_missing(cells, words)
        found = _cast(cells) if cells.null_count < len(cells) else None
    return found


def _cast(cells: pa.ChunkedArray) -> np.ndarray | None:
    for kind in (pa.int64(), pa.float64()):
        try:
            values: np.ndarray = _converted(cells, kind).to_numpy()
        except pa.ArrowInvalid:
            continue
        infinite = np.isinf(values)
        # Larger numbers than a float64 can hold are codes; infinity is a finding of the column.
        if infinite.any() and not _are_infinity(cells.filter(pa.array(infinite))):
            return None
        if values.dtype.kind == "f" and not _are_exact(cells, values):
            return None
        # Only whole numbers can be codes; the other cells need not be searched for zeros.
        is_float = values.dtype.kind == "f"
        whole = cells.filter(pa.array(np.floor(values) == values)) if is_float else cells
        return None if _has_codes(whole) else values
    return None


def _converted(cells: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Convert text to numbers by parts: Arrow is slow for each cell that is not a number."""
    starts = range(0, max(len(cells), 1), _CAST_CELLS)
    parts = [cells.slice(start, _CAST_CELLS).cast(kind) for start in starts]
    return pa.chunked_array([chunk for part in parts for chunk in part.chunks], kind)


def _are_exact(cells: pa.ChunkedArray, values: np.ndarray) -> bool:
    large = np.abs(values) >= EXACT_INTEGERS
    found = pc.unique(cells.filter(pa.array(large))).to_pylist() if large.any() else []
    return all(is_exact(text.strip()) for text in found)


def _are_infinity(cells: pa.ChunkedArray) -> bool:
    return all(INFINITY.fullmatch(text.strip()) for text in pc.unique(cells).to_pylist())


def _has_codes(cells: pa.ChunkedArray) -> bool:
    """Return whether there are numbers with leading zeros, or hexadecimal ones."""
    zeros = [cells.filter(pc.starts_with(cells, prefix)) for prefix in ("0", "-0")]
    return any(pc.any(pc.match_substring_regex(part, _CODE)).as_py() for part in zeros)


def _booleans(cells: pa.ChunkedArray) -> np.ndarray | None:
    lower = pc.utf8_lower(cells)
    if not pc.all(pc.is_in(lower, pa.array(["true", "false", None]))).as_py():
        return None
    values: np.ndarray = pc.equal(lower, "true").to_numpy()
    return values


def without_words(frame: pd.DataFrame, words: Collection[str]) -> pd.DataFrame:
    """Return a table in which some words are missing; words that are numbers are compared so."""
    if not words:
        return frame
    numbers = [number for word in words if (number := as_number(word)) is not None]
    columns = {}
    for place in range(frame.shape[1]):
        series = frame.iloc[:, place]
        if pd.api.types.is_bool_dtype(series.dtype):
            continue
        if pd.api.types.is_numeric_dtype(series.dtype):
            mask = series.isin(numbers)
        else:
            mask = series.map(lambda cell: isinstance(cell, str) and cell.strip() in words)
            mask = mask.fillna(False).astype(bool)
        if mask.any():
            columns[place] = series.mask(mask)
    if not columns:
        return frame
    parts = [columns.get(place, frame.iloc[:, place]) for place in range(frame.shape[1])]
    table = pd.concat(parts, axis=1)
    table.columns, table.attrs = frame.columns, frame.attrs
    return table
