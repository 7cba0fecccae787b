"""Write files atomically, and tables by file suffix."""

from __future__ import annotations

import contextlib
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
    ".pq": _parquet,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
}
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
