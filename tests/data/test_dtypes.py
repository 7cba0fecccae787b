"""Frames and series of polars are tables like those of pandas."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from command_line import people
from hypothesis import given
from hypothesis import strategies as st

import metaauto
from metaauto import AutoClassifier
from metaauto.data import prepare, read_table
from metaauto.errors import ReadError

pl = pytest.importorskip("polars")

LONG = 2**60 + 1


def test_columns_of_all_kinds():
    day = datetime.date(2024, 3, 31)
    frame = pl.DataFrame(
        {
            "n": [1, None],
            "m": [1, 2],
            "long": [LONG, None],
            "word": ["x", None],
            "day": [day, None],
            "flag": [True, None],
            "kind": pl.Series(["u", None], dtype=pl.Categorical),
            "level": pl.Series(["u", "v"], dtype=pl.Enum(["u", "v"])),
        }
    )
    table = read_table(frame)
    kinds = {name: str(dtype) for name, dtype in table.dtypes.items()}
    assert (kinds["n"], kinds["m"], kinds["long"]) == ("float64", "int64", "Int64")
    assert table["long"][0] == LONG
    assert table["day"][0] == pd.Timestamp(day)
    assert table["word"].isna().tolist() == table["flag"].isna().tolist() == [False, True]
    assert kinds["kind"] == kinds["level"] == "category"


@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(-(2**53) + 1, 2**53 - 1),
            st.none() | st.floats(allow_nan=False),
            st.none() | st.text(st.characters(exclude_categories=["Cs"])),
        ),
        min_size=1,
    )
)
def test_polars_and_pandas_are_the_same_table(rows):
    schema = {"i": pl.Int64, "x": pl.Float64, "w": pl.String}
    table = read_table(pl.DataFrame(rows, schema=schema, orient="row"))
    assert list(table.columns) == list(schema)
    assert table["i"].dtype == ("float64" if table["i"].isna().any() else "int64")
    cells = table.astype(object).where(table.notna(), None)
    assert list(cells.itertuples(index=False, name=None)) == rows


def test_arrow_tables_are_exact():
    table = read_table(pa.table({"a": [LONG, None], "b": [1, 2]}))
    assert (table["a"][0], str(table["b"].dtype)) == (LONG, "int64")


def test_lazy_frames_are_refused():
    with pytest.raises(ReadError, match="got a LazyFrame. Pass a DataFrame"):
        read_table(pl.LazyFrame({"a": [1]}))


def test_series_of_polars_are_targets_and_weights():
    frame = people(40)
    X, y = pl.from_pandas(frame.drop(columns="buys")), pl.Series("buys", frame["buys"].tolist())
    dataset = prepare(read_table(X), y, weights=pl.Series(np.arange(1.0, 41.0)))
    assert dataset.task.classes == ("no", "yes") or list(dataset.task.classes) == ["no", "yes"]
    assert dataset.weights.tolist() == list(range(1, 41))


def test_fit_predict_and_evaluate_with_polars():
    frame = pl.from_pandas(people(80))
    options = {"trials": 1, "include": ["lda"], "cores": 1, "cv": 2, "knowledge": False}
    model = metaauto.fit(frame, "buys", remember=False, **options)
    assert model.predict(frame).tolist() == model.predict(frame.to_pandas()).tolist()
    assert model.evaluate(frame, metrics="accuracy")["accuracy"] > 0.7
    X, y = frame.drop("buys"), frame["buys"]
    auto = AutoClassifier(budget="1 trial", include=["lda"], n_jobs=1, cv=2, knowledge=False)
    auto.fit(X, y)
    assert auto.predict(X).tolist() == auto.predict(X.to_pandas()).tolist()
    assert auto.evaluate(X, y)["accuracy"] > 0.7
