from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matrices import matrix

from metaauto.configuration import Configuration
from metaauto.knowledge import join
from metaauto.warmstart.simulation import SECONDS, TRIALS, cases, simulate

CONFIGURATIONS = [Configuration("tree", {"c": float(c)}) for c in range(12)]


def known(count: int = 24, groups=None, seed: int = 0):
    """Two kinds of tables, told apart by the metafeature; each likes half of the configurations."""
    random = np.random.default_rng(seed)
    like = np.arange(count) % 2 == 0
    first = np.arange(12) < 6
    loss = np.where(first[None, :] == like[:, None], 0.1, 1.0) + 0.2 * random.random((count, 12))
    seconds = np.tile(np.geomspace(0.05, 5.0, 12), (count, 1))
    return matrix(
        loss,
        CONFIGURATIONS,
        seconds=seconds,
        metafeatures=np.where(like, 0.0, 9.0)[:, None],
        groups=groups,
    )


def test_a_group_is_left_out_as_a_whole():
    found = list(cases(known(groups=[f"g{i // 2}" for i in range(24)])))
    assert len(found) == 24
    assert {len(case.known.losses) for case in found} == {22}
    assert found[0].group == found[1].group


def test_of_a_table_that_was_measured_twice_the_fullest_row_is_replayed():
    once, again = known(), known(seed=1)
    again.loss[:, 6:] = np.nan
    again.n_seen[:, 6:] = 0
    both = join([once, replace(again, protocols=("3-fold/rows<=100",) * 24)])
    found = list(cases(both))
    assert [case.label for case in found] == [case.label for case in cases(once)]
    for case, alone in zip(found, cases(once), strict=True):
        assert np.array_equal(np.sort(case.regret), np.sort(alone.regret))
        assert len(case.known.losses) == 46
        assert case.known.weights.sum() == pytest.approx(1.0)
        assert case.uniform.weights.sum() == pytest.approx(1.0)


def test_some_rows_are_replayed_and_some_are_known():
    small, large = known(), replace(known(seed=1), protocols=("3-fold/rows<=100",) * 24)
    both = join([small, large])
    is_large = np.array(both.protocols) == "3-fold/rows<=100"
    found = list(cases(both, is_large, ~is_large))
    assert len(found) == 24
    assert {len(case.known.losses) for case in found} == {23}
    assert {case.size[1] for case in found} == {np.log(200 / 3) - 7.0}


def test_the_own_row_plays_no_part():
    one = known()
    other = known()
    other.loss[3] = other.loss[3][::-1]
    mine = next(case for case in cases(one) if case.label == "table3")
    changed = next(case for case in cases(other) if case.label == "table3")
    assert np.array_equal(mine.known.losses, changed.known.losses)
    assert np.array_equal(mine.known.weights, changed.known.weights)
    assert np.array_equal(
        mine.durations.log_seconds(mine.size), changed.durations.log_seconds(mine.size)
    )
    assert not np.array_equal(mine.regret, changed.regret)


def test_the_warm_start_beats_chance_and_nobody_beats_the_oracle():
    results = simulate(list(cases(known())), seeds=3)
    assert set(results) == {"random", "cheapest first", "global portfolio", "metaauto", "oracle"}
    for regrets in results.values():
        assert regrets.by_trials.shape == (24, len(TRIALS))
        assert regrets.by_seconds.shape == (24, len(SECONDS))
        assert (np.diff(regrets.by_trials, axis=1) <= 1e-12).all()
        assert (regrets.by_trials >= results["oracle"].by_trials - 1e-12).all()
        assert (regrets.by_seconds >= results["oracle"].by_seconds - 1e-12).all()
    mine, chance = results["metaauto"].by_trials.mean(0), results["random"].by_trials.mean(0)
    assert mine[0] < 0.5 * chance[0]


def test_a_trial_that_takes_too_long_gives_nothing():
    case = next(iter(cases(known())))
    results = simulate([case], seeds=1)
    in_time = case.seconds <= SECONDS[0] / 3
    assert results["oracle"].by_seconds[0, 0] == pytest.approx(case.regret[in_time].min())


def test_what_was_not_measured_is_not_tried():
    one = known()
    one.loss[0, :4] = np.nan
    one.n_seen[0, :4] = 0
    case = next(iter(cases(one)))
    assert np.isnan(case.regret[:4]).all()
    results = simulate([case], seeds=2)
    assert all(np.isfinite(regrets.by_trials).all() for regrets in results.values())
