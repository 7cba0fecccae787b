from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaauto.data import prepare
from metaauto.data.dataset import prepare_again
from metaauto.errors import ColumnError, DataError, SplitError, TargetError, UnknownName
from metaauto.task import Role

RNG = np.random.default_rng(0)
N = 60
X = pd.DataFrame({"a": RNG.normal(size=N), "b": RNG.choice(["p", "q", "r"], N)})


def kind(y, **kwargs):
    return prepare(X.iloc[: len(y)], np.asarray(y), **kwargs).task.kind


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (["no", "yes"] * 30, "binary"),
        ([True, False] * 30, "binary"),
        ([0, 1] * 30, "binary"),
        ([0.0, 1.0] * 30, "binary"),
        ([1] * 59 + [7], "binary"),
        (["a", "b", "c"] * 20, "multiclass"),
        ([1, 2, 3] * 20, "multiclass"),
        ([100, 900, 70] * 20, "multiclass"),
        (list(range(30)) * 2, "multiclass"),  # counts up from 0, all as frequent
        ([i * 10 for i in range(12)] * 5, "regression"),
        ([*range(18), *[3] * 42], "regression"),  # most numbers stand there once
        (list(range(N)), "regression"),
        (RNG.normal(size=N), "regression"),
        ([str(v) for v in RNG.normal(size=N)], "regression"),
    ],
)
def test_the_kind_of_task(y, expected):
    assert kind(y) == expected


def test_the_kind_can_be_said():
    assert kind([1, 2, 3] * 20, task="regression") == "regression"
    assert kind(["1", "2", "3"] * 20, task="regression") == "regression"
    assert kind([True, False] * 30, task="regression") == "regression"
    assert kind(list(range(30)) * 2, task="classification") == "multiclass"
    assert kind([1, 2] * 30, task="multiclass") == "binary"
    with pytest.raises(TargetError, match="task='binary': .* has 3 classes"):
        kind([1, 2, 3] * 20, task="binary")
    with pytest.raises(TargetError, match="'a', which is not a number"):
        kind(["a", "1"] * 30, task="regression")
    with pytest.raises(UnknownName, match=r"no task named 'regresion'.*'regression'"):
        kind([1, 2] * 30, task="regresion")


def test_why_numbers_became_classes_is_said():
    for y, word in (([1, 2, 3] * 20, "classes"), (list(range(N)), "numeric")):
        [finding] = [f for f in prepare(X, np.array(y)).findings if f.code == "task"]
        assert f"treated as {word}" in finding.message


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["b", "a"], ("a", "b")),
        ([True, False], (False, True)),
        ([3, 1], (1, 3)),
        (pd.array([3, 1], dtype="Int64"), (1, 3)),
        (pd.Categorical(["z", "a"], categories=["z", "a", "unused"]), ("a", "z")),
        (pd.Categorical([2, 10]), (2, 10)),
        (pd.Series(["b", "a"], dtype="string"), ("a", "b")),
    ],
)
def test_classes_keep_their_types(labels, classes):
    y = pd.Series(labels).repeat(30).reset_index(drop=True)
    dataset = prepare(X, y)
    assert dataset.task.classes == classes
    assert [type(c) for c in dataset.task.classes] == [type(c) for c in classes]
    assert dataset.y.dtype == np.int64
    assert [classes[code] for code in dataset.y] == y.tolist()
    assert dataset.task.class_counts == (30, 30)


def test_labels_of_mixed_types_become_words():
    y = pd.Series([1, "a"] * 30, dtype=object)
    dataset = prepare(X, y)
    assert dataset.task.classes == ("1", "a")
    assert "mixed-labels" in {f.code for f in dataset.findings}


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (["a"] * N, "only one class, 'a'"),
        ([1] * N, "only one class|value 1 in every row"),
        ([1.5] * N, "value 1.5 in every row"),
        ([f"id{i}" for i in range(N)], "Every row .* its own class"),
        ([0.5, np.inf] * 30, "30 infinite values"),
        ([0.5, -1e200] * 30, r"contains -1e\+200; values must be within ±1e\+100"),
        (pd.date_range("2020", periods=N), "contains dates"),
        ([None] * N, "empty in every row"),
        ([1, 2], r"one value per row \(60 rows\), got 2 values"),
        (np.ones((N, 2)), "2 dimensions"),
    ],
)
def test_targets_that_cannot_be(y, words):
    with pytest.raises(TargetError, match=words):
        prepare(X, y)


def test_rare_classes_are_kept_and_said():
    dataset = prepare(X, ["a", "b"] * 29 + ["lone", "a"])
    assert dataset.task.classes == ("a", "b", "lone")
    [finding] = [f for f in dataset.findings if f.code == "rare-class"]
    assert "'lone'" in finding.message


