"""Folds that come with a table, on the rows that are measured."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaauto.collect import Source
from metaauto.collect.openml_splits import official_folds
from metaauto.collect.table import subsampled
from metaauto.data import prepare
from metaauto.errors import SettingError, SplitError


def dataset_of(labels):
    frame = pd.DataFrame({"position": np.arange(len(labels)) * 1.5, "y": labels})
    return prepare(frame, "y", task="classification"), len(frame)


def positions(dataset, rows):
    """Where rows of a dataset stood in the table as given."""
    return (dataset.X["position"].to_numpy()[rows] / 1.5).astype(int)


@given(
    labels=st.lists(st.sampled_from(["a", "b", "c", None]), min_size=12, max_size=60),
    rows=st.integers(4, 60),
    n_folds=st.integers(2, 4),
    seed=st.integers(0, 9),
)
def test_every_measured_row_is_on_the_side_that_the_fold_says(labels, rows, n_folds, seed):
    labels = ["a", "a", "b", "b", *labels]
    whole, total = dataset_of(labels)
    dataset = subsampled(whole, rows)
    parts = np.array_split(np.random.default_rng(seed).permutation(total), n_folds)
    pairs = [(np.setdiff1d(np.arange(total), test), test) for test in parts]
    try:
        folds = official_folds(dataset, pairs, total, n_folds)
    except SplitError as error:
        assert "in the subsample" in str(error)
        return
    assert len(folds) == n_folds
    for (train, test), (given_train, given_test) in zip(folds, pairs, strict=True):
        assert sorted([*train, *test]) == list(range(len(dataset.y)))
        assert set(positions(dataset, test)) <= set(given_test)
        moved = set(positions(dataset, train)) - set(given_train)
        first = dataset.y[np.isin(positions(dataset, np.arange(len(dataset.y))), given_train)]
        is_moved = np.isin(positions(dataset, train), list(moved))
        assert not set(dataset.y[train[is_moved]]) & set(first)
        assert set(dataset.y[test]) <= set(dataset.y[train])


def test_rows_without_a_target_shift_nothing():
    dataset, total = dataset_of([None, "a", "b", None, "a", "b"])
    ((train, test),) = official_folds(dataset, [([0, 1, 2], [3, 4, 5])], total, 3)
    assert positions(dataset, train).tolist() == [1, 2]
    assert positions(dataset, test).tolist() == [4, 5]


def test_only_the_first_folds_are_taken():
    dataset, total = dataset_of(["a", "b"] * 4)
    pairs = [(np.arange(4), np.arange(4, 8)), (np.arange(4, 8), np.arange(4))] * 3
    folds = official_folds(dataset, pairs, total, 3)
    assert [test.tolist() for _, test in folds] == [[4, 5, 6, 7], [0, 1, 2, 3], [4, 5, 6, 7]]


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([], "no official folds"),
        ([([0, 1, 2, 8], [3, 4])], "contains row 8 of a table of 8 rows"),
        ([([0, 1, 2, -1], [3, 4])], "of a table of 8 rows"),
        ([([0, 1, 2], [2, 3])], "trains and tests on row 2"),
        ([([0, 1, 2], [])], "no test rows"),
        ([([], [0, 1, 2])], "no training rows|no test rows"),
    ],
)
def test_folds_that_cannot_be_used(pairs, message):
    dataset, total = dataset_of(["a", "b"] * 4)
    with pytest.raises(SplitError, match=message):
        official_folds(dataset, pairs, total, 3)


def test_splits_need_a_name_of_their_own():
    for given_ in ({"splits": list}, {"scheme": "mine"}):
        with pytest.raises(SettingError, match="mixed"):
            Source("table", load=dict, **given_)
    assert Source("table", load=dict).protocol("3-fold/seed0/rows<=9", 9) == "3-fold/seed0/rows<=9"
