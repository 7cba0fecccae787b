from __future__ import annotations

import numpy as np
import pytest

from metaauto.components import DecisionTrees

STUMP = {
    "feature": [0, -1, -1],
    "threshold": [0.1, 0.0, 0.0],
    "left": [1, 0, 0],
    "right": [2, 0, 0],
    "missing_left": [True, False, False],
    "value": [0.0, 1.0, 2.0],
}
BY_CATEGORY = {**STUMP, "missing_left": [False] * 3, "categories": {0: (0, 2)}}


def joined(*trees, **settings):
    return DecisionTrees.joined(trees, **{"outputs": 1, "offset": np.zeros(1), **settings})


def test_joined_trees_add_up_by_output():
    trees = joined(STUMP, BY_CATEGORY, outputs=2, offset=np.array([10.0, 20.0]), output=[0, 1])
    rows = np.array([[0.0], [0.1], [2.0], [np.nan]])
    np.testing.assert_array_equal(trees.sums(rows), [[11, 21], [11, 22], [12, 21], [11, 22]])


def test_scaled_trees_have_scaled_sums():
    trees = joined(STUMP, offset=np.ones(1))
    rows = np.array([[0.0], [1.0]])
    np.testing.assert_array_equal(trees.scaled(3.0, 5.0).sums(rows), 3.0 * trees.sums(rows) + 5.0)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [1.0, 2.0]),
        ({"strict": True}, [2.0, 2.0]),
        # As float32, both are above the threshold 0.1.
        ({"single_precision": True}, [2.0, 2.0]),
    ],
)
def test_sums_at_the_threshold(settings, expected):
    rows = np.array([[0.1], [np.nextafter(0.1, 1.0)]])
    np.testing.assert_array_equal(joined(STUMP, **settings).sums(rows)[:, 0], expected)


def test_several_values_in_a_leaf_go_to_all_outputs():
    wide = {**STUMP, "value": [[0.0, 0.0], [1.0, 3.0], [2.0, 4.0]]}
    trees = joined(wide, wide, outputs=2, offset=np.zeros(2))
    np.testing.assert_array_equal(trees.sums(np.array([[0.0], [1.0]])), [[2, 6], [4, 8]])
