"""Reading published files: whatever is wrong with one is told with its name and the place in it."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from metaauto.errors import KnowledgeError

__all__ = ["Malformed", "Row", "blamed", "commit", "folders", "json_document", "rows"]

_HINT = "Get the file again from where it was published; nothing was imported."


class Malformed(ValueError):
    """A value that is not of the form that was published; the message says which."""


class Row(NamedTuple):
    """One row of a table: its line and its cells by column."""

    line: int
    cells: dict[str, str]


def folders(path: str | Path, names: Sequence[str]) -> list[Path]:
    """The folders of these names below a path, or the path itself if there are none.

    Raises
    ------
    KnowledgeError
        If there is no such path.
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
    """The rows of a table of comma-separated values, which has at least the needed columns."""
    with blamed(path, ""), path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file, strict=True)
        header = next(reader, [])
        with blamed(path, "line 1"):
            missing = [name for name in needed if name not in header]
            if missing:
                raise Malformed(f"there is no column {missing[0]!r}")
        while True:
            with blamed(path, f"line {reader.line_num + 1}"):
                cells = next(reader, None)
                if cells is None:
                    return
                if cells and len(cells) != len(header):
                    raise Malformed(f"{len(cells)} cells under {len(header)} columns")
            if cells:
                yield Row(reader.line_num, dict(zip(header, cells, strict=True)))


def json_document(path: Path) -> Any:
    """What a JSON file holds."""
    with blamed(path, ""):
        text = path.read_text(encoding="utf-8")
    try:
        return json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise _error(path, f"line {line}", f"no JSON: {error}") from None


@contextmanager
def blamed(path: Path, where: str) -> Iterator[None]:
    """Tell what is wrong inside as one `KnowledgeError` that names the file and the place."""
    try:
        yield
    except KnowledgeError as error:
        if "path" in error.details:
            raise
        raise _error(path, where, error.message.rstrip(".")) from error
    except OSError as error:
        raise _error(path, where, f"cannot be read, {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise _error(path, where, "is no text in UTF-8") from error
    except KeyError as error:
        raise _error(path, where, f"there is no {error}") from error
    except (Malformed, csv.Error, AttributeError, OverflowError, TypeError, ValueError) as error:
        raise _error(path, where, str(error)) from error


def commit(folder: Path) -> str:
    """The commit that a README beside the files says they are of; empty if it does not."""
    path = folder / "README.txt"
    if not path.is_file():
        return ""
    text = path.read_text(encoding="utf-8", errors="replace")
    found = re.search(r"Origin:.*@\s*([0-9a-f]{7,40})\b", text)
    return found.group(1)[:12] if found else ""


def _error(path: Path, where: str, what: str) -> KnowledgeError:
    place = f"{str(path)!r}, {where}" if where else f"{str(path)!r}"
    return KnowledgeError(f"{place}: {what}.", hint=_HINT, path=path)
