"""Reader of delimited text; detects the encoding, delimiter, decimal sign and header."""

from __future__ import annotations

import csv
import io
import logging
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from metaauto.api import ReadError
from metaauto.builtin.readers.delimiter import (
    NUMBER,
    any_field_size,
    delimiter_of,
    delimiters_in,
    other_delimiter,
    rows_of,
)
from metaauto.builtin.readers.text import read_text

__all__ = ["header_of", "read_delimited", "sniff", "table_of_rows", "table_of_text"]

logger = logging.getLogger(__name__)

SNIFFED = 200
"""Number of lines used to detect the delimiter, the decimal sign and the header."""
CHECKED_BYTES = 16_000_000
"""Up to this size the fields of every line are counted; larger text only if cells may have several
lines, which takes as long as reading it."""
DECIMALS = 10
"""From this number of decimal fractions on, a whole number above them is a name."""
MISSING = ("?",)
"""Words that are no evidence about the header, besides the empty one."""

_HEADER_LENGTH = 16_000_000
_BLOCK = 1_000_000
"""Bytes parsed at a time."""
_WIDE = 1000
_WITH_COMMA = re.compile(r"^(\s*[+-]?\d*),(\d+(?:[eE][+-]?\d+)?\s*)$")
# The first line by which a file tells Excel its delimiter.
_SEP = re.compile(r'"?sep=([^\w\s]|[ \t])"?\r?\n(?=\s*\S)', re.IGNORECASE)
_POINT = re.compile(r"[+-]?\d*\.\d+([eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?\d+,\d+")
_DECIMAL = re.compile(r"[+-]?\d*[.,]\d+([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Layout:
    """Format of a delimited file."""

    delimiter: str
    decimal: str
    header: bool
    width: int
    row_names: bool = False
    trailing: bool = False
    start: int = 0
    """Position of the table in the text."""

    @property
    def single(self) -> bool:
        """Whether there is one field per line, so that a blank line is a row without a value."""
        return self.width == 1 and not self.row_names and not self.trailing


def read_delimited(source: str, columns: Sequence[str] = ()) -> Any:
    """Read text delimited by comma, semicolon, tab, bar, space or another mark into a DataFrame.

    Parameters
    ----------
    source : str
        Path, or ``-`` for the standard input.
    columns : sequence of str, default=()
        Names of columns that the table is expected to have. A first line with one of them is a
        header.

    Returns
    -------
    pandas.DataFrame
        The columns are named ``x0``, ``x1``, ... if the file has no header.
    """
    text = read_text(source)
    return table_of_text(text, source, columns, is_checked=len(text) <= CHECKED_BYTES)


def table_of_text(
    text: str, source: str, columns: Sequence[str], *, is_checked: bool = False
) -> Any:
    """Return delimited text as a table; optionally check the number of fields of every line."""
    layout = sniff(text, source, columns)
    if is_checked:
        _check_widths(text, layout, source)
    names, start = header_of(text, layout, source, columns)
    body = text[start:]
    if layout.single:
        body = _without_outer_blank_lines(body)
    frame = _rows_as_table(body, names, layout, source)
    if not is_checked and _has_long_cells(body, len(frame)):
        _check_widths(text, layout, source)
    return frame


def table_of_rows(body: str, names: list[str], layout: Layout, source: str, skipped: int) -> Any:
    """Return rows of text, which begin after so many lines of the file, as a table."""
    frame = _rows_as_table(body, names, layout, source)
    if _has_long_cells(body, len(frame)):
        _check_widths(body, replace(layout, start=0), source, skipped)
    return frame


def _has_long_cells(body: str, rows: int) -> bool:
    """Return whether a cell may have several lines, or a quote joins rows to one."""
    return '"' in body and body.count("\n") > rows


def header_of(
    text: str, layout: Layout, source: str, columns: Sequence[str]
) -> tuple[list[str], int]:
    """Return the names of all columns, checked, and the position of the first row of values."""
    names, start = _names(text, layout)
    if layout.header:
        _check_names(names, source)
        if layout.single:
            _check_single(names[0], columns, source)
    else:
        logger.info("%r has no header; its columns are named x0, x1, ...", source)
        _check_expected(text, layout, source, [name for name in columns if name not in names])
    return names, start


def _rows_as_table(body: str, names: list[str], layout: Layout, source: str) -> Any:
    """Return rows of text as a table without row names and the empty column after the last one."""
    frame = _parsed(body, names, layout, source)
    if layout.decimal == ",":
        frame = frame.apply(_with_decimal_points)
    if layout.row_names:
        logger.info("%r: the first column has no name; it is used as row names.", source)
        frame = frame.iloc[:, 1:]
    if layout.trailing:
        frame = frame.iloc[:, :-1]
    return frame


@any_field_size()
def _names(text: str, layout: Layout) -> tuple[list[str], int]:
    """Return the names of all columns, and the position of the first row of values."""
    if not layout.header:
        return [f"x{i}" for i in range(layout.width)], layout.start
    start = layout.start
    while not text[start : text.find("\n", start) + 1 or len(text)].strip():
        start = text.find("\n", start) + 1
    file = io.StringIO(text[start : start + _HEADER_LENGTH], newline="")
    if layout.delimiter == " ":
        header, count = file.readline().split(), 1
    else:
        reader = csv.reader(file, delimiter=layout.delimiter, skipinitialspace=True)
        header, count = next(reader), reader.line_num
    for _ in range(count):
        start = text.find("\n", start) + 1 or len(text)
    names = [name.strip() or f"Unnamed: {i}" for i, name in enumerate(header)]
    return [*["row names"] * layout.row_names, *names, *["end"] * layout.trailing], start


def _parsed(body: str, names: list[str], layout: Layout, source: str) -> Any:
    """Parse the rows into columns of text."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    # Arrow reads text ten times faster than pandas, but no blanks between delimiter and quote.
    quotes = '"' in body
    blanks = quotes and re.search(
        rf'(?:^|{re.escape(layout.delimiter)})[ \t]+"', body, re.MULTILINE
    )
    slow = layout.delimiter == " " or not layout.delimiter.isascii() or blanks
    if not body or (body.isspace() and not layout.single):
        return pd.DataFrame(np.empty((0, len(names)), dtype=object), columns=names)
    try:
        if layout.delimiter != " " and len(names) > max(_WIDE, body.count("\n")):
            return _parsed_by_row(body, names, layout)
        if not slow:
            return _parsed_by_arrow(body, names, layout, quotes)
        return pd.read_csv(
            io.StringIO(body),
            sep=r"\s+" if layout.delimiter == " " else layout.delimiter,
            header=None,
            names=range(len(names)),
            index_col=False,
            dtype=object,
            na_filter=False,
            skipinitialspace=True,
            skip_blank_lines=not layout.single,
            engine=None if layout.delimiter.isascii() else "python",
        ).set_axis(names, axis=1)
    except (pd.errors.ParserError, pa.ArrowInvalid, csv.Error, ValueError) as error:
        raise ReadError(
            f"{source!r} is not a valid table: {str(error).strip().rstrip('.')}.",
            hint="Write the same number of fields in every line, and quote fields that contain the "
            f"delimiter {layout.delimiter!r}.",
        ) from error


@any_field_size()
def _parsed_by_row(body: str, names: list[str], layout: Layout) -> Any:
    """Parse a table of more columns than rows, which is slow in Arrow and in pandas."""
    import numpy as np
    import pandas as pd

    file = io.StringIO(body, newline="")
    reader = csv.reader(file, delimiter=layout.delimiter, skipinitialspace=True)
    cells = np.array([row for row in reader if row], dtype=object)
    return pd.DataFrame(cells, columns=names, dtype=object)


def _parsed_by_arrow(body: str, names: list[str], layout: Layout, quotes: bool) -> Any:
    import pandas as pd
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    data = body.encode("utf-8", "surrogatepass")
    numbered = [str(i) for i in range(len(names))]
    longest = max(map(len, _head(body)), default=0)
    for block_size in (max(_BLOCK, 8 * longest), len(data) + 1):
        try:
            table = arrow_csv.read_csv(
                pa.BufferReader(data),
                arrow_csv.ReadOptions(column_names=numbered, block_size=block_size),
                arrow_csv.ParseOptions(
                    delimiter=layout.delimiter,
                    newlines_in_values=quotes,
                    ignore_empty_lines=not layout.single,
                ),
                arrow_csv.ConvertOptions(
                    column_types=dict.fromkeys(numbered, pa.string()), strings_can_be_null=False
                ),
            )
            break
        except pa.ArrowInvalid as error:
            if "straddling" not in str(error) or block_size > len(data):
                raise
    text = pd.StringDtype("pyarrow")
    frame = table.to_pandas(types_mapper=lambda kind: text, split_blocks=True, self_destruct=True)
    return frame.set_axis(names, axis=1)


def _with_decimal_points(cells: Any) -> Any:
    """Replace the decimal comma in a column without points, such as thousands separators."""
    if cells.str.contains(".", regex=False).any():
        return cells
    return cells.str.replace(_WITH_COMMA, r"\1.\2", regex=True)


def _without_outer_blank_lines(body: str) -> str:
    """Remove the blank lines after the last row."""
    end = body.find("\n", len(body.rstrip(" \t\r\n")))
    return body if end < 0 else body[: end + 1]


def sniff(text: str, source: str, columns: Sequence[str] = ()) -> Layout:
    """Detect the format from the first lines."""
    declared = _SEP.match(text)
    start = declared.end() if declared else 0
    lines = _head(text, start)
    # Comments and titles have other delimiters, or none.
    whole = lines[_leading(lines, lambda line: line.startswith("#")) :] or lines
    table = whole[_leading(whole, lambda line: not delimiters_in(line, source)) :] or whole
    delimiter = declared[1] if declared else delimiter_of(table, source)
    # The first line is a title, or has another delimiter.
    if not declared and (not delimiter or len(table) < len(whole)):
        delimiter = other_delimiter(whole) or delimiter or ","
    rows = [row for row in rows_of(lines, delimiter) if row]
    above = _lines_above(rows, len(rows_of(table[:1], delimiter)[0]), columns)
    if above:
        logger.warning("%r: skipped %d comment or title lines above the header", source, above)
        rows = rows[above:]
        start = _after_lines(text, start, above)
    header, body = rows[0], rows[1:]
    width = len(header)
    extra = bool(body) and all(len(row) == width + 1 for row in body)
    trailing = extra and all(not row[-1].strip() for row in body)
    if extra and not trailing and len({row[0] for row in body}) < max(2, len(body)):
        extra = False  # not row names: `_check_widths` raises an error
    named = extra or _has_header(header, body, columns)
    decimal = "."
    if delimiter != ",":
        cells = [cell.strip() for row in body for cell in row]
        commas = sum(bool(_COMMA.fullmatch(cell)) for cell in cells)
        points = sum(bool(_POINT.fullmatch(cell)) for cell in cells)
        if commas == points == 0:  # the first fractions may stand further down
            commas = _count_fields(_COMMA, text, delimiter)
            points = _count_fields(_POINT, text, delimiter)
        decimal = "," if commas > points else "."
    return Layout(delimiter, decimal, named, width, extra and not trailing, trailing, start)


def _leading(items: Sequence[Any], condition: Callable[[Any], bool]) -> int:
    """Count the first items that satisfy a condition."""
    return next((i for i, item in enumerate(items) if not condition(item)), len(items))


def _lines_above(rows: list[list[str]], width: int, columns: Sequence[str]) -> int:
    """Count the comments and titles above the header of a table with several columns."""
    if width < 2:
        return 0
    comments = _leading(rows, lambda row: row[0].startswith("#") and len(row) != width)
    # One field above rows of two may be a header above row names.
    titles = _leading(rows[comments:], lambda row: width > 2 and _is_title(row))
    table = rows[comments + titles :]
    agreeing = sum(len(row) == width for row in table)
    if titles and titles < len(table) < 2 * agreeing:
        return comments + titles * _has_header(table[0], table[1:], columns)
    return comments if comments < len(rows) else 0


def _is_title(row: list[str]) -> bool:
    """Return whether a row has words in one field at most."""
    filled = [cell for cell in row if cell]
    return len(filled) < 2 and not any(map(NUMBER.fullmatch, filled))


def _after_lines(text: str, start: int, count: int) -> int:
    """Return the position after a number of lines that are not blank."""
    while count:
        end = text.find("\n", start) + 1
        count -= bool(text[start:end].strip())
        start = end
    return start


def _count_fields(pattern: re.Pattern[str], text: str, delimiter: str) -> int:
    """Count the fields of the whole text that match a pattern."""
    end = r"[ \t]" if delimiter == " " else re.escape(delimiter)
    field = rf'(?:^|{end})[ "]*{pattern.pattern}[ "]*(?={end}|\r?$)'
    return sum(1 for _ in re.finditer(field, text, re.MULTILINE))


def _head(text: str, start: int = 0) -> list[str]:
    """Return the first lines that are not blank."""
    lines: list[str] = []
    while len(lines) < SNIFFED and start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        # Not `splitlines`, which also splits at characters that belong to a cell, such as U+2028.
        lines += [line for line in io.StringIO(text[start:end], newline="") if line.strip()]
        start = end
    return lines


def _has_header(first: list[str], body: list[list[str]], expected: Sequence[str] = ()) -> bool:
    """Return whether the first line contains column names rather than values."""
    names = [cell.strip() for cell in first]
    found = [name for name in expected if name in names]
    if found and (len(found) == len(expected) or not all(map(NUMBER.fullmatch, found))):
        return True
    numeric = [bool(NUMBER.fullmatch(name)) for name in names]
    if not body or not any(numeric):
        return True
    if all(name.isdigit() for name in names):
        counted = [str(int(names[0]) + i) for i in range(len(names))]
        if names == counted and len(names) > 1:  # 0, 1, 2, ... or years are column names
            return not expected or not set(expected) <= {f"x{i}" for i in range(len(names))}
    if len(set(names)) < len(names):
        return False
    cells = [
        [row[i].strip() for row in body if i < len(row) and row[i].strip() not in ("", *MISSING)]
        for i in range(len(names))
    ]
    return _differs(names, numeric, cells)


def _differs(names: list[str], numeric: list[bool], cells: list[list[str]]) -> bool:
    """Return whether the first line differs in kind from the cells of its columns."""
    numbers = [sum(bool(NUMBER.fullmatch(cell)) for cell in column) for column in cells]
    words = [
        (name, column, count)
        for i, (name, number, column, count) in enumerate(
            zip(names, numeric, cells, numbers, strict=True)
        )
        # Only a column of row names, the first one, has an empty name.
        if not number and name not in MISSING and (name or i == 0)
    ]
    # Above a column of numbers, a number is a value and a word is a name.
    if any(count > len(column) / 2 for _, column, count in words):
        return True
    if any(name in column for name, column, _ in words):
        return False
    # A value of the first row would seldom be the only one that occurs once.
    if any(column and min(Counter(column).values()) > 1 for _, column, _ in words):
        return True
    if any(
        number and len(column) > 1 and count == 0
        for number, column, count in zip(numeric, cells, numbers, strict=True)
    ):
        return True
    decimals = [
        name.isdigit()
        for name, column in zip(names, cells, strict=True)
        if len(column) >= DECIMALS and all(map(_DECIMAL.fullmatch, column))
    ]
    return bool(words) and bool(decimals) and all(decimals)


@any_field_size()
def _check_widths(text: str, layout: Layout, source: str, skipped: int = 0) -> None:
    """Raise an error for rows of another width, and for quotes that join rows."""
    if layout.delimiter == " ":
        return
    expected = layout.width + (layout.row_names or layout.trailing)
    skipped += text.count("\n", 0, layout.start)
    file = io.StringIO(text[layout.start :], newline="")
    lines: list[str] = []
    recorded = (lines.append(line) or line for line in file)  # type: ignore[func-returns-value]
    reader = csv.reader(recorded, delimiter=layout.delimiter, skipinitialspace=True)
    try:
        for number, row in enumerate(reader):
            if len(lines) > 1 and _has_stray_quote(lines, layout.delimiter, expected):
                last = skipped + reader.line_num
                first = last - len(lines) + 1
                raise ReadError(
                    f"{source!r}, line {first}: a quote opens a cell that ends in line {last}.",
                    hint="Remove the quote, or put the cell in quotes and double those within it.",
                    line=first,
                )
            lines.clear()
            short = len(row) != expected and (
                number > 0 or not (layout.row_names or layout.trailing)
            )
            if row and short:
                line = skipped + reader.line_num
                raise ReadError(
                    f"{source!r}, line {line}: expected {expected} fields, got {len(row)}.",
                    hint=f"Write {expected} fields separated by {layout.delimiter!r} in every "
                    "line, and quote fields that contain the delimiter.",
                    line=line,
                )
    except csv.Error as error:
        raise ReadError(
            f"{source!r} cannot be read at line {skipped + reader.line_num}: {error}.",
            hint="Check for a quote that is not closed.",
        ) from error


def _has_stray_quote(lines: list[str], delimiter: str, width: int) -> bool:
    """Return whether a quote joins several rows, rather than the lines of one cell."""
    try:
        list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True))
    except csv.Error:
        return True
    whole = [line.count(delimiter) == width - 1 for line in lines]
    if delimiter == "\t" and all(whole):
        # Text has commas, but hardly ever as many tabs in each line as the table.
        return True
    return width > 2 and len(lines) > 3 and all(whole[1:-1])


def _check_expected(text: str, layout: Layout, source: str, missing: Sequence[str]) -> None:
    """Raise an error if expected columns are missing because the first line contains values."""
    if not missing:
        return
    first = next(row for row in rows_of(_head(text), layout.delimiter) if row)
    raise ReadError(
        f"{source!r} has no column {missing[0]!r}: its first line, {', '.join(first)[:100]!r}, "
        "was read as values, not as a header.",
        hint="Write a line of column names before the values. The columns of a file without them "
        "are named x0, x1, ...",
        missing=list(missing),
    )


def _check_single(name: str, expected: Sequence[str], source: str) -> None:
    """Raise an error if expected columns are missing because the delimiter was not detected."""
    missing = [column for column in expected if column != name]
    if missing and any(column in name for column in missing):
        raise ReadError(
            f"{source!r} has no column {missing[0]!r}: no delimiter was found in its first line, "
            f"{name[:100]!r}.",
            hint="Separate the fields by a comma, or name the delimiter, one character, in a line "
            "above the header, such as sep=^",
            missing=missing,
        )


def _check_names(names: Sequence[str], source: str) -> None:
    """Raise an error for duplicate names."""
    duplicates = sorted(name for name, count in Counter(names).items() if count > 1)
    if duplicates:
        raise ReadError(
            f"{source!r} has duplicate column names: {', '.join(map(repr, duplicates[:5]))}.",
            hint="Rename or drop the duplicates.",
        )
