from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metaauto.errors import RunError
from metaauto.search.dataset_io import Inputs, read_folds, read_inputs, write_inputs
from metaauto.task import Column, Role, Task


def assert_same(one: Inputs, other: Inputs) -> None:
    assert one.task == other.task
    pd.testing.assert_frame_equal(one.X, other.X)
    assert [str(d) for d in one.X.dtypes] == [str(d) for d in other.X.dtypes]
    np.testing.assert_array_equal(one.y, other.y)
    assert one.y.dtype == other.y.dtype
    if one.weights is None:
        assert other.weights is None
    else:
        np.testing.assert_array_equal(one.weights, other.weights)
    assert len(one.folds) == len(other.folds)
    for a, b in zip(one.folds, other.folds, strict=True):
        np.testing.assert_array_equal(a[0], b[0])
        np.testing.assert_array_equal(a[1], b[1])


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("missing", [False, True])
def test_a_table_with_columns_of_every_role_comes_back(kind, missing, make_inputs, tmp_path):
    inputs = make_inputs(kind, missing=missing, weighted=True)
    write_inputs(tmp_path, replace(inputs, extra=np.arange(3)))
    assert read_inputs(tmp_path).extra.tolist() == [0, 1, 2]
    write_inputs(tmp_path, inputs)
    assert_same(inputs, read_inputs(tmp_path))
    assert read_inputs(tmp_path).extra is None


def numbers(names: list[str], n_rows: int = 4) -> Inputs:
    columns = tuple(Column(name, Role.NUMERIC, "float64", 4, 0.0) for name in names)
    X = pd.DataFrame({name: np.arange(n_rows) + 0.5 for name in names})
    task = Task("regression", "y", columns, "rmse", n_rows)
    rows = np.arange(n_rows)
    return Inputs(task, X, np.ones(n_rows), None, [(rows[1:], rows[:1])])


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.text(max_size=10), unique=True, min_size=1, max_size=5))
def test_any_column_name_will_do(tmp_path, names):
    inputs = numbers(names)
    write_inputs(tmp_path, inputs)
    assert_same(inputs, read_inputs(tmp_path))


@pytest.mark.parametrize("saved", range(4))
def test_a_run_that_is_killed_while_writing_again_keeps_its_inputs(saved, tmp_path, monkeypatch):
    inputs = numbers(["a", "b"])
    write_inputs(tmp_path, inputs)
    save, calls = np.save, iter(range(10))

    def killed(file, array):
        if next(calls) < saved:
            return save(file, array)
        file.write(b"half of")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        write_inputs(tmp_path, inputs)
    assert_same(inputs, read_inputs(tmp_path))


def test_categories_and_their_order_are_kept(tmp_path):
    categories = ["z", "a", "", "2", "10", "ä", "unused"]
    columns = (Column("c", Role.CATEGORICAL, "object", 6, 0.1, categories=tuple(categories)),)
    index = pd.Index(categories, dtype=object)
    X = pd.DataFrame({"c": pd.Categorical(["a", None, "z", "10", "ä"], categories=index)})
    task = Task("binary", "y", columns, "auc", 5, (False, True), (2, 3))
    inputs = Inputs(task, X, np.array([0, 1, 0, 1, 1]), None, [])
    write_inputs(tmp_path, inputs)
    again = read_inputs(tmp_path)
    assert_same(inputs, again)
    assert list(again.X["c"].cat.categories) == categories


def test_a_column_without_a_single_value_is_kept(tmp_path):
    columns = (
        Column("n", Role.NUMERIC, "float64", 0, 1.0),
        Column("c", Role.CATEGORICAL, "object", 0, 1.0, categories=()),
        Column("d", Role.DATETIME, "datetime64[ns]", 0, 1.0),
        Column("t", Role.TEXT, "object", 0, 1.0),
    )
    X = pd.DataFrame(
        {
            "n": np.full(3, np.nan),
            "c": pd.Categorical([None] * 3, categories=pd.Index([], dtype=object)),
            "d": pd.Series([pd.NaT] * 3, dtype="datetime64[ns]"),
            "t": pd.Series([""] * 3, dtype=object),
        }
    )
    inputs = Inputs(Task("regression", "y", columns, "rmse", 3), X, np.zeros(3), None, [])
    write_inputs(tmp_path, inputs)
    again = read_inputs(tmp_path)
    assert again.X.isna().to_numpy()[:, :3].all()
    assert [str(d) for d in again.X.dtypes] == [str(d) for d in X.dtypes]


def test_labels_of_any_kind_are_kept_where_json_can_hold_them(tmp_path):
    columns = (Column("n", Role.NUMERIC, "float64", 3, 0.0),)
    X = pd.DataFrame({"n": [0.0, 1.0, 2.0]})
    classes = (np.int64(3), np.float64(4.5), np.str_("five"))
    task = Task("multiclass", "y", columns, "log_loss", 3, classes, (1, 1, 1))
    write_inputs(tmp_path, Inputs(task, X, np.array([0, 1, 2]), None, []))
    assert read_inputs(tmp_path).task.classes == (3, 4.5, "five")


def test_dates_keep_their_nanoseconds(tmp_path):
    stamps = pd.Series(np.array([0, 2**63 - 1, "NaT"], dtype="datetime64[ns]"))
    columns = (Column("d", Role.DATETIME, "datetime64[ns]", 2, 0.3),)
    inputs = Inputs(
        Task("regression", "y", columns, "rmse", 3),
        pd.DataFrame({"d": stamps}),
        np.zeros(3),
        None,
        [],
    )
    write_inputs(tmp_path, inputs)
    assert_same(inputs, read_inputs(tmp_path))


def test_what_an_earlier_run_wrote_is_replaced(tmp_path, make_inputs):
    write_inputs(tmp_path, make_inputs("binary", weighted=True))
    later = numbers(["a"])
    write_inputs(tmp_path, later)
    assert_same(later, read_inputs(tmp_path))


def test_writing_does_not_touch_the_frame(tmp_path):
    inputs = numbers(["a", "b"])
    before = inputs.X.copy()
    write_inputs(tmp_path, inputs)
    pd.testing.assert_frame_equal(inputs.X, before)


def test_large_arrays_are_mapped_not_copied(tmp_path):
    write_inputs(tmp_path, numbers(["a"]))
    assert isinstance(read_inputs(tmp_path).y, np.memmap)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_truncated_folds_raise_one_error(data, tmp_path):
    inputs = numbers(["a"])
    inputs.folds = [(np.arange(2), np.arange(2, 4))]
    write_inputs(tmp_path, inputs)
    names = ["inputs.json", "train-00.npy", "validation-00.npy"]
    path = tmp_path / data.draw(st.sampled_from(names))
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(RunError, match="damaged"):
        read_folds(tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(-2, 6), max_size=4), st.sampled_from(["int64", "float64", "S2"]))
def test_folds_with_any_rows_are_read_or_one_error(tmp_path, rows, kind):
    inputs = numbers(["a"])
    inputs.folds = [(np.arange(2), np.arange(2, 4)), (np.arange(2, 4), np.arange(2))]
    write_inputs(tmp_path, inputs)
    np.save(tmp_path / "validation-00.npy", np.array(rows, dtype=kind))
    is_valid = kind == "int64" and rows and {2, 3} >= set(rows) and len(set(rows)) == len(rows)
    if is_valid:
        assert read_folds(tmp_path, 4)[0][1].tolist() == rows
        return
    with pytest.raises(RunError, match="damaged"):
        read_folds(tmp_path, 4)
