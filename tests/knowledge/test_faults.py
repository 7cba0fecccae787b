from __future__ import annotations

import os
import random
import shutil
import sqlite3
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from metaauto.errors import KnowledgeError
from metaauto.knowledge import KnowledgeStore, check, export_text, merge
from metaauto.knowledge.canonical import digest
from metaauto.knowledge.schema import COLUMNS, MIGRATIONS


def read_all(path):
    """Read everything in every way; well-formed arrays or one KnowledgeError, nothing else."""
    with KnowledgeStore.open(path) as store:
        for kind, metric in (("binary", "roc_auc"), ("regression", "rmse")):
            matrix = store.matrix(kind, metric)
            shape = (len(matrix.datasets), len(matrix.configurations))
            assert matrix.loss.shape == matrix.seconds.shape == shape
            assert not np.isinf(matrix.loss).any()
            assert not np.isinf(matrix.metafeatures).any()
        store.info()
        store.done_keys("2-fold/seed0")
        return digest(store)


@pytest.mark.parametrize("tenth", range(10))
@pytest.mark.parametrize("readonly", [True, False])
def test_a_truncated_store_is_one_clear_error(shipped, tenth, readonly):
    data = shipped.read_bytes()
    shipped.write_bytes(data[: len(data) * tenth // 10])
    with pytest.raises(KnowledgeError) as caught:
        if readonly:
            read_all(shipped)
        else:
            with KnowledgeStore.open(shipped, readonly=False) as store:
                digest(store)
    assert str(shipped) in str(caught.value)
    assert caught.value.hint


def test_flipped_bits_are_an_error_or_found_by_the_check(shipped):
    data = shipped.read_bytes()
    sound = read_all(shipped)
    chance = random.Random(0)
    n_found = 0
    for _ in range(60):
        place, bit = chance.randrange(len(data)), 1 << chance.randrange(8)
        shipped.write_bytes(data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :])
        try:
            now = read_all(shipped)
            with KnowledgeStore.open(shipped) as store:
                problems = check(store)
        except KnowledgeError:
            n_found += 1
        else:
            n_found += bool(problems)
            assert problems or now == sound
    assert n_found > 10


def test_flipped_bits_do_not_break_a_writer(shipped, example, fill):
    data = shipped.read_bytes()
    chance = random.Random(1)
    n_refused = 0
    for _ in range(30):
        place = chance.randrange(len(data))
        for name in shipped.parent.iterdir():
            name.unlink()
        shipped.write_bytes(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :])
        try:
            with KnowledgeStore.open(shipped, readonly=False) as store:
                fill(store, example(13, 8))
        except KnowledgeError:
            n_refused += 1
    assert n_refused > 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"name,age\nAnn,3\n", "not an SQLite database"),
        (b"SQLite format 3\0" + b"\0" * 500, "damaged|not a knowledge store|contains no tables"),
    ],
)
@pytest.mark.parametrize("readonly", [True, False])
def test_foreign_files(tmp_path, content, message, readonly):
    path = tmp_path / "file.db"
    path.write_bytes(content)
    with pytest.raises(KnowledgeError, match=message):
        KnowledgeStore.open(path, readonly=readonly)
    assert path.read_bytes() == content


@pytest.mark.parametrize("readonly", [True, False])
def test_a_database_of_something_else(tmp_path, readonly):
    path = tmp_path / "notes.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE notes (id INTEGER)")
    with pytest.raises(KnowledgeError, match="not a knowledge store"):
        KnowledgeStore.open(path, readonly=readonly)
    with pytest.raises(KnowledgeError, match="not a knowledge store"):
        KnowledgeStore.create(path, exist_ok=True)


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(KnowledgeError, match="No such file"):
        KnowledgeStore.open(tmp_path / "none.db")
    with pytest.raises(KnowledgeError, match=r"directory|Permission"):
        KnowledgeStore.open(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(KnowledgeError, match=r"exists|directory"):
        KnowledgeStore.create(tmp_path / "file" / "knowledge.db")


@pytest.mark.parametrize("readonly", [True, False])
def test_a_newer_store_asks_for_an_upgrade(shipped, readonly):
    with closing(sqlite3.connect(shipped)) as connection, connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(KnowledgeError, match=r"newer metaauto.*Upgrade"):
        KnowledgeStore.open(shipped, readonly=readonly)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER t AFTER INSERT ON dataset BEGIN DELETE FROM evaluation; END",
        "CREATE VIEW v AS SELECT 1",
        "ALTER TABLE dataset ADD COLUMN rows BLOB",
        "DROP TABLE note",
        "CREATE TABLE more (id INTEGER)",
    ],
)
def test_other_tables_and_triggers_are_refused(shipped, statement):
    with closing(sqlite3.connect(shipped)) as connection, connection:
        connection.execute(statement)
    for readonly in (True, False):
        with pytest.raises(KnowledgeError, match="differ from the schema of a store"):
            KnowledgeStore.open(shipped, readonly=readonly)


def test_a_full_disk_keeps_what_was_stored(filled, example, fill):
    before = digest(filled)
    (pages,) = filled._connection.execute("PRAGMA page_count").fetchone()
    filled._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(KnowledgeError, match="disk is full"):
        fill(filled, example(60, 12))
    assert digest(filled) == before
    assert check(filled) == []
    filled._connection.execute("PRAGMA max_page_count = 100000")
    assert fill(filled, example(60, 12)) > 0


