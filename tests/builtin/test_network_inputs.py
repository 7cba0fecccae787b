"""Rows become finite inputs of known width, one row independent of the others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from metaauto.builtin.models.network_inputs import MAX_ENCODED, NetworkInputs

ENCODINGS = ("none", "periodic", "piecewise_linear")
NUMBERS = st.floats(-1e12, 1e12) | st.integers(-3, 3).map(float) | st.just(np.nan)


@settings(max_examples=25, deadline=None)
@given(
    X=arrays(float, st.tuples(st.integers(1, 30), st.integers(1, 4)), elements=NUMBERS),
    new=arrays(float, (5, 4), elements=NUMBERS),
    encoding=st.sampled_from(ENCODINGS),
    categorical=st.sampled_from([(), (0,)]),
)
def test_inputs_are_finite_and_independent_of_other_rows(X, new, encoding, categorical):
    inputs = NetworkInputs(categorical, encoding).fit(X)
    for rows in (X, new[:, : X.shape[1]]):
        plain, codes = inputs.transform(rows)
        encoded = inputs.encode(plain)
        assert encoded.shape == (len(rows), inputs.n_inputs_)
        assert encoded.dtype == np.float32
        assert np.isfinite(encoded).all()
        assert np.abs(encoded).max(initial=0.0) <= 3.0 + 1e-5
        assert codes.min(initial=0) >= 0
        assert codes.max(initial=0) < inputs.n_levels_
        one_plain, one_codes = inputs.transform(rows[:1])
        np.testing.assert_allclose(inputs.encode(one_plain)[0], encoded[0], atol=1e-6)
        np.testing.assert_array_equal(one_codes[0], codes[0])


@settings(max_examples=30, deadline=None)
@given(scale=st.floats(1e-6, 1e6), shift=st.floats(-1e3, 1e3))
def test_inputs_do_not_depend_on_the_unit(scale, shift):
    X = np.random.default_rng(0).normal(size=(50, 2))
    first, second = NetworkInputs().fit(X), NetworkInputs().fit(scale * (X + shift))
    np.testing.assert_allclose(
        first.encode(first.transform(X)[0]),
        second.encode(second.transform(scale * (X + shift))[0]),
        atol=1e-3,
    )


def test_piecewise_linear_encoding_counts_bins():
    X = np.arange(101.0)[:, None]
    inputs = NetworkInputs(width=4).fit(X)
    rows = np.array([[-9.0], [0.0], [37.5], [100.0], [999.0]])
    encoded = inputs.encode(inputs.transform(rows)[0])
    expected = [[0, 0, 0, 0], [0, 0, 0, 0], [1, 0.5, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1]]
    np.testing.assert_allclose(encoded[:, 1:], expected, atol=1e-5)


def test_wide_tables_have_fewer_bins():
    random = np.random.default_rng(0)
    assert NetworkInputs().fit(random.normal(size=(50, 10))).n_inputs_ == 10 + 80
    assert NetworkInputs().fit(random.normal(size=(50, 200))).n_inputs_ == 200 + 400
    assert NetworkInputs().fit(random.normal(size=(50, MAX_ENCODED))).n_inputs_ == MAX_ENCODED


def test_missing_numbers_are_marked():
    X = np.array([[1.0], [2.0], [np.nan], [3.0]])
    inputs = NetworkInputs(encoding="none").fit(X)
    plain, _ = inputs.transform(X)
    assert plain.tolist() == [[-1.0, 0.0], [0.0, 0.0], [0.0, 1.0], [1.0, 0.0]]


@pytest.mark.parametrize("levels", [4, 40])
def test_categories_are_one_hot_or_embedded(levels):
    codes = np.arange(3 * levels) % levels * 1.0
    X = np.column_stack([codes, codes])
    X[0, 1] = np.nan
    inputs = NetworkInputs(categorical=(0, 1)).fit(X)
    plain, table = inputs.transform(np.array([[2.0, np.nan], [-1.0, 999.0], [np.nan, 0.0]]))
    if levels == 4:
        assert plain.tolist() == [[0, 0, 1, 0, 1, 0, 0, 0, 0], [0] * 9, [0] * 5 + [1, 0, 0, 0]]
        assert table.shape == (3, 0)
    else:
        # The codes of the second column follow those of the first, its missing value before them.
        assert plain.shape == (3, 0)
        unknown = inputs.n_levels_ - 1
        assert table.tolist() == [[2, 40], [unknown, unknown], [unknown, 41]]


def test_tiny_scales_do_not_overflow():
    X = np.array([[0.0], [0.0], [5e-324], [5e-324], [1e12]])
    inputs = NetworkInputs().fit(X)
    assert np.isfinite(inputs.encode(inputs.transform(X)[0])).all()
