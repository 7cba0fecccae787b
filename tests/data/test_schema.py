from __future__ import annotations

import json
import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metaauto.data import TableSchema, infer_columns
from metaauto.errors import DataError, SchemaMismatch
from metaauto.task import Role

FRAME = pd.DataFrame(
    {
        "size": [1.5, 2.0, None, 4.0] * 10,
        "count": [1, 2, 3, 4] * 10,
        "kind": ["a", "b", None, "c"] * 10,
        "paid": ["yes", "no", None, "yes"] * 10,
        "day": pd.to_datetime(["2020-01-01", "2020-02-01", None, "2020-03-01"] * 10),
        "note": [f"a note with words {i}" for i in range(39)] + [None],
        "fixed": 7,
        "row": np.arange(40),
    }
)


def schema_of(frame, **overrides):
    return TableSchema.from_columns(infer_columns(frame, overrides), "target")


def one(frame_or_values, values, **overrides):
    """Encode values with the schema of a column."""
    schema = schema_of(pd.DataFrame({"x": frame_or_values}), **overrides)
    return schema.encode(pd.DataFrame({"x": values}))["x"]


@pytest.fixture(scope="module")
def schema():
    return schema_of(FRAME, note="text")


def test_the_typed_frame(schema):
    typed = schema.encode(FRAME)
    assert list(typed.columns) == ["size", "count", "kind", "paid", "day", "note"]
    assert isinstance(typed.index, pd.RangeIndex)
    assert typed["size"].dtype == typed["count"].dtype == typed["paid"].dtype == np.float64
    assert typed["kind"].cat.categories.tolist() == ["a", "b", "c"]
    assert typed["day"].dtype == "datetime64[ns]"
    assert typed["note"].dtype == object
    assert typed["note"].iloc[39] == ""
    assert typed["paid"].tolist()[:2] == [1.0, 0.0]
    assert typed.iloc[2, :5].isna().tolist() == [True, False, True, True, True]


def test_order_extra_columns_and_index_do_not_matter(schema, caplog):
    shuffled = FRAME[list(FRAME.columns[::-1])].assign(extra=1)
    shuffled.index = shuffled.index + 1000
    with caplog.at_level(logging.INFO, "metaauto"):
        typed = schema.encode(shuffled)
    pd.testing.assert_frame_equal(typed, schema.encode(FRAME))
    assert "'extra'" in caplog.text
    without = FRAME.drop(columns=["fixed", "row"])  # no model sees them
    pd.testing.assert_frame_equal(schema.encode(without), typed)


def test_missing_columns_are_named(schema):
    with pytest.raises(SchemaMismatch, match=r"column 'size' .* missing.*'Size' for 'size'"):
        schema.encode(FRAME.rename(columns={"size": "Size"}))
    with pytest.raises(SchemaMismatch, match="columns 'size', 'count'"):
        schema.encode(FRAME.drop(columns=["size", "count"]))
    with pytest.raises(SchemaMismatch, match="named 'size'"):
        schema.encode(pd.concat([FRAME, FRAME[["size"]]], axis=1))


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("size", ["1.5", "big"], "'size' contained numbers .* 'big'"),
        ("size", pd.to_datetime(["2020-01-01"] * 2), "'size' contained numbers .* '2020-01-01'"),
        ("size", pd.to_timedelta([1, 2], unit="s"), "'size' contained numbers"),
        ("size", [1j, 2j], "'size' contained numbers"),
        ("size", pd.Series([1, [2]], dtype=object), "'size' contains list"),
        ("day", ["2020-01-01", "soon"], "'day' contained dates .* 'soon'"),
        ("day", [1, 2], "'day' contained dates .* '1'"),
    ],
)
def test_other_kinds_of_values_are_refused(schema, column, values, words):
    rows = FRAME.iloc[:2].assign(**{column: values})
    with pytest.raises(DataError, match=words):
        schema.encode(rows)


@pytest.mark.parametrize("cells", [[np.inf, -np.inf], ["inf", "-Infinity"], ["-1.#INF", "∞"]])
def test_infinity_is_missing_with_a_warning(schema, caplog, cells):
    with caplog.at_level(logging.WARNING, "metaauto"):
        typed = schema.encode(FRAME.iloc[:2].assign(count=cells, size=["inf", "1.5"]))
    assert typed["count"].isna().all()
    assert typed["size"].isna().tolist() == [True, False]
    assert "Column 'count': 2 infinite values treated as missing." in caplog.text
    assert "Column 'size': 1 infinite value treated as missing." in caplog.text


