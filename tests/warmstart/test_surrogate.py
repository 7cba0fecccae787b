from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaauto.warmstart.surrogate import Surrogate


def two_kinds(count: int = 40, width: int = 12, seed: int = 0) -> np.ndarray:
    """Half of the tables like the first configurations, half the last."""
    random = np.random.default_rng(seed)
    first = np.arange(width) < width // 2
    like = np.arange(count) % 2 == 0
    return np.where(first[None, :] == like[:, None], 0.2, 1.2) + 0.1 * random.random((count, width))


def even(relative: np.ndarray) -> np.ndarray:
    return np.full(len(relative), 1.0 / len(relative))


def test_results_tell_of_configurations_that_were_not_tried():
    relative = two_kinds()
    surrogate = Surrogate(relative, even(relative))
    posterior = surrogate.posterior(np.array([0, 1, 11]), np.array([0.2, 0.25, 1.2]))
    assert posterior.mean[2:6].max() < posterior.mean[6:11].min()
    other = surrogate.posterior(np.array([0, 1, 11]), np.array([1.2, 1.25, 0.2]))
    assert other.mean[2:6].min() > other.mean[6:11].max()


@given(st.floats(1e-3, 1e3), st.floats(-1e3, 1e3))
def test_unit_and_origin_of_the_losses_do_not_matter(scale, shift):
    relative = two_kinds()
    surrogate = Surrogate(relative, even(relative))
    columns, losses = np.array([0, 3, 7, 11]), np.array([0.3, 0.2, 1.1, 1.3])
    one = surrogate.posterior(columns, losses)
    other = surrogate.posterior(columns, scale * losses + shift)
    assert other.mean == pytest.approx(one.mean, abs=0.02)
    assert other.expected_gain() == pytest.approx(one.expected_gain(), abs=0.02)


def test_failures_are_no_losses():
    relative = two_kinds()
    surrogate = Surrogate(relative, even(relative))
    with_failure = surrogate.posterior(np.array([0, 5, 11]), np.array([0.2, np.nan, 1.2]))
    without = surrogate.posterior(np.array([0, 11]), np.array([0.2, 1.2]))
    assert with_failure.mean == pytest.approx(without.mean)


def test_the_best_of_what_was_tried_can_hardly_gain():
    relative = two_kinds()
    surrogate = Surrogate(relative, even(relative))
    posterior = surrogate.posterior(np.arange(6), np.array([0.21, 0.22, 0.2, 0.25, 0.24, 0.23]))
    gain = posterior.expected_gain()
    assert (gain >= 0).all()
    assert gain[0] < 0.2
    assert (posterior.deviation > 0).all()


def test_one_table_and_equal_losses_are_no_trouble():
    surrogate = Surrogate(np.zeros((1, 3)), np.ones(1))
    posterior = surrogate.posterior(np.array([0, 1]), np.array([0.5, 0.5]))
    assert np.isfinite(posterior.mean).all()
    assert np.isfinite(posterior.expected_gain()).all()


def test_what_nothing_was_seen_of_is_less_certain_than_the_tables_alone_say():
    """On tables that were left out errors are larger than the similarity of the others says."""
    random = np.random.default_rng(0)
    relative = random.random((400, 8))
    posterior = Surrogate(relative, even(relative)).posterior(
        np.array([0, 1]), np.array([0.2, 0.6])
    )
    ratio = posterior.deviation[2:] / relative[:, 2:].std(axis=0)
    assert ratio == pytest.approx(1.6, abs=0.1)
