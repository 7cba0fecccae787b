from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold, KFold, RepeatedKFold, TimeSeriesSplit

from metaauto.api import Refused, Splitter
from metaauto.builtin.splitters import SPLITTERS
from metaauto.data import plan_splits, prepare
from metaauto.data.splits import SAMPLE_ROWS, _auto_folds, _sample
from metaauto.errors import SplitError
from metaauto.task import Column, Role, Task
from metaauto.testing import SplitterContract


def dataset(y, groups=None, time=None, task="auto"):
    x = np.random.default_rng(0).normal(size=len(y))
    return prepare(pd.DataFrame({"x": x}), y, groups=groups, time=time, task=task)


def check(splits, data):
    """Hold the splits against what every plan promises."""
    n = len(data.y)
    validated = np.zeros(n, dtype=int)
    held = splits.holdout if splits.holdout is not None else np.empty(0, dtype=int)
    for training, validation in splits.folds:
        assert len(training)
        assert len(validation)
        assert not np.intersect1d(training, validation).size
        assert not np.intersect1d(held, np.concatenate([training, validation])).size
        validated[validation] += 1
        if data.task.is_classification:
            assert set(data.y[training]) >= set(data.y[validation])
        if data.groups is not None:
            inside = data.groups[validation]
            assert not np.intersect1d(data.groups[training], inside).size
            assert not np.intersect1d(data.groups[held], data.groups[training]).size
        if data.times is not None:
            assert data.times[training].max() < data.times[validation].min()
            if len(held):
                assert data.times[validation].max() < data.times[held].min()
    assert validated.max() <= 1
    assert splits.evaluated.tolist() == np.flatnonzero(validated).tolist()
    assert splits.description


LABELS = st.lists(st.integers(0, 4), min_size=12, max_size=60).filter(
    lambda y: len(set(y)) > 1 and max(map(y.count, y)) > 1
)


@settings(deadline=None, max_examples=100)
@given(
    y=LABELS,
    cv=st.sampled_from(["auto", "holdout", 2, 5, 0.25]),
    holdout=st.sampled_from([0.0, 0.2]),
    seed=st.integers(0, 9),
    task=st.sampled_from(["classification", "regression"]),
)
def test_every_row_is_validated_once(y, cv, holdout, seed, task):
    data = dataset(y, task=task)
    try:
        splits = plan_splits(data, cv=cv, holdout=holdout, seed=seed)
    except SplitError:
        assert task == "classification"
        assert len(set(y)) > 2 or min(map(y.count, y)) < 4 or cv == "holdout"
        return
    check(splits, data)
    if cv in (2, 5) and not holdout:
        lone = sum(y.count(v) == 1 for v in set(y)) if task == "classification" else 0
        assert len(splits.evaluated) == len(y) - lone


@settings(deadline=None, max_examples=100)
@given(
    y=LABELS,
    data_seed=st.integers(0, 1000),
    n_groups=st.integers(2, 15),
    cv=st.sampled_from(["auto", "holdout", 2, 3, 0.3]),
    holdout=st.sampled_from([0.0, 0.2]),
    task=st.sampled_from(["classification", "regression"]),
)
def test_no_group_is_torn_apart(y, data_seed, n_groups, cv, holdout, task):
    groups = np.random.default_rng(data_seed).integers(0, n_groups, len(y))
    data = dataset(y, groups=groups, task=task)
    try:
        splits = plan_splits(data, cv=cv, holdout=holdout, seed=data_seed)
    except SplitError:
        return
    check(splits, data)


@settings(deadline=None, max_examples=100)
@given(
    y=LABELS,
    data_seed=st.integers(0, 1000),
    moments=st.integers(2, 30),
    grouped=st.booleans(),
    cv=st.sampled_from(["auto", "holdout", 2, 3, 0.3]),
    holdout=st.sampled_from([0.0, 0.2]),
    task=st.sampled_from(["classification", "regression"]),
)
def test_the_past_predicts_the_future(y, data_seed, moments, grouped, cv, holdout, task):
    rng = np.random.default_rng(data_seed)
    groups = rng.integers(0, 6, len(y)) if grouped else None
    data = dataset(y, groups=groups, time=rng.integers(0, moments, len(y)), task=task)
    try:
        splits = plan_splits(data, cv=cv, holdout=holdout, seed=data_seed)
    except SplitError:
        return
    check(splits, data)


