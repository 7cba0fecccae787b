"""Write files atomically, and tables by file suffix."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaauto.cli.options import check_writable
from metaauto.errors import SettingError
from metaauto.files import replacing

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["STANDARD_OUTPUT", "check_output", "write_table", "atomic_write"]

STANDARD_OUTPUT = "-"
Writer = Callable[["pd.DataFrame", Any], None]


def _csv(frame: pd.DataFrame, place: Any) -> None:
    frame.to_csv(place, index=False, lineterminator="\n")


def _tsv(frame: pd.DataFrame, place: Any) -> None:
    frame.to_csv(place, index=False, sep="\t", lineterminator="\n")


def _parquet(frame: pd.DataFrame, place: Any) -> None:
    frame.to_parquet(place, index=False)


def _json_lines(frame: pd.DataFrame, place: Any) -> None:
    frame.to_json(place, orient="records", lines=True, double_precision=15)


_WRITERS: dict[str, Writer] = {
    ".csv": _csv,
    ".tsv": _tsv,
    ".parquet": _parquet,
    ".pq": _parquet,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
}


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


def write_table(frame: pd.DataFrame, place: str) -> None:
    """Write a table in the format of the file's suffix, or as csv to the standard output.

    Raises
    ------
    SettingError
        The file cannot be written; an existing file is unchanged.
    """
    if place == STANDARD_OUTPUT:
        _csv(frame, sys.stdout)
        return
    path = Path(place).expanduser()
    with atomic_write(path, place, "predictions") as part:
        _WRITERS[path.suffix.lower()](frame, part)


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
