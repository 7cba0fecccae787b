from __future__ import annotations

import logging
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import metaauto
from metaauto.engine.setup import lock_timeout
from metaauto.errors import KnowledgeError
from metaauto.knowledge import KnowledgeStore, check, own_store
from metaauto.plugins.manager import PluginSettings

NOISE = 10.0
"""Seconds that a busy machine may add to a budget."""
SECRETS = ("Zanzibar", "Quetzalcoatl", "income_of_mister_x", "purchased_secretly")


def table(seed: int = 0, rows: int = 160) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "income_of_mister_x": random.normal(size=rows),
            "age": random.normal(size=rows),
            "town": random.choice(["Zanzibar", "Quetzalcoatl", "Ulm"], rows),
        }
    )
    signal = frame["age"] + (frame["town"] == "Ulm") + 0.3 * random.normal(size=rows)
    frame["purchased_secretly"] = np.where(signal > 0.4, "yes", "no")
    return frame


def fit(seed: int = 0, events=None, **options):
    settings = {
        "trials": 3,
        "cores": 1,
        "cv": 2,
        "memory": 2.0,
        "include": ["naive_bayes", "lda", "logistic"],
        "plugins": PluginSettings(only=()),
        "knowledge": True,
        **options,
    }
    tell = None if events is None else events.append
    return metaauto.fit(table(seed), "purchased_secretly", on_event=tell, **settings)


@pytest.fixture(autouse=True)
def _nothing_shipped(monkeypatch):
    monkeypatch.setattr("metaauto.knowledge.sources.shipped_store", lambda: None)


def loaded(events) -> dict:
    return next(event.data for event in events if event.kind == "warm_start")


def test_a_fit_is_remembered_and_the_next_on_another_table_starts_warm():
    events: list = []
    fit(0, events)
    assert loaded(events) == {"stores": {}}
    with KnowledgeStore.open(own_store()) as store:
        info = store.info()
        (dataset,) = store.datasets()
        assert check(store) == []
    assert info.datasets == {"binary": 1}
    assert (dataset.source, dataset.label, dataset.group) == ("fit", None, None)
    assert dataset.n_rows == 160
    events = []
    model = fit(1, events)
    assert loaded(events)["datasets"] == 1
    assert loaded(events)["configurations"] == 3
    origins = {row["source"] for row in model.leaderboard_rows if row["name"] != "ensemble"}
    assert "knowledge" in origins


def test_a_fit_learns_nothing_from_its_own_table():
    fit(0)
    events: list = []
    fit(0, events)
    assert loaded(events) == {"stores": {}}


@pytest.mark.slow
def test_the_same_configurations_are_the_same_facts():
    fit(0)
    fit(1)
    with KnowledgeStore.open(own_store()) as store:
        assert len(store.configurations()) == 3
        matrix = store.matrix("binary", "roc_auc")
    assert matrix.loss.shape == (2, 3)
    assert np.isfinite(matrix.loss).all()


def test_nothing_of_the_rows_is_stored():
    fit(0, metric="log_loss")
    store = own_store()
    content = b"".join(path.read_bytes() for path in store.parent.glob("*"))
    assert len(content) > 1000
    for secret in SECRETS:
        for encoding in ("utf-8", "utf-16-le"):
            assert secret.encode(encoding) not in content
    for value in table(0)["income_of_mister_x"]:
        assert np.float64(value).tobytes() not in content


@pytest.mark.slow
def test_one_may_say_no():
    fit(0, remember=False)
    assert not own_store().exists()
    fit(0)
    events: list = []
    fit(1, events, knowledge=False)
    assert loaded(events) == {"stores": {}}


@pytest.mark.slow
def test_a_metric_of_the_users_own_is_not_remembered():
    def purchased_secretly(y, prediction):
        return float(np.mean(y == prediction))

    fit(0, metric=purchased_secretly)
    assert not own_store().exists()


@pytest.mark.slow
def test_a_damaged_own_store_is_named_and_the_fit_goes_on(caplog):
    own_store().parent.mkdir(parents=True)
    own_store().write_bytes(b"SQLite format 3\0" + b"\x07" * 5000)
    with caplog.at_level(logging.WARNING, logger="metaauto"):
        model = fit(0)
    assert model.record.score > 0.5
    said = [record.getMessage() for record in caplog.records]
    assert any("own.db" in text and "ignored" in text for text in said)
    assert any("not added to the knowledge store" in text for text in said)


@pytest.mark.slow
def test_a_locked_store_does_not_exceed_the_budget():
    fit(0)
    events: list = []
    # WAL allows one writer at a time; readers do not wait.
    with closing(sqlite3.connect(own_store(), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        fit(1, events, trials=1, budget=4.0)
        assert time.monotonic() - began < 4.0 + NOISE
    warnings = [event.message for event in events if event.kind == "warning"]
    assert any("is being written by another process" in text for text in warnings)


@given(st.floats(-1e9, float("inf")))
def test_lock_timeout_is_at_most_the_given_seconds(seconds: float):
    timeout = lock_timeout(seconds)
    assert 0 <= timeout <= 30
    assert timeout <= max(seconds, 0)


def test_a_store_that_was_named_must_be_usable(tmp_path: Path):
    with pytest.raises(KnowledgeError, match=r"no knowledge store .*gone\.db"):
        fit(0, knowledge=tmp_path / "gone.db")
    (tmp_path / "bad.db").write_text("nothing")
    with pytest.raises(KnowledgeError, match=r"bad\.db"):
        fit(0, knowledge=tmp_path / "bad.db")


@pytest.mark.slow
def test_a_named_store_is_the_only_one():
    fit(0)
    copy = own_store().with_name("copy.db")
    with KnowledgeStore.open(own_store(), readonly=False) as store:
        store.compact()
    copy.write_bytes(own_store().read_bytes())
    events: list = []
    fit(1, events, knowledge=copy)
    assert loaded(events)["stores"] == {str(copy): 1}
