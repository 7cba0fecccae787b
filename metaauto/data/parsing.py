"""Cells as text, numbers and dates, one by one: a cell means the same alone and in a million.

Columns are first taken apart into distinct values and a code per row (`distinct`); the rules that
read a value then run once per distinct value.
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
"""Words that stand for a missing value in a column of numbers or dates."""

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
_LOOKS = re.compile(r"\d.*[-/. ].*\d")
SAMPLE = 200
FIRST, LAST = np.datetime64("1850-01-01"), np.datetime64("2150-01-01")
"""The middle date must lie between these, else the texts are codes that look like dates."""


@dataclass(frozen=True)
class Levels:
    """A column taken apart: distinct values, and per row the place of its value or -1.

    Parameters
    ----------
    codes : ndarray of shape (rows,), intp
        Place of the row's value in ``values``; -1 for a missing value.
    values : list
        The values. Columns of mixed types are not merged: equal values may stand there twice.
    """

    codes: np.ndarray
    values: list[Any]

    @cached_property
    def texts(self) -> list[str]:
        """The values as text."""
        return [as_text(value) for value in self.values]

    def merged(self) -> Levels:
        """Merge equal texts: the same levels with text values, each once, with at least one row."""
        places, texts = pd.factorize(np.array(self.texts, dtype=object))
        codes = np.where(self.codes < 0, -1, places.take(self.codes)) if len(places) else self.codes
        seen = np.bincount(codes[codes >= 0], minlength=len(texts)) > 0
        renumbered = np.append(np.cumsum(seen) - 1, -1)
        return Levels(renumbered[codes], [t for t, kept in zip(texts, seen, strict=True) if kept])

    def spread(self, per_value: Any, missing: Any) -> np.ndarray:
        """Values by level spread over the rows."""
        table = np.asarray(per_value)
        if not len(table):
            return np.full(len(self.codes), missing, dtype=np.asarray(missing).dtype)
        rows = table.take(np.maximum(self.codes, 0))
        rows[self.codes < 0] = missing
        return rows


def dense(series: pd.Series) -> pd.Series:
    """Undo pandas' sparse storage."""
    return series.sparse.to_dense() if isinstance(series.dtype, pd.SparseDtype) else series


def distinct(series: pd.Series) -> Levels:
    """Take a column apart into distinct values and codes.

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
        Cells are lists, dicts, arrays or complex numbers.
    """
    series = dense(series)
    if isinstance(series.dtype, pd.CategoricalDtype):
        values = series.cat.categories.astype(object)
        codes = series.cat.codes.to_numpy().astype(np.intp)
        return _checked(Levels(codes, list(values)), series.name)
    cells = series.to_numpy(dtype=object, na_value=None)
    if series.dtype == object and pd.api.types.infer_dtype(cells, skipna=True) != "string":
        # Equal values of different types (1, True) must not be merged before they are read.
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
                f"Column {name!r} holds {type(value).__name__} values, such as {value!r:.60}.",
                hint="Drop the column or turn it into plain columns.",
                column=name,
            )
    return levels


