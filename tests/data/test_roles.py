from __future__ import annotations

import datetime
import decimal
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metaauto.data import TableSchema, infer_columns
from metaauto.data.roles import inspect_columns
from metaauto.errors import ColumnError, UnknownName
from metaauto.task import Role

N = 200
RNG = np.random.default_rng(0)
WORDS = [f"w{i % 7}" for i in range(N)]
DAYS = pd.date_range("2020-01-01", periods=N, freq="D")
SENTENCES = [f"the quick fox number {i} jumps over it" for i in range(N)]


def role(values, name="x", **kwargs):
    series = pd.Series(values, name=name, **kwargs)
    frame = pd.DataFrame({name: series}).assign(**{"other feature": np.sin(range(len(series)))})
    return infer_columns(frame)[0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (RNG.normal(size=N), Role.NUMERIC),
        (RNG.integers(0, 4, N), Role.NUMERIC),
        (np.arange(N) * 1.0, Role.NUMERIC),
        ([str(v) for v in RNG.normal(size=N)], Role.NUMERIC),
        (["1,234.5", "12", "?", "7,000"] * 50, Role.NUMERIC),
        (["1.234,5", "12", "7,25", "-3,1"] * 50, Role.NUMERIC),
        (["$1,200", "$15", "$1", "$3"] * 50, Role.NUMERIC),
        ([1, "2", 3.5, None] * 50, Role.NUMERIC),
        ([decimal.Decimal(i) / 7 for i in range(N)], Role.NUMERIC),
        (pd.to_timedelta(RNG.integers(0, 999, N), unit="s"), Role.NUMERIC),
        (pd.array([1, 2, None, 4] * 50, dtype="Int64"), Role.NUMERIC),
        (pd.arrays.SparseArray([0.0, 0.0, 1.0, 2.0] * 50), Role.NUMERIC),
        (WORDS, Role.CATEGORICAL),
        (["01234", "98765", "00501", "10001"] * 50, Role.CATEGORICAL),
        (pd.Categorical(["1", "2", "3", "2"] * 50), Role.CATEGORICAL),
        ([1, 2, "a", "b"] * 50, Role.CATEGORICAL),
        (["male", "female"] * 100, Role.CATEGORICAL),
        (["bachelor of arts", "some high school"] * 100, Role.CATEGORICAL),
        (["yes", "no", None, "Yes"] * 50, Role.BOOLEAN),
        ([True, False] * 100, Role.BOOLEAN),
        ([True, None, False, True] * 50, Role.BOOLEAN),
        (pd.Categorical(["True", "False"] * 100), Role.BOOLEAN),
        (pd.array([True, None] * 100, dtype="boolean"), Role.BOOLEAN),
        (DAYS, Role.DATETIME),
        (DAYS.tz_localize("Europe/Paris"), Role.DATETIME),
        (DAYS.to_period("D"), Role.DATETIME),
        (DAYS.date, Role.DATETIME),
        (DAYS.astype(str), Role.DATETIME),
        (DAYS.strftime("%d.%m.%Y %H:%M"), Role.DATETIME),
        (DAYS.strftime("%m/%d/%Y"), Role.DATETIME),
        (DAYS.strftime("%d/%m/%Y"), Role.DATETIME),
        (DAYS.strftime("%Y-%m-%dT%H:%M:%S+02:00"), Role.DATETIME),
        (SENTENCES, Role.TEXT),
        (["機械学習は面白い技術です第" + str(i) for i in range(N)], Role.TEXT),
        ([f"u-{i:04x}-{i * 7919 % 1000}" for i in range(N)], Role.IDENTIFIER),
        (np.arange(N), Role.NUMERIC),
        ([f"name{'abcdefghij'[i % 10] * (i // 10 + 1)}" for i in range(N)], Role.CATEGORICAL),
        ([3] * N, Role.CONSTANT),
        (["a"] * N, Role.CONSTANT),
        ([None] * N, Role.CONSTANT),
        ([np.nan] * N, Role.CONSTANT),
        ([pd.NaT] * N, Role.CONSTANT),
        ([datetime.date(2020, 1, 1)] * N, Role.CONSTANT),
        (["a", None] * 100, Role.CATEGORICAL),
        ([3.0, None] * 100, Role.NUMERIC),
    ],
)
def test_roles(values, expected):
    column = role(values)
    assert column.role is expected, column.reason
    assert column.reason


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        (pa.string(), WORDS, Role.CATEGORICAL),
        (pa.int64(), [1, 2, None, 3] * 50, Role.NUMERIC),
        (pa.bool_(), [True, False, None, True] * 50, Role.BOOLEAN),
        (pa.timestamp("us"), list(DAYS.to_pydatetime()), Role.DATETIME),
        (pa.date32(), list(DAYS.date), Role.DATETIME),
        (pa.decimal128(9, 2), [decimal.Decimal(i) / 4 for i in range(N)], Role.NUMERIC),
    ],
)
def test_arrow_columns(kind, values, expected):
    assert role(values, dtype=pd.ArrowDtype(kind)).role is expected


