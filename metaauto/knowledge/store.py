"""The knowledge store: one SQLite file of facts about configurations on datasets.

One process can write at a time, in transactions; any number can read concurrently (WAL). A store
object must not be used by several threads at once. NULL means "unknown" for numbers and "none" for
names. Equal facts are stored once; `metaauto.knowledge.reconcile` resolves conflicts. Facts cannot
contain a user's rows, column names or values: they are digests, shapes, numbers, and names of
components, metrics and libraries.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from metaauto.errors import KnowledgeError
from metaauto.knowledge import schema
from metaauto.knowledge.canonical import digest
from metaauto.knowledge.connection import connect, create_file, store_errors, transaction
from metaauto.knowledge.identifiers import RowIds
from metaauto.knowledge.queries import StoredFacts
from metaauto.knowledge.reconcile import PUT_EVALUATION, merged_configuration, merged_dataset
from metaauto.knowledge.records import (
    STATUSES,
    ConfigurationFact,
    DatasetFact,
    EvaluationFact,
    ProvenanceFact,
)
from metaauto.knowledge.validation import canonical_json, microseconds

__all__ = ["KnowledgeStore"]


class KnowledgeStore(StoredFacts):
    """A knowledge store. Use `create` or `open`, preferably as a context manager.

    Attributes
    ----------
    path : Path
        The file.
    readonly : bool
        Whether it is open for reading only.

    Examples
    --------
    >>> import tempfile
    >>> from metaauto.knowledge import KnowledgeStore, ProvenanceFact
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with KnowledgeStore.create(f"{folder}/knowledge.db") as store:
    ...         key = store.add_provenance(ProvenanceFact("2026-01-31T12:00:00Z", "build", "0.1.0"))
    ...     with KnowledgeStore.open(f"{folder}/knowledge.db") as store:
    ...         [fact.source for fact in store.provenances()]
    ['build']
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, readonly: bool) -> None:
        self.path = path
        self.readonly = readonly
        self._connection = connection

    @classmethod
    def create(
        cls, path: str | Path, *, exist_ok: bool = False, timeout: float = 30.0
    ) -> KnowledgeStore:
        """Create a store and open it for writing; a missing folder is created.

        Parameters
        ----------
        path : str or Path
            A file that does not exist or is empty.
        exist_ok : bool, default=False
            Open the store if it exists.
        timeout : float, default=30.0
            Seconds to wait for another writing process.

        Raises
        ------
        KnowledgeError
            The file exists, or cannot be written.
        """
        path = Path(path).expanduser().absolute()
        with store_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and path.stat().st_size > 0:
                if exist_ok:
                    return cls.open(path, readonly=False, timeout=timeout)
                raise KnowledgeError(
                    "The file already exists.", hint="Open it, or choose a new file."
                )
            create_file(path, timeout)
            return cls.open(path, readonly=False, timeout=timeout)

    @classmethod
    def open(
        cls, path: str | Path, *, readonly: bool = True, timeout: float = 30.0
    ) -> KnowledgeStore:
        """Open a store.

        Parameters
        ----------
        path : str or Path
            The file. For reading, its directory may be read-only.
        readonly : bool, default=True
            Open for reading. A store with an older schema is then migrated in memory; if opened for
            writing, it is migrated in place.
        timeout : float, default=30.0
            Seconds to wait for another writing process.

        Raises
        ------
        KnowledgeError
            The file is missing or damaged, is not a store, or was written by a newer metaauto.
        """
        path = Path(path).expanduser().absolute()
        with store_errors(path):
            store = cls(path, connect(path, readonly=readonly, timeout=timeout), readonly)
            if not readonly:
                try:
                    store.migrate()
                except BaseException:
                    store.close()
                    raise
            return store

    def migrate(self) -> list[str]:
        """Migrate the file to the newest schema; return the names of the applied migrations."""
        with store_errors(self.path):
            applied = schema.apply(self._connection)
            if schema.tables_of(self._connection) != schema.COLUMNS:
                raise KnowledgeError(
                    "Its tables differ from the schema of a store.", hint="Choose another file."
                )
        return applied

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Add all facts of a block in one transaction: either all are stored, or none."""
        if self._connection.in_transaction:
            yield
            return
        self._begin()
        before = self._connection.total_changes
        try:
            yield
        except BaseException:
            self._roll_back()
            raise
        try:
            with store_errors(self.path):
                if self._connection.total_changes != before:
                    self._connection.execute("DELETE FROM note WHERE name = 'seal'")
                self._connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def add_provenance(self, fact: ProvenanceFact) -> str:
        """Add a provenance; return its key."""
        with self._writing():
            self._connection.execute(
                "INSERT INTO provenance (key, created, source, metaauto, versions, speed_us, cores,"
                " licence) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
                (
                    fact.key, fact.created, fact.source, fact.metaauto,
                    canonical_json(fact.versions), microseconds(fact.speed), fact.cores,
                    fact.licence,
                ),
            )  # fmt: skip
        return fact.key

    def add_dataset(self, fact: DatasetFact) -> bool:
        """Add or update a dataset with its metafeatures; return whether the store changed.

        Raises
        ------
        KnowledgeError
            Its provenance is not in the store.
        """
        with self._writing():
            provenance = self._id("provenance", "key", fact.provenance)
            found = self._dataset_by_id(fact.kind, fact.fingerprint, metafeatures=True)
            number = next(iter(found), None)
            if number is not None:
                known = found[number]
                fact = merged_dataset(known, fact, self._created(known, fact))
                if fact == known:
                    return False
                provenance = self._id("provenance", "key", fact.provenance)
            row = (
                fact.fingerprint, fact.kind, fact.n_rows, fact.n_features, fact.n_classes,
                fact.rows_used, fact.source, fact.openml_id, fact.label, fact.group, provenance,
            )  # fmt: skip
            number = self._put("dataset", schema.COLUMNS["dataset"][1:], row, number)
            values = [
                (number, self._new_id("metafeature", value.key), value.value)
                for value in fact.metafeatures
            ]
            self._connection.executemany(
                "INSERT INTO metafeature_value VALUES (?, ?, ?) ON CONFLICT (dataset, metafeature)"
                " DO UPDATE SET value = excluded.value",
                values,
            )
        return True

    def add_configuration(self, fact: ConfigurationFact) -> bool:
        """Add or update a configuration; return whether the store changed.

        Raises
        ------
        KnowledgeError
            Its provenance is not in the store.
        """
        with self._writing():
            self._id("provenance", "key", fact.provenance)
            found = self._configuration_by_id(fact.key)
            number = next(iter(found), None)
            if number is not None:
                known = found[number]
                fact = merged_configuration(known, fact, self._created(known, fact))
                if fact == known:
                    return False
            row = (
                fact.key, fact.model, fact.space_version,
                canonical_json(fact.configuration.values), fact.plugin, fact.plugin_version,
                self._id("provenance", "key", fact.provenance),
                canonical_json(list(fact.proposed_for)),
            )  # fmt: skip
            self._put("configuration", schema.COLUMNS["configuration"][1:], row, number)
        return True

    def add_evaluations(self, facts: Iterable[EvaluationFact]) -> int:
        """Add evaluations in one transaction; return the number of new or replaced ones.

        Raises
        ------
        KnowledgeError
            A dataset, configuration or provenance is not in the store; then none is added.
        """
        facts = list(facts)
        with self._writing():
            ids = RowIds(self._connection)
            rows = [
                (
                    ids("dataset", ("fingerprint", "kind"), (fact.fingerprint, fact.kind)),
                    ids.new("protocol", (fact.protocol,)),
                    ids("configuration", ("key",), (fact.configuration,)),
                    fact.fold,
                    STATUSES.index(fact.status),
                    microseconds(fact.fit_seconds),
                    microseconds(fact.predict_seconds),
                    fact.memory,
                    microseconds(fact.limit_seconds),
                    ids.new("metric_set", (canonical_json(list(fact.losses)),)),
                    np.array(list(fact.losses.values()), dtype="<f4").tobytes(),
                    ids("provenance", ("key",), (fact.provenance,)),
                )
                for fact in facts
            ]
            before = self._connection.total_changes
            self._connection.executemany(PUT_EVALUATION, rows)
            return self._connection.total_changes - before

    def forget(self, fingerprint: str) -> int:
        """Delete all facts of a dataset, also from the free space of the file.

        Parameters
        ----------
        fingerprint : str
            Fingerprint of the dataset; all kinds of task are deleted.

        Returns
        -------
        int
            Number of deleted datasets; 0 if it is not in the store.
        """
        self._refuse_readonly()
        execute = self._connection.execute
        with store_errors(self.path):
            execute("PRAGMA secure_delete = ON").fetchone()
        with self._writing():
            which = "(SELECT id FROM dataset WHERE fingerprint = ?)"
            used = {
                number
                for table in ("evaluation", "dataset")
                for (number,) in execute(
                    f"SELECT DISTINCT provenance FROM {table}"
                    f" WHERE {'id' if table == 'dataset' else 'dataset'} IN {which}",
                    (fingerprint,),
                )
            }
            for table in ("evaluation", "metafeature_value"):
                execute(f"DELETE FROM {table} WHERE dataset IN {which}", (fingerprint,))
            number = execute("DELETE FROM dataset WHERE fingerprint = ?", (fingerprint,)).rowcount
            for table in ("evaluation", "dataset", "configuration"):
                rows = execute(f"SELECT DISTINCT provenance FROM {table}")
                used -= {provenance for (provenance,) in rows}
            execute("DELETE FROM protocol WHERE id NOT IN (SELECT protocol FROM evaluation)")
            self._connection.executemany(
                "DELETE FROM provenance WHERE id = ?", [(provenance,) for provenance in used]
            )
        with store_errors(self.path):
            execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return number

    def compact(self) -> int:
        """Compact and seal the store in one file; return the bytes of the file.

        The seal is a digest of all facts, so that `metaauto.knowledge.integrity.check` detects any
        changed value. Adding a fact removes the seal.

        Raises
        ------
        KnowledgeError
            Another process has the store open.
        """
        self._refuse_readonly()
        with store_errors(self.path), transaction(self._connection, "BEGIN IMMEDIATE"):
            seal = ("seal", digest(self))
            self._connection.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", seal)
        with store_errors(self.path):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        return self.size

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._refuse_readonly()
        with store_errors(self.path), self.transaction():
            yield

    def _begin(self) -> None:
        self._refuse_readonly()
        with store_errors(self.path):
            self._connection.execute("BEGIN IMMEDIATE")

    def _roll_back(self) -> None:
        # SQLite itself rolls back if the disk is full.
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _refuse_readonly(self) -> None:
        if self.readonly:
            raise KnowledgeError(
                f"The knowledge store {str(self.path)!r} is open for reading only.",
                hint="Open it with readonly=False.",
                path=self.path,
            )

    def _created(self, *facts: Any) -> dict[str, str]:
        keys = [fact.provenance for fact in facts]
        times: dict[str, str] = {}
        for key in keys:
            row = self._connection.execute("SELECT created FROM provenance WHERE key = ?", (key,))
            times.update((key, created) for (created,) in row)
        return times

    def _id(self, table: str, column: str, value: str) -> int:
        return RowIds(self._connection)(table, (column,), (value,))

    def _new_id(self, table: str, values: tuple[Any, ...]) -> int:
        return RowIds(self._connection).new(table, values)

    def _put(
        self, table: str, columns: tuple[str, ...], row: tuple[Any, ...], number: int | None
    ) -> int:
        """Insert a row, or replace the one with that id; return the id."""
        marks = ", ".join("?" * (len(row) + 1))
        update = ", ".join(f"{name} = excluded.{name}" for name in columns)
        cursor = self._connection.execute(
            f"INSERT INTO {table} (id, {', '.join(columns)}) VALUES ({marks})"
            f" ON CONFLICT (id) DO UPDATE SET {update}",
            (number, *row),
        )
        return int(cursor.lastrowid or 0) if number is None else number