def as_text(value: Any) -> str:
    """One cell as text; 1, 1.0 and "1" are the same text."""
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
        whole = value.is_finite() and value == value.to_integral_value()
        return str(int(value)) if whole else repr(float(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, (datetime.date, np.datetime64)):
        stamp = pd.Timestamp(value)
        return stamp.date().isoformat() if stamp == stamp.normalize() else stamp.isoformat()
    return str(value)


def as_number(value: Any, style: str = "") -> float | None:
    """One cell as a number; NaN for words that stand for a missing value, None for other words.

    Parameters
    ----------
    value : object
        Text, a number, a Boolean, a duration (in seconds) or anything else.
    style : str, default=""
        How text is written: plain, ``"1,234.5"`` or ``"1.234,5"``.
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
        except OverflowError:  # a whole number beyond 1e308
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

    Any pair of opposite words may be written in place of the pair that was seen.
    """
    known = [TRUTH_WORDS[word] for word in categories if word in TRUTH_WORDS]
    if len(known) == len(categories) == len(set(known)):
        return dict(TRUTH_WORDS)
    return {word: float(place) for place, word in enumerate(categories)}


def number_format(texts: Sequence[str]) -> str | None:
    """How a column's distinct texts write numbers, or None if they are no numbers.

    Leading zeros (``"01234"``) mark a code, not a number. A comma is a decimal comma unless every
    number with one fits thousands groups.
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
    """Rows as float64, and the distinct values that are no numbers."""
    parsed = [as_number(value, style) for value in levels.values]
    wrong = [v for v, number in zip(levels.values, parsed, strict=True) if number is None]
    table = np.array([math.nan if number is None else number for number in parsed], dtype=float)
    return levels.spread(table, math.nan), wrong


def to_nanoseconds(values: Any) -> np.ndarray:
    """Dates of any resolution as naive datetime64[ns], clipped to what that can hold."""
    values = np.asarray(values)
    if values.dtype == "datetime64[ns]":
        return values
    # Nothing beyond 1677..2262 fits nanoseconds; "9999-12-31" means "no end" in many tables.
    absent = np.isnat(values)
    clipped = np.clip(np.where(absent, _FIRST_NS.astype(values.dtype), values),
                      _FIRST_NS.astype(values.dtype), _LAST_NS.astype(values.dtype))  # fmt: skip
    stamps = clipped.astype("datetime64[ns]")
    stamps[absent] = np.datetime64("NaT", "ns")
    return stamps


def as_date_list(values: Sequence[Any], style: str) -> tuple[np.ndarray, np.ndarray]:
    """Distinct values as datetime64[ns] in UTC, and a mask of those that are no dates.

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
    places, texts = [], []
    for place, value in enumerate(values):
        if isinstance(value, (datetime.date, np.datetime64)):
            stamps[place] = _stamp(value)
        elif isinstance(value, str) or (style.startswith("%") and isinstance(value, numbers.Real)):
            places.append(place)
            texts.append(as_text(value).strip())
        else:
            wrong[place] = True
    if texts:
        stamps[places] = _parse_dates(texts, style)
        words = np.array([text.lower() not in MISSING_WORDS for text in texts])
        wrong[places] = words & np.isnat(stamps[places])
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
    """Cut the text to microseconds and to the years that fit, so that each parses on its own."""
    if not _ISO_DATE.match(text):
        return ""
    text = _FRACTION.sub(r"\1", text)
    if text[:4] > "2261":
        return "2262-04-10"
    return "1677-09-23" if text[:4] < "1678" else text


def date_format(texts: Sequence[str]) -> tuple[str | None, bool]:
    """Find the format that reads all of a column's distinct texts as dates.

    Parameters
    ----------
    texts : sequence of str
        Distinct values; words for missing values are passed over.

    Returns
    -------
    style : str or None
        ``"ISO8601"`` or a `strptime` format; None if they are no dates.
    ambiguous : bool
        Whether day and month could as well be the other way round; month first is taken.
    """
    real = [t.strip() for t in texts if t.strip().lower() not in MISSING_WORDS]
    if not real or not all(6 <= len(t) <= 40 and _LOOKS.search(t) for t in real[:SAMPLE]):
        return None, False
    sample = real[:: max(1, len(real) // SAMPLE)]
    fitting = [s for s in ("ISO8601", *_candidates(sample[0])) if _reads(sample, s)]
    fitting = [s for s in fitting if _reads(real, s)]
    ambiguous = any(s.startswith("%d/%m") for s in fitting) and fitting[0].startswith("%m/%d")
    return (fitting[0], ambiguous) if fitting else (None, False)


def _candidates(text: str) -> list[str]:
    styles = [day + hour for group in DAYS for day in group for hour in HOURS]
    styles.append("%a %b %d %H:%M:%S %Y")  # what ctime() writes
    return [style for style in styles if _reads([text], style)]


def _reads(texts: Sequence[str], style: str) -> bool:
    stamps, wrong = as_date_list(texts, style)
    if wrong.any():
        return False
    middle = np.sort(stamps)[len(stamps) // 2]  # NaT sorts last, and compares as False
    return bool(FIRST <= middle <= LAST)