def test_identifiers_are_told_by_name_and_numbers():
    ids = RNG.permutation(N) * 3 + 1000
    assert role(ids, "customer_id").role is Role.IDENTIFIER
    assert role(ids, "customerId").role is Role.IDENTIFIER
    assert role(ids, "price").role is Role.NUMERIC
    assert role(ids, "width").role is Role.NUMERIC  # 'id' inside a word
    assert role(ids.astype(float) + 0.5, "customer_id").role is Role.NUMERIC
    assert role(np.arange(N) + 1, "Unnamed: 0").role is Role.IDENTIFIER
    assert role(np.arange(N), "year").role is Role.NUMERIC
    assert role(np.append(ids[:-1], ids[0]), "customer_id").role is Role.NUMERIC  # one twice
    assert role(np.arange(5), "id").role is Role.NUMERIC


@pytest.mark.parametrize(
    "name", ["depth", "dose", "position", "experience", "x", "row_height", "key rate", "nr_rooms"]
)
def test_counting_columns_are_features(name):
    assert role(np.arange(N), name).role is Role.NUMERIC


@pytest.mark.parametrize("name", ["price index", "row_height", "Order Nr", "index", "key"])
def test_distinct_numbers_are_features_whatever_the_name(name):
    assert role(RNG.permutation(N) * 3 + 7, name).role is Role.NUMERIC


@pytest.mark.parametrize(
    ("values", "role"),
    [(np.arange(N), "numeric"), ([f"u-{i:04x}-{i}" for i in range(N)], "categorical")],
)
def test_identifiers_are_kept_on_demand_or_as_the_last_feature(values, role):
    frame = pd.DataFrame({"id": values})
    [column], [finding] = inspect_columns(frame)
    assert (str(column.role), finding.code) == (role, "kept-identifier")
    assert infer_columns(frame, {"id": "identifier"})[0].role is Role.IDENTIFIER
    both = frame.assign(other=RNG.normal(size=N))
    assert infer_columns(both)[0].role is Role.IDENTIFIER
    assert str(infer_columns(both, {"id": role})[0].role) == role


@settings(deadline=None, max_examples=30)
@given(
    name=st.sampled_from(["id", "row", "x", "key", "n"]),
    values=st.lists(st.integers(0, 10**6), min_size=10, max_size=30, unique=True),
    text=st.booleans(),
)
def test_the_last_feature_is_never_dropped(name, values, text):
    cells = [f"c{value}" for value in values] if text else values
    frame = pd.DataFrame({name: cells, "constant": 1})
    assert any(column.role.is_used for column in infer_columns(frame))


def test_what_a_column_says_of_itself():
    column = role(["no", None, "yes", "no"])
    assert column.categories == ("no", "yes")
    assert column.missing == 0.25
    assert column.n_unique == 2
    assert role(["b", "10", "9", "b"]).categories == ("10", "9", "b")
    assert role(pd.Categorical(["10", "9", "9"])).categories == ("9", "10")
    assert role(["1", "?", "3", "4"]).missing == 0.25
    assert role(pd.Categorical(["a", "b"], categories=["b", "a", "unused"])).categories == (
        "a",
        "b",
    )


def test_the_word_infinity_is_a_number_in_a_column_of_numbers_alone():
    assert role(["inf", "1", "2", "1"]).role is Role.NUMERIC
    assert role(["inf", "a", "b", "a"]).role is Role.CATEGORICAL


INFINITE = st.sampled_from(["inf", "-inf", "+Inf", "Infinity", "-INFINITY", "∞", "-∞", "1.#INF"])
NOTATIONS = {
    "plain": lambda number: f"{number}",
    "currency": lambda number: f"${number:,.2f}",
    "decimal comma": lambda number: f"{number:.2f}".replace(".", ","),
    "unit": lambda number: f"{number} kg",
    "stored": float,
}


