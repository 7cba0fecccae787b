from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matrices import matrix

from metaauto.configuration import Configuration
from metaauto.knowledge import join

A, B, C = (Configuration("tree", {"c": float(c)}) for c in range(3))


def test_rows_and_columns_of_all():
    one = matrix(np.array([[1.0, 2.0]]), [A, B], labels=["x"])
    other = matrix(np.array([[3.0, 4.0], [5.0, 6.0]]), [C, B], labels=["y", "z"])
    whole = join([one, other])
    assert [d.label for d in whole.datasets] == ["x", "y", "z"]
    place = {fact.configuration: i for i, fact in enumerate(whole.configurations)}
    assert len(place) == 3
    assert whole.loss[0, place[A]] == 1.0
    assert np.isnan(whole.loss[0, place[C]])
    assert whole.loss[2, place[C]] == 5.0
    assert whole.loss[1, place[B]] == 4.0
    assert whole.n_seen[0, place[C]] == 0


def test_of_one_table_the_fullest_row_is_kept():
    one = matrix(np.array([[1.0, np.nan]]), [A, B], labels=["x"])
    other = matrix(np.array([[3.0, 4.0]]), [A, B], labels=["x"])
    for parts in ([one, other], [other, one]):
        whole = join(parts)
        assert whole.loss.tolist() == [[3.0, 4.0]]


def test_rows_of_other_protocols_stay():
    one = matrix(np.array([[1.0, np.nan]]), [A, B], labels=["x"])
    other = replace(matrix(np.array([[3.0, 4.0]]), [A, B], labels=["x"]), protocols=("rows<=9",))
    whole = join([one, other])
    assert whole.loss[:, 0].tolist() == [1.0, 3.0]
    assert whole.tables.tolist() == [0, 0]
    assert whole.protocols == (*one.protocols, "rows<=9")


def test_metafeatures_keep_their_names():
    one = matrix(np.array([[1.0]]), [A], labels=["x"], metafeatures=np.array([[1.0, 2.0]]))
    other = matrix(np.array([[1.0]]), [A], labels=["y"], metafeatures=np.array([[7.0]]))
    whole = join([other, one])
    assert whole.metafeature_names == ("simple.m0", "simple.m1")
    assert whole.metafeatures[0, 0] == 7.0
    assert np.isnan(whole.metafeatures[0, 1])
    assert whole.metafeatures[1].tolist() == [1.0, 2.0]


def test_kinds_are_not_mixed():
    one = matrix(np.array([[1.0]]), [A])
    other = matrix(np.array([[1.0]]), [A], kind="regression", metric="rmse")
    with pytest.raises(ValueError, match="same kind"):
        join([one, other])
    with pytest.raises(ValueError, match="same kind"):
        join([])
    assert join([one]) is one
