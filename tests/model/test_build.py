"""The best member is loaded first, then the heaviest, as far as time goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from metaauto.components import Deadline
from metaauto.configuration import Configuration
from metaauto.ensemble import Selection
from metaauto.model import build, load_members
from metaauto.search import Trial

SELECTION = Selection({4: 0.2, 7: 0.5, 9: 0.3}, 0.1, 0.2)


@pytest.fixture
def loaded(monkeypatch) -> list[float]:
    weights: list[float] = []

    def load(trial, weight, registry, folder):
        weights.append(weight)
        return trial

    monkeypatch.setattr(build, "_load", load)
    monkeypatch.setattr(build, "_size", lambda trial, folder: 100)
    return weights


def trials_of(losses: dict[int, float]) -> list[Trial]:
    found = [Trial(number, Configuration("ridge", {}), "knowledge") for number in range(10)]
    for number, loss in losses.items():
        found[number].loss = loss
    return found


def test_all_members_are_loaded_where_there_is_time(loaded):
    trials = trials_of({4: 0.3, 7: 0.2, 9: 0.4})
    members = load_members(trials, SELECTION, None, Path())
    assert loaded == [0.5, 0.3, 0.2]
    assert members == {4: trials[4], 7: trials[7], 9: trials[9]}
    assert list(members) == [4, 7, 9]


@pytest.mark.parametrize(("losses", "first"), [({4: 0.2, 7: 0.9}, 4), ({7: 0.2, 9: 0.2}, 7)])
def test_the_best_member_alone_is_loaded_in_any_case(loaded, losses, first):
    """However heavy others are: without it they may be of no use."""
    trials = trials_of(losses)
    found = load_members(trials, SELECTION, None, Path(), Deadline.after(-1.0))
    assert found == {first: trials[first]}
    assert loaded == [SELECTION.weights[first]]


@pytest.mark.parametrize(("size", "expected"), [(4, [4, 7, 9]), (6, [4, 7]), (11, [4])])
def test_what_is_small_beside_the_best_is_loaded_even_when_time_is_up(
    loaded, monkeypatch, size, expected
):
    sizes = {4: 100, 7: size, 9: size}
    monkeypatch.setattr(build, "_size", lambda trial, folder: sizes[trial.number])
    trials = trials_of({4: 0.2, 7: 0.9})
    found = load_members(trials, SELECTION, None, Path(), Deadline.after(-1.0))
    assert list(found) == expected
