"""Text of a file: decompression and encoding."""

from __future__ import annotations

import bz2
import gzip
import io
import logging
import lzma
import os
import re
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import psutil

from metaauto.api import ReadError

__all__ = [
    "COMPRESSED",
    "check_file",
    "first_line",
    "open_bytes",
    "read_bytes",
    "read_text",
    "size_limit",
    "too_large",
]

logger = logging.getLogger(__name__)

_MEMORY_SHARE = 0.2
"""Share of the free memory for a decompressed file; its text and columns take more."""
_BLOCK_BYTES = 2**22
CODECS = ("utf-8", "utf-8-sig", "cp1252")
COMPRESSED = (".gz", ".zip", ".bz2", ".xz")
"""Suffixes of compressed files."""
# macOS adds these members to the archives that it makes.
_ARCHIVED_BY_MAC = re.compile(r"(^|/)(__MACOSX/|\.DS_Store$)")


def check_file(source: str) -> None:
    """Raise the errors of `open`, which are clearer than those of the libraries."""
    with open(source, "rb"):
        pass
    if os.path.getsize(source) == 0:
        raise ReadError(f"{source!r} is empty.", hint="Check the path, or write the file again.")


def read_bytes(source: str) -> bytes:
    """Read a file and decompress it if necessary; ``-`` is the standard input."""
    if source == "-":
        return sys.stdin.buffer.read()
    with open_bytes(source) as file:
        is_compressed = source.lower().endswith(COMPRESSED)
        return _decompressed(file, source) if is_compressed else file.read()


@contextmanager
def open_bytes(source: str) -> Iterator[IO[bytes]]:
    """Open a file to read its bytes, decompressed if necessary; convert errors of the format."""
    openers: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
    suffix = source[source.rfind(".") :].lower()
    try:
        if suffix == ".zip":
            with _unzipped(source) as file:
                yield file
        else:
            with openers.get(suffix, open)(source, "rb") as file:
                yield file
    except (gzip.BadGzipFile, zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError) as error:
        raise ReadError(
            f"{source!r} is not a valid {suffix} file: {error}.",
            hint="Copy or compress the file again.",
        ) from error


def _decompressed(file: IO[bytes], source: str) -> bytes:
    """Read a compressed file; raise an error if its content is too large for the memory."""
    limit, data = size_limit(), io.BytesIO()
    # By blocks: a decompressing file allocates what it is asked for, also if it holds less.
    while block := file.read(_BLOCK_BYTES):
        data.write(block)
        if data.tell() > limit:
            raise too_large(source, limit)
    # It is not a copy.
    return data.getvalue()


def size_limit() -> int:
    """Return the most bytes that a decompressed file may have."""
    return int(_MEMORY_SHARE * psutil.virtual_memory().available)


def too_large(source: str, limit: int) -> ReadError:
    """Return the error for decompressed content above a limit."""
    return ReadError(
        f"{source!r} is too large when decompressed: expected at most {limit / 1e6:,.0f} MB, "
        f"{_MEMORY_SHARE:.0%} of the free memory.",
        hint="Free memory, or extract the file and pass a part of its rows.",
    )


def first_line(error: Exception) -> str:
    """Return the first line of the message of an error, or its type."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


@contextmanager
def _unzipped(source: str) -> Iterator[IO[bytes]]:
    """Open the only file of an archive."""
    with zipfile.ZipFile(source) as archive:
        names = [name for name in archive.namelist() if not _ARCHIVED_BY_MAC.search(name)]
        names = [name for name in names if not name.endswith("/")]
        if len(names) != 1:
            listed = ", ".join(names[:5]) or "nothing"
            raise ReadError(
                f"{source!r}: expected an archive with one file, got {len(names)} ({listed}).",
                hint="Extract the archive and pass one of its files.",
            )
        with archive.open(names[0]) as file:
            yield file


def read_text(source: str) -> str:
    """Read a text file as UTF-8 with or without byte order mark, else as Windows-1252."""
    text = _text(read_bytes(source), source)
    if not text.strip():
        raise ReadError(f"{source!r} is empty.", hint="Check the path, or write the file again.")
    return text.replace("\r", "\n") if "\r" in text and "\n" not in text else text


def _text(data: bytes, source: str) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _decoded(data, "utf-16", source)
    if b"\0" in data[:65536]:
        raise ReadError(f"{source!r} is a binary file, not text.", hint=_binary_hint(data[:8]))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        text = _decoded(data, "cp1252", source)
        logger.warning(
            "%r is not UTF-8 (byte %d); it is read as Windows-1252. Check non-ASCII letters.",
            source,
            error.start,
        )
        return text


def _decoded(data: bytes, codec: str, source: str) -> str:
    try:
        return data.decode(codec)
    except UnicodeDecodeError as error:
        tried = codec if codec == "utf-16" else ", ".join(CODECS)
        raise ReadError(
            f"{source!r} is not text in a supported encoding (tried {tried}; byte {error.start}).",
            hint="Save it as UTF-8, or read it with pandas.read_csv(encoding=...) and pass the "
            "DataFrame.",
        ) from error


def _binary_hint(head: bytes) -> str:
    kinds = {
        b"PAR1": "It is a parquet file: use the suffix .parquet.",
        b"PK": "It is a zip archive or an Excel workbook: save it as .csv, or use the suffix .zip.",
        b"\x1f\x8b": "It is compressed: use the suffix .gz.",
        b"SQLite": "It is an SQLite database: use sqlite:FILE?table=NAME.",
        b"ARROW1": "It is a feather file: use the suffix .feather.",
        b"FEA1": "It is a feather file: use the suffix .feather.",
    }
    return next(
        (hint for start, hint in kinds.items() if head.startswith(start)), "Export it as text."
    )
