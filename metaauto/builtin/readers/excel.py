"""Reader of Excel workbooks; the cells become text, which is typed like that of other files."""

from __future__ import annotations

import csv
import datetime
import io
import logging
import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from metaauto.api import ReadError
from metaauto.builtin.readers.delimited import table_of_text
from metaauto.builtin.readers.text import first_line, size_limit, too_large

__all__ = ["read_excel"]

logger = logging.getLogger(__name__)

_MOST_ROWS = 1_048_576
_MOST_CELLS = 100_000_000
_ZEROS = re.compile("0{2,}")


def read_excel(source: str, columns: Sequence[str] = ()) -> Any:
    """Read a sheet of a workbook: the first visible one, or that of ``book.xlsx?sheet=NAME``.

    Parameters
    ----------
    source : str
        Path, with an optional name of a sheet.
    columns : sequence of str, default=()
        As of `read_delimited`.
    """
    path, _, option = source.partition("?")
    name, _, sheet = option.partition("=")
    if option and name != "sheet":
        raise ReadError(f"{source!r}: unknown option {name!r}.", hint="Use book.xlsx?sheet=NAME.")
    with _workbook(path) as book:
        text = _text(_chosen(book, path, sheet), source)
    if not text:
        raise ReadError(f"{source!r} is empty.", hint="Choose another sheet: book.xlsx?sheet=NAME.")
    return table_of_text(f"sep=,\n{text}", source, columns)


@contextmanager
def _workbook(path: str) -> Iterator[Any]:
    """Open a workbook whose content is not too large for the memory."""
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with zipfile.ZipFile(path) as archive:
            limit = size_limit()
            if sum(member.file_size for member in archive.infolist()) > limit:
                raise too_large(path, limit)
        with warnings.catch_warnings():
            # About styles and extensions, which are not used.
            warnings.simplefilter("ignore", UserWarning)
            with closing(openpyxl.load_workbook(path, read_only=True, data_only=True)) as book:
                yield book
    except (ReadError, OSError):
        raise
    except zipfile.BadZipFile as error:
        raise ReadError(
            f"{path!r} is not a valid Excel workbook: {first_line(error)}.",
            hint="Save it as .xlsx without a password.",
        ) from error
    except (InvalidFileException, ValueError, KeyError, SyntaxError, TypeError) as error:
        raise ReadError(
            f"{path!r} is not a valid Excel workbook: {first_line(error)}.",
            hint="Save the workbook again.",
        ) from error


def _chosen(book: Any, path: str, name: str) -> Any:
    """Return the sheet of this name, else the first visible one."""
    visible = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    names = [sheet.title for sheet in visible or book.worksheets]
    listed = ", ".join(names[:10]) or "none"
    if name:
        same = [sheet for sheet in book.worksheets if sheet.title.lower() == name.lower()]
        if not same:
            raise ReadError(f"{path!r} has no sheet {name!r}.", hint=f"Sheets: {listed}.")
        return same[0]
    if not visible:
        raise ReadError(f"{path!r} has no visible sheet.", hint=f"Hidden sheets: {listed}.")
    if len(visible) > 1:
        logger.warning(
            "%r has %d sheets (%s); %r is read. Choose another one with ?sheet=NAME.",
            path,
            len(visible),
            listed,
            names[0],
        )
    return visible[0]


def _text(sheet: Any, source: str) -> str:
    """Return the cells as delimited text, without empty columns and rows."""
    used: set[int] = set()
    file, last, cells, limit = io.StringIO(), 0, 0, size_limit()
    writer = csv.writer(file, lineterminator="\n")
    # Sheets can claim to have more cells than they have.
    sheet.reset_dimensions()
    for number, row in enumerate(sheet.rows, 1):
        texts = [_as_text(cell) for cell in row]
        filled = [place for place, text in enumerate(texts) if text]
        used.update(filled)
        last = number if filled else last
        cells += len(texts)
        if number > _MOST_ROWS or cells > _MOST_CELLS:
            raise ReadError(
                f"{source!r} has too many cells: expected at most {_MOST_ROWS:,} rows and "
                f"{_MOST_CELLS:,} cells.",
                hint="Save the table as .csv.",
            )
        writer.writerow(texts)
        if file.tell() > limit:
            raise too_large(source, limit)
    file.seek(0)
    places, result = sorted(used), io.StringIO()
    writer = csv.writer(result, lineterminator="\n")
    has_rows = False
    for number, row in enumerate(csv.reader(file), 1):
        texts = [row[place] if place < len(row) else "" for place in places]
        # As in delimited text, an empty row of one column is a row without a value.
        if number <= last and (any(texts) or (len(places) == 1 and has_rows)):
            writer.writerow(texts)
            has_rows = True
    return result.getvalue()


def _as_text(cell: Any) -> str:
    """Return a cell as other files would have it: exact numbers, ISO dates."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        # Formatted with leading zeros, a number is a code.
        width = len(cell.number_format) if _ZEROS.fullmatch(cell.number_format) else 0
        return str(value).zfill(width)
    if isinstance(value, datetime.datetime):
        is_day = value.time() == datetime.time.min and "h" not in cell.number_format.lower()
        return value.date().isoformat() if is_day else value.isoformat(sep=" ")
    if isinstance(value, datetime.timedelta):
        seconds = round(value.total_seconds())
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    return repr(value) if isinstance(value, float) else str(value)
