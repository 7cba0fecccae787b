"""Parsing of cells as text, numbers and dates.

A column is first factorised into distinct values and a code per row (`distinct`); each distinct
value is then parsed once. The result of a cell does not depend on the other cells.
"""

from __future__ import annotations

import datetime
import decimal
import math
import numbers
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from metaauto.errors import ColumnError

__all__ = [
    "Levels",
    "MISSING_WORDS",
    "TRUTH_WORDS",
    "as_date_list",
    "as_number",
    "as_text",
    "date_format",
    "distinct",
    "number_format",
    "numbers_of",
    "to_nanoseconds",
    "truth_table",
]

MISSING_WORDS = frozenset(
    ("", "?", "-", "--", ".", "na", "n/a", "#n/a", "nan", "<na>", "nat", "null", "none", "missing")
)
"""Words that denote a missing value in a column of numbers or dates."""

TRUTH_WORDS = {
    "true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0, "y": 1.0, "n": 0.0, "t": 1.0, "f": 0.0,
    "on": 1.0, "off": 0.0, "1": 1.0, "0": 0.0,
}  # fmt: skip

COMMA_THOUSANDS = "1,234.5"
COMMA_DECIMAL = "1.234,5"
SYMBOLS = "$€£¥% \u00a0"

_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")
_DECIMAL_COMMA = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d+)?,\d+")
_LEADING_ZERO = re.compile(r"[+-]?0\d+$")
_ISO_DATE = re.compile(r"\d{4}-\d{2}")
_FRACTION = re.compile(r"(\.\d{6})\d+")
_FIRST_NS, _LAST_NS = np.datetime64("1677-09-22", "s"), np.datetime64("2262-04-11", "s")
DAYS = (
    ("%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%m/%d/%y", "%d/%m/%y"),
    ("%d.%m.%Y", "%d.%m.%y", "%Y.%m.%d"),
    ("%d-%m-%Y", "%m-%d-%Y", "%d-%b-%Y", "%d-%b-%y"),
    ("%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y"),
)
HOURS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_DATE_LIKE = re.compile(r"\d.*[-/. ].*\d")
SAMPLE = 200
FIRST, LAST = np.datetime64("1850-01-01"), np.datetime64("2150-01-01")
"""Texts whose median date is outside this range are codes that resemble dates."""


@dataclass(frozen=True)
class Levels:
    """A factorised column: distinct values, and the index of each row's value or -1.

    Parameters
    ----------
    codes : ndarray of shape (rows,), intp
        Index of the row's value in ``values``; -1 for a missing value.
    values : list
        The distinct values. In columns of mixed types equal values may occur more than once.
    """

    codes: np.ndarray
    values: list[Any]

    @cached_property
    def texts(self) -> list[str]:
        """Return the values as text."""
        return [as_text(value) for value in self.values]

    def merged(self) -> Levels:
        """Return the levels as text, without duplicates and without unused levels."""
        merged, texts = pd.factorize(np.array(self.texts, dtype=object))
        codes = np.where(self.codes < 0, -1, merged.take(self.codes)) if len(merged) else self.codes
        seen = np.bincount(codes[codes >= 0], minlength=len(texts)) > 0
        renumbered = np.append(np.cumsum(seen) - 1, -1)
        return Levels(renumbered[codes], [t for t, kept in zip(texts, seen, strict=True) if kept])

    def spread(self, per_value: Any, missing: Any) -> np.ndarray:
        """Return one value per row from one value per level."""
        table = np.asarray(per_value)
        if not len(table):
            return np.full(len(self.codes), missing, dtype=np.asarray(missing).dtype)
        rows = table.take(np.maximum(self.codes, 0))
        rows[self.codes < 0] = missing
        return rows


def dense(series: pd.Series) -> pd.Series:
    """Convert a sparse pandas column to dense storage."""
    return series.sparse.to_dense() if isinstance(series.dtype, pd.SparseDtype) else series


def distinct(series: pd.Series) -> Levels:
    """Factorise a column into distinct values and codes.

    Parameters
    ----------
    series : pandas.Series
        Any column.

    Returns
    -------
    Levels

    Raises
    ------
    ColumnError
        The cells are lists, dicts, arrays or complex numbers.
    """
    series = dense(series)
    if isinstance(series.dtype, pd.CategoricalDtype):
        values = series.cat.categories.astype(object)
        codes = series.cat.codes.to_numpy().astype(np.intp)
        return _checked(Levels(codes, list(values)), series.name)
    cells = series.to_numpy(dtype=object, na_value=None)
    if series.dtype == object and pd.api.types.infer_dtype(cells, skipna=True) != "string":
        # Equal values of different types (1, True) must not be merged before they are parsed.
        present = ~pd.isna(cells)
        codes = np.where(present, np.cumsum(present) - 1, -1)
        return _checked(Levels(codes.astype(np.intp), list(cells[present])), series.name)
    if isinstance(series.dtype, np.dtype) and series.dtype != object:
        codes, values = pd.factorize(series.to_numpy())
    else:
        codes, values = pd.factorize(cells)
    return _checked(Levels(codes.astype(np.intp), list(values)), series.name)


