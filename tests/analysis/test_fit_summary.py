"""The record of real fits, small ones."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import metaauto
from metaauto.model.fit_record import FitRecord
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
def record() -> FitRecord:
    return fitted(frame(), holdout=0.25).record


def test_scores_have_intervals(record: FitRecord):
    interval = record.interval
    assert interval.low < record.score < interval.high
    assert (interval.over, interval.rows) == ("out-of-fold", 300)
    held = record.holdout_interval
    assert held.low < record.holdout_score < held.high
    assert (held.over, held.rows) == ("holdout", 100)


def test_each_fold_and_class_is_told(record: FitRecord):
    assert len(record.fold_scores) == 4
    assert np.mean(record.fold_scores) == pytest.approx(record.score, abs=0.05)
    classes = {found.label: found for found in record.classes}
    assert sum(found.rows for found in classes.values()) == 300
    assert 0 < classes["yes"].right < classes["no"].right <= 1


def test_columns_are_told_by_role_and_those_left_out_by_name(record: FitRecord):
    assert record.roles == {
        "numeric": 1, "categorical": 1, "identifier": 1, "constant": 1,
    }  # fmt: skip
    assert [(c.name, c.role) for c in record.left_out] == [
        ("label", "identifier"), ("land", "constant"),
    ]  # fmt: skip
    assert "identifier" in [warning.code for warning in record.warnings]


def test_what_was_asked_for_is_told_without_folders(record: FitRecord, tmp_path):
    assert record.options["trials"] == 2
    assert record.options["holdout"] == 0.25
    assert FitRecord.from_json(json.loads(json.dumps(record.to_json()))) == record
    store = tmp_path / "own.db"
    model = fitted(frame(60), run_dir=str(tmp_path / "run"))
    assert "run_dir" not in model.record.options
    assert not store.exists()


def test_a_regression_has_no_classes_and_groups_are_drawn_whole():
    table = frame()
    table["y"] = table["size"] * 3 + np.random.default_rng(5).normal(size=400)
    table["shop"] = np.arange(400) // 10
    record = fitted(table, groups="shop", include=["ridge"]).record
    assert record.classes == ()
    assert record.interval.low < record.score < record.interval.high


def test_a_time_budget_leaves_time_for_an_interval():
    record = fitted(frame(), budget=90.0).record
    assert record.interval is not None
    assert 0 < record.newest_member <= record.search_seconds <= 90.0
    assert any("holdout=" in step for step in record.next_steps)
