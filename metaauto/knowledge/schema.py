"""The schema of a store and its migrations.

Do not edit a released migration: append a new entry to `MIGRATIONS`, and keep a store of the
previous schema among the test assets.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from metaauto.errors import KnowledgeError

__all__ = ["APPLICATION_ID", "COLUMNS", "MIGRATIONS", "Migration", "apply", "tables_of", "version"]

#: SQLite application id of a store: the bytes of ``mAut``.
APPLICATION_ID = 0x6D417574


@dataclass(frozen=True)
class Migration:
    """One step from a schema to the next, applied and recorded in one transaction."""

    name: str
    statements: Sequence[str]


# Evaluations use nearly all of the space, so repeated values are integer ids, times and memory are
# integers (microseconds, MiB), and losses are packed single-precision floats in the order of the
# metric set's names.
_FIRST = (
    """CREATE TABLE migration (
        number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied TEXT NOT NULL)""",
    """CREATE TABLE note (
        name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE provenance (
        id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, created TEXT NOT NULL,
        source TEXT NOT NULL, metaauto TEXT NOT NULL, versions TEXT NOT NULL,
        speed_us INTEGER, cores INTEGER, licence TEXT NOT NULL)""",
    """CREATE TABLE dataset (
        id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL, kind TEXT NOT NULL,
        n_rows INTEGER NOT NULL, n_features INTEGER NOT NULL, n_classes INTEGER NOT NULL,
        rows_used INTEGER NOT NULL, source TEXT NOT NULL, openml_id INTEGER, label TEXT,
        family TEXT, provenance INTEGER NOT NULL REFERENCES provenance (id),
        UNIQUE (fingerprint, kind))""",
    """CREATE TABLE metafeature (
        id INTEGER PRIMARY KEY, extractor TEXT NOT NULL, version INTEGER NOT NULL,
        name TEXT NOT NULL, UNIQUE (extractor, version, name))""",
    """CREATE TABLE metafeature_value (
        dataset INTEGER NOT NULL REFERENCES dataset (id),
        metafeature INTEGER NOT NULL REFERENCES metafeature (id), value REAL,
        PRIMARY KEY (dataset, metafeature)) WITHOUT ROWID""",
    """CREATE TABLE configuration (
        id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, model TEXT NOT NULL,
        space_version INTEGER NOT NULL, hyperparameters TEXT NOT NULL, plugin TEXT NOT NULL,
        plugin_version TEXT NOT NULL, provenance INTEGER NOT NULL REFERENCES provenance (id))""",
    "CREATE TABLE protocol (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    "CREATE TABLE metric_set (id INTEGER PRIMARY KEY, names TEXT NOT NULL UNIQUE)",
    """CREATE TABLE evaluation (
        dataset INTEGER NOT NULL REFERENCES dataset (id),
        protocol INTEGER NOT NULL REFERENCES protocol (id),
        configuration INTEGER NOT NULL REFERENCES configuration (id), fold INTEGER NOT NULL,
        status INTEGER NOT NULL, fit_us INTEGER, predict_us INTEGER, memory INTEGER,
        limit_us INTEGER, metric_set INTEGER NOT NULL REFERENCES metric_set (id),
        losses BLOB NOT NULL, provenance INTEGER NOT NULL REFERENCES provenance (id),
        PRIMARY KEY (dataset, protocol, configuration, fold)) WITHOUT ROWID""",
    f"PRAGMA application_id = {APPLICATION_ID}",
)

MIGRATIONS: tuple[Migration, ...] = (
    Migration("first tables", _FIRST),
    Migration(
        "kinds of task that a configuration is proposed for",
        ("ALTER TABLE configuration ADD COLUMN proposed_for TEXT NOT NULL DEFAULT '[]'",),
    ),
)

#: Columns of each table of the newest schema.
COLUMNS: dict[str, tuple[str, ...]] = {
    "migration": ("number", "name", "applied"),
    "note": ("name", "value"),
    "provenance": (
        "id", "key", "created", "source", "metaauto", "versions", "speed_us", "cores", "licence",
    ),
    "dataset": (
        "id", "fingerprint", "kind", "n_rows", "n_features", "n_classes", "rows_used", "source",
        "openml_id", "label", "family", "provenance",
    ),
    "metafeature": ("id", "extractor", "version", "name"),
    "metafeature_value": ("dataset", "metafeature", "value"),
    "configuration": (
        "id", "key", "model", "space_version", "hyperparameters", "plugin", "plugin_version",
        "provenance", "proposed_for",
    ),
    "protocol": ("id", "name"),
    "metric_set": ("id", "names"),
    "evaluation": (
        "dataset", "protocol", "configuration", "fold", "status", "fit_us", "predict_us",
        "memory", "limit_us", "metric_set", "losses", "provenance",
    ),
}  # fmt: skip


def version(connection: sqlite3.Connection) -> int:
    """Return the number of migrations applied to a store; 0 for an empty file.

    Raises
    ------
    KnowledgeError
        The file is another SQLite database, or a store of a newer metaauto.
    """
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (number,) = connection.execute("PRAGMA user_version").fetchone()
    (objects,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application == 0 and number == 0 and objects == 0:
        return 0
    if application != APPLICATION_ID:
        raise KnowledgeError(
            "It is an SQLite database, but not a knowledge store.", hint="Choose another file."
        )
    if number > len(MIGRATIONS):
        raise KnowledgeError(
            f"It was written by a newer metaauto (schema {number}; supported: {len(MIGRATIONS)}).",
            hint="Upgrade metaauto to use it.",
        )
    return int(number)


def apply(connection: sqlite3.Connection, upto: int | None = None) -> list[str]:
    """Migrate a store to the newest schema; return the names of the applied migrations.

    Parameters
    ----------
    connection : sqlite3.Connection
        In autocommit mode (``isolation_level=None``).
    upto : int, optional
        Stop at this schema, to create stores for tests.
    """
    import sqlite_utils

    db = sqlite_utils.Database(connection, execute_plugins=False)
    applied = []
    for number, migration in enumerate(MIGRATIONS[:upto], start=1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            if version(connection) < number:
                for statement in migration.statements:
                    db.execute(statement)
                now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                record = (number, migration.name, now)
                db.execute("INSERT INTO migration VALUES (?, ?, ?)", record)
                db.execute(f"PRAGMA user_version = {number}")
                applied.append(migration.name)
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
    return applied


def tables_of(connection: sqlite3.Connection) -> dict[str, tuple[str, ...]]:
    """Return the columns of each table of the file; views and triggers count without columns."""
    found: dict[str, tuple[str, ...]] = {}
    rows = connection.execute("SELECT type, name FROM sqlite_master").fetchall()
    for kind, name in rows:
        if kind == "table" and not name.startswith("sqlite_"):
            columns = connection.execute("SELECT name FROM pragma_table_info(?)", (name,))
            found[name] = tuple(column for (column,) in columns)
        elif kind not in ("table", "index"):
            found[name] = ()
    return found
