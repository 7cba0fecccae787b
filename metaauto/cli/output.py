"""Write files atomically, and tables by file suffix."""

from __future__ import annotations

import contextlib
import datetime
import importlib.util
import math
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaauto.cli.options import check_writable
from metaauto.errors import SettingError
from metaauto.files import replacing

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "STANDARD_OUTPUT",
    "atomic_write",
    "check_output",
    "copies_text",
    "table_writer",
    "write_table",
]

STANDARD_OUTPUT = "-"
WriteRows = Callable[["pd.DataFrame"], None]


def _delimited_rows(file: Any, delimiter: str) -> WriteRows:
    header = True

    def write(frame: pd.DataFrame) -> None:
        nonlocal header
        frame.to_csv(file, index=False, sep=delimiter, lineterminator="\n", header=header)
        header = False

    return write


@contextlib.contextmanager
def _delimited(place: Path, delimiter: str = ",") -> Iterator[WriteRows]:
    with open(place, "w", encoding="utf-8", newline="") as file:
        yield _delimited_rows(file, delimiter)


@contextlib.contextmanager
def _json_lines(place: Path) -> Iterator[WriteRows]:
    with open(place, "w", encoding="utf-8", newline="\n") as file:
        yield lambda frame: frame.to_json(file, orient="records", lines=True, double_precision=15)


@contextlib.contextmanager
def _parquet(place: Path) -> Iterator[WriteRows]:
    """Write a parquet file; the first rows give the types of the columns."""
    import pyarrow as pa
    import pyarrow.parquet

    with contextlib.ExitStack() as stack:
        writer: Any = None

        def write(frame: pd.DataFrame) -> None:
            nonlocal writer
            try:
                if writer is None:
                    schema = _without_null(pa.Schema.from_pandas(frame, preserve_index=False))
                    writer = stack.enter_context(pa.parquet.ParquetWriter(place, schema))
                rows = pa.Table.from_pandas(frame, writer.schema, preserve_index=False)
            except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
                raise SettingError(
                    f"The rows cannot be written as parquet: {' '.join(str(error).split())[:200]}.",
                    hint="Write .csv or .jsonl, or copy other columns.",
                ) from error
            writer.write_table(rows)

        yield write


@contextlib.contextmanager
def _excel(place: Path) -> Iterator[WriteRows]:
    """Write a workbook with one sheet."""
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("predictions")
    rows = 0

    def write(frame: pd.DataFrame) -> None:
        nonlocal rows
        if not rows:
            sheet.append([_excel_cell(sheet, name) for name in map(str, frame.columns)])
        rows += len(frame)
        if rows >= _EXCEL_ROWS:
            raise SettingError(
                f"An Excel sheet has at most {_EXCEL_ROWS:,} rows.", hint="Write .csv or .parquet."
            )
        for row in frame.itertuples(index=False, name=None):
            sheet.append([_excel_cell(sheet, value) for value in row])

    try:
        yield write
    except BaseException:
        sheet.close()
        raise
    book.save(place)


def _excel_cell(sheet: Any, value: Any) -> Any:
    """Return a value for a cell, as text if Excel would change it."""
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    if not isinstance(value, str):
        value = value.item() if hasattr(value, "item") else value
        if isinstance(value, int) and abs(value) < 2**53:
            return value
        if isinstance(value, float) and math.isfinite(value):
            return value
        if isinstance(value, datetime.datetime) and value.tzinfo is None and value.year >= 1900:
            return value
        if _is_missing(value):
            return None
    text = ILLEGAL_CHARACTERS_RE.sub("", str(value))
    if len(text) > _EXCEL_LENGTH:
        raise SettingError(
            f"A cell of Excel has at most {_EXCEL_LENGTH:,} characters (got {len(text):,}).",
            hint="Write .csv or .parquet.",
        )
    if not text.startswith(("=", "#")):
        return text
    cell = WriteOnlyCell(sheet, text)
    cell.data_type = "s"  # neither a formula nor an error
    return cell


def _is_missing(value: Any) -> bool:
    import pandas as pd

    return bool(pd.api.types.is_scalar(value) and pd.isna(value))


def _without_null(schema: Any) -> Any:
    """Return the schema with text for columns without values, since later rows may have some."""
    import pyarrow as pa

    for place, field in enumerate(schema):
        if pa.types.is_null(field.type):
            schema = schema.set(place, field.with_type(pa.string()))
    return schema


_WRITERS: dict[str, Callable[[Path], contextlib.AbstractContextManager[WriteRows]]] = {
    ".csv": _delimited,
    ".tsv": partial(_delimited, delimiter="\t"),
    ".parquet": _parquet,
    ".xlsx": _excel,
    ".pq": _parquet,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
}
_EXCEL_ROWS, _EXCEL_LENGTH = 1_048_576, 32_767
_OF_TEXT = (".csv", ".tsv")


def copies_text(place: str) -> bool:
    """Return whether cells of text are written to this output as they are in the source."""
    return place == STANDARD_OUTPUT or Path(place).suffix.lower() in _OF_TEXT


def check_output(place: str) -> None:
    """Raise `SettingError` unless a table can be written there."""
    if place == STANDARD_OUTPUT:
        return
    path = Path(place).expanduser()
    if not path.is_dir() and path.suffix.lower() not in _WRITERS:
        raise SettingError(
            f"Unsupported output format {path.suffix or path.name!r}.",
            hint=f"Use a file name that ends with one of {', '.join(_WRITERS)}, or - for csv on "
            "the standard output.",
        )
    if path.suffix.lower() == ".xlsx" and importlib.util.find_spec("openpyxl") is None:
        raise SettingError(
            f"{place!r} requires openpyxl, which is not installed.",
            hint="Run: pip install 'metaauto[excel]'",
        )
    check_writable(path, "the predictions")


@contextlib.contextmanager
def table_writer(place: str) -> Iterator[WriteRows]:
    """Yield a function that writes rows, in the format of the file's suffix.

    Rows of several calls, with the same columns, are one table. The standard output is csv.

    Raises
    ------
    SettingError
        The file cannot be written; an existing file is unchanged.
    """
    if place == STANDARD_OUTPUT:
        yield _delimited_rows(sys.stdout, ",")
        return
    path = Path(place).expanduser()
    opened = _WRITERS[path.suffix.lower()]
    with atomic_write(path, place, "predictions") as part, opened(part) as write:
        yield write


def write_table(frame: pd.DataFrame, place: str) -> None:
    """Write a table like `table_writer`."""
    with table_writer(place) as write:
        write(frame)


@contextlib.contextmanager
def atomic_write(path: Path, place: str, what: str) -> Iterator[Path]:
    """Yield a temporary file that replaces `path` on success.

    Raises
    ------
    SettingError
        The file cannot be written; an existing file is unchanged.
    """
    try:
        with replacing(Path(os.path.realpath(path))) as part:
            yield part
    except OSError as error:
        raise SettingError(
            f"The {what} cannot be written to {place!r}: {error.strerror or error}.",
            hint="Choose another path.",
        ) from error