def test_rows_without_a_target():
    y = pd.Series(["a", "b", None] * 20, name="y", index=range(100, 160))
    frame = X.assign(w=np.arange(N) + 1.0)
    dataset = prepare(frame, y, weights="w")
    assert dataset.dropped_rows == 20
    assert dataset.rows.tolist() == [i for i in range(N) if i % 3 != 2]
    assert dataset.weights.tolist() == [i + 1.0 for i in dataset.rows]
    assert dataset.task.n_rows == len(dataset.X) == len(dataset.y) == 40
    assert dataset.X["a"].tolist() == X["a"].iloc[dataset.rows].tolist()
    assert "20 rows" in next(f for f in dataset.findings if f.code == "missing-target").message
    with pytest.raises(TargetError, match="missing in 20 rows"):
        prepare(frame, y, drop_missing_target=False)


def test_target_by_name_leaves_the_caller_alone():
    frame = X.assign(y=["a", "b"] * 30)
    before = frame.copy()
    dataset = prepare(frame, "y", metric_name="auc", roles={"a": "categorical"})
    pd.testing.assert_frame_equal(frame, before)
    assert (dataset.task.target, dataset.task.metric) == ("y", "auc")
    assert dataset.task.columns[0].role is Role.CATEGORICAL
    assert dataset.schema.target == "y"


def test_numbered_columns_are_named_by_number():
    frame = pd.DataFrame({0: RNG.normal(size=N), 1: [0, 1] * 30, 2: RNG.random(N)})
    dataset = prepare(frame, 1, weights=2)
    assert (dataset.task.target, [c.name for c in dataset.task.columns]) == ("1", ["0"])
    assert dataset.weights.tolist() == frame[2].tolist()


def test_arrays_are_positional():
    dataset = prepare(RNG.normal(size=(N, 3)), [0, 1] * 30)
    assert dataset.schema.positional
    assert dataset.schema.encode(np.zeros((1, 3))).shape == (1, 3)


def test_columns_that_steer_are_no_features():
    frame = X.assign(
        w=RNG.random(N),
        g=RNG.choice(["s", "t"], N),
        t=pd.date_range("2020", periods=N),
        y=[0, 1] * 30,
    )
    dataset = prepare(frame, "y", weights="w", groups="g", time="t")
    assert [c.name for c in dataset.task.columns] == ["a", "b"]
    task = dataset.task
    assert (task.weighted, task.groups, task.time) == (True, "g", "t")
    assert set(dataset.groups) == {0, 1}
    assert dataset.times.dtype == "datetime64[ns]"
    arrays = prepare(
        frame[["a", "b", "y"]], "y", weights=frame["w"].to_numpy(), groups=list(frame["g"]),
        time=frame["t"].astype(str),
    )  # fmt: skip
    assert arrays.weights.tolist() == dataset.weights.tolist()
    assert arrays.groups.tolist() == dataset.groups.tolist()
    assert arrays.times.tolist() == dataset.times.tolist()
    assert prepare(frame, "y", time=np.arange(N)).times.tolist() == list(range(N))


@pytest.mark.parametrize(
    ("steer", "error", "words"),
    [
        ({"weights": [-1.0] + [1] * 59}, ColumnError, "'weights' are negative in 1 row"),
        ({"weights": [np.nan] + [1] * 59}, ColumnError, "missing in 1 row"),
        ({"weights": [np.inf] + [1] * 59}, ColumnError, "infinite"),
        ({"weights": [0.0] * N}, ColumnError, "zero in every row"),
        ({"weights": ["x"] * N}, ColumnError, "'x', which is not a number"),
        ({"weights": [1.0]}, DataError, r"Invalid weights: .* \(60 rows\), got 1 value"),
        ({"weights": "wieght"}, UnknownName, "no column named 'wieght'"),
        ({"groups": [None] + ["g"] * 59}, SplitError, "missing in 1 row"),
        ({"time": [None] + [1.0] * 59}, SplitError, "missing in 1 row"),
        ({"time": ["soon"] * N}, SplitError, "'soon': neither a number nor a date"),
    ],
)
def test_what_cannot_steer(steer, error, words):
    with pytest.raises(error, match=words):
        prepare(X, [0, 1] * 30, **steer)


