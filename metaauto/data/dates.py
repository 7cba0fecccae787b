"""Parsing of cells as dates."""

from __future__ import annotations

import datetime
import math
import numbers
import re
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from metaauto.data.parsing import (
    MISSING_WORDS,
    SAMPLE,
    TextFormat,
    as_number,
    as_text,
    counted_texts,
    text_format,
)

__all__ = ["NUMBER_DATES", "as_date_list", "date_format", "to_nanoseconds"]

_ISO_DATE = re.compile(r"\d{4}-\d{2}(-\d{2}([T ].*)?)?$")
_SLASHES = re.compile(r"(\d{4})/(\d{2})/(\d{2})(?=$|[T ])")
_ZONE = re.compile(r" ?(?:UTC|GMT|Z)$")
_NO_DATE = re.compile(r"0000-00-00([T ]00:00(:00)?)?")
_FRACTION = re.compile(r"[.,](\d{1,6})\d*")
_ZONE_NAME = re.compile(r"\[[\w/+-]+\]$")
_QUARTER = re.compile(r"(?P<year>\d{4})[- ]?Q(?P<quarter>[1-4])|Q([1-4])[-/ ]?(\d{4})")
_TIME = re.compile(r"\d{1,2}:\d\d(:\d\d(\.\d+)?)?( ?[AP]M)?", re.IGNORECASE)
_FIRST_NS, _LAST_NS = np.datetime64("1677-09-22", "s"), np.datetime64("2262-04-11", "s")
DAYS = (
    ("%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%m/%d/%y", "%d/%m/%y"),
    ("%d.%m.%Y", "%d.%m.%y", "%Y.%m.%d"),
    ("%d-%m-%Y", "%m-%d-%Y", "%d-%b-%Y", "%d-%b-%y", "%Y-%m-%d"),
    ("%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%d %B, %Y"),
    ("%d%b%Y", "%d/%b/%Y", "%b/%d/%Y", "%A, %B %d, %Y", "%A, %d %B %Y", "%a, %d %b %Y"),
    ("%Y年%m月%d日",),
)
HOURS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
MONTHS = ("%b-%y", "%b-%Y", "%b %Y", "%B %Y", "%m/%Y", "%Y/%m")
TIMES = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p")
ZONED = (
    "%a %b %d %H:%M:%S %Y",  # the format of ctime()
    "%a, %d %b %Y %H:%M:%S %z",  # RFC 2822
    "%d %b %Y %H:%M:%S %z",
    "%d/%b/%Y:%H:%M:%S %z",  # the log of web servers
    "%d%b%Y:%H:%M:%S",  # SAS
    "%Y%m%dT%H%M%S",
)
NUMBER_DATES = {
    "unix s": (1.0, 0.0), "unix ms": (1e-3, 0.0), "unix us": (1e-6, 0.0), "unix ns": (1e-9, 0.0),
    "excel": (86_400.0, 25_569.0),
}  # fmt: skip
"""Seconds of a unit, and the number of units at the start of 1970."""
AMBIGUOUS = {"%m/%d": "%d/%m", "%d-%m": "%m-%d"}
"""The first of two formats is used where both parse."""
_DATE_LIKE = re.compile(
    r"\d.*[-/. :Q年].*\d|^[A-Z][a-z]{2,8}[- ]\d\d|^\d{4}Q\d|^Q\d|^\d\d?[A-Z]{3}\d{4}|^\d{8}T\d",
    re.IGNORECASE,
)
FIRST, LAST = np.datetime64("1850-01-01"), np.datetime64("2150-01-01")
"""Texts whose median date is outside this range are codes that resemble dates."""


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
        ``"ISO8601"``, ``"quarter"``, a `strptime` format, or for numbers ``"unix s"``,
        ``"unix ms"``, ``"unix us"``, ``"unix ns"`` and ``"excel"`` (days since the end of 1899).
    """
    if style in NUMBER_DATES:
        return _number_dates(values, *NUMBER_DATES[style])
    stamps = np.full(len(values), np.datetime64("NaT", "ns"))
    wrong = np.zeros(len(values), dtype=bool)
    positions, texts = [], []
    for position, value in enumerate(values):
        if isinstance(value, (datetime.date, np.datetime64)):
            stamps[position] = _stamp(value)
        elif isinstance(value, (str, datetime.time)) or (
            style.startswith("%") and isinstance(value, numbers.Real)
        ):
            positions.append(position)
            texts.append(as_text(value).strip())
        else:
            wrong[position] = True
    if texts:
        stamps[positions] = _parse_dates(texts, style)
        words = np.array([not _is_no_date(text) for text in texts])
        wrong[positions] = words & np.isnat(stamps[positions])
    return stamps, wrong


def _number_dates(
    values: Sequence[Any], scale: float, first: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return numbers as dates; ``first`` is the number of 1970-01-01, in units of ``scale``."""
    found = [as_number(value) for value in values]
    known = np.array([math.nan if n is None else (n - first) * scale for n in found], dtype=float)
    absent = ~np.isfinite(known)
    micro = np.where(absent, 0.0, np.clip(known * 1e6, -9e18, 9e18)).astype(np.int64)
    stamps = to_nanoseconds(micro.astype("datetime64[us]"))
    stamps[absent] = np.datetime64("NaT", "ns")
    return stamps, np.array([n is None for n in found], dtype=bool)


