from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaauto.warmstart.acquisition import Acquisition, KnownDatasets


def acquisition_of(relative, weights=None, **options) -> Acquisition:
    relative = np.asarray(relative, dtype=float)
    weights = np.full(len(relative), 1.0 / len(relative)) if weights is None else np.array(weights)
    return Acquisition(KnownDatasets(relative, weights), **options)


def order(picks: Acquisition, seconds, left=np.inf) -> list[int]:
    seconds = np.asarray(seconds, dtype=float)
    found = []
    while (proposal := picks.propose(seconds, left, np.ones(len(seconds), bool))) is not None:
        found.append(proposal.column)
    return found


def test_the_second_complements_the_first():
    # The third is second best on average, but no better than the first anywhere.
    relative = [[0.0, 1.0, 0.1], [0.0, 1.0, 0.1], [0.9, 0.0, 0.95]]
    assert order(acquisition_of(relative), [1, 1, 1]) == [0, 1, 2]


def test_similar_tables_count_more():
    relative = [[0.0, 0.9], [0.9, 0.0]]
    assert order(acquisition_of(relative, [0.9, 0.1]), [1, 1])[0] == 0
    assert order(acquisition_of(relative, [0.1, 0.9]), [1, 1])[0] == 1


def test_gain_per_second_decides_while_time_is_short():
    relative = [[0.0, 0.3]] * 3
    assert order(acquisition_of(relative), [10.0, 0.1], left=15.0)[0] == 1
    assert order(acquisition_of(relative), [10.0, 0.1])[0] == 0


def test_what_does_not_fit_is_not_picked():
    assert order(acquisition_of([[0.0, 0.3]]), [10.0, 0.1], left=5.0) == [1]
    assert order(acquisition_of([[0.0, 0.3]]), [10.0, 0.1], left=0.0) == []


def test_what_may_well_be_cut_off_gives_way_to_what_will_be_ready():
    picks = acquisition_of([[0.0, 0.1]])
    everything = np.ones(2, bool)
    assert picks.propose(np.array([2.0, 1.9]), 9.0, everything, longest=9.0).column == 0
    picks = acquisition_of([[0.0, 0.1]])
    assert picks.propose(np.array([2.0, 1.5]), 9.0, everything, longest=1.8).column == 1


def test_what_stops_early_counts_by_what_it_needs():
    everything = np.ones(2, bool)
    seconds = np.array([40.0, 9.0])
    assert acquisition_of([[0.0, 0.5]]).propose(seconds, 10.0, everything).column == 1
    needed = np.array([4.0, 9.0])
    assert (
        acquisition_of([[0.0, 0.5]]).propose(seconds, 10.0, everything, needed=needed).column == 0
    )


def test_what_is_stopped_early_counts_less():
    picks = acquisition_of([[0.0, 0.2]])
    soon = np.full(2, 0.1)
    assert picks.propose(np.array([36.0, 9.0]), 9.0, np.ones(2, bool), needed=soon).column == 1


def test_a_failure_leaves_its_tables_open():
    relative = [[0.0, 0.1, 0.9], [0.9, 0.9, 0.0]]
    picks = acquisition_of(relative, [0.6, 0.4])
    everything = np.ones(3, bool)
    assert picks.propose(np.ones(3), np.inf, everything).column == 0
    picks.observe(0, np.nan)
    assert picks.propose(np.ones(3), np.inf, everything).column == 1


def test_from_the_fifth_result_on_results_decide():
    random = np.random.default_rng(0)
    like = np.arange(30) % 2 == 0
    first = np.arange(12) < 6
    relative = np.where(first[None, :] == like[:, None], 0.2, 1.2) + 0.1 * random.random((30, 12))
    picks = acquisition_of(relative)
    everything = np.ones(12, bool)
    for column, loss in ((0, 1.2), (1, 1.3), (11, 0.3), (10, 0.25)):
        picks.observe(column, loss)
    picks.observe(9, 0.31)
    assert picks.propose(np.ones(12), np.inf, everything).column in (6, 7, 8)


def test_nothing_is_known_of_no_table():
    picks = Acquisition(KnownDatasets(np.zeros((0, 3)), np.zeros(0)))
    assert picks.propose(np.ones(3), np.inf, np.ones(3, bool)) is None


@given(st.integers(1, 8), st.integers(1, 12), st.integers(0, 2**16))
def test_each_comes_once_and_only_what_is_allowed(rows, width, seed):
    random = np.random.default_rng(seed)
    picks = acquisition_of(random.random((rows, width)) * 2)
    allowed = random.random(width) < 0.7
    found = []
    while (proposal := picks.propose(random.random(width), 100.0, allowed)) is not None:
        found.append(proposal.column)
        if random.random() < 0.8:
            loss = np.nan if random.random() < 0.2 else random.random()
            picks.observe(proposal.column, loss)
    assert sorted(found) == list(np.flatnonzero(allowed))


def test_what_was_released_may_come_again():
    picks = acquisition_of([[0.5]])
    assert picks.propose(np.ones(1), np.inf, np.ones(1, bool)).column == 0
    picks.release(0)
    again = picks.propose(np.ones(1), np.inf, np.ones(1, bool))
    assert again.column == 0
    assert again.gain == pytest.approx(0.5)