@settings(deadline=None, max_examples=200)
@given(
    numbers=st.lists(st.integers(-999, 999), min_size=4, max_size=30, unique=True),
    infinite=st.lists(INFINITE, max_size=30),
    notation=st.sampled_from(sorted(NOTATIONS)),
    seed=st.integers(0, 99),
)
def test_infinity_is_missing_in_numeric_columns_with_a_finding(numbers, infinite, notation, seed):
    words = [np.inf] * len(infinite) if notation == "stored" else infinite
    cells = [*map(NOTATIONS[notation], numbers), *words]
    order = np.random.default_rng(seed).permutation(len(cells))
    cells = [cells[place] for place in order]
    gaps = [place >= len(numbers) for place in order]
    frame = pd.DataFrame({"x": cells, "other": np.arange(len(cells)) % 3})
    columns, findings = inspect_columns(frame)
    assert columns[0].role is Role.NUMERIC
    assert columns[0].missing == pytest.approx(np.mean(gaps))
    assert columns[0].n_unique == len(numbers)
    assert [f.code for f in findings if "infinite" in f.code] == ["infinite-values"] * any(gaps)
    encoded = TableSchema.from_columns(columns, "y").encode(frame)["x"]
    assert encoded.isna().tolist() == gaps
    expected = [numbers[place] for place in order if place < len(numbers)]
    assert encoded.dropna().tolist() == expected


def test_mixed_types_and_ambiguous_dates_are_said():
    frame = pd.DataFrame({"m": pd.Series([1, 2.5, "a", "b"] * 5, dtype=object)})
    [column], [finding] = inspect_columns(frame)
    assert column.role is Role.CATEGORICAL
    assert finding.code == "mixed-types"
    assert "'a'" in finding.message
    days = pd.DataFrame({"d": ["01/02/2020", "03/04/2020", "05/06/2020", "07/08/2020"]})
    [column], [finding] = inspect_columns(days)
    assert (column.format, finding.code) == ("%m/%d/%Y", "ambiguous-date")


NUMBERS = [f"{value:.4f}" for value in RNG.normal(size=N)]


@pytest.mark.parametrize(
    ("values", "expected", "code", "words"),
    [
        (["unknown", *NUMBERS[1:]], Role.NUMERIC, "not-numbers", "1 cell .*'unknown' \\(1\\)"),
        (["nil"] * 3 + ["?"] * 9 + NUMBERS, Role.NUMERIC, "not-numbers", "3 cells .*'nil' \\(3\\)"),
        (["<0.01", "<0.01", *NUMBERS], Role.NUMERIC, "limits", "2 cells .*'<0.01' \\(2\\)"),
        ([f"1,{i:03d}" for i in range(N)], Role.NUMERIC, "ambiguous-number", "'1,000'"),
        (["unknown"] * 60 + NUMBERS, Role.CATEGORICAL, "mostly-numbers", "'unknown'"),
        (
            [f"late {i}" for i in range(60)] + NUMBERS,
            Role.CATEGORICAL,
            "mostly-numbers",
            "'late 0'",
        ),
        (["unknown", *DAYS.astype(str)], Role.DATETIME, "not-dates", "'unknown' \\(1\\)"),
        (["unknown"] * 60 + list(DAYS.astype(str)), Role.CATEGORICAL, "mostly-dates", "'unknown'"),
        (["01-02-2020", "03-04-2020", "05-06-2020"], Role.DATETIME, "ambiguous-date", "day first"),
    ],
)
def test_exceptions_in_numbers_and_dates(values, expected, code, words):
    [column], [finding] = inspect_columns(pd.DataFrame({"x": values}))
    assert column.role is expected
    assert finding.code == code
    assert re.search(words, finding.message)


def test_times_of_day():
    texts = [f"{i % 24}:{i % 60:02d}:00" for i in range(N)]
    assert role(texts).role is Role.DATETIME
    assert role([datetime.time(i % 24, i % 60) for i in range(N)]).role is Role.DATETIME


@pytest.mark.parametrize(
    "values", [[[1], [2]], [{"a": 1}, {}], [1 + 2j, 3], [np.zeros(2), np.ones(2)], [{1}, {2}]]
)
def test_cells_that_no_model_can_use(values):
    series = pd.Series(values, dtype=object)
    with pytest.raises(ColumnError, match="'odd'"):
        infer_columns(pd.DataFrame({"odd": series}))


def test_complex_dtype():
    with pytest.raises(ColumnError, match="'odd' contains complex"):
        infer_columns(pd.DataFrame({"odd": np.ones(3, dtype=complex)}))


def forced(values, role):
    frame = pd.DataFrame({"x": values})
    [column] = infer_columns(frame, {"x": role})
    return column


