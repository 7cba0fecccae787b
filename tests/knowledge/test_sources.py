from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaauto.knowledge import KnowledgeStore, load_knowledge, own_store, stores, writable_store


@pytest.fixture
def two_stores(tmp_path, example, fill):
    paths = [tmp_path / "one.db", tmp_path / "two.db"]
    for path, count in zip(paths, (4, 6)):
        with KnowledgeStore.create(path) as opened:
            fill(opened, example(count))
    return paths


def test_stores_are_joined(two_stores):
    found = load_knowledge(two_stores, "binary", "log_loss")
    assert len(found.matrix.datasets) == 6
    assert found.used == {str(two_stores[0]): 4, str(two_stores[1]): 6}
    assert found.metric == "log_loss"
    assert not found.problems


def test_a_table_learns_nothing_from_itself(two_stores, example):
    own = example(1).datasets[0].fingerprint
    found = load_knowledge(two_stores, "binary", "log_loss", without=own)
    assert own not in found.matrix.fingerprints
    assert len(found.matrix.datasets) == 5


def test_a_table_of_openml_learns_nothing_from_what_others_published_of_it(two_stores, example):
    known = example(1).datasets[0]
    found = load_knowledge(two_stores, "binary", "log_loss", without_openml_id=known.openml_id)
    assert known.openml_id not in {fact.openml_id for fact in found.matrix.datasets}
    assert len(found.matrix.datasets) < 6


@settings(max_examples=10, deadline=None)
@given(count=st.integers(1, 3), timeout=st.sampled_from([0.0, 0.1, 0.3]))
def test_the_timeout_covers_all_locked_stores(count, timeout):
    with tempfile.TemporaryDirectory() as folder, ExitStack() as locks:
        paths = [Path(folder) / f"{number}.db" for number in range(count)]
        for path in paths:
            with KnowledgeStore.create(path) as opened:
                opened.compact()
            other = locks.enter_context(closing(sqlite3.connect(path, isolation_level=None)))
            # Without WAL, an exclusive lock blocks readers too.
            other.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        found = load_knowledge(paths, "binary", "log_loss", timeout=timeout)
        assert time.monotonic() - began < timeout + 2
        assert len(found.problems) == count
        assert all("is being written by another process" in text for text in found.problems)


def test_an_unknown_metric_takes_the_nearest(two_stores):
    found = load_knowledge(two_stores, "binary", "average_precision")
    assert found.metric in ("log_loss", "roc_auc")
    assert np.isfinite(found.matrix.loss).all()


def test_nothing_known_is_no_problem(two_stores, tmp_path):
    assert load_knowledge([], "binary", "log_loss").matrix is None
    assert load_knowledge([tmp_path / "missing.db"], "binary", "log_loss").problems == ()
    assert load_knowledge(two_stores, "regression", "rmse").matrix is None


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "foreign"])
def test_a_store_that_cannot_be_read_is_left_out_and_named(two_stores, tmp_path, damage):
    bad = tmp_path / "bad.db"
    if damage == "empty":
        bad.touch()
    elif damage == "text":
        bad.write_text("no store\n" * 100)
    elif damage == "cut":
        shutil.copy(two_stores[0], bad)
        with bad.open("r+b") as file:
            file.truncate(bad.stat().st_size // 3)
    else:
        import sqlite3

        connection = sqlite3.connect(bad)
        connection.execute("CREATE TABLE other (a)")
        connection.commit()
        connection.close()
    found = load_knowledge([bad, *two_stores], "binary", "log_loss")
    assert len(found.matrix.datasets) == 6
    assert len(found.problems) == 1
    assert "bad.db" in found.problems[0]
    assert "\n" not in found.problems[0]


def test_the_own_store_is_where_the_user_says(monkeypatch, tmp_path):
    monkeypatch.setenv("METAAUTO_KNOWLEDGE", str(tmp_path / "mine.db"))
    assert own_store() == tmp_path / "mine.db"
    assert stores()[-1] == own_store()
    assert own_store() not in stores(own=False)
    pack = tmp_path / "pack.db"
    assert pack in stores([pack])
    monkeypatch.delenv("METAAUTO_KNOWLEDGE")
    assert own_store().name == "knowledge.db"
    assert own_store().is_absolute()


def test_writable_store_removes_a_new_store_that_stays_empty(tmp_path, example, fill):
    path = tmp_path / "new.db"
    with pytest.raises(ZeroDivisionError), writable_store(path):
        raise ZeroDivisionError
    assert not path.exists()
    with writable_store(path) as store:
        fill(store, example())
    assert path.is_file()
    with writable_store(path):
        pass
    assert path.is_file()
