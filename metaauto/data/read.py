"""Reading of tables from files, addresses and objects in memory."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from metaauto.components import Reader
from metaauto.data.cells import typed_table
from metaauto.data.dtypes import as_pandas
from metaauto.data.file_sets import Alignment
from metaauto.data.row_limit import PRESENT_ROWS, RowLimit, sampled
from metaauto.data.sources import TableFile, source_files
from metaauto.errors import ReadError
from metaauto.text import shown_address

__all__ = ["OpenTable", "as_table", "open_table", "read_limited", "read_table"]

_PART_ROWS, _FIRST_ROWS = 100_000, 10_000
_COMPRESSED, _COMPRESSION = (".gz", ".zip", ".bz2", ".xz"), 20
"""How many times smaller compressed tables are at most, usually."""


def read_table(
    source: Any,
    readers: Iterable[Reader] = (),
    *,
    columns: Iterable[str] = (),
    format: str | None = None,
) -> pd.DataFrame:
    """Read a table as a pandas DataFrame.

    Parameters
    ----------
    source : str, Path, DataFrame, Series, array of shape (rows, columns), or dict of columns
        DataFrames may be those of pandas, polars or Arrow, among others with ``to_pandas``.
        Paths and addresses such as ``"data.csv"`` or ``"sklearn:iris"`` are read by the first
        reader that matches; ``~`` is the home folder. The files of a pattern
        (``"data/*.parquet"``), and the Parquet files of a folder, are one table.
    readers : iterable of Reader, default=()
        The readers, in order of precedence.
    columns : iterable of str, default=()
        Names of columns that the table is expected to have; they help to detect a header.
    format : str, optional
        Suffix by which a file or pipe is read, such as ``"csv"``, instead of its own.

    Returns
    -------
    pandas.DataFrame
        One row per example; ``attrs["target"]`` is the name of the target if the source defines
        one, and ``attrs["positional"]`` is set for arrays, whose columns are named ``x0``, ``x1``,
        ...

    Raises
    ------
    ReadError
        No reader matches, or the source cannot be read; the message gives the reason and the
        remedy.
    UnknownName
        No reader reads the format.

    Examples
    --------
    >>> read_table({"size": [1, 2], "kind": ["a", "b"]}).shape
    (2, 2)
    """
    return read_limited(source, readers, None, columns=columns, format=format)


def read_limited(
    source: Any,
    readers: Iterable[Reader],
    limit: RowLimit | None,
    *,
    columns: Iterable[str] = (),
    format: str | None = None,
) -> pd.DataFrame:
    """Read a table, or a random sample of one in files that exceeds a limit.

    Parameters
    ----------
    source, readers, columns, format
        As of `read_table`. Samples need readers that read parts.
    limit : RowLimit or None
        How many rows to read.

    Returns
    -------
    pandas.DataFrame
        As from `read_table`; ``attrs["present_rows"]`` is the number of rows of a table of which it
        is a sample.
    """
    if not isinstance(source, (str, os.PathLike)):
        return as_table(source)
    with open_table(source, readers, columns=columns, format=format) as table:
        return typed_table(table.read(limit))


@contextmanager
def open_table(
    source: str | os.PathLike[str],
    readers: Iterable[Reader],
    *,
    columns: Iterable[str] = (),
    format: str | None = None,
) -> Iterator[OpenTable]:
    """Yield a table at a path or an address, to be read as a whole or in parts.

    Parameters
    ----------
    source, readers, columns, format
        As of `read_table`.
    """
    with source_files(source, readers, format) as files:
        yield OpenTable(files, shown_address(os.fsdecode(source)), tuple(columns))


class OpenTable:
    """A table in one or several files, as their readers give it.

    Parameters
    ----------
    files : list of TableFile
        The files.
    address : str
        What the user named, for messages.
    columns : tuple of str
        Names of expected columns.
    """

    def __init__(self, files: list[TableFile], address: str, columns: tuple[str, ...]) -> None:
        self._files = files
        self._address = address
        self._columns = columns

    def read(self, limit: RowLimit | None = None) -> pd.DataFrame:
        """Read all rows, or a sample of them if they exceed a limit."""
        present = None if limit is None else self._present_rows(limit)
        if limit is None or present is None or present <= (rows := self._allowed_rows(limit)):
            frames, attrs = list(self._frames(None)), {}
        else:
            frames = list(sampled(self.parts(_PART_ROWS), rows, present, limit.seed))
            attrs = {PRESENT_ROWS: present}
        table = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
        table.attrs = {**frames[0].attrs, **attrs}
        return table

    def _present_rows(self, limit: RowLimit) -> int | None:
        """Return the number of rows; None if they are few, or cannot be read in parts."""
        if any(file.reader.read_chunks is None for file in self._files):
            return None
        if all(file.reader.count_rows is not None for file in self._files):
            return sum(map(_counted, self._files))
        sizes = [_bytes_of(file.path) for file in self._files if os.path.isfile(file.path)]
        if limit.rows is None and sum(sizes) <= limit.max_bytes:
            return None
        return sum(map(len, self.parts(_PART_ROWS)))

    def _allowed_rows(self, limit: RowLimit) -> int:
        """Return the largest number of rows, which are like the first ones."""
        if limit.rows is not None:
            return limit.rows
        if math.isinf(limit.max_bytes):
            return sys.maxsize
        start = next(self.parts(_FIRST_ROWS))
        row_bytes = start.memory_usage(index=False, deep=True).sum() / len(start)
        return max(int(limit.max_bytes / max(row_bytes, 1.0)), 1)

    def parts(self, rows: int) -> Iterator[pd.DataFrame]:
        """Yield parts of about this number of rows, if the reader can read parts."""
        return self._frames(rows)

    def _frames(self, rows: int | None) -> Iterator[pd.DataFrame]:
        """Yield the rows of each file; those of several files have the same columns."""
        alignment, header, has_rows = Alignment(), [], False
        for file in self._files:
            columns = tuple(alignment.names) or self._columns
            with file.errors():
                for frame in _read(file, rows, columns):
                    if not len(frame):
                        header = list(frame.columns)
                        continue
                    others = {k: v for k, v in file.partition.items() if k not in frame.columns}
                    frame = frame.assign(**others) if others else frame
                    if len(self._files) > 1:
                        frame = alignment.aligned(frame, file.address)
                    has_rows = True
                    yield frame
        if not has_rows:
            raise ReadError(
                f"{self._address!r} contains only a header: {_listed(header)}.",
                hint="Add at least one row of values.",
            )


def _bytes_of(path: str) -> int:
    """Return the bytes of a file, at most about those of its content if it is compressed."""
    size = os.path.getsize(path)
    return _COMPRESSION * size if path.lower().endswith(_COMPRESSED) else size


def _counted(file: TableFile) -> int:
    """Return the number of rows of a file, without reading them."""
    count = file.reader.count_rows
    with file.errors():
        return 0 if count is None else count(file.path)


def _read(file: TableFile, rows: int | None, columns: tuple[str, ...]) -> Iterator[pd.DataFrame]:
    """Yield the rows of a file, in parts of about this number if its reader can read parts."""
    expected = {"columns": columns} if file.reader.accepts_columns else {}
    if rows is None or file.reader.read_chunks is None:
        yield _checked(file.reader.read(file.path, **expected), file)
        return
    for frame in file.reader.read_chunks(file.path, rows, **expected):
        yield _checked(frame, file)


def _checked(frame: Any, file: TableFile) -> pd.DataFrame:
    """Return a table with columns."""
    if not isinstance(frame, pd.DataFrame):
        raise ReadError(
            f"Reader {file.reader.name!r} returned a {type(frame).__name__} for {file.address!r}.",
            hint="A reader must return a pandas.DataFrame.",
        )
    if frame.shape[1] == 0:
        raise ReadError(
            f"{file.address!r} contains a table without columns.", hint="Check the file."
        )
    return frame


def _listed(names: Iterable[Any]) -> str:
    names = [repr(str(name)) for name in names]
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")


def as_table(source: Any) -> pd.DataFrame:
    """Convert a table in memory to a DataFrame; see `read_table`."""
    if isinstance(source, pd.DataFrame):
        return source
    if isinstance(source, pd.Series):
        return source.to_frame(name=source.name if source.name is not None else "x0")
    if isinstance(source, Mapping):
        try:
            return pd.DataFrame(dict(source))
        except ValueError as error:
            raise ReadError(
                f"The columns do not form a table: {error}.",
                hint="Pass the same number of values for every column.",
            ) from error
    if hasattr(source, "to_pandas"):
        return as_table(as_pandas(source))
    if hasattr(source, "toarray"):
        source = source.toarray()
    if isinstance(source, (list, tuple)) and source and isinstance(source[0], Mapping):
        return pd.DataFrame(list(source))
    return _from_array(source)


def _from_array(source: Any) -> pd.DataFrame:
    try:
        array = np.asarray(source)
    except ValueError as error:
        raise ReadError(
            f"The rows have different lengths: {error}.",
            hint="Pass the same number of values for every row.",
        ) from error
    if array.dtype.names:
        return pd.DataFrame(array)
    if array.ndim != 2:
        got = f"a {type(source).__name__}" if array.ndim == 0 else f"{array.ndim}-dimensional data"
        raise ReadError(
            f"Expected a table, got {got}.",
            hint="Pass a DataFrame, a path, or an array of shape (rows, columns).",
        )
    if array.shape[1] == 0:
        raise ReadError("The array has no columns.", hint="Pass at least one feature.")
    frame = pd.DataFrame(array, columns=[f"x{i}" for i in range(array.shape[1])])
    if array.dtype == object:
        frame = frame.infer_objects()
    frame.attrs["positional"] = True
    return frame
