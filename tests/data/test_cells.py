"""The type of a column is the same from a file, a DataFrame and rows to predict."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from metaauto.builtin.readers import READERS
from metaauto.data import cells, prepare
from metaauto.data.cells import typed, typed_table, without_words
from metaauto.data.read import read_table
from metaauto.task import Role

N = 40
Y = [f"{'ab'[i % 2]}" for i in range(N)]


def reread(frame, folder, **options):
    frame.to_csv(folder / "table.csv", index=False, **options)
    return read_table(folder / "table.csv", READERS)


CELLS = {
    "integers": st.integers(-(10**12), 10**12),
    "gaps": st.none() | st.integers(0, 9),
    "floats": st.none() | st.floats(allow_nan=False, allow_infinity=False, width=32),
    "codes": st.integers(0, 999).map(lambda n: f"{n:05d}"),
    "words": st.none() | st.sampled_from(["NA", "None", "null", "n/a", "low", "high", "?", "a b"]),
    "empty": st.sampled_from(["", "x", "y"]),
    "Booleans": st.none() | st.booleans(),
    "yes or no": st.sampled_from(["yes", "no"]),
    "dates": st.dates(datetime.date(1990, 1, 1), datetime.date(2030, 1, 1)).map(str),
    "amounts": st.integers(-(10**6), 10**6).map(lambda n: f"${n:,}" if n >= 0 else f"(${-n:,})"),
    "numbers and words": st.integers(0, 99).map(lambda n: "unknown" if n == 7 else str(n)),
    "texts": st.text("abc ,;'\"\n", max_size=12),
}


@settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_file_is_read_as_the_frame(tmp_path, data):
    frame = pd.DataFrame(
        {name: [data.draw(cell) for _ in range(N)] for name, cell in CELLS.items()}
    ).assign(number=np.sin(np.arange(N)), y=Y)
    one, two = prepare(frame, "y"), prepare(reread(frame, tmp_path), "y")
    for before, after in zip(one.schema.columns, two.schema.columns):
        for field in ("name", "role", "n_unique", "categories", "format", "exceptions"):
            assert getattr(before, field) == getattr(after, field), (before, after)
        assert before.missing == pytest.approx(after.missing)
    pd.testing.assert_frame_equal(one.X, two.X)
    assert one.task.classes == two.task.classes
    pd.testing.assert_frame_equal(one.schema.encode(reread(frame, tmp_path)), one.X)
    pd.testing.assert_frame_equal(two.schema.encode(frame), two.X)


@pytest.mark.parametrize("labels", [["None", "Mild", "Severe"], ["NA", "EU"], ["null", "a", "?"]])
def test_words_that_look_missing_are_classes_and_levels(tmp_path, labels):
    values = [labels[i % len(labels)] for i in range(N)]
    frame = pd.DataFrame({"a": np.sin(np.arange(N)), "x": values, "y": values})
    for table in (frame, reread(frame, tmp_path)):
        dataset = prepare(table, "y")
        assert dataset.task.classes == tuple(sorted(labels))
        assert dataset.task.columns[1].categories == tuple(sorted(labels))
        found = [f for f in dataset.findings if f.code == "missing-words"]
        assert {finding.column for finding in found} == {"x", "y"}
        assert f"'{labels[0]}' ({values.count(labels[0])})" in found[0].message
        kept = prepare(table, "y", missing=[labels[0]], roles={"x": "categorical"}, task="auto") \
            if len(labels) > 2 else None  # fmt: skip
        if kept is not None:
            assert kept.task.classes == kept.task.columns[1].categories
            assert labels[0] not in kept.task.classes
            again = type(kept.schema).from_json(kept.schema.to_json())
            assert again.missing == (labels[0],)
            assert again.encode(table)["x"].isna().sum() == values.count(labels[0])


def test_missing_words_may_be_numbers(tmp_path):
    frame = pd.DataFrame({"a": [-999, 3, 5, 8] * 10, "b": ["-999", "p", "q", "r"] * 10, "y": Y})
    for table in (frame, reread(frame, tmp_path)):
        dataset = prepare(table, "y", missing=["-999"])
        assert dataset.X.isna().mean().tolist() == [0.25, 0.25]
    assert without_words(frame, ()) is frame


@pytest.mark.parametrize("word", ["NA", "null", "#N/A", "?", "-"])
def test_words_among_numbers_and_dates_are_missing(tmp_path, word):
    frame = pd.DataFrame(
        {
            "a": [word, "1.5", "2", "7"] * 10,
            "d": [word, "2020-01-01", "2020-02-01", "2021-01-01"] * 10,
            "t": [word, "TRUE", "FALSE", "TRUE"] * 10,
            "y": Y,
        }
    )
    for table in (frame, reread(frame, tmp_path)):
        columns = prepare(table, "y").task.columns
        assert [c.role for c in columns] == [Role.NUMERIC, Role.DATETIME, Role.BOOLEAN]
        assert [c.missing for c in columns] == [0.25] * 3


def test_integer_labels_stay_integers_beside_an_empty_cell(tmp_path):
    frame = pd.DataFrame({"a": np.sin(np.arange(N)), "y": [None, *[0, 1, 1] * 13]})
    for table in (frame, reread(frame, tmp_path)):
        classes = prepare(table, "y").task.classes
        assert classes == (0, 1)
        assert {type(label) for label in classes} == {int}


def test_leading_zeros_are_codes(tmp_path):
    frame = pd.DataFrame(
        {"zip": [f"{i % 8 * 7:05d}" for i in range(N)], "a": np.sin(np.arange(N)), "y": Y}
    )
    table = reread(frame, tmp_path)
    assert table["zip"].tolist() == frame["zip"].tolist()
    assert prepare(frame, "y").schema.encode(table)["zip"].tolist() == frame["zip"].tolist()


@settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
@given(
    first=st.integers(2**53, 2**80),
    n_values=st.integers(2, 9),
    sign=st.sampled_from([1, -1]),
    gaps=st.booleans(),
)
def test_long_integers_keep_their_digits(tmp_path, first, n_values, sign, gaps):
    """Integers that would be equal as numbers are categories, from a file and from a frame."""
    values = [sign * (first + i % n_values) for i in range(N)]
    assume(len({float(value) for value in values}) < n_values)
    cells = pd.Series([None, *values[1:]] if gaps else values, dtype=object)
    frame = pd.DataFrame({"x": cells, "a": np.sin(np.arange(N)), "y": Y})
    for table in (frame, reread(frame, tmp_path)):
        dataset = prepare(table, "y")
        column = dataset.schema.columns[0]
        assert (column.role, column.n_unique) == (Role.CATEGORICAL, n_values)
        assert [finding.code for finding in dataset.findings] == ["long-integers"]
        for rows in (table, reread(frame, tmp_path)[-3:]):
            found = dataset.schema.encode(rows)["x"].tolist()
            assert found[-3:] == [str(value) for value in values[-3:]]


def test_long_integers_that_differ_as_numbers_are_numbers(tmp_path):
    seconds = 1711843200 + np.arange(N)
    frame = pd.DataFrame({"time": seconds * 10**9 + 1, "y": Y, "a": np.sin(np.arange(N))})
    frame["few"] = np.where(seconds % 40 < 38, seconds, 2**60 + seconds)
    for table in (frame, reread(frame, tmp_path)):
        assert [c.role for c in prepare(table, "y").schema.features] == [Role.NUMERIC] * 3


def test_distinct_long_integers_are_identifiers(tmp_path):
    frame = pd.DataFrame({"x": 2**60 + np.arange(N), "y": Y, "a": np.sin(np.arange(N))})
    for table in (frame, reread(frame, tmp_path)):
        dataset = prepare(table, "y")
        assert dataset.schema.columns[0].role is Role.IDENTIFIER
        assert "roles={'x': 'categorical'}" in dataset.findings[-1].message


@pytest.mark.parametrize("seen", [[1, 2, 3], ["1", "2", "3"], ["1.0", "2.0", "3.0"]])
@pytest.mark.parametrize("values", [[1, 2], [1.0, 2.0], ["1", "2"], ["1.0", "2.00"], [1, None]])
def test_codes_are_compared_as_numbers(seen, values):
    frame = pd.DataFrame({"x": pd.Series(seen * 10), "a": np.sin(np.arange(30)), "y": Y[:30]})
    dataset = prepare(frame, "y", roles={"x": "categorical"})
    encoded = dataset.schema.encode(pd.DataFrame({"x": values, "a": 0.0}))["x"]
    assert encoded.cat.codes.tolist() == [0, -1 if values[1] is None else 1]
    assert dataset.schema.encode(pd.DataFrame({"x": ["01"], "a": 0.0}))["x"].isna().all()


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", " 2 ", ""], [1.0, 2.0, None]),
        (["1", "2"], [1, 2]),
        (["1.5", "NaN"], [1.5, None]),
        (["true", "False"], [True, False]),
        (["True", ""], [True, None]),
        (["007", "8"], ["007", "8"]),
        (["1.5", "007"], ["1.5", "007"]),
        (["0x1F", "3"], ["0x1F", "3"]),
        (["inf", "3"], [float("inf"), 3.0]),
        (["-Infinity", "3", ""], [float("-inf"), 3.0, None]),
        (["1e400", "3"], ["1e400", "3"]),
        (["inf", "sup"], ["inf", "sup"]),
        (["NA", ""], ["NA", None]),
        (["9007199254740993", ""], ["9007199254740993", None]),
        (["9007199254740992", "", "1"], [2.0**53, None, 1.0]),
        (["10000000000000000000000001", "1"], ["10000000000000000000000001", "1"]),
        (["1e25", "1"], [1e25, 1.0]),
        (["0", "0.5", "-0"], [0.0, 0.5, 0.0]),
        (["\ud800", "3"], ["\ud800", "3"]),
    ],
)
def test_typed(cells, expected):
    found = typed(pd.Series(cells, dtype=object))
    assert [None if pd.isna(value) else value for value in found] == expected
    assert isinstance(found.index, pd.RangeIndex)


@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_typed_table_is_typed_column_by_column(data):
    """Short columns are converted in groups."""
    cells = ["1", "-2", "3.5", "1e3", "", "NA", "007", "word", "9007199254740993", "9" * 25]
    cell = st.sampled_from(cells)
    kinds = data.draw(st.lists(st.lists(cell, min_size=1, max_size=4, unique=True), min_size=1))
    columns = [[kind[i % len(kind)] for i in range(3)] for kind in kinds]
    frame = pd.DataFrame({f"c{i}": pd.Series(cells) for i, cells in enumerate(columns)})
    table = typed_table(frame.assign(number=1.5))
    expected = pd.DataFrame({name: typed(frame[name]) for name in frame}).assign(number=1.5)
    pd.testing.assert_frame_equal(table, expected)


def test_typed_number_cast_equals_python():
    rng = np.random.default_rng(0)
    values = rng.normal(size=2000) * 10.0 ** rng.integers(-300, 300, 2000)
    texts = [repr(float(value)) for value in values]
    np.testing.assert_array_equal(typed(pd.Series(texts)), values)


MIXED = st.sampled_from(["1", "2.5", "-3", "", "NA", "007", "x", "1e3", "true", "inf", " 4 "])


@given(st.lists(MIXED, min_size=1, max_size=12), st.lists(MIXED, min_size=1, max_size=12))
@example(["2.5"], [" 4 "])
def test_types_do_not_depend_on_the_parts_that_are_converted(first, second):
    """Long columns are converted by parts, and short ones several at once."""
    rows = min(len(first), len(second))
    table = pd.DataFrame({"a": first[:rows], "b": second[:rows]})
    expected = [typed(table["a"]), typed(table["b"])]
    for name, value in (("_CAST_CELLS", 2), ("_SHORT_ROWS", 0), ("_SHORT_ROWS", 100)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cells, name, value)
            found = typed_table(table)
        for name, column in zip(found, expected, strict=True):
            pd.testing.assert_series_equal(found[name], column)


def test_the_conversion_of_words_ends_early():
    """Arrow takes a microsecond for each cell that is not a number, which adds up in large tables."""
    parts = []

    class Cells:
        def __len__(self):
            return 100 * cells._CAST_CELLS

        def slice(self, start, length):
            parts.append(start)
            return pa.chunked_array([["1", "2" if len(parts) < 3 else "x"]])

    with pytest.raises(pa.ArrowInvalid):
        cells._converted(Cells(), pa.int64())
    assert parts == [0, cells._CAST_CELLS, 2 * cells._CAST_CELLS]
