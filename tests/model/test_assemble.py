"""Members are loaded heaviest first, as far as time goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from metaauto.components import Deadline
from metaauto.ensemble import Selection
from metaauto.model import assemble, load_members

SELECTION = Selection({4: 0.2, 7: 0.5, 9: 0.3}, 0.1, 0.2)


@pytest.fixture
def loaded(monkeypatch) -> list[float]:
    weights: list[float] = []

    def load(trial, weight, registry, folder):
        weights.append(weight)
        return trial

    monkeypatch.setattr(assemble, "_load", load)
    return weights


def test_all_members_are_loaded_where_there_is_time(loaded):
    trials = [f"trial {number}" for number in range(10)]
    members = load_members(trials, SELECTION, None, Path())
    assert loaded == [0.5, 0.3, 0.2]
    assert members == {4: "trial 4", 7: "trial 7", 9: "trial 9"}
    assert list(members) == [4, 7, 9]


def test_the_heaviest_member_is_loaded_in_any_case(loaded):
    trials = [f"trial {number}" for number in range(10)]
    assert load_members(trials, SELECTION, None, Path(), Deadline.after(-1.0)) == {7: "trial 7"}
    assert loaded == [0.5]
