from __future__ import annotations

import math
import time

from hypothesis import given
from hypothesis import strategies as st

from metaauto.budget import Budget
from metaauto.search.timeouts import job_limits


class FitStatus(Budget):
    """A budget whose clock stands still."""

    def elapsed(self) -> float:
        return 0.0


def budget_with(left: float, reserve: float = 0.0) -> Budget:
    return FitStatus(seconds=left + reserve, reserve=reserve)


@given(st.floats(-10, 1e5), st.integers(1, 64), st.integers(0, 20))
def test_no_job_may_outlive_the_search(left, workers, folds):
    soft, hard = job_limits(budget_with(left), workers, folds)
    assert 0 < soft <= hard
    assert hard <= max(left, 0.01)


@given(st.floats(1, 1e5), st.integers(1, 16), st.integers(1, 10))
def test_more_workers_and_fewer_folds_never_shorten_a_job(left, workers, folds):
    soft, hard = job_limits(budget_with(left), workers, folds)
    more = job_limits(budget_with(left), workers + 1, folds)
    fewer = job_limits(budget_with(left), workers, folds - 1)
    slack = 1e-9
    assert more[0] >= soft - slack
    assert more[1] >= hard - slack
    assert fewer[0] >= soft - slack


@given(st.floats(20, 1e5), st.integers(1, 8), st.integers(1, 10))
def test_a_trial_leaves_time_for_others(left, workers, folds):
    """All folds of a model that minds its deadline fit into what is left, with room to spare."""
    soft, _ = job_limits(budget_with(left), workers, folds)
    rounds = math.ceil(folds / workers)
    assert soft * rounds <= max(0.5 * left, rounds * 1.0)


@given(st.floats(1, 1e5), st.integers(1, 8), st.integers(1, 10), st.floats(0, 1e6))
def test_what_is_expected_to_fit_is_given_its_time(left, workers, folds, expected):
    soft, hard = job_limits(budget_with(left), workers, folds, expected)
    usual, _ = job_limits(budget_with(left), workers, folds)
    rounds = math.ceil(folds / workers)
    assert soft >= usual
    assert soft <= hard <= left
    if expected * rounds <= 0.5 * left:
        assert soft >= expected


@given(st.floats(1, 1e5), st.integers(1, 8), st.integers(1, 10), st.floats(0, 0.5))
def test_what_comes_after_the_deadline_fits_as_well(left, workers, folds, share):
    room = left / math.ceil(folds / workers)
    soft, _ = job_limits(budget_with(left), workers, folds, overrun=share * room)
    assert soft + share * room <= room
    assert soft <= job_limits(budget_with(left), workers, folds)[0]


def test_the_reserve_is_not_for_trials():
    _, hard = job_limits(budget_with(10.0, reserve=100.0), 1, 1)
    assert hard <= 10.0


def test_without_a_time_budget_the_clock_plays_no_part():
    budget = Budget(trials=5)
    first = job_limits(budget, 2, 5)
    budget.start(at=time.monotonic() - 1000)
    assert job_limits(budget, 4, 1) == first
    assert first[0] == math.inf
    assert first[1] < math.inf
