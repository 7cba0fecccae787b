"""The facts of real fits, small ones."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import metaauto
from metaauto.plugins.manager import PluginSettings


def fitted(frame: pd.DataFrame, **options):
    settings = {
        "trials": 2,
        "cores": 1,
        "cv": 4,
        "memory": 2.0,
        "include": ["lda"],
        "plugins": PluginSettings(only=()),
        "remember": False,
        "knowledge": False,
        **options,
    }
    return metaauto.fit(frame, "y", **settings)


def frame(n_rows: int = 400, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    size = random.normal(size=n_rows)
    return pd.DataFrame(
        {
            "size": size,
            "tree": random.choice(["oak", "elm"], n_rows),
            "label": [f"A-{n:05d}" for n in range(n_rows)],
            "land": "D",
            "y": np.where(size + random.normal(size=n_rows) > 1.2, "yes", "no"),
        }
    )


@pytest.fixture(scope="module")
def facts() -> dict:
    return fitted(frame(), holdout=0.25).facts


def test_scores_have_intervals(facts: dict):
    interval = facts["interval"]
    assert interval["low"] < facts["score"] < interval["high"]
    assert (interval["over"], interval["rows"]) == ("out-of-fold", 300)
    held = facts["holdout_interval"]
    assert held["low"] < facts["holdout_score"] < held["high"]
    assert (held["over"], held["rows"]) == ("holdout", 100)


def test_each_fold_and_class_is_told(facts: dict):
    assert len(facts["fold_scores"]) == 4
    assert np.mean(facts["fold_scores"]) == pytest.approx(facts["score"], abs=0.05)
    classes = {found["class"]: found for found in facts["classes"]}
    assert sum(found["rows"] for found in classes.values()) == 300
    assert 0 < classes["yes"]["right"] < classes["no"]["right"] <= 1


def test_columns_are_told_by_role_and_those_left_out_by_name(facts: dict):
    assert facts["roles"] == {
        "numeric": 1, "categorical": 1, "identifier": 1, "constant": 1,
    }  # fmt: skip
    assert [(c["name"], c["role"]) for c in facts["left_out"]] == [
        ("label", "identifier"), ("land", "constant"),
    ]  # fmt: skip
    assert "identifier" in [concern["code"] for concern in facts["warnings"]]


def test_what_was_asked_for_is_told_without_folders(facts: dict, tmp_path):
    assert facts["options"]["trials"] == 2
    assert facts["options"]["holdout"] == 0.25
    assert json.loads(json.dumps(facts)) == facts
    store = tmp_path / "own.db"
    model = fitted(frame(60), run_dir=str(tmp_path / "run"))
    assert "run_dir" not in model.facts["options"]
    assert not store.exists()


def test_a_regression_has_no_classes_and_groups_are_drawn_whole():
    table = frame()
    table["y"] = table["size"] * 3 + np.random.default_rng(5).normal(size=400)
    table["shop"] = np.arange(400) // 10
    facts = fitted(table, groups="shop", include=["ridge"]).facts
    assert facts["classes"] == []
    assert facts["interval"]["low"] < facts["score"] < facts["interval"]["high"]


def test_a_time_budget_leaves_time_for_an_interval():
    facts = fitted(frame(), budget=90.0).facts
    assert facts["interval"] is not None
    assert 0 < facts["newest_member"] <= facts["search_seconds"] <= 90.0
    assert any("--holdout" in step for step in facts["next"])
