"""Parsing of cells as text and numbers.

A column is first factorised into distinct values and a code per row (`distinct`); each distinct
value is then parsed once. The result of a cell does not depend on the other cells.
"""

from __future__ import annotations

import datetime
import decimal
import math
import numbers
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from metaauto.errors import ColumnError

__all__ = [
    "EXACT_INTEGERS",
    "INFINITY",
    "Levels",
    "MISSING_WORDS",
    "PARSEABLE",
    "PLAIN_NUMBER",
    "TextFormat",
    "are_rounded",
    "as_number",
    "as_text",
    "counted_texts",
    "distinct",
    "is_exact",
    "number_format",
    "numbers_of",
    "text_format",
]

PARSEABLE = 0.95
"""Text is numbers (or dates) from this share of cells on; the other cells are missing."""

MISSING_WORDS = frozenset(
    (
        *("", "?", "-", "--", ".", "na", "n/a", "#na", "nan", "-nan", "<na>", "nat", "null"),
        *("none", "missing", "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan"),
        # The errors of spreadsheets.
        *("#n/a", "#n/a n/a", "#div/0!", "#value!", "#ref!", "#name?", "#num!", "#null!"),
        *("#calc!", "#spill!", "#error!", "#getting_data"),
    )
)
"""Lower-case words that denote a missing value in a column of numbers or dates."""

INFINITY = re.compile(r"[+-]?(?:inf(?:inity)?|∞|1\.#inf0*)", re.IGNORECASE)
"""Words for infinite numbers, which no model can use: they are missing as features."""

