from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaauto.task import TASK_KINDS, Column, Role, Task

TEXT = st.text(max_size=8)
COLUMNS = st.builds(
    Column,
    name=TEXT,
    role=st.sampled_from(Role),
    dtype=TEXT,
    n_unique=st.integers(0, 1000),
    missing=st.floats(0, 1),
    reason=TEXT,
    categories=st.none() | st.lists(TEXT, max_size=3).map(tuple),
    format=TEXT,
)
LABELS = st.one_of(TEXT, st.integers(), st.booleans(), st.floats(allow_nan=False))
TASKS = st.builds(
    Task,
    kind=st.sampled_from(TASK_KINDS),
    target=TEXT,
    columns=st.lists(COLUMNS, max_size=4).map(tuple),
    metric=TEXT,
    n_rows=st.integers(0, 10**6),
    classes=st.none() | st.lists(LABELS, max_size=3).map(tuple),
    class_counts=st.none() | st.lists(st.integers(0, 99), max_size=3).map(tuple),
    weighted=st.booleans(),
    groups=st.none() | TEXT,
    time=st.none() | TEXT,
)


@given(TASKS)
def test_a_task_comes_back_from_json(task):
    written = json.dumps(task.to_json())
    again = Task.from_json(json.loads(written))
    assert again == task
    assert again.to_json() == task.to_json()
    assert all(isinstance(column.role, Role) for column in again.columns)


def columns(*roles):
    return tuple(Column(f"c{i}", role, "object", 2, 0.0) for i, role in enumerate(roles))


def test_identifiers_and_constants_are_not_used():
    task = Task("binary", "y", columns(*Role), "auc", 10)
    assert [c.role for c in task.features] == [r for r in Role if r.is_used]
    assert task.positions(Role.IDENTIFIER) == []
    assert task.positions(Role.NUMERIC, Role.TEXT) == [0, 4]
    assert task.positions() == []


@pytest.mark.parametrize(("kind", "is_class"), [("binary", True), ("regression", False)])
def test_kinds(kind, is_class):
    task = Task(kind, "y", (), "m", 10)
    assert task.is_classification is is_class
    assert task.n_classes == 0


def test_roles_read_as_their_words():
    assert [str(role) for role in Role] == [role.value for role in Role]
    assert Task("multiclass", "y", (), "m", 9, classes=("a", "b", "c")).n_classes == 3


def test_positive_class_of_json():
    task = Task("binary", "y", (), "f1", 9, ("fraud", "legit"), positive="fraud")
    again = Task.from_json(task.to_json())
    assert (again.positive, again.positive_code) == ("fraud", 0)
    record = task.to_json()
    del record["positive"]
    assert Task.from_json(record).positive_code == 1
    with pytest.raises(ValueError, match="not one of the classes"):
        Task.from_json({**record, "positive": "other"})


def test_metric_label_names_the_class_that_is_scored():
    task = Task("binary", "y", (), "f1", 9, (0, 1), positive=0, metric_has_positive=True)
    assert task.metric_label == "f1 of 0"
    assert Task("binary", "y", (), "roc_auc", 9, (0, 1), positive=0).metric_label == "roc_auc"
