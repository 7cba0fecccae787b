"""The estimators prepare tables and targets as `metaauto.fit` does."""

from __future__ import annotations

import datetime
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metaauto import AutoClassifier, AutoRegressor
from metaauto.data import prepare, read_table
from metaauto.engine.fit_runner import FitRunner
from metaauto.engine.options import FitOptions
from metaauto.engine.setup import prepare_task
from metaauto.errors import ColumnError, MetaautoError, TargetError
from metaauto.task import Role

ROWS = 24
ESTIMATORS = {"classification": AutoClassifier, "regression": AutoRegressor}


class Prepared(Exception):
    """End of a fit after its preparation."""


@pytest.fixture
def prepared_by(registry, monkeypatch):
    """Return what the estimator and `metaauto.fit` prepare from a table and a target."""

    def run(runner, table, target):
        raise Prepared(prepare_task(read_table(table), target, runner.options, registry)[0])

    monkeypatch.setattr(FitRunner, "run", run)

    def prepare(X, y, task):
        by_fit = prepare_task(read_table(X), y, FitOptions(task=task), registry)[0]
        with pytest.raises(Prepared) as ending, warnings.catch_warnings():
            warnings.simplefilter("error")
            ESTIMATORS[task](n_jobs=1).fit(X, y)
        return ending.value.args[0], by_fit

    return prepare


def same(one, other) -> None:
    """Check that two datasets are the same, types of the labels included."""
    assert one.task == other.task
    assert [type(label) for label in one.task.classes or ()] == [
        type(label) for label in other.task.classes or ()
    ]
    assert one.schema == other.schema
    np.testing.assert_array_equal(one.y, other.y)
    pd.testing.assert_frame_equal(one.X, other.X)


COLUMNS = {
    "numbers": lambda r: r.normal(size=ROWS),
    "gaps": lambda r: np.where(r.random(ROWS) < 0.2, np.nan, r.normal(size=ROWS)),
    "whole": lambda r: pd.array(r.integers(0, 9, ROWS), dtype="Int64"),
    "flags": lambda r: pd.array(r.random(ROWS) < 0.5, dtype="boolean"),
    "words": lambda r: r.choice(np.array(["a", "b", None], dtype=object), ROWS),
    "arrow": lambda r: pd.arrays.ArrowExtensionArray(
        pa.array(r.choice(["a", "b"], ROWS).tolist(), type=pa.string_view())
    ),
    "dates": lambda r: pd.Timestamp("2024-01-01") + pd.to_timedelta(r.integers(0, 90, ROWS), "D"),
    "lasting": lambda r: pd.to_timedelta(r.integers(1, 9000, ROWS), "s"),
    "commas": lambda r: [f"{value:.3f}".replace(".", ",") for value in r.normal(size=ROWS)],
}


def labels(r, a, b):
    """Return labels with both classes."""
    return [b if flag else a for flag in r.permutation(np.arange(ROWS) % 3 == 0)]


CLASSES = {
    "list of bool": lambda r: labels(r, False, True),
    "nullable bool": lambda r: pd.array(labels(r, False, True), dtype="boolean"),
    "Int64": lambda r: pd.Series(labels(r, 0, 1), dtype="Int64"),
    "int8": lambda r: np.array(labels(r, -1, 1), dtype=np.int8),
    "whole floats": lambda r: np.array(labels(r, 0.0, 1.0)),
    "words": lambda r: labels(r, "fraud", "legit"),
    "string dtype": lambda r: pd.Series(labels(r, "no", "yes"), dtype="string", name="bought"),
    "category": lambda r: pd.Categorical(labels(r, "no", "yes"), categories=["yes", "no", "x"]),
    "mixed": lambda r: labels(r, 1, "one"),
    "objects": lambda r: np.array(labels(r, 3, 5), dtype=object),
    "frame": lambda r: pd.Series(labels(r, 1, 2), name="y", index=np.arange(ROWS)[::-1]),
    "arrow": lambda r: pd.Series(labels(r, 1, 2), dtype=pd.ArrowDtype(pa.int64())),
    "arrow array": lambda r: pa.array(labels(r, True, False)),
}
VALUES = {
    "floats": lambda r: r.normal(size=ROWS),
    "Float64": lambda r: pd.Series(r.normal(size=ROWS), dtype="Float64"),
    "whole": lambda r: r.integers(0, 900, ROWS).tolist(),
    "bool": lambda r: labels(r, False, True),
    "commas": lambda r: [f"{value:.3f}".replace(".", ",") for value in r.normal(size=ROWS)],
    "timedelta": lambda r: pd.Series(pd.to_timedelta(r.integers(1, 9000, ROWS), "s")),
    "timedelta64": lambda r: r.integers(1, 9000, ROWS).astype("timedelta64[m]"),
    "timedelta objects": lambda r: [
        datetime.timedelta(minutes=int(m)) for m in r.permutation(ROWS)
    ],
}
TARGETS = [
    *(("classification", name) for name in CLASSES),
    *(("regression", name) for name in VALUES),
]


