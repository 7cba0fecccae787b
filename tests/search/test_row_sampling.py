from __future__ import annotations

import numpy as np
import pytest
from builders import make_trial
from hypothesis import given
from hypothesis import strategies as st

from metaauto.search.row_sampling import RowSampling, sampled_rows
from metaauto.search.trial import Outcome, Status

ROWS, SAMPLE = 100_000, 20_000


def fitted(number, loss, seconds=1.0, rows=SAMPLE, status=Status.SUCCESS, **more):
    outcomes = {0: Outcome(number, 0, Status.SUCCESS, seconds)}
    return make_trial(number, status, loss=loss, rows=rows, outcomes=outcomes, **more)


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=200),
    st.integers(1, 250),
    st.integers(0, 3),
    st.booleans(),
)
def test_a_sample_has_its_size_and_every_class(codes, rows, seed, is_classification):
    y = np.repeat(np.array(codes), 2)
    training = np.arange(len(y))[::2]
    given_y = y if is_classification else None
    found = sampled_rows(training, given_y, rows, seed)
    assert (np.diff(found) > 0).all()
    assert np.isin(found, training).all()
    assert found.tolist() == sampled_rows(training, given_y, rows, seed).tolist()
    if is_classification:
        assert set(y[found]) == set(y[training])
    else:
        assert len(found) == min(rows, len(training))
    assert len(found) <= min(rows + 2 * len(set(codes)), len(training))


def test_without_a_size_all_rows_are_used():
    training = np.array([1, 5, 7])
    assert sampled_rows(training, None, None, 0) is training


class TestRefit:
    def test_the_best_configuration_comes_first_each_once(self):
        sampling = RowSampling(ROWS, SAMPLE)
        trials = [fitted(1, 0.3), fitted(2, 0.1), fitted(3, 0.2)]
        order = []
        while (found := sampling.refit(trials, 60.0)) is not None:
            again, rows = found
            assert rows is None
            assert again.expected_seconds == pytest.approx(5.0)
            order.append(again.configuration.values["n"])
            trials.append(
                fitted(len(trials) + 1, 0.05, rows=None, configuration=again.configuration)
            )
        assert order == [2, 3, 1]

    def test_it_takes_as_many_rows_as_the_time_allows(self):
        sampling = RowSampling(ROWS, SAMPLE)
        slow, quick = fitted(1, 0.1, seconds=10.0), fitted(2, 0.2, seconds=1.0)
        again, rows = sampling.refit([slow, quick], 40.0)
        assert again.configuration == slow.configuration
        assert 2 * SAMPLE <= rows < ROWS
        assert again.expected_seconds < 40.0
        # Less than twice the sample is not worth another fit.
        again, rows = sampling.refit([slow, quick], 20.0)
        assert again.configuration == quick.configuration
        assert sampling.refit([slow, quick], 1.0) is None

    @pytest.mark.parametrize("status", [Status.FAILED, Status.RUNNING, Status.STOPPED])
    def test_trials_without_a_result_are_not_repeated(self, status):
        trials = [fitted(1, None, status=status)]
        assert RowSampling(ROWS, SAMPLE).refit(trials, 60.0) is None

    def test_half_of_the_time_is_for_samples(self):
        sampling = RowSampling(ROWS, SAMPLE)
        times = [40.0, 30.0, 21.0, 20.0, 5.0]
        assert [sampling.is_time_to_refit(left) for left in times] == [False] * 3 + [True] * 2
