from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from metaauto.data import check_table, prepare
from metaauto.errors import ColumnError, DataError, TargetError

RNG = np.random.default_rng(0)
N = 200


def leaks(column, y, **kwargs):
    frame = pd.DataFrame({"x": column, "noise": RNG.normal(size=len(y)), "y": y})
    return [f.column for f in prepare(frame, "y", **kwargs).findings if f.code == "leak"]


def test_a_sound_table_passes():
    check_table(pd.DataFrame({"x": [1], "y": [2]}), "y")


@pytest.mark.parametrize(
    ("frame", "target", "error", "words"),
    [
        (pd.DataFrame([[1, 2, 3]], columns=["a", "a", "y"]), "y", ColumnError, "same name: 'a'"),
        (pd.DataFrame([[1, 2]], columns=[1, "1"]), "1", ColumnError, "same name: '1'"),
        (pd.DataFrame({"x": [1], "price": [2]}), "Prise", TargetError, "mean 'price'"),
        (pd.DataFrame({"x": [1], "z": [2]}), "target", TargetError, "Available columns: 'x', 'z'"),
        (pd.DataFrame({"x": [1], "y": [None]}), "y", TargetError, "'y' is empty in every row"),
        (pd.DataFrame({"y": [1]}), "y", ColumnError, "no feature columns"),
        (pd.DataFrame({"x": [], "y": []}), "y", DataError, "no rows"),
    ],
)
def test_tables_that_cannot_be_used(frame, target, error, words):
    with pytest.raises(error, match=words):
        check_table(frame, target)


def test_no_usable_feature_is_left():
    frame = pd.DataFrame({"x": [1] * 20, "void": np.nan, "y": ["a", "b"] * 10})
    with pytest.raises(ColumnError, match=r"no usable feature .*every row has the value 1"):
        prepare(frame, "y")


def test_left_out_and_nearly_empty_columns_are_said():
    frame = pd.DataFrame(
        {
            "x": RNG.normal(size=40),
            "void": np.nan,
            "id": np.arange(40),
            "rare": [1.0, 2.0] + [None] * 38,
            "y": ["a", "b"] * 20,
        }
    )
    found = {f.code: f for f in prepare(frame, "y").findings}
    assert found["dropped-constant"].column == "void"
    assert found["dropped-identifier"].column == "id"
    assert "roles={'id': 'numeric'}" in found["dropped-identifier"].message
    assert found["mostly-missing"].column == "rare"


def test_infinite_values():
    frame = pd.DataFrame({"x": [1.0, np.inf, -np.inf, 2], "y": ["a", "b", "a", "b"]})
    dataset = prepare(frame, "y")
    assert dataset.X["x"].isna().tolist() == [False, True, True, False]
    [finding] = [f for f in dataset.findings if f.code == "infinite-values"]
    assert finding.message == "2 infinite values of column 'x' are treated as missing."


def test_leaks_in_classification():
    y = RNG.choice(["a", "b", "c"], N)
    assert leaks(y, y) == ["x"]
    assert leaks([{"a": 7, "b": 3, "c": 5}[v] for v in y], y) == ["x"]
    assert leaks([f"{v}{i % 3}" for i, v in enumerate(y)], y) == ["x"]
    assert leaks(RNG.choice(["p", "q"], N), y) == []
    almost = np.where(np.arange(N) == 7, "a", y)
    almost[7] = "b" if y[7] == "a" else "a"
    assert leaks(almost, y) == []


def test_leaks_in_regression():
    y = RNG.normal(size=N)
    assert leaks(y, y) == ["x"]
    assert leaks(y * -3 + 2, y) == ["x"]
    assert leaks(np.exp(y), y) == ["x"]
    assert leaks(y + RNG.normal(size=N) * 0.1, y) == []
    assert leaks(RNG.normal(size=N), y) == []
    groups = RNG.integers(0, 20, N)
    assert leaks([f"g{g}" for g in groups], groups * 1.37) == ["x"]
    with_gaps = np.where(np.arange(N) % 9 == 0, np.nan, y)
    assert leaks(with_gaps, y) == ["x"]


def test_small_tables_have_no_leaks():
    assert leaks([1, 2] * 10, ["a", "b"] * 10) == []