@given(
    target=st.sampled_from(TARGETS),
    columns=st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=4, unique=True),
    seed=st.integers(0, 2**32 - 1),
    as_array=st.booleans(),
)
@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_preparation_is_that_of_fit(prepared_by, target, columns, seed, as_array) -> None:
    random = np.random.default_rng(seed)
    X = pd.DataFrame({name: COLUMNS[name](random) for name in columns})
    if as_array:
        X = X.select_dtypes("float").assign(first=random.normal(size=ROWS)).to_numpy()
    task, name = target
    y = (CLASSES if task == "classification" else VALUES)[name](random)
    same(*prepared_by(X, y, task))


@pytest.mark.parametrize(
    ("name", "classes"),
    [
        ("list of bool", [False, True]),
        ("nullable bool", [False, True]),
        ("Int64", [0, 1]),
        ("int8", [-1, 1]),
        ("mixed", ["1", "one"]),
    ],
)
def test_classes_keep_their_type(prepared_by, name, classes) -> None:
    random = np.random.default_rng(0)
    X = pd.DataFrame({"a": random.normal(size=ROWS)})
    found = prepared_by(X, CLASSES[name](random), "classification")[0].task.classes
    assert [(type(label), label) for label in found] == [(type(label), label) for label in classes]


def test_durations_are_seconds(prepared_by) -> None:
    X = pd.DataFrame({"a": np.random.default_rng(0).normal(size=ROWS)})
    y = pd.Series(pd.to_timedelta(np.arange(ROWS), "min"))
    assert prepared_by(X, y, "regression")[0].y.tolist() == [60.0 * i for i in range(ROWS)]


@pytest.mark.parametrize(
    "y",
    [
        [1, None, 0, 1] * 6,
        ["a", None, "b", "b"] * 6,
        [True, None, False, True] * 6,
        [0.0, np.nan, 1.0, 1.0] * 6,
        pd.array([True, None, False, True] * 6, dtype="boolean"),
        pd.array([1, None, 0, 1] * 6, dtype="Int64"),
    ],
)
def test_missing_labels_are_dropped_by_fit_and_named_by_the_estimator(registry, y) -> None:
    X = pd.DataFrame({"a": np.random.default_rng(0).normal(size=ROWS)})
    with pytest.raises(TargetError, match="Input y contains NaN: .* missing in 6 rows"):
        AutoClassifier().fit(X, y)
    dataset, _ = prepare_task(X, y, FitOptions(), registry)
    assert dataset.dropped_rows == 6
    assert {type(label) for label in dataset.task.classes} <= {bool, int, str}


def test_tables_that_cannot_be_used_give_one_error_of_metaauto() -> None:
    values, y = np.random.default_rng(0).normal(size=(ROWS, 2)), np.arange(ROWS) % 2
    with pytest.raises(ColumnError, match="the same name: 'a'"):
        AutoClassifier().fit(pd.DataFrame(values, columns=["a", "a"]), y)
    with pytest.raises(MetaautoError, match="'target' contains 'b'"):
        AutoRegressor().fit(values, ["1.5", "b"] * (ROWS // 2))
    for cells in ([[1, 2]] * ROWS, [{"a": 1}] * ROWS):
        nested = pd.Series(pd.arrays.ArrowExtensionArray(pa.array(cells)))
        with pytest.raises(ColumnError, match="'f' contains (list|struct) values"):
            AutoClassifier().fit(pd.DataFrame({"f": nested, "g": values[:, 0]}), y)


def test_roles_of_arrow_columns() -> None:
    words = pa.array(["a", "b", None] * 20, type=pa.string_view())
    ends = pa.RunEndEncodedArray.from_arrays([30, 60], [1.5, 2.5])
    frame = pd.DataFrame({"words": pd.arrays.ArrowExtensionArray(words), "n": np.arange(60) % 7})
    frame["ends"] = pd.arrays.ArrowExtensionArray(pa.chunked_array([ends]))
    dataset = prepare(frame, np.arange(60) % 2)
    assert dataset.task.columns[0].role is Role.CATEGORICAL
    again = dataset.schema.encode(frame.iloc[:5])
    pd.testing.assert_frame_equal(again, dataset.X.iloc[:5])