def test_the_fingerprint_is_of_the_values():
    y = np.array(["u", "v"] * 30)
    mark = prepare(X, y).fingerprint
    assert len(mark) == 64
    same = [
        X.copy(),
        X.rename(columns={"a": "other"}),
        X[["b", "a"]],
        X.assign(b=X["b"].astype("category")),
        X.assign(a=X["a"].astype(object)),
    ]
    assert {prepare(frame, y).fingerprint for frame in same} == {mark}
    changed = [
        X.assign(a=X["a"] + 1e-9),
        X.assign(b=np.where(np.arange(N) == 3, "p" if X["b"][3] != "p" else "q", X["b"])),
        X.iloc[::-1],
        X.assign(c=RNG.normal(size=N)),
        X.assign(b=X["b"] + "x"),
    ]
    marks = {prepare(frame, y).fingerprint for frame in changed}
    assert len(marks) == len(changed)
    assert mark not in marks
    assert prepare(X, y[::-1]).fingerprint != mark
    assert prepare(X.astype({"a": "Float64"}), y).fingerprint == mark


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.one_of(st.none(), st.booleans(), st.integers(0, 3), st.sampled_from("abc")),
        min_size=4,
        max_size=20,
    )
)
def test_any_labels_are_encoded_or_refused(labels):
    frame = pd.DataFrame({"a": np.sin(np.arange(len(labels)))})
    y = pd.Series(labels, dtype=object)
    try:
        dataset = prepare(frame, y, task="classification")
    except TargetError:
        texts = {str(v) for v in labels if v is not None}
        assert len(texts) < 2 or len(texts) == y.notna().sum()
        return
    task = dataset.task
    assert sum(task.class_counts) == task.n_rows == y.notna().sum()
    decoded = [str(task.classes[code]) for code in dataset.y]
    assert decoded == [str(v) for v in y.iloc[dataset.rows]]
    assert list(task.classes) == sorted(task.classes)


def test_the_number_at_openml_is_kept():
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "y": ["p", "q", "p", "q"]})
    assert prepare(frame, "y").openml_id is None
    frame.attrs["openml_id"] = 31
    assert prepare(frame, "y").openml_id == 31


TABLE = pd.DataFrame(
    {
        "size": [1.0, 2.0, None, 4.0, 5.0, 6.0],
        "kind": ["a", "b", "a", None, "b", "a"],
        "shop": ["x", "x", "y", "y", "z", "z"],
        "day": ["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-04", "2020-01-05", "2020-01-06"],
        "w": [1.0, 2.0, 1.0, 0.0, 1.0, 3.0],
        "y": ["p", "q", "p", "q", None, "q"],
    }
)
STEERED = {"weights": "w", "groups": "shop", "time": "day"}


@given(st.sets(st.sampled_from(sorted(STEERED))), st.permutations(list(TABLE.columns)))
def test_the_same_table_is_prepared_again_as_before(used, order):
    first = prepare(TABLE, "y", **{option: STEERED[option] for option in used})
    weights = "w" if "weights" in used else None
    present = TABLE["y"].notna().to_numpy()
    again = prepare_again(TABLE[order], first.y, present, first.task, first.schema, weights)
    pd.testing.assert_frame_equal(again.X, first.X)
    assert again.task == first.task
    assert again.fingerprint == first.fingerprint
    assert again.dropped_rows == first.dropped_rows == 1
    for name in ("y", "rows", "weights", "groups", "times"):
        expected, found = getattr(first, name), getattr(again, name)
        assert (expected is None) == (found is None)
        if expected is not None:
            np.testing.assert_array_equal(found, expected)


def test_other_rows_keep_roles_and_classes():
    first = prepare(TABLE, "y")
    rows = TABLE.assign(size=["7"] * 6, kind=["c"] * 6, y=["q", "q", "q", "p", "p", "p"])
    codes = np.array([1, 1, 1, 0, 0, 0])
    again = prepare_again(rows, codes, np.ones(6, dtype=bool), first.task, first.schema)
    assert again.task == replace(first.task, n_rows=6, class_counts=(3, 3))
    assert again.X["size"].tolist() == [7.0] * 6
    assert again.X["kind"].isna().all()
    assert again.fingerprint != first.fingerprint


@pytest.mark.parametrize(
    ("codes", "weights", "message"),
    [
        ([1, 1, 1, 1, 1, 1], None, "Class 'p' of the model has no row"),
        ([0, 1, 1, 1, 1, 1], [0.0, 1, 1, 1, 1, 1], "Class 'p' of the model has no row"),
    ],
)
def test_rows_without_a_class_are_refused(codes, weights, message):
    first = prepare(TABLE, "y")
    present = np.ones(6, dtype=bool)
    with pytest.raises(TargetError, match=message):
        prepare_again(TABLE, np.array(codes), present, first.task, first.schema, weights)


def test_columns_of_several_levels_are_named_by_tuples():
    names = [("a", "x"), ("b", "y"), ("b", "w"), ("b", "g")]
    values = np.random.default_rng(0).normal(size=(60, 4))
    values[:, 1:] = np.abs(values[:, 1:]).round(1) % 2
    table = pd.DataFrame(values, columns=pd.MultiIndex.from_tuples(names))
    found = prepare(table, ("b", "y"), task="regression", weights=("b", "w"), groups=("b", "g"))
    assert (found.task.target, found.task.groups) == ("('b', 'y')", "('b', 'g')")
    assert list(found.X.columns) == ["('a', 'x')"]
    np.testing.assert_allclose(found.weights, table["b", "w"])
    # Another tuple holds the values.
    assert prepare(table, tuple(range(60))).y.tolist() == [*range(60)]
