"""Reader of large delimited files in parts."""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from metaauto.builtin.readers.delimited import (
    CHECKED_BYTES,
    header_of,
    read_delimited,
    sniff,
    table_of_rows,
)
from metaauto.builtin.readers.text import COMPRESSED, open_bytes, size_limit, too_large

__all__ = ["read_delimited_chunks"]

_BLOCK = 2**20


def read_delimited_chunks(source: str, rows: int, columns: Sequence[str] = ()) -> Iterator[Any]:
    """Read a delimited file in parts, with the format that its first 16 million characters have.

    Files up to this size, the standard input, and files in other encodings than UTF-8 or with one
    column are read as one part. A compressed file is decompressed as it is read.

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
    with _open_text(source) as file:
        head = file.read(CHECKED_BYTES)
        layout = sniff(head, source, columns)
        if not layout.single and "\n" in head:
            names, start = header_of(head, layout, source, columns)
            skipped = head.count("\n", 0, start)
            del head
            file.seek(0)
            file.read(start)
            for body in _bodies(file, rows, source):
                yield table_of_rows(body, names, layout, source, skipped)
                skipped += body.count("\n")
            return
    yield read_delimited(source, columns)


@contextmanager
def _open_text(source: str) -> Iterator[IO[str]]:
    with open_bytes(source) as file:
        yield io.TextIOWrapper(file, encoding="utf-8-sig", newline="")


def _is_large_text(source: str) -> bool:
    """Return whether it is a large file of UTF-8."""
    is_compressed = source.lower().endswith(COMPRESSED)
    if not Path(source).is_file() or not (is_compressed or _is_large(os.path.getsize(source))):
        return False
    decoder, size = codecs.getincrementaldecoder("utf-8")(), 0
    with open_bytes(source) as file:
        try:
            for block in iter(lambda: file.read(_BLOCK), b""):
                size += len(block)
                if "\0" in decoder.decode(block):
                    return False
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return _is_large(size)


def _is_large(size: int) -> bool:
    return size > CHECKED_BYTES


def _bodies(file: IO[str], rows: int, source: str) -> Iterator[str]:
    """Yield the text of about as many rows; a cell in quotes may have several lines."""
    part: list[str] = []
    count, size, is_open = 0, 0, False
    limit = size_limit() if source.lower().endswith(COMPRESSED) else sys.maxsize
    for line in iter(lambda: file.readline(limit), ""):
        part.append(line)
        size += len(line)
        # A quote that is not closed joins all that follows, a forged file has one endless line.
        if size >= limit:
            raise too_large(source, limit)
        is_open ^= line.count('"') % 2 == 1
        count += not is_open
        if count >= rows and not is_open:
            yield "".join(part)
            part, count, size = [], 0, 0
    if part:
        yield "".join(part)