def test_unseen_values_become_missing_and_are_counted(schema, caplog):
    with caplog.at_level(logging.WARNING, "metaauto"):
        typed = schema.encode(FRAME.iloc[:2].assign(kind=["z", "a"], paid=["maybe", "NO"]))
    assert typed["kind"].isna().tolist() == [True, False]
    assert np.isnan(typed["paid"].iloc[0])
    assert typed["paid"].iloc[1] == 0.0
    assert "'kind': 1 cells" in caplog.text


def test_numbers_that_became_floats_still_match():
    seen = pd.Series([1, 2, 3, 1] * 5).astype("category")
    for values in ([1, 2], [1.0, 2.0], ["1", "2"], pd.array([1, 2], dtype="Int64")):
        assert one(seen, values).tolist() == ["1", "2"]
    with_gap = one(seen, [1.0, np.nan])
    assert with_gap.isna().tolist() == [False, True]


def test_numbers_dates_and_truth_in_other_dress():
    assert one([1, 2, 3.5], ["7", " 8 ", "?", None]).tolist()[:2] == [7.0, 8.0]
    assert one(["1,5", "2,5", "3"], ["4,5", "1.000,5"]).tolist() == [4.5, 1000.5]
    assert one(["1,5", "2,5", "3"], [4.5, 2]).tolist() == [4.5, 2.0]
    assert one([1, 2, 3.5], pd.Categorical(["7", "8"])).tolist() == [7.0, 8.0]
    assert one(["yes", "no"], [True, False]).tolist() == [1.0, 0.0]
    assert one([True, False], ["TRUE", "f"]).tolist() == [1.0, 0.0]
    assert one([True, False], [1.0, 0.0]).tolist() == [1.0, 0.0]
    assert one(["m", "f", "m"], ["m", "f"], x="boolean").tolist() == [1.0, 0.0]
    days = ["31.12.2020", "01.01.2021", "15.06.2021"]
    expected = [pd.Timestamp("2021-06-15"), pd.Timestamp("2021-02-03")]
    assert one(days, ["15.06.2021", "2021-02-03"]).tolist() == expected
    assert one(days, [expected[0], None]).isna().tolist() == [False, True]
    zoned = one(pd.date_range("2020", periods=3), ["2020-01-01T02:00:00+02:00"])
    assert zoned.tolist() == [pd.Timestamp("2020-01-01")]
    assert one([1999, 2020, 2021], [2001], x="datetime").tolist() == [pd.Timestamp("2001-01-01")]
    assert one([1e9, 2e9, 1.5e9], [0], x="datetime").tolist() == [pd.Timestamp("1970-01-01")]
    seconds = pd.to_timedelta([60, 1, 5], unit="s")
    assert one(seconds, seconds).tolist() == [60.0, 1.0, 5.0]


def test_exceptions_become_missing(caplog):
    caplog.set_level(logging.INFO, "metaauto")
    seen = ["unknown", *map(str, range(30))]
    for values in (["nil"], ["nil", "3"], ["unknown", "3", "4"]):
        assert np.isnan(one(seen, values)[0])
    assert "Column 'x': 1 cell (such as 'unknown') not read as numbers" in caplog.text
    assert one([*range(30)] * 2, ["nil", *map(str, range(30))]).isna().sum() == 1
    with pytest.raises(SchemaMismatch, match="'nil'"):
        one([*range(30)] * 2, ["nil", *map(str, range(15))])
    excel = one([43831, 45000], [43831, None], x="datetime")
    assert excel[0] == pd.Timestamp("2020-01-01")


def test_dates_beyond_nanoseconds_are_clipped():
    encoded = one(["2020-01-01", "2021-01-01", "2022-01-01"], ["9999-12-31", "0001-01-01"])
    assert encoded.dt.year.tolist() == [2262, 1677]


def test_arrays():
    array = np.arange(12.0).reshape(4, 3) ** 1.5
    frame = pd.DataFrame(array, columns=["x0", "x1", "x2"])
    schema = TableSchema.from_columns(infer_columns(frame), "target", positional=True)
    assert schema.encode(array).to_numpy().tolist() == array.tolist()
    assert schema.encode(frame).equals(schema.encode(array))
    assert schema.encode(array.astype(object)).equals(schema.encode(array))
    with pytest.raises(SchemaMismatch, match=r"has 2 columns, .* on 3"):
        schema.encode(array[:, :2])
    with pytest.raises(SchemaMismatch, match="1-dimensional"):
        schema.encode(array[0])
    named = TableSchema.from_columns(infer_columns(frame), "target")
    assert named.encode(array).equals(named.encode(frame))


