"""Read published files; errors name the file and the place in it."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from metaauto.api import KnowledgeError

__all__ = [
    "MalformedValue",
    "Row",
    "error_context",
    "json_document",
    "rows",
    "source_commit",
    "source_folders",
]

_HINT = "Get the file again from its publisher; nothing was imported."


class MalformedValue(ValueError):
    """A value that does not have the published format; the message names it."""


class Row(NamedTuple):
    """One row of a table: its line number and its cells by column."""

    line: int
    cells: dict[str, str]


def source_folders(path: str | Path, names: Sequence[str]) -> list[Path]:
    """Return the subfolders of these names, or the path itself if there are none.

    Raises
    ------
    KnowledgeError
        If the path does not exist.
    """
    path = Path(path).expanduser().absolute()
    if not path.exists():
        raise KnowledgeError(
            f"There is no file or folder {str(path)!r}.",
            hint="Name the folder that holds the published files.",
            path=path,
        )
    return [path / name for name in names if (path / name).is_dir()] or [path]


def rows(path: Path, needed: Collection[str]) -> Iterator[Row]:
    """Yield the rows of a CSV file; raise if a needed column is missing."""
    with error_context(path, ""), path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file, strict=True)
        header = next(reader, [])
        with error_context(path, "line 1"):
            missing = [name for name in needed if name not in header]
            if missing:
                raise MalformedValue(f"there is no column {missing[0]!r}")
        while True:
            with error_context(path, f"line {reader.line_num + 1}"):
                cells = next(reader, None)
                if cells is None:
                    return
                if cells and len(cells) != len(header):
                    raise MalformedValue(f"expected {len(header)} cells (got {len(cells)})")
            if cells:
                yield Row(reader.line_num, dict(zip(header, cells, strict=True)))


def json_document(path: Path) -> Any:
    """Return the contents of a JSON file."""
    with error_context(path, ""):
        text = path.read_text(encoding="utf-8")
    try:
        return json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise _error(path, f"line {line}", f"invalid JSON: {error}") from None


@contextmanager
def error_context(path: Path, where: str) -> Iterator[None]:
    """Turn errors into one `KnowledgeError` that names the file and the place in it."""
    try:
        yield
    except KnowledgeError as error:
        if "path" in error.details:
            raise
        raise _error(path, where, error.message.rstrip(".")) from error
    except OSError as error:
        raise _error(path, where, f"cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise _error(path, where, "is not valid UTF-8") from error
    except KeyError as error:
        raise _error(path, where, f"{error} is missing") from error
    except (
        MalformedValue,
        csv.Error,
        AttributeError,
        OverflowError,
        TypeError,
        ValueError,
    ) as error:
        raise _error(path, where, str(error)) from error


def source_commit(folder: Path) -> str:
    """Return the commit that a README.txt beside the files names, or an empty text."""
    path = folder / "README.txt"
    if not path.is_file():
        return ""
    text = path.read_text(encoding="utf-8", errors="replace")
    found = re.search(r"Origin:.*@\s*([0-9a-f]{7,40})\b", text)
    return found.group(1)[:12] if found else ""


def _error(path: Path, where: str, what: str) -> KnowledgeError:
    place = f"{str(path)!r}, {where}" if where else f"{str(path)!r}"
    return KnowledgeError(f"{place}: {what}.", hint=_HINT, path=path)
