from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaauto.warmstart.acquisition import EnsembleGain, loss_correlation

FAMILIES = np.array(["tree", "tree", "tree", "line", "line", "net"])
CORRELATION = (FAMILIES[:, None] == FAMILIES) * 0.8 + np.eye(6) * 0.2
GAPS = st.lists(st.floats(-2.0, 2.0), min_size=6, max_size=6).map(np.array)
TRIED = st.sets(st.integers(0, 5)).map(sorted)


def test_what_is_good_on_the_same_tables_is_correlated():
    random = np.random.default_rng(0)
    likes = np.arange(40) % 2
    relative = np.where(likes[:, None] == np.array([0, 0, 1, 1]), 0.2, 0.8)
    found = loss_correlation(relative + 0.2 * random.random((40, 4)))
    assert (np.diag(found) == 1.0).all()
    assert found[0, 1] > 0.7
    assert found[2, 3] > 0.7
    assert found[0, 2] == 0.0 == found[1, 3]


@given(rows=st.integers(1, 4), columns=st.integers(1, 5), seed=st.integers(0, 99))
def test_correlation_is_defined_for_the_smallest_of_stores(rows, columns, seed):
    relative = np.random.default_rng(seed).integers(0, 2, (rows, columns)).astype(float)
    found = loss_correlation(relative)
    assert found.shape == (columns, columns)
    assert ((found >= 0.0) & (found <= 1.0)).all()


@given(gaps=GAPS, tried=TRIED)
def test_it_is_worth_more_than_what_it_is_better_by(gaps, tried):
    assert (EnsembleGain.from_tried(tried, CORRELATION).gains(gaps) >= np.maximum(-gaps, 0.0)).all()


@given(gaps=GAPS, step=st.floats(0.01, 1.0), tried=TRIED)
def test_worse_ones_are_worth_less(gaps, step, tried):
    gain = EnsembleGain.from_tried(tried, CORRELATION)
    assert (gain.gains(gaps + step) <= gain.gains(gaps)).all()


def test_a_model_that_was_not_tried_is_worth_more():
    gain = EnsembleGain.from_tried([0, 1, 3], CORRELATION)
    tree, line, net = gain.gains(np.full(6, 0.1))[[2, 4, 5]]
    assert tree < line < net


def test_the_more_models_were_tried_the_less_is_another_worth():
    few, many = (EnsembleGain.from_tried(tried, CORRELATION) for tried in ([0], [0, 3]))
    assert many.gains(np.zeros(6))[5] < few.gains(np.zeros(6))[5]


def test_what_is_far_behind_is_still_worth_something_if_it_is_of_another_kind():
    """Neighbours and forests behind boosted trees by a spread or two help an ensemble of these."""
    gain = EnsembleGain.from_tried([0, 1, 2], CORRELATION)
    assert gain.gains(np.full(6, 1.5))[5] > gain.gains(np.full(6, 0.0))[2]


@given(gap=st.floats(-1.5, 1.5), deviation=st.floats(0.01, 1.0), tried=TRIED)
def test_the_expectation_is_that_of_draws(gap, deviation, tried):
    gain = EnsembleGain.from_tried(tried, CORRELATION)
    draws = gap + deviation * np.random.default_rng(0).standard_normal((20_000, 1))
    mean = gain.gains(np.repeat(draws, 6, axis=1)).mean(axis=0)
    found = gain.expected_gains(np.full(6, gap), np.full(6, deviation))
    assert found == pytest.approx(mean, abs=0.02 * deviation + 0.01)


def test_without_doubt_the_expectation_is_the_worth():
    gain = EnsembleGain.from_tried([0, 3], CORRELATION)
    gaps = np.array([-0.5, 0.0, 0.3, 1.0, 0.1, 0.2])
    found = gain.expected_gains(gaps, np.full(6, 1e-3))
    assert found == pytest.approx(gain.gains(gaps), abs=1e-3)
