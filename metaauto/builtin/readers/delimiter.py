"""Detect the delimiter of delimited text."""

from __future__ import annotations

import csv
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = [
    "NUMBER",
    "any_field_size",
    "delimiter_of",
    "delimiters_in",
    "other_delimiter",
    "rows_of",
]

NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")

_RARE_MARKS = "^~¦§¬"
"""Marks that hardly occur within text."""
_COMMON_MARKS = "_-.+'\"()[]{}<>"
"""Marks within names, numbers and dates, which are no delimiters."""
_FIELD_SIZE_LIMIT = threading.Lock()


@contextmanager
def any_field_size() -> Iterator[None]:
    """Lift the limit of `csv` on the size of a field, which is a setting of the process."""
    with _FIELD_SIZE_LIMIT:
        limit = csv.field_size_limit(2**31 - 1)  # the largest C long on Windows
        try:
            yield
        finally:
            csv.field_size_limit(limit)


@any_field_size()
def rows_of(lines: list[str], delimiter: str) -> list[list[str]]:
    """Return the fields of each line."""
    if delimiter == " ":
        return [line.split() for line in lines]
    return list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True))


def _candidates(source: str) -> str:
    """Return the possible delimiters."""
    # Spaces also occur within text: all lines must agree, and the suffix must not be .csv.
    blanks = re.search(r"(^-|\.txt|\.dat|\.data)(\.\w+)?$", source.lower()) is not None
    return ",;\t|" + " " * blanks


def delimiters_in(line: str, source: str) -> set[str]:
    """Return the possible delimiters outside the quotes of a line."""
    return set(re.sub('"[^"]*"', "", line.strip())) & set(_candidates(source))


def delimiter_of(lines: list[str], source: str) -> str:
    """Return the delimiter for which most lines have as many fields as the first line, > 1.

    Without one, return the delimiter for which most lines have one more, else an empty text.
    """
    best, delimiter = (False, 0.0, 0), ""
    for candidate in _candidates(source):
        widths = [len(row) for row in rows_of(lines, candidate)]
        mode = max(set(widths), key=widths.count)
        if mode < 2 or widths[0] < mode - 1:
            continue
        agreement = sum(width == mode for width in widths) / len(widths)
        if candidate == " " and (agreement < 1.0 or best[1] > 0.5):
            continue
        score = (widths[0] == mode, round(agreement, 1), mode)
        if score > best:
            best, delimiter = score, candidate
    return delimiter


def other_delimiter(lines: list[str]) -> str:
    """Return another mark that splits all lines into as many fields, empty if there is none.

    Most marks also occur within text; they are delimiters where a column of numbers has a name.
    """
    found = []
    for mark in set(lines[0]) - set(_COMMON_MARKS):
        if mark.isalnum() or mark.isspace() or not mark.isprintable():
            continue
        names, *rows = rows_of(lines, mark)
        if not rows or len(names) < 2 or any(len(row) != len(names) for row in rows):
            continue
        numbers = [
            2 * sum(bool(NUMBER.fullmatch(cell.strip())) for cell in column) > len(rows)
            for column in zip(*rows, strict=True)
        ]
        are_names = all(names) and not any(map(NUMBER.fullmatch, names))
        if mark in _RARE_MARKS or (are_names and any(numbers)):
            found.append((len(names), mark))
    return max(found, default=(0, ""))[1]
