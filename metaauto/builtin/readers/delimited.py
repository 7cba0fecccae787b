"""Delimited text: its encoding, delimiter, decimal sign and header, and its reading."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import logging
import lzma
import re
import sys
import zipfile
from dataclasses import dataclass
from typing import Any

from metaauto.api import ReadError

__all__ = ["read_bytes", "read_delimited", "read_text"]

logger = logging.getLogger(__name__)

SNIFFED = 200
"""Lines looked at to tell the delimiter, the decimal sign and the header."""
CHECKED_BYTES = 16_000_000
"""Up to this size every line's fields are counted; pandas fills short lines up in silence."""
MISSING = ("?",)
"""Read as missing, besides what pandas takes for missing ('', 'NA', 'null', 'nan', ...)."""
CODECS = ("utf-8", "utf-8-sig", "cp1252")

_POINT = re.compile(r"[+-]?\d*\.\d+([eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?\d+,\d+")
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Layout:
    """How a delimited file is written."""

    delimiter: str
    decimal: str
    header: bool
    width: int
    row_names: bool = False
    trailing: bool = False


def read_bytes(source: str) -> bytes:
    """Read a whole file, unpacked if it is compressed; ``-`` is the standard input."""
    if source == "-":
        return sys.stdin.buffer.read()
    openers: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
    suffix = source[source.rfind(".") :].lower()
    try:
        if suffix == ".zip":
            return _unzipped(source)
        with openers.get(suffix, open)(source, "rb") as file:
            data: bytes = file.read()
    except (gzip.BadGzipFile, zipfile.BadZipFile, lzma.LZMAError, EOFError) as error:
        raise ReadError(
            f"{source!r} is no intact {suffix} file: {error}.", hint="Fetch or pack it again."
        ) from error
    return data


def _unzipped(source: str) -> bytes:
    with zipfile.ZipFile(source) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        if len(names) != 1:
            listed = ", ".join(names[:5]) or "nothing"
            raise ReadError(
                f"{source!r} holds {len(names)} files ({listed}).",
                hint="Pack one file, or unpack it and name one.",
            )
        return archive.read(names[0])


def read_text(source: str) -> str:
    """Read a whole text file: UTF-8, with or without byte order mark, else Windows-1252."""
    data = read_bytes(source)
    if not data.strip():
        raise ReadError(f"{source!r} is empty.", hint="Check the path or how it was written.")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _decoded(data, "utf-16", source)
    if b"\0" in data[:65536]:
        raise ReadError(f"{source!r} is a binary file, not text.", hint=_binary_hint(data[:8]))
    try:
        return _with_newlines(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        text = _decoded(data, "cp1252", source)
        logger.warning(
            "%r is not UTF-8 (byte %d); it is read as Windows-1252. See whether letters are right.",
            source,
            error.start,
        )
        return _with_newlines(text)


def _with_newlines(text: str) -> str:
    return text.replace("\r", "\n") if "\r" in text and "\n" not in text else text


def _decoded(data: bytes, codec: str, source: str) -> str:
    try:
        return data.decode(codec)
    except UnicodeDecodeError as error:
        tried = codec if codec == "utf-16" else ", ".join(CODECS)
        raise ReadError(
            f"{source!r} is not text in a known encoding (tried {tried}; byte {error.start}).",
            hint="Save it as UTF-8, or read it with pandas.read_csv(encoding=...) and pass the "
            "DataFrame.",
        ) from error


def _binary_hint(head: bytes) -> str:
    kinds = {
        b"PAR1": "It is a parquet file: name it .parquet.",
        b"PK": "It is a zip archive, perhaps an Excel workbook: save it as .csv, or name it .zip.",
        b"\x1f\x8b": "It is compressed: name it .gz.",
        b"SQLite": "It is an SQLite database: use sqlite:FILE?table=NAME.",
        b"ARROW1": "It is a feather file: name it .feather.",
        b"FEA1": "It is a feather file: name it .feather.",
    }
    return next((hint for start, hint in kinds.items() if head.startswith(start)), "Export text.")


def read_delimited(source: str) -> Any:
    """Read comma, semicolon, tab, bar or blank separated text into a DataFrame."""
    import pandas as pd

    text = read_text(source)
    layout = sniff(text, source)
    if len(text) <= CHECKED_BYTES:
        _check_widths(text, layout, source)
    try:
        frame = pd.read_csv(
            io.StringIO(text),
            sep=r"\s+" if layout.delimiter == " " else layout.delimiter,
            decimal=layout.decimal,
            header=0 if layout.header else None,
            index_col=0 if layout.row_names else False,
            na_values=list(MISSING),
            low_memory=False,
            skipinitialspace=True,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise ReadError(
            f"{source!r} is no table: {str(error).strip().rstrip('.')}.",
            hint="Give every line the same number of fields, and quote fields that hold the "
            f"delimiter {layout.delimiter!r}.",
        ) from error
    if layout.row_names:
        logger.info("%r: the first column has no name; it is taken for row names.", source)
        frame = frame.reset_index(drop=True)
    if not layout.header:
        logger.info("%r has no header; its columns are named x0, x1, ...", source)
        frame.columns = [f"x{i}" for i in range(frame.shape[1])]
    else:
        frame.columns = [str(name).strip() for name in frame.columns]
        _check_names(text, layout, source)
    return frame


def sniff(text: str, source: str) -> Layout:
    """Tell the layout from the first lines."""
    lines = [line for line in _head(text) if line.strip()]
    delimiter = _delimiter(lines, source)
    rows = [row for row in _rows(lines, delimiter) if row]
    header, body = rows[0], rows[1:]
    width = len(header)
    extra = bool(body) and all(len(row) == width + 1 for row in body)
    trailing = extra and all(not row[-1].strip() for row in body)
    if extra and not trailing and len({row[0] for row in body}) < max(2, len(body)):
        extra = False  # no row names: the check of the widths will refuse it
    named = extra or _has_header(header, body)
    decimal = "."
    if delimiter != ",":
        cells = [cell.strip() for row in body for cell in row]
        commas = sum(bool(_COMMA.fullmatch(cell)) for cell in cells)
        points = sum(bool(_POINT.fullmatch(cell)) for cell in cells)
        decimal = "," if commas > points else "."
    return Layout(delimiter, decimal, named, width, extra and not trailing, trailing)


def _head(text: str) -> list[str]:
    end = 0
    for _ in range(SNIFFED):
        found = text.find("\n", end)
        if found < 0:
            return text.splitlines()
        end = found + 1
    return text[:end].splitlines()


def _rows(lines: list[str], delimiter: str) -> list[list[str]]:
    if delimiter == " ":
        return [line.split() for line in lines]
    return list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True))


