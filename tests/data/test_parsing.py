"""Numbers and dates written as text; the tables of docs/data.md are checked here."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from metaauto.data.dates import as_date_list, date_format
from metaauto.data.parsing import MISSING_WORDS, as_number, number_format

DOCS = Path(__file__).parents[2] / "docs" / "data.md"
amounts = st.lists(st.integers(-(10**11), 10**11).map(lambda cents: cents / 100), min_size=1)
quick = settings(max_examples=10, deadline=None)


def swapped(text):
    return text.translate(str.maketrans(",.", ".,"))


def indian(value):
    whole, _, cents = f"{abs(value):.2f}".partition(".")
    head, tail = whole[:-3], whole[-3:]
    pairs = re.sub(r"(?<=\d)(?=(\d\d)+$)", ",", head)
    return "-" * (value < 0) + (f"{pairs},{tail}" if pairs else tail) + "." + cents


NUMBERS = {
    "plain": str,
    "exponent": lambda v: f"{v:.15e}",
    "plus": lambda v: f"{v:+.2f}",
    "thousands": lambda v: f"{v:,.2f}",
    "Indian": indian,
    "accounting": lambda v: f"({-v:,.2f})" if v < 0 else f"{v:,.2f}",
    "accounting with currency": lambda v: f"(${-v:,.2f})" if v < 0 else f"${v:,.2f}",
    "sign before currency": lambda v: f"{'-' * (v < 0)}${abs(v):,.2f}",
    "sign after currency": lambda v: f"${v:,.2f}",
    "sign after amount": lambda v: f"{abs(v):.2f}{'-' * (v < 0)}",
    "currency after": lambda v: f"{v:,.2f} USD",
    "currency code before": lambda v: f"CHF {v:,.2f}",
    "rupees": lambda v: f"₹{indian(v)}" if v >= 0 else f"-₹{indian(-v)}",
    "unit": lambda v: f"{v:.2f} kg",
    "unit without blank": lambda v: f"{v:.2f}km/h",
    "percent": lambda v: f"{v:.2f}%",
    "blanks": lambda v: f"{v:,.2f}".replace(",", " "),
    "no-break blanks": lambda v: f"{v:,.2f}".replace(",", "\u00a0"),
    "narrow blanks": lambda v: f"{v:,.2f}".replace(",", "\u202f"),
    "apostrophes": lambda v: f"{v:,.2f}".replace(",", "'"),
    "typeset apostrophes": lambda v: f"{v:,.2f}".replace(",", "\u2019"),
    "accounting with percent": lambda v: f"({-v:.2f})%" if v < 0 else f"{v:.2f}%",
    "currency code without blank": lambda v: f"EUR{v:.2f}",
    "minus sign": lambda v: f"{v:.2f}".replace("-", "\u2212"),
    "dash": lambda v: f"{v:.2f}".replace("-", "\u2013"),
    "decimal comma and exponent": lambda v: f"{v:.15e}".replace(".", ","),
    "decimal comma": lambda v: swapped(f"{v:,.2f}"),
    "decimal comma and blanks": lambda v: swapped(f"{v:,.2f}").replace(".", " "),
    "decimal comma and euro": lambda v: swapped(f"{v:,.2f} €"),
    "surrounding blanks": lambda v: f"  {v:.2f} ",
}


@quick
@given(values=amounts)
@example(values=[1000000.0, -1000000.0])
@pytest.mark.parametrize("written", NUMBERS.values(), ids=NUMBERS)
def test_number_format_reads_what_was_written(written, values):
    texts = [written(value) for value in values]
    found = number_format(texts)
    assert found.share == 1.0
    assert [as_number(text, found.style) for text in texts] == pytest.approx(values, rel=1e-12)


@quick
@given(values=amounts, words=st.lists(st.sampled_from(sorted(MISSING_WORDS)), unique=True))
def test_number_format_missing_words(values, words):
    texts = [*map(str, values), *words, *map(str.upper, words)]
    found = number_format(texts)
    assert (found.share, found.exceptions) == (1.0, {})
    assert all(np.isnan(as_number(word.upper(), found.style)) for word in words)


@quick
@given(
    numbers=st.integers(1, 200), cells=st.integers(1, 20), word=st.sampled_from(["unknown", "n.d."])
)
def test_number_format_exceptions(numbers, cells, word):
    found = number_format([*map(str, range(numbers)), word], [1] * numbers + [cells])
    assert found.exceptions == {word: cells}
    assert found.share == pytest.approx(numbers / (numbers + cells))
    assert found.is_sufficient == (numbers >= 19 * cells)


@quick
@given(limits=st.integers(1, 60))
def test_number_format_limits(limits):
    """Limits of detection are numbers; classes such as <=50K are not."""
    found = number_format(["<0.01", "2.5", "3.5", "> 100"], [limits, 10, 20, 1])
    assert found.is_sufficient == (limits + 1 <= 30)
    if found.is_sufficient:
        assert found.bounds == {"<0.01": limits, "> 100": 1}
        assert [as_number(text, found.style) for text in found.bounds] == [0.01, 100.0]
    assert number_format(["<=50K", ">50K"], [limits, 10]) is None


def test_number_format_units():
    assert number_format(["10 kg", "5 g", "3 kg"]).exceptions == {"5 g": 1}
    assert number_format(["$5", "€6", "$7"]).exceptions == {"€6": 1}
    assert number_format(["1", "2", "3", "5k"]).exceptions == {"5k": 1}
    assert number_format(["1", "2", "3", "$5"]).exceptions == {}
    assert as_number("5 g", "1,234.5 kg") is None
    assert as_number("5", "1,234.5 kg") == 5.0


@pytest.mark.parametrize(
    ("texts", "ambiguous"),
    [
        (["48,123", "1,234"], True),
        (["48,123", "1,234.5"], False),
        (["48,123", "1,234,567"], False),
        (["48,123", "0,123"], False),
        (["48.123", "1234"], False),
    ],
)
def test_number_format_ambiguous_comma(texts, ambiguous):
    assert number_format(texts).ambiguous == ambiguous


digit = st.integers(0, 9)
CODES = {
    "leading zeros": st.integers(0, 9999).map(lambda n: f"0{n:04d}"),
    "version": st.tuples(digit, digit, digit).map(lambda p: "{}.{}.{}".format(*p)),
    "range": st.tuples(digit, digit).map(lambda p: "{}-{}".format(*p)),
    "range of numbers": st.tuples(digit, digit).map(lambda p: "{}.5 - {}".format(*p)),
    "range with a dash": st.tuples(digit, digit).map(lambda p: "{}\u2013{}".format(*p)),
    "local phone": st.integers(0, 9999).map(lambda n: f"555-{n:04d}"),
    "phone": st.integers(0, 9999).map(lambda n: f"(555) 123-{n:04d}"),
    "international phone": st.integers(0, 999).map(lambda n: f"+49 171 {n:03d}"),
    "phone in groups": st.integers(0, 999).map(lambda n: f"612 345 {n:03d}"),
    "phone with dots": st.integers(0, 9999).map(lambda n: f"555.123.{n:04d}"),
    "address": st.tuples(digit, digit).map(lambda p: "10.0.{}.{}".format(*p)),
    "letter": st.integers(0, 999).map(lambda n: f"A{n}"),
    "share": st.tuples(digit, digit).map(lambda p: "{}/{}".format(*p)),
    "set of two": st.tuples(digit, digit).map(lambda p: "{};{}".format(*p)),
}


def test_number_format_scales_of_currencies():
    texts = ["€110.5M", "€565K", "€0", "-$1.2b"]
    euros = number_format(texts[:3])
    assert euros.share == 1.0
    assert [as_number(text, euros.style) for text in texts] == [110.5e6, 565e3, 0.0, None]
    dollars = number_format(texts[3:])
    assert as_number(texts[3], dollars.style) == -1.2e9
    # Without a currency it may be a unit, such as metres.
    assert number_format(["12M", "565K", "3M"]).share < 1.0


@quick
@given(data=st.data())
@pytest.mark.parametrize("codes", CODES.values(), ids=CODES)
def test_number_format_codes(codes, data):
    texts = data.draw(st.lists(codes, min_size=2, unique=True))
    assert number_format(texts) is None


@quick
@given(numbers=st.lists(st.integers(1, 10**6).map(str), min_size=30, unique=True))
def test_number_format_one_leading_zero_makes_codes(numbers):
    assert number_format([*numbers, "00501"]) is None
    assert number_format([*numbers, "00501"], forced=True).share == 1.0


days = st.dates(datetime.date(1950, 1, 1), datetime.date(2049, 12, 31))
moments = st.datetimes(datetime.datetime(1950, 1, 1), datetime.datetime(2049, 12, 31))
seconds = moments.map(lambda moment: moment.replace(microsecond=0))
ONE_DAY = datetime.date(1900, 1, 1)


def zoned(moment):
    return moment.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=-5)))


DATES = {
    "ISO": (days, str, lambda d: d),
    "ISO with time": (seconds, str, lambda d: d),
    "ISO with fraction": (moments, lambda d: d.isoformat(timespec="microseconds"), lambda d: d),
    "ISO with zone": (seconds, lambda d: zoned(d).isoformat(), zoned),
    "ISO in UTC": (seconds, lambda d: f"{d} UTC", lambda d: d),
    "slashes and fraction": (
        moments, lambda d: d.strftime("%Y/%m/%d %H:%M:%S.%f")[:-3],
        lambda d: d.replace(microsecond=d.microsecond // 1000 * 1000),
    ),
    "month": (days, lambda d: d.strftime("%Y-%m"), lambda d: d.replace(day=1)),
    "month in words": (days, lambda d: d.strftime("%B %Y"), lambda d: d.replace(day=1)),
    "month and year": (days, lambda d: d.strftime("%m/%Y"), lambda d: d.replace(day=1)),
    "quarter": (
        days, lambda d: f"{d.year}-Q{(d.month + 2) // 3}",
        lambda d: d.replace(month=(d.month - 1) // 3 * 3 + 1, day=1),
    ),
    "quarter first": (
        days, lambda d: f"Q{(d.month + 2) // 3} {d.year}",
        lambda d: d.replace(month=(d.month - 1) // 3 * 3 + 1, day=1),
    ),
    "time": (
        moments, lambda d: d.strftime("%H:%M:%S"),
        lambda d: datetime.datetime.combine(ONE_DAY, d.time().replace(microsecond=0)),
    ),
    "dots": (days, lambda d: d.strftime("%d.%m.%Y"), lambda d: d),
    "RFC 2822": (seconds, lambda d: zoned(d).strftime("%a, %d %b %Y %H:%M:%S %z"), zoned),
    "RFC 2822 in GMT": (seconds, lambda d: d.strftime("%a, %d %b %Y %H:%M:%S GMT"), lambda d: d),
    "month name": (days, lambda d: d.strftime("%b %d, %Y"), lambda d: d),
    "ISO without zeros": (days, lambda d: f"{d.year}-{d.month}-{d.day}", lambda d: d),
    "ISO with decimal comma": (seconds, lambda d: f"{d},250", lambda d: d.replace(microsecond=250_000)),
    "ISO with the name of a zone": (seconds, lambda d: f"{d.isoformat()}Z[Etc/UTC]", lambda d: d),
    "ISO without separators": (seconds, lambda d: d.strftime("%Y%m%dT%H%M%S"), lambda d: d),
    "SAS": (days, lambda d: d.strftime("%d%b%Y").upper(), lambda d: d),
    "SAS with time": (seconds, lambda d: d.strftime("%d%b%Y:%H:%M:%S").upper(), lambda d: d),
    "web server": (seconds, lambda d: zoned(d).strftime("%d/%b/%Y:%H:%M:%S %z"), zoned),
    "weekday": (days, lambda d: d.strftime("%A, %B %d, %Y"), lambda d: d),
    "Japanese": (days, lambda d: d.strftime("%Y年%m月%d日"), lambda d: d),
}  # fmt: skip


@settings(max_examples=5, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("kind", DATES)
def test_date_format_reads_what_was_written(kind, data):
    values, written, expected = DATES[kind]
    drawn = data.draw(st.lists(values, min_size=1, max_size=9))
    texts = [written(value) for value in drawn]
    found = date_format([*texts, "NA", "0000-00-00"])
    assert found.share == 1.0
    stamps, wrong = as_date_list([*texts, "NA", "0000-00-00"], found.style)
    assert not wrong.any()
    assert np.isnat(stamps[-2:]).all()
    known = [pd.Timestamp(expected(value)) for value in drawn]
    known = [t.tz_convert(None) if t.tzinfo else t for t in known]
    assert [pd.Timestamp(stamp) for stamp in stamps[:-2]] == known


def test_date_format_exceptions():
    texts = [f"2020-01-{day:02d}" for day in range(1, 31)]
    found = date_format([*texts, "unknown"])
    assert (found.style, found.exceptions) == ("ISO8601", {"unknown": 1})
    assert found.is_sufficient
    assert not date_format([*texts[:18], "unknown"]).is_sufficient


@pytest.mark.parametrize(
    ("texts", "style", "ambiguous"),
    [
        (["01/02/2020", "03/04/2020"], "%m/%d/%Y", True),
        (["13/02/2020", "03/04/2020"], "%d/%m/%Y", False),
        (["01-02-2020", "03-04-2020"], "%d-%m-%Y", True),
        (["01-13-2020", "03-04-2020"], "%m-%d-%Y", False),
        (["01.02.2020", "03.04.2020"], "%d.%m.%Y", False),
    ],
)
def test_date_format_ambiguous(texts, style, ambiguous):
    found = date_format(texts)
    assert (found.style, found.ambiguous) == (style, ambiguous)


@pytest.mark.parametrize(
    "texts",
    [["555-1234", "666-9876"], ["2020-2021", "2019-2020"], ["3:2", "1:1"], ["1.2.3", "2.3.4"],
     ["12345", "67890"], ["word 12", "word 13"], ["25:00:00", "99:10:00"]],
)  # fmt: skip
def test_date_format_codes(texts):
    assert date_format(texts) is None


def documented(heading):
    """Return the cells of the first two columns of a table of docs/data.md."""
    section = DOCS.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    examples = [[re.findall("`([^`]*)`", cell) for cell in row[1:3]] for row in rows]
    return [pair for cells, values in examples for pair in zip(cells, values)]


@pytest.mark.parametrize(("cell", "value"), documented("Numbers"))
def test_documented_numbers(cell, value):
    found = number_format([cell, "1.5"] if "," not in cell else [cell])
    if value == "text":
        assert found is None or cell in found.exceptions
    elif value == "missing":
        assert not np.isfinite(as_number(cell, found.style))
    else:
        assert as_number(cell, found.style) == float(value)


@pytest.mark.parametrize(("cell", "value"), documented("Dates"))
def test_documented_dates(cell, value):
    found = date_format([cell])
    if value == "missing":
        assert found is None
    else:
        stamps, _ = as_date_list([cell], found.style)
        assert pd.Timestamp(stamps[0]) == pd.Timestamp(value)