def _checked(levels: Levels, name: Any) -> Levels:
    for value in levels.values:
        if isinstance(value, (str, numbers.Real)):
            continue
        if isinstance(value, (list, dict, set, np.ndarray, numbers.Complex)):
            raise ColumnError(
                f"Column {name!r} contains {type(value).__name__} values, such as {value!r:.60}.",
                hint="Drop the column, or convert it to columns of numbers or text.",
                column=name,
            )
    return levels


def as_text(value: Any) -> str:
    """Return a cell as text; 1, 1.0 and "1" give the same text."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, numbers.Integral):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        if float(value).is_integer() and abs(value) < 1e16:
            return str(int(value))
        return repr(float(value)) if isinstance(value, float) else str(value)
    if isinstance(value, decimal.Decimal):
        is_integer = value.is_finite() and value == value.to_integral_value()
        return str(int(value)) if is_integer else repr(float(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, (datetime.date, np.datetime64)):
        stamp = pd.Timestamp(value)
        return stamp.date().isoformat() if stamp == stamp.normalize() else stamp.isoformat()
    return str(value)


def as_number(value: Any, style: str = "") -> float | None:
    """Return a cell as a number: NaN for `MISSING_WORDS`, None for other text.

    Parameters
    ----------
    value : object
        Text, a number, a Boolean, a duration (in seconds) or another object.
    style : str, default=""
        Number format of text: plain, ``"1,234.5"`` or ``"1.234,5"``.
    """
    if isinstance(value, str):
        return _parse_number(value, style)
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, np.timedelta64):
        return float(value / np.timedelta64(1, "s"))
    if isinstance(value, (numbers.Real, decimal.Decimal, np.bool_)):
        try:
            return float(value)
        except OverflowError:  # an integer beyond 1e308
            return math.inf if str(value)[0] != "-" else -math.inf
    if isinstance(value, bytes):
        return _parse_number(value.decode("utf-8", "replace"), style)
    return None


def _parse_number(text: str, style: str) -> float | None:
    text = text.strip()
    if style:
        text = text.strip(SYMBOLS)
        if style == COMMA_DECIMAL and _DECIMAL_COMMA.fullmatch(text):
            text = text.replace(".", "").replace(",", ".")
        elif "," in text and style == COMMA_THOUSANDS and _THOUSANDS.fullmatch(text):
            text = text.replace(",", "")
        elif (
            style == COMMA_DECIMAL and "." in text and re.fullmatch(r"[+-]?\d{1,3}(\.\d{3})+", text)
        ):
            text = text.replace(".", "")
    if "_" not in text:
        try:
            return float(text)
        except ValueError:
            pass
    return math.nan if text.lower() in MISSING_WORDS else None


def truth_table(categories: Sequence[str]) -> dict[str, float]:
    """Map the lower-case words of a Boolean column to 0 and 1.

    If the categories are a known pair, every other known pair is accepted too.
    """
    known = [TRUTH_WORDS[word] for word in categories if word in TRUTH_WORDS]
    if len(known) == len(categories) == len(set(known)):
        return dict(TRUTH_WORDS)
    return {word: float(code) for code, word in enumerate(categories)}


def number_format(texts: Sequence[str]) -> str | None:
    """Return the number format of a column's distinct texts, or None if they are not numbers.

    Leading zeros (``"01234"``) mark a code, not a number. A comma is a decimal comma unless all
    numbers with a comma are valid with thousands separators.
    """
    real = [t.strip() for t in texts if t.strip().lower() not in MISSING_WORDS]
    if not real or any(_LEADING_ZERO.match(t) for t in real):
        return None
    commas = [t.strip(SYMBOLS) for t in real if "," in t]
    plain = not commas and not any(t.strip(SYMBOLS) != t for t in real)
    if plain:
        style = ""
    elif commas and not all(_THOUSANDS.fullmatch(t) for t in commas):
        style = COMMA_DECIMAL
    else:
        style = COMMA_THOUSANDS
    return style if all(_is_number(t, style) for t in real) else None


def _is_number(text: str, style: str) -> bool:
    value = as_number(text, style)
    return value is not None and math.isfinite(value)


def numbers_of(levels: Levels, style: str) -> tuple[np.ndarray, list[Any]]:
    """Return the rows as float64, and the distinct values that are not numbers."""
    parsed = [as_number(value, style) for value in levels.values]
    wrong = [v for v, number in zip(levels.values, parsed, strict=True) if number is None]
    table = np.array([math.nan if number is None else number for number in parsed], dtype=float)
    return levels.spread(table, math.nan), wrong


def to_nanoseconds(values: Any) -> np.ndarray:
    """Convert dates of any resolution to naive datetime64[ns], clipped to its range."""
    values = np.asarray(values)
    if values.dtype == "datetime64[ns]":
        return values
    # Nanoseconds cover the years 1677 to 2262; many tables use "9999-12-31" for "no end".
    absent = np.isnat(values)
    clipped = np.clip(np.where(absent, _FIRST_NS.astype(values.dtype), values),
                      _FIRST_NS.astype(values.dtype), _LAST_NS.astype(values.dtype))  # fmt: skip
    stamps = clipped.astype("datetime64[ns]")
    stamps[absent] = np.datetime64("NaT", "ns")
    return stamps


def as_date_list(values: Sequence[Any], style: str) -> tuple[np.ndarray, np.ndarray]:
    """Return distinct values as datetime64[ns] in UTC, and a mask of those that are not dates.

    Parameters
    ----------
    values : sequence
        Text, dates or numbers.
    style : str
        ``"ISO8601"``, a `strptime` format, or ``"unix s"`` and ``"unix ms"`` for numbers.
    """
    if style.startswith("unix"):
        return _unix_dates(values, 1000.0 if style == "unix ms" else 1.0)
    stamps = np.full(len(values), np.datetime64("NaT", "ns"))
    wrong = np.zeros(len(values), dtype=bool)
    positions, texts = [], []
    for position, value in enumerate(values):
        if isinstance(value, (datetime.date, np.datetime64)):
            stamps[position] = _stamp(value)
        elif isinstance(value, str) or (style.startswith("%") and isinstance(value, numbers.Real)):
            positions.append(position)
            texts.append(as_text(value).strip())
        else:
            wrong[position] = True
    if texts:
        stamps[positions] = _parse_dates(texts, style)
        words = np.array([text.lower() not in MISSING_WORDS for text in texts])
        wrong[positions] = words & np.isnat(stamps[positions])
    return stamps, wrong


def _unix_dates(values: Sequence[Any], scale: float) -> tuple[np.ndarray, np.ndarray]:
    seconds = [as_number(value) for value in values]
    known = np.array([math.nan if s is None else s / scale for s in seconds], dtype=float)
    absent = np.isnan(known)
    micro = np.where(absent, 0.0, np.clip(known * 1e6, -9e18, 9e18)).astype(np.int64)
    stamps = to_nanoseconds(micro.astype("datetime64[us]"))
    stamps[absent] = np.datetime64("NaT", "ns")
    return stamps, np.array([s is None for s in seconds], dtype=bool)


def _stamp(value: Any) -> np.datetime64:
    stamp = pd.Timestamp(value)
    if stamp.tzinfo is not None:
        stamp = stamp.tz_convert("UTC").tz_localize(None)
    return to_nanoseconds(np.array([stamp.to_datetime64()]))[0]


def _parse_dates(texts: list[str], style: str) -> np.ndarray:
    if style == "ISO8601":
        texts = [_plain_iso(t) for t in texts]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stamps = pd.to_datetime(
            pd.Series(texts, dtype=object), format=style, errors="coerce", utc=True
        )
    return to_nanoseconds(stamps.dt.tz_localize(None).to_numpy())


def _plain_iso(text: str) -> str:
    """Truncate an ISO date to microseconds and clip its year to the range of nanoseconds."""
    if not _ISO_DATE.match(text):
        return ""
    text = _FRACTION.sub(r"\1", text)
    if text[:4] > "2261":
        return "2262-04-10"
    return "1677-09-23" if text[:4] < "1678" else text


def date_format(texts: Sequence[str]) -> tuple[str | None, bool]:
    """Return the format that parses all distinct texts of a column as dates.

    Parameters
    ----------
    texts : sequence of str
        Distinct values; `MISSING_WORDS` are skipped.

    Returns
    -------
    style : str or None
        ``"ISO8601"`` or a `strptime` format; None if they are not dates.
    ambiguous : bool
        Whether both month-first and day-first parse; month first is used.
    """
    real = [t.strip() for t in texts if t.strip().lower() not in MISSING_WORDS]
    if not real or not all(6 <= len(t) <= 40 and _DATE_LIKE.search(t) for t in real[:SAMPLE]):
        return None, False
    sample = real[:: max(1, len(real) // SAMPLE)]
    valid = [s for s in ("ISO8601", *_candidates(sample[0])) if _parses(sample, s)]
    valid = [s for s in valid if _parses(real, s)]
    ambiguous = any(s.startswith("%d/%m") for s in valid) and valid[0].startswith("%m/%d")
    return (valid[0], ambiguous) if valid else (None, False)


def _candidates(text: str) -> list[str]:
    styles = [day + hour for group in DAYS for day in group for hour in HOURS]
    styles.append("%a %b %d %H:%M:%S %Y")  # the format of ctime()
    return [style for style in styles if _parses([text], style)]


def _parses(texts: Sequence[str], style: str) -> bool:
    stamps, wrong = as_date_list(texts, style)
    if wrong.any():
        return False
    median = np.sort(stamps)[len(stamps) // 2]  # NaT sorts last, and compares as False
    return bool(FIRST <= median <= LAST)
