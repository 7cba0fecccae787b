"""Inference of the role of a single column from its cells and its name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from metaauto.data.booleans import TRUTH_WORDS, is_boolean_pair
from metaauto.data.cells import typed
from metaauto.data.dates import as_date_list, date_format
from metaauto.data.dtypes import date_cells, float_cells, storage_of
from metaauto.data.parsing import (
    EXACT_INTEGERS,
    MISSING_WORDS,
    Levels,
    TextFormat,
    are_rounded,
    as_number,
    dense,
    distinct,
    number_format,
    numbers_of,
)
from metaauto.task import Role
from metaauto.text import argument, counted, listed_counts

__all__ = [
    "ColumnProfile",
    "boolean_profile",
    "date_profile",
    "infer_profile",
    "missing_share",
    "number_profile",
    "number_profiles",
    "sorted_categories",
    "text_date_profile",
    "text_number_profile",
]

COUNTED_ROWS = 200_000
"""Distinct numbers are counted in at most this many leading rows."""
SORTED_ROWS = 2_000
"""Up to this many rows, sorting is faster than hashing."""
SORTED_CELLS = 2_000_000
"""Number of cells sorted at a time."""
IDENTIFIER_ROWS = 10
"""Columns with fewer values are never identifiers."""
TEXT_LEVELS = 50
"""Columns with at most this many distinct values are categorical, however long the values."""
SAMPLED_LEVELS = 1000
"""Number of distinct values examined."""
CODE_REASON = "a distinct code in every row"
"""Reason for the role of identifiers that are text."""
MOSTLY = 0.5
"""Words of which this share are numbers or dates are mentioned in a finding."""

_ID_NAME = re.compile(
    r"(^|[_\W])((id|ids|uuid|guid|pk|rownum|row_?number|row_?names)($|[_\W\d])"
    r"|(idx|index|key|nr|row)[_\d]*$)|^unnamed: ?\d+$",
    re.IGNORECASE,
)
_CAMEL_ID = re.compile(r"[a-z](Id|ID|Key|Idx|Index)$")
# Names of identifiers that need not count the rows; an index or a row may be a quantity.
_UNIQUE_NAME = re.compile(r"(^|[_\W])(?i:id|ids|uuid|guid|pk)$|[a-z](Id|ID)$")
_TIME_NAME = re.compile(
    r"(^|[_\W\d])(year|yr|day|days|week|month|date|time|hour|minute|second|quarter|period|step|t|age|trend)($|[_\W\d])",
    re.IGNORECASE,
)
_EAST_ASIAN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


@dataclass(frozen=True)
class ColumnProfile:
    """Role and statistics of a column, from which its `Column` is made."""

    role: Role
    reason: str
    n_unique: int
    missing: float
    categories: tuple[str, ...] | None = None
    format: str = ""
    exceptions: int = 0
    findings: tuple[tuple[str, str], ...] = ()


def infer_profile(name: str, series: pd.Series) -> ColumnProfile:
    """Infer the role of a column of any storage type."""
    series = typed(dense(series).rename(name))
    storage = storage_of(name, series)
    if storage in ("number", "duration"):
        values = float_cells(series)
        if storage == "number" and (np.abs(values) >= EXACT_INTEGERS).any():
            levels = distinct(series).merged()
            if are_rounded(levels.values):
                return _text_profile(name, levels, storage)
        is_integer = pd.api.types.is_integer_dtype(series.dtype)
        return number_profile(name, values, is_integer, storage == "duration")
    if storage == "boolean":
        levels = distinct(series).merged()
        return _constant_profile(levels) or boolean_profile(levels, "true or false")
    if storage in ("date", "period"):
        return date_profile(series)
    return _text_profile(name, distinct(series).merged(), storage)


def missing_share(levels: Levels) -> float:
    """Return the share of rows without a value."""
    return float((levels.codes < 0).mean()) if len(levels.codes) else 0.0


def _constant_profile(levels: Levels) -> ColumnProfile | None:
    """Return the profile of an empty or constant column, None for other columns."""
    missing = missing_share(levels)
    if all(text.lower() in MISSING_WORDS for text in levels.values):
        return ColumnProfile(Role.CONSTANT, "all values are missing", 0, 1.0)
    if len(levels.values) == 1 and missing == 0.0:
        return ColumnProfile(
            Role.CONSTANT, f"every row has the value {levels.values[0]!r:.40}", 1, 0.0
        )
    return None


@dataclass(frozen=True)
class _Counts:
    """Statistics of a column of numbers."""

    n_unique: int
    missing: float
    is_constant: bool


def number_profile(
    name: str, values: np.ndarray, is_integer: bool, duration: bool = False
) -> ColumnProfile:
    """Infer the role of a column of numbers; ``is_integer`` refers to its dtype."""
    infinite = np.isinf(values)
    if infinite.any():
        finite = np.where(infinite, np.nan, values)
        profile = number_profile(name, finite, is_integer, duration)
        return replace(profile, findings=infinite_values(name, int(infinite.sum())))
    absent = np.isnan(values)
    missing = float(absent.mean()) if len(values) else 0.0
    is_constant = len(values) > 0 and missing == 0.0 and bool(values.min() == values.max())
    counts = _Counts(_count(values, absent), missing, is_constant)
    return _counted_number_profile(name, values, is_integer, counts, duration)


def number_profiles(
    names: Sequence[str], block: np.ndarray, is_integer: Sequence[bool]
) -> list[ColumnProfile]:
    """Apply `number_profile` to the columns of a block; vectorised for tables with few rows."""
    columns = zip(names, block.T, is_integer, strict=True)
    if not 0 < len(block) <= SORTED_ROWS or np.isinf(block).any():
        return [number_profile(*column) for column in columns]
    counts = _count_columns(block)
    return [
        _counted_number_profile(*c, counted) for c, counted in zip(columns, counts, strict=True)
    ]


def _counted_number_profile(
    name: str, values: np.ndarray, is_integer: bool, counts: _Counts, duration: bool = False
) -> ColumnProfile:
    n_unique, missing = counts.n_unique, counts.missing
    if n_unique == 0:
        return ColumnProfile(Role.CONSTANT, "all values are missing", 0, 1.0)
    if counts.is_constant:
        return ColumnProfile(Role.CONSTANT, f"every row has the value {values[0]:g}", 1, 0.0)
    all_differ = n_unique == min(len(values), COUNTED_ROWS)
    reason = (
        _identifier_reason(name, values) if is_integer and all_differ and missing == 0.0 else None
    )
    if reason:
        return ColumnProfile(Role.IDENTIFIER, reason, n_unique, 0.0)
    if duration:
        return ColumnProfile(
            Role.NUMERIC, "durations, in seconds", n_unique, missing, format="seconds"
        )
    return ColumnProfile(Role.NUMERIC, "numbers", n_unique, missing)


def _count(values: np.ndarray, absent: np.ndarray) -> int:
    counted = values[:COUNTED_ROWS]
    if len(counted) <= SORTED_ROWS:
        return next(_count_columns(counted[:, None])).n_unique if len(counted) else 0
    n_unique = len(pd.unique(counted)) - int(absent[:COUNTED_ROWS].any())
    return n_unique if n_unique or absent.all() else 1


def _count_columns(block: np.ndarray) -> Iterator[_Counts]:
    """Count the distinct and missing values of each column, a few million cells at a time."""
    step = max(1, SORTED_CELLS // len(block))
    for first in range(0, block.shape[1], step):
        cells = np.sort(block[:, first : first + step], axis=0)  # NaN comes last
        present = len(cells) - np.isnan(cells).sum(axis=0)
        steps = (cells[1:] != cells[:-1]) & ~np.isnan(cells[1:])
        n_unique = steps.sum(axis=0) + (present > 0)
        missing = (len(cells) - present) / len(cells)
        constant = (n_unique == 1) & (present == len(cells))
        yield from map(_Counts, n_unique.tolist(), missing.tolist(), constant.tolist())


def _identifier_reason(name: str, values: np.ndarray) -> str | None:
    """Return why a column of integers is an identifier, or None."""
    n = len(values)
    if n < IDENTIFIER_ROWS or len(set(values[:SAMPLED_LEVELS].tolist())) < min(n, SAMPLED_LEVELS):
        return None
    named = _ID_NAME.search(name) or _CAMEL_ID.search(name)
    if (np.diff(values) == 1).all():
        counts = named and not _TIME_NAME.search(name)
        return "consecutive row numbers, and the name of an identifier" if counts else None
    if _UNIQUE_NAME.search(name) and len(pd.unique(values)) == n:
        return "a distinct integer in every row, and the name of an identifier"
    return None


def boolean_profile(levels: Levels, reason: str) -> ColumnProfile:
    """Return the profile of a Boolean column; the false word is the first category."""
    words = {text.lower() for text in levels.values}
    order = sorted(words, key=lambda text: (TRUTH_WORDS.get(text, 2.0), text))
    return ColumnProfile(
        Role.BOOLEAN, reason, len(order), missing_share(levels), categories=tuple(order)
    )


def date_profile(series: pd.Series) -> ColumnProfile:
    """Return the profile of a column stored as dates."""
    stamps = date_cells(series)
    absent = np.isnat(stamps)
    missing = float(absent.mean()) if len(stamps) else 0.0
    n_unique = len(pd.unique(stamps[~absent]))
    if n_unique == 0:
        return ColumnProfile(Role.CONSTANT, "all values are missing", 0, 1.0)
    if n_unique == 1 and missing == 0.0:
        return ColumnProfile(Role.CONSTANT, f"every row has the date {stamps[0]!s:.19}", 1, 0.0)
    return ColumnProfile(Role.DATETIME, "dates", n_unique, missing, format="ISO8601")


def _text_profile(name: str, levels: Levels, storage: str) -> ColumnProfile:
    """Infer the role of text, categories and mixed cells from their distinct values."""
    constant = _constant_profile(levels)
    if constant:
        return constant
    texts, missing = levels.values, missing_share(levels)
    words = {text.lower() for text in texts[:20]} if len(texts) < 20 else set()
    # R and pandas write NA and None among true and false; elsewhere they may be a third level.
    if is_boolean_pair(words) or words - MISSING_WORDS == {"true", "false"}:
        present = [text.lower() not in MISSING_WORDS for text in texts]
        return boolean_profile(levels.kept(present), "a pair of Boolean words")
    numbers = number_format(texts, levels.counts) if storage != "category" else None
    if numbers is not None and numbers.is_sufficient and are_rounded(texts):
        message = (
            f"Column {name!r} has long integers such as {texts[0]!r:.40} that would be equal as "
            "numbers; it is read as text. Under "
            f"{argument('roles', {name: 'numeric'})} they are rounded."
        )
        return replace(
            _words_profile(name, levels, missing), findings=(("long-integers", message),)
        )
    if numbers is not None and numbers.is_sufficient:
        return text_number_profile(name, levels, numbers)
    dates = date_format(texts, levels.counts) if len(texts) > 2 else None
    if dates is not None and dates.is_sufficient:
        return text_date_profile(name, levels, dates)
    profile = _words_profile(name, levels, missing)
    for found, kind in ((numbers, "numbers"), (dates, "dates")):
        if found is not None and (found.share >= MOSTLY or storage == "mixed"):
            return _mostly(name, profile, levels, found, kind, storage)
    return replace(profile, findings=missing_words(name, levels, "Column"))


def missing_words(name: str, levels: Levels, kind: str) -> tuple[tuple[str, str], ...]:
    """Return a finding about words that often denote missing values and are kept as text."""
    counts = zip(levels.texts, levels.counts, strict=True)
    found = {text: count for text, count in counts if count and text.lower() in MISSING_WORDS}
    if not found:
        return ()
    message = (
        f"{kind} {name!r} has words that may denote missing values: {listed_counts(found)}. They "
        f"are kept as text; {argument('missing', next(iter(found)))} makes these cells missing."
    )
    return (("missing-words", message),)


def _mostly(
    name: str, profile: ColumnProfile, levels: Levels, found: TextFormat, kind: str, storage: str
) -> ColumnProfile:
    """Return the profile of words among which are numbers or dates, with a finding."""
    if profile.role is Role.IDENTIFIER:
        profile = _category_profile(levels)
    if storage == "mixed":
        code, reason = "mixed-types", "mixed types"
    else:
        code, reason = f"mostly-{kind}", f"{found.share:.0%} of them {kind}"
    role = Role.NUMERIC if kind == "numbers" else Role.DATETIME
    message = (
        f"Column {name!r} has {kind} and text such as {next(iter(found.exceptions))!r:.40}; it is "
        f"read as text. Under {argument('roles', {name: str(role)})} other cells than {kind} are "
        "missing."
    )
    return replace(profile, findings=((code, message),), reason=f"{profile.reason}, {reason}")


def _exceptions(name: str, found: TextFormat, kind: str) -> tuple[tuple[str, str], ...]:
    """Return a finding about the cells that are not numbers or dates, if there are some."""
    if not found.exceptions:
        return ()
    count = sum(found.exceptions.values())
    problem = f"is not a {kind.removesuffix('s')} and" if count == 1 else f"are not {kind} and"
    message = (
        f"{counted(count, 'cell')} of column {name!r} ({max(1 - found.share, 0.0001):.2%}) "
        f"{problem} treated as missing: "
        f"{listed_counts(found.exceptions)}. {argument('roles', {name: 'categorical'})} keeps all "
        "cells as text."
    )
    return ((f"not-{kind}", message),)


def infinite_values(name: str, count: int) -> tuple[tuple[str, str], ...]:
    """Return a finding about infinite cells, if there are some."""
    if not count:
        return ()
    message = (
        f"{counted(count, 'infinite value')} of column {name!r} {'is' if count == 1 else 'are'} "
        "treated as missing."
    )
    return (("infinite-values", message),)


def text_number_profile(name: str, levels: Levels, found: TextFormat) -> ColumnProfile:
    """Return the profile of a text column that is read as numbers."""
    values, _ = numbers_of(levels, found.style)
    infinite = int(np.isinf(values).sum())
    absent = ~np.isfinite(values)
    n_unique = len(pd.unique(values[~absent]))
    missing = float(absent.mean())
    if n_unique <= 1 and missing == 0.0:
        return ColumnProfile(Role.CONSTANT, f"every row has the value {values[0]:g}", 1, 0.0)
    findings = _exceptions(name, found, "numbers") + infinite_values(name, infinite)
    if found.bounds:
        count = counted(sum(found.bounds.values()), "cell")
        message = (
            f"{count} of column {name!r} with a limit {'is' if count[:2] == '1 ' else 'are'} read "
            f"as the limit itself: {listed_counts(found.bounds)}."
        )
        findings += (("limits", message),)
    if found.ambiguous:
        example = next(text for text in levels.values if "," in text)
        message = (
            f"Numbers such as {example!r} in column {name!r} are ambiguous (thousands separator or "
            "decimal comma); the comma is read as a thousands separator."
        )
        findings += (("ambiguous-number", message),)
    reason = "numbers written as text" + (f", format {found.style}" if found.style else "")
    exceptions = sum(found.exceptions.values())
    return ColumnProfile(
        Role.NUMERIC, reason, n_unique, missing, None, found.style, exceptions, findings
    )


def text_date_profile(name: str, levels: Levels, found: TextFormat) -> ColumnProfile:
    """Return the profile of a text column that is read as dates."""
    stamps, _ = as_date_list(levels.values, found.style)
    missing = float(np.isnat(levels.spread(stamps, np.datetime64("NaT", "ns"))).mean())
    reason = f"dates written as text, format {found.style}"
    findings = _exceptions(name, found, "dates")
    if found.ambiguous:
        order = "month" if found.style.startswith("%m") else "day"
        example = levels.values[int(np.flatnonzero(~np.isnat(stamps))[0])]
        message = (
            f"Dates such as {example!r} in column {name!r} are ambiguous (day first or month "
            f"first); they are read as {order} first."
        )
        findings += (("ambiguous-date", message),)
    n_unique = len(pd.unique(stamps[~np.isnat(stamps)]))
    exceptions = sum(found.exceptions.values())
    return ColumnProfile(
        Role.DATETIME, reason, n_unique, missing, None, found.style, exceptions, findings
    )


def _words_profile(name: str, levels: Levels, missing: float) -> ColumnProfile:
    texts = levels.values
    present = int((levels.codes >= 0).sum())
    share = len(texts) / max(present, 1)
    sample = texts[:: max(1, len(texts) // SAMPLED_LEVELS)]
    words = float(np.mean([_word_count(t) for t in sample]))
    if len(texts) > TEXT_LEVELS and (
        words >= 8 or (words >= 3 and share >= 0.2) or (words >= 1.8 and share >= 0.5)
    ):
        return ColumnProfile(
            Role.TEXT, f"text with {words:.0f} words on average", len(texts), missing
        )
    if share == 1.0 and present >= IDENTIFIER_ROWS and _are_codes(sample):
        return ColumnProfile(Role.IDENTIFIER, CODE_REASON, len(texts), missing)
    return _category_profile(levels)


def _category_profile(levels: Levels) -> ColumnProfile:
    texts = levels.values
    reason = f"{len(texts):,} distinct values"
    missing = missing_share(levels)
    return ColumnProfile(Role.CATEGORICAL, reason, len(texts), missing, sorted_categories(texts))


def _are_codes(texts: Sequence[str]) -> bool:
    """Return whether texts have the shape of identifiers: one word each, nearly all with digits."""
    digits = [any(map(str.isdigit, text)) for text in texts]
    return float(np.mean(digits)) >= 0.9 and not any(len(text.split()) > 1 for text in texts)


def _word_count(text: str) -> float:
    return max(len(text.split()), len(_EAST_ASIAN.findall(text)) / 2)


def sorted_categories(texts: list[str]) -> tuple[str, ...]:
    """Return the categories in numeric order if all are numbers, else in text order."""
    sizes = [as_number(text) for text in texts]
    if all(size is not None and size == size for size in sizes):
        return tuple(t for _, t in sorted(zip(sizes, texts, strict=True)))
    return tuple(sorted(texts))