@given(st.permutations(["a", "b", "same", "day"]), st.booleans(), st.booleans())
@settings(deadline=None)
def test_arrays_of_the_right_width_are_matched_by_position(names, positional, used_only):
    random = np.random.default_rng(0)
    cells = {
        "a": random.normal(size=30),
        "b": random.choice(["x", "y"], 30),
        "same": np.ones(30),
        "day": pd.date_range("2024-01-01", periods=30, freq="37h"),
    }
    frame = pd.DataFrame({name: cells[name] for name in names})
    schema = TableSchema.from_columns(infer_columns(frame), "target", positional=positional)
    expected = schema.encode(frame)
    given_cells = frame.drop(columns="same") if used_only else frame
    array = given_cells.to_numpy(dtype=object)
    pd.testing.assert_frame_equal(schema.encode(array), expected)
    other = given_cells.rename(columns=str.upper)
    if positional:
        pd.testing.assert_frame_equal(schema.encode(other.assign(target=1)), expected)
    else:
        with pytest.raises(SchemaMismatch, match="missing"):
            schema.encode(other)
    with pytest.raises(SchemaMismatch, match=r"2 columns, .* on 4"):
        schema.encode(array[:, :2])


def test_no_rows(schema):
    assert schema.encode(FRAME.iloc[:0]).shape == (0, 6)


CELLS = {
    "number": st.one_of(st.none(), st.floats(allow_infinity=False), st.integers(-(2**60), 2**60)),
    "text": st.one_of(st.none(), st.text(max_size=6)),
    "truth": st.one_of(st.none(), st.booleans(), st.sampled_from(["yes", "no"])),
    "date": st.one_of(st.none(), st.datetimes(), st.dates()),
    "written": st.one_of(
        st.none(),
        st.sampled_from(
            ["1,5", "2", "1.234", "?", "12/01/2020", "$5", "5 kg", "(5)", "<5", "10:30", "2020-03"]
        ),
    ),
    "mixed": st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_infinity=False),
        st.text(max_size=3),
    ),
}
TABLES = st.integers(3, 9).flatmap(
    lambda n: st.fixed_dictionaries(
        {name: st.lists(cell, min_size=n, max_size=n) for name, cell in CELLS.items()}
    )
)
ROLES = st.fixed_dictionaries(
    {}, optional={"number": st.just("categorical"), "text": st.just("text"),
                  "mixed": st.sampled_from(["categorical", "text"])}
)  # fmt: skip


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(cells=TABLES, roles=ROLES)
def test_a_row_alone_is_the_row_in_the_table(cells, roles):
    frame = pd.DataFrame({name: pd.Series(v, dtype=object) for name, v in cells.items()})
    schema = schema_of(frame, **roles)
    typed = schema.encode(frame)
    again = TableSchema.from_json(json.loads(json.dumps(schema.to_json())))
    assert again == schema
    for i in range(len(frame)):
        alone = again.encode(frame.iloc[[i]])
        pd.testing.assert_frame_equal(alone, typed.iloc[[i]].reset_index(drop=True))


@settings(deadline=None, max_examples=60)
@given(
    values=st.lists(st.integers(-5, 5), min_size=2, max_size=20),
    gaps=st.lists(st.booleans(), min_size=20, max_size=20),
)
def test_categories_match_whatever_the_storage(values, gaps):
    seen = pd.DataFrame({"x": values})
    schema = schema_of(seen, x="categorical")
    plain = schema.encode(seen)["x"]
    holes = pd.Series([None if g else v for v, g in zip(values, gaps, strict=False)], dtype=float)
    for dtype in (float, str, object, "Int64"):
        pd.testing.assert_series_equal(
            schema.encode(pd.DataFrame({"x": pd.Series(values).astype(dtype)}))["x"], plain
        )
    encoded = schema.encode(pd.DataFrame({"x": holes}))["x"]
    assert encoded.isna().equals(holes.isna())
    assert encoded[holes.notna()].equals(plain[holes.notna()])


def test_long_integers_are_not_matched_by_their_rounded_value():
    schema = schema_of(pd.DataFrame({"x": [2**60, 2**61, 2**60]}), x="categorical")
    for cells in ([2**60, 2**60 + 1], [str(2**60), str(2**60 + 1)], [2.0**60, None]):
        encoded = schema.encode(pd.DataFrame({"x": cells}))["x"]
        assert encoded.cat.codes.tolist() == [0, -1]


def test_json_keeps_roles_and_categories(schema):
    again = TableSchema.from_json(json.loads(json.dumps(schema.to_json())))
    assert again == schema
    assert again.columns[2].role is Role.CATEGORICAL
    pd.testing.assert_frame_equal(again.encode(FRAME), schema.encode(FRAME))
