from __future__ import annotations

import pytest
from builders import make_trial
from hypothesis import given
from hypothesis import strategies as st

from metaauto.search.racing import required_gain, should_continue
from metaauto.search.trial import Status, Trial

LOSS = st.floats(-10, 10)


def trial(number: int, losses: list[float], status=Status.SUCCESS) -> Trial:
    loss = sum(losses) / len(losses) if losses and status is Status.SUCCESS else None
    return make_trial(number, status, loss=loss, fold_losses=dict(enumerate(losses)))


@st.composite
def fields(draw, least=0, most=15):
    n_folds = draw(st.integers(1, 6))
    losses = st.lists(LOSS, min_size=n_folds, max_size=n_folds)
    finished = draw(st.lists(losses, min_size=least, max_size=most))
    others = [trial(number, found) for number, found in enumerate(finished)]
    return n_folds, others


@given(fields(most=2), st.lists(LOSS, min_size=1, max_size=6))
def test_nothing_is_dropped_before_three_have_finished(field, losses):
    n_folds, others = field
    failed = [trial(90 + n, [], Status.FAILED) for n in range(5)]
    assert should_continue(trial(99, losses[:n_folds], Status.RUNNING), others + failed)


@given(fields(least=3), st.data())
def test_what_is_as_good_as_the_reference_is_never_dropped(field, data):
    n_folds, others = field
    ranked = sorted(others, key=lambda t: (t.loss, t.number))
    reference = ranked[min(8, len(ranked)) - 1]
    length = data.draw(st.integers(1, n_folds))
    gains = data.draw(st.lists(st.floats(0, 5), min_size=length, max_size=length))
    losses = [reference.fold_losses[fold] - gain for fold, gain in enumerate(gains)]
    assert should_continue(trial(99, losses, Status.RUNNING), others)


@given(fields(least=3), st.integers(1, 6))
def test_what_is_far_worse_than_all_is_dropped(field, length):
    n_folds, others = field
    losses = [1e3] * min(length, n_folds)
    assert not should_continue(trial(99, losses, Status.RUNNING), others)


@given(fields(least=3), st.lists(LOSS, min_size=6, max_size=6), st.floats(0, 5))
def test_a_better_trial_never_fares_worse(field, losses, gain):
    n_folds, others = field
    worse = trial(99, losses[:n_folds], Status.RUNNING)
    better = trial(99, [loss - gain for loss in losses[:n_folds]], Status.RUNNING)
    assert should_continue(better, others) or not should_continue(worse, others)


@given(fields(least=3), st.lists(LOSS, min_size=6, max_size=6), st.randoms())
def test_the_order_of_the_others_plays_no_part(field, losses, random):
    n_folds, others = field
    shuffled = list(others)
    random.shuffle(shuffled)
    one = trial(99, losses[:n_folds], Status.RUNNING)
    assert should_continue(one, others) == should_continue(one, shuffled)


def test_a_trial_is_not_compared_with_itself():
    others = [trial(n, [1.0, 1.0]) for n in range(2)]
    mine = trial(2, [9.0, 9.0])
    assert should_continue(mine, [*others, mine])


def test_usual_fluctuation_is_forgiven():
    others = [trial(n, [1.0 + 0.1 * n * (-1) ** f for f in range(4)]) for n in range(4)]
    reference = max(others, key=lambda t: (t.loss, t.number))
    slightly = trial(9, [reference.fold_losses[0] + 0.05], Status.RUNNING)
    clearly = trial(9, [reference.fold_losses[0] + 5.0], Status.RUNNING)
    assert should_continue(slightly, others)
    assert not should_continue(clearly, others)


def test_should_continue_compares_with_the_eighth_best():
    others = [trial(n, [float(n + 1)]) for n in range(12)]
    assert should_continue(trial(99, [8.0], Status.RUNNING), others)
    assert not should_continue(trial(99, [8.1], Status.RUNNING), others)
    assert not should_continue(trial(99, [7.1], Status.RUNNING), others[:7])


def test_should_continue_allows_less_noise_on_more_folds():
    others = [trial(0, [0.0] * 4), *(trial(n, [2.0, 0.0, 2.0, 0.0]) for n in (1, 2))]
    # Two trials differ by a standard deviation of 1: the mean of four folds by one of 0.5.
    assert should_continue(trial(9, [2.75], Status.RUNNING), others)
    assert not should_continue(trial(9, [2.75, 0.75, 2.75, 0.75], Status.RUNNING), others)
    assert should_continue(trial(9, [2.45, 0.45, 2.45, 0.45], Status.RUNNING), others)


def test_dropped_and_failed_trials_are_no_reference():
    good = [trial(n, [1.0, 1.0]) for n in range(3)]
    odd = [trial(n, [-9.0], Status.DROPPED) for n in range(3, 6)]
    assert should_continue(trial(9, [1.0], Status.RUNNING), good + odd)


@pytest.mark.parametrize("mine", [float("nan"), 1.0])
def test_folds_on_which_the_metric_says_nothing_are_passed_over(mine):
    """AUC has no value where the rows of a fold are of one class."""
    nan = float("nan")
    others = [trial(n, [nan, 1.0, 1.1]) for n in range(4)]
    for other in others:
        other.loss = 1.0
    assert should_continue(trial(9, [mine], Status.RUNNING), others)
    assert should_continue(trial(9, [mine, 0.9], Status.RUNNING), others)
    assert not should_continue(trial(9, [mine, 9.0], Status.RUNNING), others)


def test_a_trial_restored_without_its_folds_is_no_reference():
    """The baseline of a resumed run may have its loss alone."""
    others = [trial(n, [1.0, 1.0]) for n in range(3)]
    bare = trial(3, [])
    bare.loss, bare.status = 5.0, Status.SUCCESS
    assert should_continue(trial(9, [1.0], Status.RUNNING), [*others, bare])
    assert not should_continue(trial(9, [7.0], Status.RUNNING), [*others, bare])


def test_who_wants_more_time_must_bring_more():
    assert required_gain(0.0) == required_gain(0.02) == 0.0
    assert 0 < required_gain(0.05) < required_gain(0.3) < 0.1


def test_the_price_falls_while_nobody_pays_it():
    prices = [required_gain(0.3, pruned_in_a_row) for pruned_in_a_row in range(6)]
    assert prices == sorted(prices, reverse=True)
    assert 0 < prices[-1] < prices[0] / 4