def _delimiter(lines: list[str], source: str) -> str:
    """Find the delimiter that cuts most lines into as many fields, more than one, as the first."""
    best, delimiter = (False, 0.0, 0), ","
    # A blank cuts words anywhere: it must cut every line alike, and the name must not say CSV.
    blanks = re.search(r"(^-|\.txt|\.dat|\.data)(\.\w+)?$", source.lower()) is not None
    for candidate in (",", ";", "\t", "|", *(" " if blanks else "")):
        widths = [len(row) for row in _rows(lines, candidate)]
        usual = max(set(widths), key=widths.count)
        if usual < 2 or widths[0] < usual - 1:
            continue
        agreeing = sum(width == usual for width in widths) / len(widths)
        if candidate == " " and (agreeing < 1.0 or best[1] > 0.5):
            continue
        score = (widths[0] == usual, round(agreeing, 1), usual)
        if score > best:
            best, delimiter = score, candidate
    return delimiter


def _has_header(first: list[str], body: list[list[str]]) -> bool:
    """Whether the first line names columns rather than holding values."""
    if not body:
        return True
    numeric = [bool(_NUMBER.fullmatch(cell.strip())) for cell in first]
    if not any(numeric):
        return True
    cells = [cell.strip() for cell in first]
    if all(cell.isdigit() for cell in cells):
        counted = [str(int(cells[0]) + i) for i in range(len(cells))]
        if cells == counted and len(cells) > 1:  # 0, 1, 2, ... or years name columns
            return True
    if len(set(cells)) < len(cells):
        return False
    kinds = [
        bool(filled) and sum(map(bool, map(_NUMBER.fullmatch, filled))) > len(filled) / 2
        for filled in (
            [row[i].strip() for row in body if i < len(row) and row[i].strip()]
            for i in range(len(first))
        )
    ]
    # A number above a column of numbers is a value; a word above one is a name.
    return any(kind and not number for kind, number in zip(kinds, numeric, strict=True))


def _check_widths(text: str, layout: Layout, source: str) -> None:
    if layout.delimiter == " ":
        return
    wanted = layout.width + (layout.row_names or layout.trailing)
    reader = csv.reader(io.StringIO(text), delimiter=layout.delimiter, skipinitialspace=True)
    try:
        for number, row in enumerate(reader):
            short = len(row) != wanted and (number > 0 or not (layout.row_names or layout.trailing))
            if row and short:
                raise ReadError(
                    f"{source!r} is ragged: line {reader.line_num} has {len(row)} fields, "
                    f"expected {wanted}.",
                    hint=f"Give every line {wanted} fields separated by {layout.delimiter!r}, and "
                    "quote fields that hold it.",
                    line=reader.line_num,
                )
    except csv.Error as error:
        raise ReadError(
            f"{source!r} cannot be read at line {reader.line_num}: {error}.",
            hint="Look for an opening quote that is never closed.",
        ) from error


def _check_names(text: str, layout: Layout, source: str) -> None:
    """Refuse names given twice, which pandas would rename in silence."""
    first = next(row for row in _rows(_head(text), layout.delimiter) if row)
    names = [name.strip() for name in first if name.strip()]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ReadError(
            f"{source!r} names columns twice: {', '.join(map(repr, twice[:5]))}.",
            hint="Rename or drop the copies.",
        )