def test_classes_and_numbers_are_spread_alike():
    y = np.array(["a"] * 700 + ["b"] * 250 + ["c"] * 50)
    data = dataset(y)
    splits = plan_splits(data, cv=5, holdout=0.2, seed=3)
    for rows in (splits.holdout, *(validation for _, validation in splits.folds)):
        counts = np.bincount(data.y[rows]) / len(rows)
        assert counts == pytest.approx([0.7, 0.25, 0.05], abs=0.01)
    numbers = dataset(np.random.default_rng(0).lognormal(sigma=2, size=1000))
    for _, validation in plan_splits(numbers, cv=5).folds:
        assert np.median(numbers.y[validation]) == pytest.approx(np.median(numbers.y), rel=0.05)
        assert len(validation) == 200


def test_groups_spread_classes_and_sizes():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 100, 2000)
    y = np.where((groups % 4 == 0) ^ (rng.random(2000) < 0.1), "a", "b")
    data = dataset(y, groups=groups)
    for _, validation in plan_splits(data, cv=5).folds:
        assert len(validation) == pytest.approx(400, abs=30)
        assert np.mean(data.y[validation]) == pytest.approx(np.mean(data.y), abs=0.05)
    held = plan_splits(data, holdout=0.2).holdout
    assert len(held) == pytest.approx(400, abs=60)


def test_rare_classes_stay_in_training():
    y = ["a"] * 30 + ["b"] * 30 + ["pair"] * 2 + ["lone"]
    data = dataset(y)
    splits = plan_splits(data, cv=5)
    check(splits, data)
    assert 62 not in splits.evaluated  # the lone row
    assert {60, 61} <= set(splits.evaluated)
    for training, _ in splits.folds:
        assert set(data.y[training]) == {0, 1, 2, 3}
    assert "1 row always in training" in splits.description


def test_a_class_that_lives_in_one_group_is_never_validated():
    groups = np.repeat(np.arange(6), 10)
    y = np.where(groups == 0, "only here", np.where(np.arange(60) % 2, "a", "b"))
    data = dataset(y, groups=groups)
    splits = plan_splits(data, cv=3)
    check(splits, data)
    assert not set(range(10)) & set(splits.evaluated)


def test_ties_in_time_stay_together():
    data = dataset([0.5, 1.5] * 50, time=[1] * 90 + [2] * 10)
    [(training, validation)] = plan_splits(data, cv="holdout").folds
    assert (len(training), len(validation)) == (90, 10)
    with pytest.raises(SplitError, match="one distinct value"):
        plan_splits(dataset([0.5, 1.5] * 50, time=[1] * 100), cv="holdout")


def test_auto_follows_the_size_and_the_budget():
    assert len(plan_splits(dataset([0, 1] * 100)).folds) == 8

    def folds(n, features, seconds, cores=1):
        columns = tuple(Column(f"x{i}", Role.NUMERIC, "float64", n, 0.0) for i in range(features))
        task = Task("binary", "y", columns, "", n, (0, 1))
        return _auto_folds(SimpleNamespace(task=task), n, seconds, cores)[0]

    assert folds(1_000, 10, None) == 8
    assert folds(1_001, 10, None) == 5
    assert folds(20_001, 10, None) == 3
    assert folds(100_001, 10, None) == 1
    assert folds(10_000, 20, 30) == 5
    assert folds(10_000, 80, 30) == 3
    assert folds(10_000, 80, 30, cores=4) == 5
    assert folds(10_000, 400, 30) == 1
    assert folds(500, 20_000, 30) == 3  # few rows are never judged by one part of them
    big = plan_splits(dataset(np.arange(400_000) % 2))
    [(training, validation)] = big.folds
    assert len(validation) == 50_000
    assert len(training) == 350_000
    assert len(plan_splits(dataset([0.1, 0.2, 0.3])).folds) == 3


