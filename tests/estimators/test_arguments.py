"""Arguments of the estimators that concern knowledge."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from command_line import people
from stores import make_store, neighbours

from metaauto import AutoClassifier, AutoRegressor
from metaauto.errors import SettingError
from metaauto.estimators.arguments import knowledge_of, remembers, target_name
from metaauto.knowledge import KnowledgeStore, own_store

TINY = {"budget": "2 trials", "n_jobs": 1, "random_state": 0, "cv": 2, "memory": 2}


def test_knowledge_is_a_switch_or_a_path(tmp_path) -> None:
    assert knowledge_of(True) is True
    assert knowledge_of(np.False_) is False
    assert knowledge_of("k.db") == "k.db"
    assert knowledge_of(tmp_path / "k.db") == str(tmp_path / "k.db")
    for wrong in (None, 1, "", ["k.db"]):
        with pytest.raises(SettingError, match="expected True, False or a path"):
            knowledge_of(wrong)


@pytest.mark.parametrize(("said", "meant"), [("0", False), ("No", False), ("1", True), ("", True)])
def test_the_environment_says_whether_fits_are_remembered(said, meant, monkeypatch) -> None:
    monkeypatch.setenv("METAAUTO_REMEMBER", said)
    assert remembers() is meant
    monkeypatch.delenv("METAAUTO_REMEMBER")
    assert remembers()


@pytest.mark.slow
def test_an_estimator_starts_from_a_store_and_remembers(tmp_path, monkeypatch) -> None:
    table = people()
    X, y = table.drop(columns="buys"), table["buys"]
    store = make_store(tmp_path / "k.db", neighbours(3))
    monkeypatch.setenv("METAAUTO_REMEMBER", "0")
    warm = AutoClassifier(include=["knn"], knowledge=store, **TINY).fit(X, y)
    assert "knowledge" in set(warm.leaderboard_["source"])
    assert not own_store().exists()
    monkeypatch.delenv("METAAUTO_REMEMBER")
    cold = AutoClassifier(include=["knn"], knowledge=False, **TINY).fit(X, y)
    assert "knowledge" not in set(cold.leaderboard_["source"])
    with KnowledgeStore.open(own_store()) as remembered:
        assert remembered.info().datasets == {"binary": 1}


class _Named(list):
    """A column of another library."""

    name = "buys"


@pytest.mark.parametrize(
    ("y", "columns", "name"),
    [
        (pd.Series([1, 2], name="buys"), ["age"], "buys"),
        (pd.DataFrame({"buys": [1, 2]}), ["age"], "buys"),
        (_Named([1, 2]), ["age"], "buys"),
        (pd.Series([1, 2], name="age"), ["age"], "target"),
        (pd.Series([1, 2], name="0"), [0, 1], "target"),
        (pd.Series([1, 2], name=" "), ["age"], "target"),
        (pd.Series([1, 2], name=7), ["age"], "target"),
        (pd.Series([1, 2]), ["age"], "target"),
        ([1, 2], ["age"], "target"),
    ],
)
def test_the_target_keeps_a_name_that_can_be_told_from_the_columns(y, columns, name) -> None:
    assert target_name(y, columns) == name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("estimator", "target"),
    [
        (AutoClassifier(include=["lda"], **TINY), "buys"),
        (AutoRegressor(include=["ridge"], **TINY), "income"),
    ],
)
def test_a_model_knows_the_name_of_its_target(estimator, target, monkeypatch) -> None:
    monkeypatch.setenv("METAAUTO_REMEMBER", "0")
    table = people().dropna()
    rest = table.drop(columns=target)
    model = estimator.fit(rest, table[target]).model_
    assert model.task.target == model.schema.target == target
    assert estimator.fit(rest, table[target].to_numpy()).model_.task.target == "target"
    as_array = rest.drop(columns=rest.columns.difference(["age", "house"])).to_numpy()
    assert estimator.fit(as_array, table[target].rename("x1")).model_.task.target == "target"
