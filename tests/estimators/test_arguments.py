"""Arguments of the estimators that concern knowledge."""

from __future__ import annotations

import numpy as np
import pytest
from command_line import people
from stores import make_store, neighbours

from metaauto import AutoClassifier
from metaauto.errors import SettingError
from metaauto.estimators.arguments import knowledge_of, remembers
from metaauto.knowledge import KnowledgeStore, own_store

TINY = {"budget": "2 trials", "n_jobs": 1, "random_state": 0, "cv": 2, "memory": 2}


def test_knowledge_is_a_switch_or_a_path(tmp_path) -> None:
    assert knowledge_of(True) is True
    assert knowledge_of(np.False_) is False
    assert knowledge_of("k.db") == "k.db"
    assert knowledge_of(tmp_path / "k.db") == str(tmp_path / "k.db")
    for wrong in (None, 1, "", ["k.db"]):
        with pytest.raises(SettingError, match="neither True, False nor a path"):
            knowledge_of(wrong)


@pytest.mark.parametrize(("said", "meant"), [("0", False), ("No", False), ("1", True), ("", True)])
def test_the_environment_says_whether_fits_are_remembered(said, meant, monkeypatch) -> None:
    monkeypatch.setenv("METAAUTO_REMEMBER", said)
    assert remembers() is meant
    monkeypatch.delenv("METAAUTO_REMEMBER")
    assert remembers()


def test_an_estimator_starts_from_a_store_and_remembers(tmp_path, monkeypatch) -> None:
    table = people()
    X, y = table.drop(columns="buys"), table["buys"]
    store = make_store(tmp_path / "k.db", neighbours(3))
    monkeypatch.setenv("METAAUTO_REMEMBER", "0")
    warm = AutoClassifier(include=["knn"], knowledge=store, **TINY).fit(X, y)
    assert "knowledge" in set(warm.leaderboard_["origin"])
    assert not own_store().exists()
    monkeypatch.delenv("METAAUTO_REMEMBER")
    cold = AutoClassifier(include=["knn"], knowledge=False, **TINY).fit(X, y)
    assert "knowledge" not in set(cold.leaderboard_["origin"])
    with KnowledgeStore.open(own_store()) as remembered:
        assert remembered.info().datasets == {"binary": 1}
