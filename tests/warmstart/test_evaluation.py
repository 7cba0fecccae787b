"""Evaluation of the warm start: intervals and the summary sentence."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stores import make_store, neighbours

from metaauto.knowledge import KnowledgeStore
from metaauto.warmstart.evaluation import (
    MIN_CASES,
    REFERENCE,
    WARM_START,
    compare_policies,
    evaluate_warm_start,
    interval,
)
from metaauto.warmstart.simulation import SECONDS, TRIALS, Regrets

POINTS = len(TRIALS) + len(SECONDS)


def results(ours, rival):
    """Replays whose regrets are arrays of shape (cases, points)."""
    split = len(TRIALS)
    return {
        name: Regrets(np.asarray(v, float)[:, :split], np.asarray(v, float)[:, split:])
        for name, v in ((REFERENCE, rival), (WARM_START, ours))
    }


def regrets(cases, of_points):
    return np.tile(np.asarray(of_points, float), (cases, 1))


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30))
def test_an_interval_lies_within_the_values(values) -> None:
    low, high = interval(np.array(values), resamples=100)
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9


def test_an_interval_is_as_wide_as_the_error_of_the_mean() -> None:
    values = np.random.default_rng(1).normal(0.3, 0.5, 400)
    low, high = interval(values)
    error = values.std() / np.sqrt(len(values))
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.2 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.2 * error)
    assert interval(values) == (low, high)
    assert interval(values, seed=1) != (low, high)


def test_differences_are_paired() -> None:
    random = np.random.default_rng(0)
    # Tables differ far more than the policies do.
    rival = np.repeat(random.random((20, 1)), POINTS, axis=1)
    found = compare_policies("binary", "roc_auc", results(rival - 0.01, rival))
    assert found.wins == POINTS
    assert found.points[0].gain == pytest.approx(0.01)
    shuffled = compare_policies("binary", "roc_auc", results((rival - 0.01)[::-1], rival))
    assert shuffled.points[0].gain == pytest.approx(0.01)
    assert shuffled.wins == 0


@pytest.mark.parametrize(("better", "praised"), [(10, True), (6, True), (5, False), (0, False)])
def test_praise_needs_most_points(better, praised) -> None:
    rival = regrets(15, [0.5] * POINTS)
    ours = regrets(15, [0.4] * better + [0.5] * (POINTS - better))
    found = compare_policies("regression", "rmse", results(ours, rival))
    assert (found.wins, found.is_better) == (better, praised)
    assert ("beats cheapest first" in found.summary) is praised
    only = "" if praised else "only "
    assert f"above zero {only}at {better} of {POINTS} points" in found.summary


def test_worse_is_said_as_well() -> None:
    ours = regrets(15, [0.6] * 3 + [0.5] * (POINTS - 3))
    found = compare_policies("binary", "roc_auc", results(ours, regrets(15, [0.5] * POINTS)))
    assert found.losses == 3
    assert found.summary.endswith("only at 0 of 10 points, below zero at 3.")


def test_few_tables_say_nothing() -> None:
    count = MIN_CASES - 1
    found = compare_policies(
        "binary", "roc_auc", results(regrets(count, [0] * 10), regrets(count, [1] * 10))
    )
    assert not found.is_better
    assert found.points == ()
    assert found.summary == "too few datasets: 9 can be simulated, 10 are required."
    enough = results(regrets(MIN_CASES, [0] * 10), regrets(MIN_CASES, [1] * 10))
    assert compare_policies("binary", "roc_auc", enough).is_better


def test_points_are_named_in_their_order() -> None:
    found = compare_policies(
        "binary", "roc_auc", results(regrets(12, [0.1] * 10), regrets(12, [0.2] * 10))
    )
    assert [point.label for point in found.points] == [
        "1 trial", "3 trials", "5 trials", "10 trials", "20 trials",
        "2 s", "5 s", "10 s", "30 s", "60 s",
    ]  # fmt: skip
    told = json.loads(json.dumps(found.to_json()))
    assert told["points"][0]["regrets"] == pytest.approx({REFERENCE: 0.2, WARM_START: 0.1})
    assert (told["better"], told["wins"], told["cases"]) == (True, 10, 12)


@pytest.mark.parametrize("best_is_dear", [True, False])
def test_a_store_is_replayed(tmp_path, best_is_dear) -> None:
    def loss(table, column):
        return 0.1 + 0.01 * (23 - column if best_is_dear else column)

    path = make_store(tmp_path / "k.db", neighbours(24), loss=loss)
    with KnowledgeStore.open(path) as store:
        found = evaluate_warm_start(store.matrix("binary", "roc_auc"), seeds=2)
    assert found.cases == 12
    assert set(found.points[0].regrets) == {
        "random", "cheapest first", "global portfolio", "metaauto", "oracle",
    }  # fmt: skip
    assert found.is_better is best_is_dear
    # The best of all was measured everywhere.
    assert [point.regrets["oracle"] for point in found.points] == [0.0] * POINTS


def test_a_small_store_is_not_judged(tmp_path) -> None:
    path = make_store(tmp_path / "k.db", neighbours(6), tables=9)
    with KnowledgeStore.open(path) as store:
        found = evaluate_warm_start(store.matrix("binary", "roc_auc"))
    assert (found.cases, found.is_enough, found.is_better) == (9, False, False)
