from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from metaauto.warmstart.similar import distances, similarity_weights

KNOWN = arrays(
    np.float64,
    st.tuples(st.integers(1, 30), st.integers(0, 5)),
    elements=st.one_of(st.floats(-1e9, 1e9), st.just(np.nan)),
)


@given(KNOWN, st.data())
def test_distances_are_shares_whatever_the_numbers(known, data):
    new = data.draw(arrays(np.float64, known.shape[1], elements=st.floats(-1e9, 1e9)))
    found = distances(known, new)
    assert found.shape == (len(known),)
    assert ((found >= 0) & (found <= 1)).all()


def test_an_equal_table_is_nearest():
    known = np.random.default_rng(0).normal(size=(40, 6))
    for row in (0, 17, 39):
        assert distances(known, known[row]).argmin() == row


def test_scales_and_outliers_do_not_matter():
    known = np.random.default_rng(0).normal(size=(40, 3))
    new = known[5] + 0.01
    bent = known.copy()
    bent[:, 0] = np.exp(5 * bent[:, 0])
    bent_new = new.copy()
    bent_new[0] = np.exp(5 * new[0])
    assert distances(bent, bent_new) == pytest.approx(distances(known, new))


def test_unknown_values_say_neither_near_nor_far():
    known = np.array([[0.0], [1.0], [np.nan]])
    near, far, unknown = distances(known, np.array([0.0]))
    assert near < unknown < far
    assert len(set(distances(known, np.array([np.nan])))) == 1


@given(arrays(np.float64, st.integers(1, 60), elements=st.floats(0, 1)))
def test_weights_sum_to_one_and_fall_with_the_distance(distance):
    weights = similarity_weights(distance)
    assert weights.sum() == pytest.approx(1.0)
    assert (weights >= 0.5 / len(distance) - 1e-12).all()
    order = np.argsort(distance, kind="stable")
    assert (np.diff(weights[order]) <= 1e-12).all()


def test_no_known_table_has_no_weight():
    assert similarity_weights(np.zeros(0)).shape == (0,)
