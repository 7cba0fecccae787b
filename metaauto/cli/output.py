"""Files written whole or not at all, and predictions as a table."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaauto.cli.options import check_writable
from metaauto.errors import SettingError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["STANDARD_OUTPUT", "check_output", "write_table", "written_whole"]

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
    """Raise `SettingError` unless predictions can be written there."""
    if place == STANDARD_OUTPUT:
        return
    path = Path(place).expanduser()
    if not path.is_dir() and path.suffix.lower() not in _WRITERS:
        raise SettingError(
            f"Predictions cannot be written as {path.suffix or path.name!r}.",
            hint=f"End the name of the file with one of {', '.join(_WRITERS)}, or write - for csv "
            "on the standard output.",
        )
    check_writable(path, "the predictions")


def write_table(frame: pd.DataFrame, place: str) -> None:
    """Write a table to a file by its suffix, or as csv to the standard output.

    Raises
    ------
    SettingError
        The file cannot be written; what stood there before still does.
    """
    if place == STANDARD_OUTPUT:
        _csv(frame, sys.stdout)
        return
    path = Path(place).expanduser()
    with written_whole(path, place, "predictions") as part:
        _WRITERS[path.suffix.lower()](frame, part)


@contextlib.contextmanager
def written_whole(path: Path, place: str, what: str) -> Iterator[Path]:
    """An empty file to write into, which takes the place of another if all goes well.

    Raises
    ------
    SettingError
        The file cannot be written; what stood there before still does.
    """
    path = Path(os.path.realpath(path))
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        # os.open honours the umask, which temporary files of the standard library do not.
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        yield part
        os.replace(part, path)
    except OSError as error:
        raise SettingError(
            f"The {what} cannot be written to {place!r}: {error.strerror or error}.",
            hint="Choose another place.",
        ) from error
    finally:
        part.unlink(missing_ok=True)