def _is_no_date(text: str) -> bool:
    return text.lower() in MISSING_WORDS or _NO_DATE.fullmatch(text) is not None


def _stamp(value: Any) -> np.datetime64:
    stamp = pd.Timestamp(value)
    if stamp.tzinfo is not None:
        stamp = stamp.tz_convert("UTC").tz_localize(None)
    return to_nanoseconds(np.array([stamp.to_datetime64()]))[0]


def _parse_dates(texts: list[str], style: str) -> np.ndarray:
    if style == "quarter":
        texts = [_first_month(t) for t in texts]
    elif style == "ISO8601":
        texts = [_plain_iso(t) for t in texts]
    elif "%z" in style:
        texts = [_ZONE.sub(" +0000", t) for t in texts]
    elif style in TIMES:
        texts = [t if _TIME.fullmatch(t) else "" for t in texts]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stamps = pd.to_datetime(
            pd.Series(texts, dtype=object),
            format="ISO8601" if style == "quarter" else style,
            errors="coerce",
            utc=True,
        )
    return to_nanoseconds(stamps.dt.tz_localize(None).to_numpy())


def _first_month(text: str) -> str:
    """Return the first month of a quarter such as 2024-Q1 or Q1 2024."""
    found = _QUARTER.fullmatch(text)
    if not found:
        return ""
    year, quarter = found["year"] or found[4], found["quarter"] or found[3]
    return f"{year}-{3 * int(quarter) - 2:02d}"


def _plain_iso(text: str) -> str:
    """Truncate an ISO date to microseconds and clip its year to the range of nanoseconds."""
    if "/" in text:
        text = _SLASHES.sub(r"\1-\2-\3", text)
    if not _ISO_DATE.match(text) or _NO_DATE.fullmatch(text):
        return ""
    if len(text) > 19:
        text = _ZONE.sub("+00:00", _FRACTION.sub(r".\1", _ZONE_NAME.sub("", text)))
    if text[:4] > "2261":
        return "2262-04-10"
    return "1677-09-23" if text[:4] < "1678" else text


def date_format(texts: Sequence[str], counts: Sequence[int] | None = None) -> TextFormat | None:
    """Return the format that parses most texts of a column as dates, or None.

    Parameters
    ----------
    texts : sequence of str
        Distinct values; `MISSING_WORDS` and ``0000-00-00`` are skipped.
    counts : sequence of int, optional
        Number of cells of each value.

    Notes
    -----
    Where month-first and day-first both parse, dates with slashes are month first and dates with
    hyphens are day first; the format is then ambiguous.
    """
    cells = {text: n for text, n in counted_texts(texts, counts).items() if not _is_no_date(text)}
    real = list(cells)
    sample = [t for t in real[:: max(1, len(real) // SAMPLE)] if _looks_like_date(t)]
    if not sample:
        return None
    found = []
    for style in dict.fromkeys(
        style for text in sample[:: max(1, len(sample) // 3)] for style in _candidates(text)
    ):
        parsed = _parsed(sample, style)
        if len(parsed) * 2 >= len(sample):
            found.append((style, _parsed(real, style)))
    if not found:
        return None
    style, readable = max(found, key=lambda item: sum(cells[text] for text in item[1]))
    if not readable:
        return None
    other = AMBIGUOUS.get(style[:5])
    rival = next((dates for name, dates in found if other and name == other + style[5:]), set())
    return text_format(cells, readable, style, ambiguous=readable <= rival)


def _looks_like_date(text: str) -> bool:
    return 4 <= len(text) <= 40 and _DATE_LIKE.search(text) is not None


def _candidates(text: str) -> list[str]:
    """Return the formats that parse a text, in order of precedence."""
    days = [day + hour for group in DAYS for day in group for hour in HOURS]
    plain = [style for style in (*days, *ZONED, *MONTHS, *TIMES) if _has_format(text, style)]
    return [style for style in ("ISO8601", *plain, "quarter") if _parsed([text], style)]


def _has_format(text: str, style: str) -> bool:
    """Return whether a text has a `strptime` format; much faster for one text than pandas."""
    try:
        datetime.datetime.strptime(_ZONE.sub(" +0000", text) if "%z" in style else text, style)
    except ValueError:
        return False
    return True


def _parsed(texts: Sequence[str], style: str) -> set[str]:
    """Return the texts that are dates; none if their median is implausible."""
    stamps, _ = as_date_list(texts, style)
    known = np.sort(stamps[~np.isnat(stamps)])
    if not len(known) or not FIRST <= known[len(known) // 2] <= LAST:
        return set()
    return {text for text, stamp in zip(texts, stamps, strict=True) if not np.isnat(stamp)}