def test_a_second_writer_is_told_to_wait(filled, example):
    with (
        KnowledgeStore.open(filled.path, readonly=False, timeout=0.05) as other,
        filled.transaction(),
        pytest.raises(KnowledgeError, match="being written by another process"),
    ):
        other.add_provenance(replace(example().said, source="fit"))
    with (
        KnowledgeStore.open(filled.path, timeout=0.05),
        pytest.raises(KnowledgeError, match="being written by another process"),
    ):
        KnowledgeStore.open(filled.path, readonly=False, timeout=0.05).compact()


def test_a_damaged_store_is_neither_merged_nor_exported(shipped, store, tmp_path):
    with closing(sqlite3.connect(shipped)) as connection, connection:
        connection.execute("UPDATE evaluation SET losses = x'00' WHERE fold = 0")
    empty = digest(store)
    with KnowledgeStore.open(shipped) as other:
        with pytest.raises(KnowledgeError):
            merge(store, other)
        assert check(other) != []
        with pytest.raises(KnowledgeError):
            export_text(other, tmp_path / "text")
    assert digest(store) == empty


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE evaluation SET fit_us = 5", "since the store was sealed"),
        ("UPDATE configuration SET hyperparameters = '{}'", "does not match its key"),
        ("UPDATE configuration SET hyperparameters = '{'", "damaged"),
        ("UPDATE evaluation SET provenance = 77", "refers to a missing row"),
        ("UPDATE evaluation SET status = 77", "damaged"),
        ("UPDATE dataset SET kind = 'ranking'", "Invalid kind of task 'ranking'"),
        ("UPDATE metafeature_value SET value = 9e999", "inf"),
        ("DELETE FROM evaluation WHERE fold = 1", "since the store was sealed"),
        ("DELETE FROM migration", "0 migrations"),
    ],
)
def test_the_check_names_the_problem(shipped, statement, problem):
    with closing(sqlite3.connect(shipped)) as connection, connection:
        connection.execute(statement)
    with KnowledgeStore.open(shipped) as store:
        problems = check(store)
    assert problem in problems[0]


NESTED = "[" * 200_000


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE configuration SET hyperparameters = '{NESTED}'",
        f"UPDATE configuration SET proposed_for = '{NESTED}'",
        f"UPDATE metric_set SET names = '{NESTED}' WHERE id = (SELECT min(id) FROM metric_set)",
    ],
    ids=["hyperparameters", "proposed_for", "metric_set"],
)
def test_nested_values_are_one_clear_error(shipped, store, statement):
    with closing(sqlite3.connect(shipped)) as connection, connection:
        connection.execute(statement)
    with pytest.raises(KnowledgeError, match="is damaged: RecursionError"):
        read_all(shipped)
    empty = digest(store)
    with KnowledgeStore.open(shipped) as opened:
        assert "damaged: RecursionError" in check(opened)[0]
        with pytest.raises(KnowledgeError, match="is damaged: RecursionError"):
            merge(store, opened)
    assert digest(store) == empty


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(depth=st.integers(0, 100_000), opening=st.sampled_from(["[", '{"a":']))
def test_a_value_of_any_depth_is_read_or_one_clear_error(shipped, depth, opening):
    closing_mark = "]" if opening == "[" else "}"
    text = opening * depth + "1" + closing_mark * depth
    with closing(sqlite3.connect(shipped)) as connection, connection:
        connection.execute("UPDATE configuration SET hyperparameters = ?", (text,))
    with KnowledgeStore.open(shipped) as opened:
        check(opened)
        try:
            digest(opened)
        except KnowledgeError as error:
            assert error.hint


def test_opening_for_reading_changes_no_file(shipped):
    before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in shipped.parent.iterdir()}
    read_all(shipped)
    assert {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in shipped.parent.iterdir()} == before
    copy = shipped.with_name("copy.db")
    shutil.copy(shipped, copy)
    os.chmod(copy, 0o444)
    assert read_all(copy) == read_all(shipped)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@example(column=("protocol", "name"), value=b"2-fold")
@given(
    column=st.sampled_from([(table, name) for table in COLUMNS for name in COLUMNS[table]]),
    value=st.one_of(
        *(st.none(), st.integers(-(2**63), 2**63 - 1), st.floats()),
        *(st.text(max_size=3), st.binary(max_size=3)),
    ),
)
def test_any_value_in_a_store_is_read_or_one_clear_error(tmp_path, shipped, column, value):
    damaged = Path(shutil.copy(shipped, tmp_path / "damaged.db"))
    table, name = column
    with closing(sqlite3.connect(damaged)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        with suppress(sqlite3.Error, UnicodeEncodeError):
            connection.execute(f"UPDATE {table} SET {name} = ? WHERE rowid = 1", (value,))
    try:
        with KnowledgeStore.open(damaged) as store:
            matrix = store.matrix("binary", "roc_auc")
        assert np.isfinite(matrix.training_rows).all()
    except KnowledgeError as error:
        assert error.hint