def test_the_seed_decides():
    data = dataset([0, 1] * 50)

    def rows(seed):
        return [validation.tolist() for _, validation in plan_splits(data, seed=seed).folds]

    assert rows(1) == rows(1)
    assert rows(1) != rows(2)


def test_splitters_and_pairs():
    y = [0, 1, 0, 1, None, 1] * 10
    data = dataset(y)
    splits = plan_splits(data, cv=KFold(4))
    check(splits, data)
    assert len(splits.folds) == 4
    assert "KFold" in splits.description
    ordered = plan_splits(data, cv=TimeSeriesSplit(3), holdout=0.2)
    check(ordered, data)
    grouped = dataset(y, groups=np.arange(60) // 6)
    check(plan_splits(grouped, cv=GroupKFold(5)), grouped)
    # Positions refer to the input table, in which every sixth row has no target.
    pairs = [(np.arange(30), np.arange(30, 60)), (np.arange(30, 60), [3, 4, 5])]
    splits = plan_splits(data, cv=pairs)
    check(splits, data)
    assert data.rows[splits.folds[1][1]].tolist() == [3, 5]
    mask = np.arange(60) < 40
    assert (
        len(plan_splits(data, cv=[(mask, ~mask)]).folds[0][0])
        == np.isin(data.rows, np.arange(40)).sum()
    )


@pytest.mark.parametrize(
    ("cv", "words"),
    [
        (1, "cv=1: expected at least 2 folds"),
        (61, "Cannot make 61 folds from 60 rows"),
        (1.5, "cv=1.5: expected a fraction"),
        (0.0, "cv=0.0: expected a fraction"),
        (True, "cv=True: expected 'auto', 'holdout', an integer >= 2"),
        ("kfold", "cv='kfold': expected 'auto', 'holdout', an integer >= 2"),
        (3j, "cv=3j: expected 'auto', 'holdout', an integer >= 2"),
        ([], "No folds are passed as cv"),
        ([(1, 2, 3)], r"Invalid fold 0 in cv: expected a \(training, validation\) pair"),
        ([([0, 1], [99])], "integers from 0 to 59"),
        ([([0, 1], [-1])], "integers from 0 to 59"),
        ([([0, 1], [])], "no validation rows"),
        ([([0, 1, 2], [2])], "rows in both training and validation"),
        ([([0, 2, 4], [1])], "no training rows of the class 'b'"),
        ([([0, 1], [2]), ([0, 1], [2])], "Row 2 is validated in 2 folds"),
        (RepeatedKFold(n_splits=2, n_repeats=2, random_state=0), "validated in 2 folds"),
        (KFold(99), "KFold cannot split"),
    ],
)
def test_what_is_no_way_to_split(cv, words):
    with pytest.raises(SplitError, match=words):
        plan_splits(dataset(["a", "b"] * 30), cv=cv)


def test_groups_and_time_that_do_not_suffice():
    few = dataset([0, 1] * 30, groups=[0, 1, 2] * 20)
    with pytest.raises(SplitError, match="Cannot make 5 folds from 3 groups"):
        plan_splits(few, cv=5)
    assert len(plan_splits(few).folds) == 3
    with pytest.raises(SplitError, match="one group in both training and validation"):
        plan_splits(few, cv=KFold(3))
    with pytest.raises(SplitError, match="Cannot make 3 folds from 3 distinct times"):
        plan_splits(dataset([0, 1] * 30, time=[0, 1, 2] * 20), cv=3)
    with pytest.raises(SplitError, match="No split keeps every class"):
        plan_splits(dataset(["a", "b"] * 30, groups=["a", "b"] * 30), cv=2)
    with pytest.raises(SplitError, match="holdout=1.5: expected a fraction"):
        plan_splits(few, holdout=1.5)


@pytest.mark.parametrize(
    ("steer", "message"),
    [("groups", "folds from 1 group"), ("time", "folds from 1 distinct time")],
)
def test_a_column_of_one_value_steers_no_folds(steer, message):
    frame = pd.DataFrame({"x": [1.5, 2, 7, 2] * 10, "y": ["a", "b"] * 20, "s": 1})
    dataset = prepare(frame, "y", **{steer: "s"})
    with pytest.raises(SplitError, match=message) as caught:
        plan_splits(dataset, cv=2)
    assert "more distinct values" in str(caught.value)


@given(
    rows=st.integers(1_000, 3_000_000),
    budget=st.floats(5.0, 600.0),
    cores=st.integers(1, 8),
)
def test_a_sample_is_used_only_where_a_fit_takes_most_of_the_budget(rows, budget, cores):
    columns = tuple(Column(f"x{n}", Role.NUMERIC, "float64", 9, 0.0) for n in range(20))
    data = SimpleNamespace(task=Task("regression", "y", columns, "rmse", rows))
    folds = [(np.arange(rows), np.arange(1))]
    sample = _sample(data, folds, budget, cores)
    if sample is not None:
        assert SAMPLE_ROWS <= sample <= rows / 2
        assert _sample(data, folds, budget / 2, cores) is not None
    assert _sample(data, folds, None, cores) is None
    assert _sample(data, folds * 2, budget, cores) is None
    assert _sample(data, folds, 1e9, cores) is None


def test_the_plan_of_a_short_fit_on_a_large_table_says_that_it_uses_a_sample():
    data = dataset(np.random.default_rng(0).normal(size=120_000))
    splits = plan_splits(data, cv="holdout", budget_seconds=0.4)
    assert splits.sample == SAMPLE_ROWS
    assert "models are fitted on 20,000 rows first" in splits.description
    assert plan_splits(data, cv="holdout", budget_seconds=600.0).sample is None


class TestSliding(SplitterContract):
    splitter = SPLITTERS[0]

    def test_each_fold_is_trained_on_a_window_before_it(self):
        time = np.repeat(np.arange(30), 4)
        data = dataset(np.tile([0, 1], 60), time=time)
        splits = plan_splits(data, cv=self.splitter)
        check(splits, data)
        windows = [np.unique(data.times[training]) for training, _ in splits.folds]
        assert [len(window) for window in windows] == [5, 10, 10, 10, 10]
        for window, (_, validation) in zip(windows, splits.folds):
            assert data.times[validation].min() > window.max()
        assert "window" in splits.description

    @pytest.mark.parametrize(("time", "words"), [(None, "need a time"), ([0, 1] * 6, "got 2")])
    def test_a_table_without_times_is_refused(self, time, words):
        with pytest.raises(Refused, match=words):
            plan_splits(dataset([0, 1] * 6, time=time), cv=self.splitter)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ([], "No folds are made by the splitter 'mine'"),
        ([([0, 1, 2], [2, 3])], "rows in both training and validation"),
        ([(range(10), [])], "no validation rows"),
        ([([0, 2, 4], [1, 3])], "no training rows of the class"),
        ([([0, 1, 4], [5]), ([0, 1, 4], [5])], "validated in 2 folds"),
        ([([0, 1, 99], [2])], "from 0 to 9"),
        ([(5, 6, 7)], "failed: ValueError"),
        (None, "failed: TypeError"),
    ],
)
def test_the_folds_of_a_plugin_are_checked(made, words):
    with pytest.raises(SplitError, match=words):
        plan_splits(dataset([0, 1] * 5), cv=Splitter("mine", lambda given: made))


def test_a_splitter_sees_the_rows_of_the_search():
    seen = []

    def halves(given):
        seen.append(given)
        return [(given.X.index % 4 < 2, given.X.index % 4 >= 2)]

    data = dataset([0, 1] * 20)
    splits = plan_splits(data, cv=Splitter("halves", halves, "two halves"), holdout=0.25, seed=7)
    check(splits, data)
    assert (len(seen[0].X), len(seen[0].y), seen[0].seed) == (30, 30, 7)
    assert splits.description == "two halves; 10 rows held out"
