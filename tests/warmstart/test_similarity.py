from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matrices import matrix

from metaauto.configuration import Configuration
from metaauto.warmstart.similarity import distances, row_weights, similarity_weights, spread_by_size

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


def measured_on(*caps: int, labels: tuple[str, ...]):
    """Tables of 30,000 rows, measured on so many of them."""
    known = matrix(
        np.ones((len(caps), 1)),
        [Configuration("tree", {"c": 1.0})],
        labels=labels,
        rows=[30_000] * len(caps),
        metafeatures=np.array([[float(ord(label[0]))] for label in labels]),
    )
    return replace(known, protocols=tuple(f"3-fold/rows<={cap}" for cap in caps))


def test_the_weight_of_a_table_is_spread_over_its_rows():
    known = measured_on(3000, 3000, 24_000, labels=("a", "b", "b"))
    once = measured_on(3000, 3000, labels=("a", "b"))
    for rows in (500.0, 2000.0, 16_000.0, 1e6):
        weights = row_weights(known, np.array([97.0]), rows)
        plain = row_weights(once, np.array([97.0]), rows)
        assert weights.sum() == pytest.approx(1.0)
        assert [weights[0], weights[1] + weights[2]] == pytest.approx(plain)
    assert plain[0] > plain[1]


def test_rows_of_like_size_say_most():
    known = measured_on(3000, 24_000, labels=("a", "a"))
    even = np.array([1.0])
    for rows, place in ((2000.0, 0), (100.0, 0), (16_000.0, 1), (1e6, 1)):
        weights = spread_by_size(known, even, rows)
        assert weights.argmax() == place
        assert weights[place] > 0.9
    middle = np.sqrt(2000.0 * 16_000.0)
    assert spread_by_size(known, even, middle) == pytest.approx([0.5, 0.5])