COMMA_THOUSANDS = "1,234.5"
COMMA_DECIMAL = "1.234,5"
_LETTER = r"[^\W\d_]"
_CURRENCY = (
    r"(?:[A-Z]{0,2}[$¢£¤¥\u0e3f\u20a0-\u20c0]|Rs\.?|kr\.?|Fr\.|zł|"
    r"(?:AED|ARS|AUD|BRL|CAD|CHF|CLP|CNY|COP|CZK|DKK|EGP|EUR|GBP|HKD|HUF|IDR|ILS|INR|JPY|KRW|"
    r"MXN|MYR|NGN|NOK|NZD|PHP|PKR|PLN|RON|RUB|SAR|SEK|SGD|THB|TRY|TWD|UAH|USD|VND|ZAR)(?:\b|(?=\d+[.,]\d)))"
)
# Letters, such as km/h or °C, an area or a volume.
_UNIT = rf"[°µ]?{_LETTER}{{1,12}}(?:[/·.]{_LETTER}{{1,12}})*[²³]?|(?:[cdkm]?m|ft|in|yd|mi)[23]"
_AMOUNT = re.compile(
    rf"(?P<bound>[<>]=?|[≤≥])?\ ?(?P<bracket>\()?(?P<sign>[+-]\ ?)?(?P<before>{_CURRENCY})?\ ?"
    r"(?P<inner_bracket>\()?(?P<inner_sign>[+-])?"
    r"(?P<digits>[.,]?\d(?:[.,'\ ]?\d)*[.,]?(?:[eE][+-]?\d+)?)(?P<minus>-)?"
    r"(?(before)(?:\ ?(?P<scale>[kKmMbB](?![^\W\d_])))?)(?P<inner_close>\))?"
    rf"(?:\ ?(?P<after>[%‰°]|{_CURRENCY}|{_UNIT}))?(?P<close>\))?",
)
_SCALES = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9}
"""Multipliers that may follow an amount of a currency, as in $1.5M."""
_PLAIN = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_COMMA_GROUPS = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?|[1-9]\d?(?:,\d\d)+,\d{3}(?:\.\d*)?")
_OTHER_GROUPS = re.compile(r"[1-9]\d{0,2}([ '])\d{3}(?:\1\d{3})*(?:\.\d*)?")
_DECIMAL_COMMA = re.compile(
    r"(?:\d+|[1-9]\d{0,2}(?:\.\d{3})+|[1-9]\d{0,2}(?:([ '])\d{3})+)?,\d*(?:[eE][+-]?\d+)?"
)
_POINT_GROUPS = re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+")
PLAIN_NUMBER = re.compile(r"(?!-?0\d+$)[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
"""A number without separators and without the leading zeros of a code."""
EXACT_INTEGERS = 2**53
"""A float64 holds every integer up to this size."""
_LONG_INTEGER = re.compile(r"[+-]?\d{16,308}", re.ASCII)
_LEADING_ZERO = re.compile(r"[+-]?0\d+$")
_CHARACTERS = str.maketrans(
    "\u2010\u2011\u2012\u2013\u2014\u2212\uff0d\u00a0\u2007\u2009\u202f\u2019", "-------    '"
)
"""The dashes, the blanks and the apostrophe of typesetting."""
SAMPLE = 200
PHONE_DIGITS = 9
"""Numbers with blanks that all have the same number of digits, at least so many, are codes."""


@dataclass(frozen=True)
class TextFormat:
    """How the texts of a column are read as numbers or dates.

    Parameters
    ----------
    style : str
        Format of the texts that can be read.
    share : float
        Share of cells with such texts, among those that are neither empty nor `MISSING_WORDS`.
    exceptions : dict of str to int
        The other texts, with their numbers of cells; the most frequent first.
    bounds : dict of str to int
        Limits of detection such as ``"<0.01"``, which are read as the limit.
    ambiguous : bool
        Whether another format reads as many texts.
    """

    style: str
    share: float
    exceptions: dict[str, int]
    bounds: dict[str, int] = field(default_factory=dict)
    ambiguous: bool = False

    @property
    def is_sufficient(self) -> bool:
        """Whether the column is read as numbers or dates."""
        return self.share >= PARSEABLE


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

    @cached_property
    def counts(self) -> list[int]:
        """Return the number of rows of each value."""
        present: list[int] = np.bincount(
            self.codes[self.codes >= 0], minlength=len(self.values)
        ).tolist()
        return present

    def merged(self) -> Levels:
        """Return the levels as text, without duplicates and without unused levels."""
        merged, texts = pd.factorize(np.array(self.texts, dtype=object))
        codes = np.where(self.codes < 0, -1, merged.take(self.codes)) if len(merged) else self.codes
        seen = np.bincount(codes[codes >= 0], minlength=len(texts)) > 0
        renumbered = np.append(np.cumsum(seen) - 1, -1)
        return Levels(renumbered[codes], [t for t, kept in zip(texts, seen, strict=True) if kept])

    def kept(self, mask: Sequence[bool]) -> Levels:
        """Return the levels of a mask; the others become missing."""
        places = np.append(np.where(mask, np.cumsum(mask) - 1, -1), -1)
        values = [value for value, kept in zip(self.values, mask, strict=True) if kept]
        return Levels(places[self.codes], values)

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
    """Factorise a column into distinct values and codes; empty text is missing.

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
    """Make empty text missing, and raise an error for values that are no cells."""
    present = [not isinstance(value, str) or bool(value.strip()) for value in levels.values]
    if not all(present):
        levels = levels.kept(present)
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
    """Return a cell as text without blanks around it; 1, 1.0 and "1" give the same text."""
    if isinstance(value, str):
        return str(value).strip()
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, np.timedelta64):
        return str(pd.Timedelta(value))
    if isinstance(value, numbers.Integral):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        if float(value).is_integer() and abs(float(value)) < 1e16:
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
        Number format of text: plain, ``"1,234.5"`` or ``"1.234,5"``, and optionally a unit after
        a blank, such as ``"1,234.5 kg"``.
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
    text = text.translate(_CHARACTERS).strip()
    separators, _, unit = style.partition(" ")
    if text.lower() in MISSING_WORDS:
        return math.nan
    if INFINITY.fullmatch(text):
        return -math.inf if text[0] == "-" else math.inf
    if "_" not in text and not (separators == COMMA_DECIMAL and _POINT_GROUPS.fullmatch(text)):
        try:
            value = float(text)
            return value if math.isfinite(value) else None
        except ValueError:
            pass
    amount = _amount(text)
    return None if amount is None else _value(amount, separators, unit)


class _Amount(NamedTuple):
    """The parts of a number written as text."""

    digits: str
    is_negative: bool
    unit: str
    is_bound: bool
    scale: float


def _amount(text: str) -> _Amount | None:
    """Return the parts of a number, whatever its separators; None if it has two signs or units."""
    found = _AMOUNT.fullmatch(text.translate(_CHARACTERS))
    if found is None:
        return None
    part = found.groupdict("")
    unit, digits = part["before"] + part["after"], part["digits"]
    signs = part["sign"] + part["inner_sign"] + part["minus"]
    brackets, closes = part["bracket"] + part["inner_bracket"], part["inner_close"] + part["close"]
    if (part["before"] and part["after"]) or len(signs.strip() + brackets) > 1:
        return None
    if len(brackets) != len(closes):
        return None
    # A plus before groups of digits is that of a telephone number.
    if "+" in signs and " " in digits:
        return None
    scale = _SCALES[part["scale"].lower()]
    return _Amount(digits, "-" in signs or bool(closes), unit, bool(part["bound"]), scale)


def _value(amount: _Amount, separators: str, unit: str) -> float | None:
    if amount.unit and amount.unit != unit:
        return None
    digits = _plain_digits(amount.digits, separators)
    if digits is None:
        return None
    value = float(digits) * amount.scale
    return -value if amount.is_negative else value


def _plain_digits(digits: str, separators: str) -> str | None:
    """Remove the thousands separators, and replace a decimal comma."""
    if separators == COMMA_DECIMAL:
        if _DECIMAL_COMMA.fullmatch(digits):
            return re.sub("[. ']", "", digits).replace(",", ".")
        if _POINT_GROUPS.fullmatch(digits):
            return digits.replace(".", "")
    elif separators == COMMA_THOUSANDS and _COMMA_GROUPS.fullmatch(digits):
        return digits.replace(",", "")
    if _OTHER_GROUPS.fullmatch(digits):
        return re.sub("[ ']", "", digits)
    return digits if _PLAIN.fullmatch(digits) else None


def is_exact(text: str) -> bool:
    """Return whether a float64 is the number that a text is, unless the text has decimals."""
    return _LONG_INTEGER.fullmatch(text) is None or int(text) == int(float(text))


def are_rounded(texts: Sequence[str]) -> bool:
    """Return whether float64 makes more than 5 % of the distinct texts equal to other integers."""
    long = [text for text in texts if _LONG_INTEGER.fullmatch(text)]
    return len(long) - len(set(map(float, long))) > (1 - PARSEABLE) * len(texts)


def number_format(
    texts: Sequence[str], counts: Sequence[int] | None = None, *, forced: bool = False
) -> TextFormat | None:
    """Return the number format of a column's distinct texts, or None if none is a number.

    Parameters
    ----------
    texts : sequence of str
        Distinct values.
    counts : sequence of int, optional
        Number of cells of each value.
    forced : bool, default=False
        Whether codes, such as texts with leading zeros (``"01234"``), are numbers, too.

    Notes
    -----
    A comma is a decimal comma unless at least as many numbers are valid with thousands separators.
    Limits such as ``"<0.01"`` are numbers unless most cells are limits, as in ``"<=50K"`` and
    ``">50K"``.
    """
    cells = counted_texts(texts, counts)
    if not cells or not (forced or _may_be_numbers(list(cells))):
        return None
    amounts = {text: amount for text in cells if (amount := _amount(text))}
    if not forced and _are_phone_numbers(list(amounts.values())):
        return None
    unit = _common_unit(amounts, cells)
    commas = any("," in text for text in cells)
    best: TextFormat | None = None
    for separators in (COMMA_THOUSANDS, COMMA_DECIMAL) if commas else (COMMA_THOUSANDS,):
        style = f"{separators} {unit}" if unit else separators if commas else ""
        found = _number_format(cells, amounts, style, forced)
        if best is None or found.share > best.share:
            best = found
        elif found.share == best.share:
            best = replace(best, ambiguous=True)
    return best if best is not None and best.share > 0 else None


def counted_texts(texts: Sequence[str], counts: Sequence[int] | None) -> dict[str, int]:
    """Return the number of cells of each text that does not denote a missing value or infinity."""
    cells: dict[str, int] = {}
    for text, count in zip(texts, [1] * len(texts) if counts is None else counts, strict=True):
        text = text.strip()
        if text.lower() not in MISSING_WORDS and not INFINITY.fullmatch(text):
            cells[text] = cells.get(text, 0) + int(count)
    return cells


def _may_be_numbers(texts: list[str]) -> bool:
    """Return whether a sample has numbers, and no text is a code with leading zeros."""
    sample = texts[:: max(1, len(texts) // SAMPLE)]
    if not any(map(_amount, sample)):
        return False
    return not any(map(_LEADING_ZERO.match, texts))


def _are_phone_numbers(amounts: list[_Amount]) -> bool:
    lengths = {sum(map(str.isdigit, amount.digits)) for amount in amounts}
    # A phone number has no decimal fraction.
    blanks = all(re.fullmatch(r"[^.,]* [^.,]*", a.digits) and not a.unit for a in amounts)
    return blanks and len(amounts) > 1 and len(lengths) == 1 and min(lengths) >= PHONE_DIGITS


def _common_unit(amounts: Mapping[str, _Amount], cells: Mapping[str, int]) -> str:
    """Return the most frequent unit, if most numbers have it or it is a currency or percent."""
    weights: Counter[str] = Counter()
    for text, amount in amounts.items():
        weights[amount.unit] += cells[text]
    named = [(unit, weight) for unit, weight in weights.most_common() if unit]
    if not named:
        return ""
    unit, weight = named[0]
    is_sign = unit == "%" or re.fullmatch(_CURRENCY, unit) is not None
    return unit if is_sign or 2 * weight >= sum(weights.values()) else ""


def _number_format(
    cells: Mapping[str, int], amounts: Mapping[str, _Amount], style: str, forced: bool
) -> TextFormat:
    separators, _, unit = style.partition(" ")
    values = {text: _value(amount, separators, unit) for text, amount in amounts.items()}
    numbers = {
        text for text, value in values.items() if value is not None and abs(value) < math.inf
    }
    bounds = {text: cells[text] for text in cells if text in numbers and amounts[text].is_bound}
    if not forced and 2 * sum(bounds.values()) > sum(cells[text] for text in numbers):
        numbers -= set(bounds)
        bounds = {}
    return text_format(cells, numbers, style, bounds)


def text_format(
    cells: Mapping[str, int],
    readable: Collection[str],
    style: str,
    bounds: dict[str, int] | None = None,
    ambiguous: bool = False,
) -> TextFormat:
    """Return the format of texts, of which some can be read."""
    exceptions = {text: count for text, count in cells.items() if text not in readable}
    ordered = dict(sorted(exceptions.items(), key=lambda item: -item[1]))
    share = 1 - sum(exceptions.values()) / max(sum(cells.values()), 1)
    return TextFormat(style, share, ordered, bounds or {}, ambiguous)


def numbers_of(levels: Levels, style: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows as float64, and a mask of the distinct values that are not numbers."""
    parsed = [as_number(value, style) for value in levels.values]
    wrong = np.array([number is None for number in parsed], dtype=bool)
    table = np.array([math.nan if number is None else number for number in parsed], dtype=float)
    return levels.spread(table, math.nan), wrong
