"""Tables of several files: patterns, folders of Parquet files, and columns that agree."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from urllib.parse import unquote

import pandas as pd

from metaauto.data.cells import is_text
from metaauto.errors import ReadError

__all__ = [
    "PARQUET",
    "Alignment",
    "files_in_folder",
    "is_pattern",
    "limited",
    "matched_files",
    "partition_of",
]

PARQUET = (".parquet", ".pq")
_PREFIX = re.compile(r"[A-Za-z][\w+.-]+:")
_MOST_FILES = 10_000
_MOST_ENTRIES = 100_000
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
# Files of earlier versions of such tables are no rows any more.
_TABLE_FORMATS = {"_delta_log": "a Delta table", "metadata/version-hint.text": "an Iceberg table"}


def is_pattern(address: str) -> bool:
    """Return whether an address is a pattern of file names, and not the name of one file."""
    if not glob.has_magic(address) or _PREFIX.match(address) or os.path.exists(address):
        return False
    # The options of a database follow a question mark.
    return not os.path.isfile(address.partition("?")[0])


def matched_files(pattern: str) -> list[str]:
    """Return the files that match a pattern, in the order of their names.

    Raises
    ------
    ReadError
        There is none, or there are too many.
    """
    files = (name for name in glob.iglob(pattern) if os.path.isfile(name))
    return sorted(limited(files, pattern, f"No file matches {pattern!r}.", "Check the pattern."))


def files_in_folder(folder: str) -> list[str]:
    """Return the Parquet files of a folder and of the folders in it, in the order of their names.

    Hidden files, and those whose names begin with an underscore, are skipped.

    Raises
    ------
    ReadError
        There is none, there are too many, or the folder is a table of another format.
    """
    for mark, kind in _TABLE_FORMATS.items():
        if os.path.exists(os.path.join(folder, mark)):
            raise ReadError(
                f"{folder!r} is {kind}, whose folder also holds rows of earlier versions.",
                hint="Export the table, for example as one Parquet file.",
            )
    return sorted(
        limited(
            _walk(folder),
            folder,
            f"{folder!r} is a directory without Parquet files.",
            f"Choose one file in it, or a pattern such as {os.path.join(folder, '*.csv')!r}.",
        )
    )


def _walk(folder: str) -> Iterator[str]:
    entries = 0
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "_"))]
        entries += len(names)
        if entries > _MOST_ENTRIES:
            raise ReadError(
                f"{folder!r} holds more than {_MOST_ENTRIES:,} files.",
                hint="Choose a folder of the table alone.",
            )
        for name in names:
            if name.lower().endswith(PARQUET) and not name.startswith((".", "_")):
                yield os.path.join(place, name)


def limited(files: Iterator[str], address: str, problem: str, hint: str) -> list[str]:
    """Return the files of a table.

    Raises
    ------
    ReadError
        There is none, or there are too many.
    """
    found = list(islice(files, _MOST_FILES + 1))
    if not found:
        raise ReadError(problem, hint=hint, source=address)
    if len(found) > _MOST_FILES:
        raise ReadError(
            f"{address!r} matches more than {_MOST_FILES:,} files.",
            hint="Name fewer files, or join them.",
            source=address,
        )
    return found


def partition_of(file: str, folder: str) -> dict[str, str | None]:
    """Return the columns in the names of the folders of a file: ``year=2024/month=01/x.parquet``.

    Examples
    --------
    >>> partition_of("data/year=2024/month=01/x.parquet", "data")
    {'year': '2024', 'month': '01'}
    """
    pairs = [name.partition("=") for name in Path(file).relative_to(folder).parent.parts]
    return {
        unquote(name): None if value == _NO_VALUE else unquote(value)
        for name, is_pair, value in pairs
        if name and is_pair
    }


class Alignment:
    """The columns that all files of a table must have."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._first = ""
        self._kinds: dict[str, tuple[str, str]] = {}

    def aligned(self, frame: pd.DataFrame, file: str) -> pd.DataFrame:
        """Return rows of a file with the columns in the order of the first file.

        Raises
        ------
        ReadError
            A column is missing, is not in the first file, or has another type of values.
        """
        names = [str(name) for name in frame.columns]
        if not self._first:
            self.names, self._first = names, file
        for one, other, name in (
            *((file, self._first, name) for name in self.names if name not in names),
            *((self._first, file, name) for name in names if name not in self.names),
        ):
            raise ReadError(
                f"{one!r} has no column {name!r}, but {other!r} has one.",
                hint="All files of a table need the same columns.",
                column=name,
            )
        frame = frame.set_axis(names, axis=1)
        for name in self.names:
            self._check_kind(name, frame[name], file)
        return frame if names == self.names else frame[self.names]

    def _check_kind(self, name: str, cells: pd.Series, file: str) -> None:
        kind = _kind(cells)
        if not kind:
            return
        known, other = self._kinds.setdefault(name, (kind, file))
        if kind != known:
            raise ReadError(
                f"The column {name!r} holds {kind} in {file!r}, but {known} in {other!r}.",
                hint="All files of a table need the same type of values in a column.",
                column=name,
            )


def _kind(cells: pd.Series) -> str:
    """Return the type of the values of a column; an empty text if it has none."""
    if isinstance(cells.dtype, pd.CategoricalDtype):
        cells = cells.cat.categories.to_series()
    if cells.isna().all():
        return ""
    if is_text(cells):
        return "text"
    kind = str(pd.api.types.infer_dtype(cells, skipna=True))
    if kind == "datetime64" and getattr(cells.dtype, "tz", None) is not None:
        return "dates with a time zone"
    return _KINDS.get(kind, f"values of type {kind}")


_KINDS = {
    "boolean": "Booleans",
    "datetime64": "dates",
    "datetime": "dates",
    "date": "dates",
    **dict.fromkeys(("integer", "floating", "mixed-integer-float"), "numbers"),
}
