"""Reader of large delimited files in parts."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from metaauto.builtin.readers.delimited import (
    CHECKED_BYTES,
    header_of,
    read_delimited,
    rows_as_table,
    sniff,
)

__all__ = ["read_delimited_chunks"]

_COMPRESSED = (".gz", ".zip", ".bz2", ".xz")
_BLOCK = 2**20


def read_delimited_chunks(source: str, rows: int, columns: Sequence[str] = ()) -> Iterator[Any]:
    """Read a delimited file in parts, with the format that its first 16 million characters have.

    Files up to this size, the standard input, compressed files, and files in other encodings than
    UTF-8 or with one column are read as one part.

    Parameters
    ----------
    source, columns
        As of `read_delimited`.
    rows : int
        Lines of a part, about.
    """
    if not _is_large_text(source):
        yield read_delimited(source, columns)
        return
    with open(source, encoding="utf-8-sig", newline="") as file:
        head = file.read(CHECKED_BYTES)
        layout = sniff(head, source, columns)
        if layout.single or "\n" not in head:
            yield read_delimited(source, columns)
            return
        names, start = header_of(head, layout, source, columns)
        del head
        file.seek(0)
        file.read(start)
        for body in _bodies(file, rows):
            yield rows_as_table(body, names, layout, source)


def _is_large_text(source: str) -> bool:
    """Return whether it is a large file of UTF-8."""
    path = Path(source)
    is_plain = path.is_file() and not source.lower().endswith(_COMPRESSED)
    if not is_plain or os.path.getsize(source) <= CHECKED_BYTES:
        return False
    decoder = codecs.getincrementaldecoder("utf-8")()
    with open(path, "rb") as file:
        try:
            for block in iter(lambda: file.read(_BLOCK), b""):
                if "\0" in decoder.decode(block):
                    return False
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _bodies(lines: Iterable[str], rows: int) -> Iterator[str]:
    """Yield the text of about as many rows; a cell in quotes may have several lines."""
    part: list[str] = []
    count, is_open = 0, False
    for line in lines:
        part.append(line)
        is_open ^= line.count('"') % 2 == 1
        count += not is_open
        if count >= rows and not is_open:
            yield "".join(part)
            part, count = [], 0
    if part:
        yield "".join(part)
