"""A store of every released schema is kept in assets/ and must open for ever."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from metaauto.errors import KnowledgeError
from metaauto.knowledge import KnowledgeStore, check, schema
from metaauto.knowledge.canonical import digest

ASSETS = Path(__file__).parent / "assets"


@pytest.fixture(params=sorted(ASSETS.glob("store-v*.db")), ids=lambda path: path.stem)
def old(request, tmp_path):
    return Path(shutil.copy(request.param, tmp_path / "knowledge.db"))


def expected(tmp_path, example, fill):
    with KnowledgeStore.create(tmp_path / "expected.db") as store:
        fill(store, example())
        fill(store, example(kind="regression"))
        return digest(store)


def number_of(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA user_version").fetchone()[0]


def test_an_old_store_is_migrated_when_it_is_opened_for_writing(old, tmp_path, example, fill):
    with KnowledgeStore.open(old, readonly=False) as store:
        assert check(store) == []
        assert digest(store) == expected(tmp_path, example, fill)
        assert store.migrate() == []
    assert number_of(old) == len(schema.MIGRATIONS)


def test_an_old_store_is_read_without_being_touched(old, tmp_path, example, fill):
    before = old.read_bytes()
    with KnowledgeStore.open(old) as store:
        assert digest(store) == expected(tmp_path, example, fill)
        assert store.matrix("regression", "rmse").loss.shape == (4, 3)
        assert check(store) == []
    assert old.read_bytes() == before


def test_the_first_schema_is_among_them():
    assert number_of(ASSETS / "store-v1.db") == 1


def test_a_migration_that_fails_leaves_the_store_as_it_was(old, monkeypatch):
    number = number_of(old)
    broken = schema.Migration("broken", ("ALTER TABLE note ADD COLUMN more TEXT", "NONSENSE"))
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS[:number], broken))
    with pytest.raises(KnowledgeError, match="syntax error"):
        KnowledgeStore.open(old, readonly=False)
    assert number_of(old) == number
    monkeypatch.undo()
    with KnowledgeStore.open(old, readonly=False) as store:
        assert check(store) == []


def test_migrations_are_recorded(old):
    KnowledgeStore.open(old, readonly=False).close()
    with closing(sqlite3.connect(old)) as connection:
        rows = connection.execute("SELECT number, name FROM migration ORDER BY number").fetchall()
    assert rows == [(n, m.name) for n, m in enumerate(schema.MIGRATIONS, start=1)]