def test_overrides():
    assert forced([1, 2, 10], "categorical").categories == ("1", "2", "10")
    assert forced([1, 0, 1], Role.BOOLEAN).categories == ("0", "1")
    assert forced(["a", "b", "a"], "boolean").categories == ("a", "b")
    assert forced(["01", "02", "10"], "numeric").role is Role.NUMERIC
    assert forced(WORDS, "text").role is Role.TEXT
    assert forced(WORDS, "identifier").role is Role.IDENTIFIER
    assert forced(np.arange(N), "numeric").role is Role.NUMERIC
    assert forced([20200131, 20201231], "datetime").format == "%Y%m%d"
    assert forced([1999, 2020], "datetime").format == "%Y"
    assert forced([1600000000, 1700000000], "datetime").format == "unix s"
    assert forced([1600000000000, 1700000000000], "datetime").format == "unix ms"
    assert forced([1600000000000000, 1700000000000000], "datetime").format == "unix us"
    assert forced([1600000000 * 10**9, 1700000000 * 10**9], "datetime").format == "unix ns"
    assert forced([202001, 202112], "datetime").format == "%Y%m"
    assert forced(["2020-01-02"], "datetime").format == "ISO8601"
    assert forced([43831, 45000], "datetime").format == "excel"
    assert forced(["soon", "2020-01-02"], "datetime").missing == 0.5


@pytest.mark.parametrize("share", [1, 2, 50, 199])
def test_numeric_override_is_obeyed(share):
    frame = pd.DataFrame({"x": ["unknown", "007"] * share + ["5"]})
    [column], [finding] = inspect_columns(frame, {"x": "numeric"})
    assert (column.role, column.exceptions) == (Role.NUMERIC, share)
    assert f"'unknown' ({share})" in finding.message


@pytest.mark.parametrize(
    "values", [["a", "b", "a", "c"], ["2024-01-31", "x", "3-4", "1.2.3"], DAYS]
)
@pytest.mark.parametrize("missing", [0, 3])
def test_numeric_override_is_obeyed_if_no_cell_is_a_number(values, missing):
    cells = pd.Series([*values, *[None] * missing])
    frame = pd.DataFrame({"x": cells, "other": np.arange(len(cells)) % 3})
    columns, findings = inspect_columns(frame, {"x": "numeric"})
    assert (columns[0].role, columns[0].missing) == (Role.NUMERIC, 1.0)
    assert columns[0].exceptions == len(values)
    assert findings[0].code == "not-numbers"
    assert TableSchema.from_columns(columns, "y").encode(frame)["x"].isna().all()


@pytest.mark.parametrize(
    ("values", "role", "words"),
    [
        (["a", "b", "c"], "boolean", "3 distinct values"),
        (["soon", "later"], "datetime", "'soon' is not a date"),
    ],
)
def test_overrides_that_cannot_be(values, role, words):
    with pytest.raises(ColumnError, match=words):
        forced(values, role)


def test_overrides_that_name_nothing():
    with pytest.raises(UnknownName, match=r"no role named 'numerical'.*'numeric'"):
        forced([1], "numerical")
    with pytest.raises(UnknownName, match="no column named 'y'"):
        infer_columns(pd.DataFrame({"x": [1]}), {"y": "numeric"})


def test_exclude_and_order():
    frame = pd.DataFrame({"b": [1, 2], "a": [1, 2], "c": [1, 2]})
    assert [c.name for c in infer_columns(frame, exclude={"a"})] == ["b", "c"]


CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["yes", "no", "1,5", "2020-01-01", "?", "", "0x1", "1e5", "inf", "\u0661"]),
    st.dates(),
    st.datetimes(),
    st.timedeltas(),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.binary(max_size=4),
)
COLUMNS = st.one_of(
    st.lists(CELLS, min_size=3, max_size=12),
    *(
        st.lists(st.one_of(st.none(), kind), min_size=3, max_size=12)
        for kind in (st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.dates())
    ),
)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(cells=COLUMNS, category=st.booleans())
def test_every_column_gets_a_role(cells, category):
    series = pd.Series(cells, dtype=object)
    if category:
        series = pd.Series(cells, dtype=object).map(str).astype("category")
    [column] = infer_columns(pd.DataFrame({"x": series}))
    assert column.role in Role
    assert 0 <= column.missing <= 1
    assert column.n_unique <= len(cells)


def test_wide_and_empty_tables():
    wide = pd.DataFrame(RNG.normal(size=(20, 3000)))
    assert {c.role for c in infer_columns(wide)} == {Role.NUMERIC}
    assert infer_columns(pd.DataFrame()) == ()
    assert infer_columns(pd.DataFrame({"x": []}))[0].role is Role.CONSTANT
