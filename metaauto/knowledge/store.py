"""The store: one SQLite file of facts about configurations on datasets.

One process writes at a time, in transactions; any number read at the same time, also while it
writes (WAL). A store object belongs to one thread at a time. NULL means "not known" for numbers
and "has none" for names. The same fact twice is one fact; `metaauto.knowledge.reconcile` says what
stays when two facts differ. Nothing that goes in can hold a user's rows, column names or values:
facts are digests, shapes, numbers, and the names of components, metrics and libraries.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from metaauto.errors import KnowledgeError
from metaauto.knowledge import schema
from metaauto.knowledge.canonical import digest
from metaauto.knowledge.connection import connect, telling, transaction
from metaauto.knowledge.identifiers import RowIds
from metaauto.knowledge.queries import StoredFacts
from metaauto.knowledge.reconcile import PUT_EVALUATION, united_configuration, united_dataset
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
    """A knowledge store. Use `create` or `open`; it closes itself as a context manager.

    Attributes
    ----------
    path : Path
        The file.
    readonly : bool
        Whether it may only be read.

    Examples
    --------
    >>> import tempfile
    >>> from metaauto.knowledge import KnowledgeStore, ProvenanceFact
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with KnowledgeStore.create(f"{folder}/knowledge.db") as store:
    ...         key = store.add_provenance(
    ...             ProvenanceFact("2026-01-31T12:00:00Z", "build", "0.1.0")
    ...         )
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
        """Make a new store and open it for writing; its folder is made if it is missing.

        Parameters
        ----------
        path : str or Path
            A file that does not exist, or is empty.
        exist_ok : bool, default=False
            Open a store that is already there instead.
        timeout : float, default=30.0
            Seconds to wait for another process that writes.

        Raises
        ------
        KnowledgeError
            If there is a file already, or it cannot be written.
        """
        path = Path(path).expanduser().absolute()
        with telling(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and path.stat().st_size > 0:
                if exist_ok:
                    return cls.open(path, readonly=False, timeout=timeout)
                raise KnowledgeError(
                    "There is a file already.", hint="Open it, or name a new file."
                )
            with closing(sqlite3.connect(path, timeout=timeout)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
            return cls.open(path, readonly=False, timeout=timeout)

    @classmethod
    def open(
        cls, path: str | Path, *, readonly: bool = True, timeout: float = 30.0
    ) -> KnowledgeStore:
        """Open a store.

        Parameters
        ----------
        path : str or Path
            The file. For reading it may lie in a directory that may not be written.
        readonly : bool, default=True
            Open for reading. A store of an older schema is then migrated in memory; opened for
            writing it is migrated in its file.
        timeout : float, default=30.0
            Seconds to wait for another process that writes.

        Raises
        ------
        KnowledgeError
            If the file is missing, damaged, something else, or of a newer metaauto.
        """
        path = Path(path).expanduser().absolute()
        with telling(path):
            store = cls(path, connect(path, readonly=readonly, timeout=timeout), readonly)
            if not readonly:
                try:
                    store.migrate()
                except BaseException:
                    store.close()
                    raise
            return store

    def migrate(self) -> list[str]:
        """Bring the file to the newest schema; names of the migrations that were applied."""
        with telling(self.path):
            applied = schema.apply(self._connection)
            if schema.tables_of(self._connection) != schema.COLUMNS:
                raise KnowledgeError("Its tables are not those of a store.", hint="Name another.")
        return applied

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all that is added inside one step: all of it is stored, or nothing."""
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
            with telling(self.path):
                if self._connection.total_changes != before:
                    self._connection.execute("DELETE FROM note WHERE name = 'seal'")
                self._connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def add_provenance(self, fact: ProvenanceFact) -> str:
        """Add a provenance; its key."""
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
        """Add a dataset with its metafeatures, or what is new of it; whether anything was new.

        Raises
        ------
        KnowledgeError
            If its provenance is not in the store.
        """
        with self._writing():
            provenance = self._id("provenance", "key", fact.provenance)
            found = self._dataset_by_id(fact.kind, fact.fingerprint, metafeatures=True)
            number = next(iter(found), None)
            if number is not None:
                known = found[number]
                fact = united_dataset(known, fact, self._created(known, fact))
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
        """Add a configuration, or what is new of it; whether anything was new.

        Raises
        ------
        KnowledgeError
            If its provenance is not in the store.
        """
        with self._writing():
            self._id("provenance", "key", fact.provenance)
            found = self._configuration_by_id(fact.key)
            number = next(iter(found), None)
            if number is not None:
                known = found[number]
                fact = united_configuration(known, fact, self._created(known, fact))
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
        """Add evaluations in one transaction; how many were new or replaced a stored one.

        Raises
        ------
        KnowledgeError
            If a dataset, configuration or provenance of one is not in the store; then none is
            added.
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
        """Delete all that is known of a table, also from the file's free space.

        Parameters
        ----------
        fingerprint : str
            Of the table; all kinds of task are forgotten.

        Returns
        -------
        int
            Datasets that were deleted (0 if it was not known).
        """
        self._refuse_readonly()
        execute = self._connection.execute
        with telling(self.path):
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
        with telling(self.path):
            execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return number

    def compact(self) -> int:
        """Make it one small sealed file, ready to be shipped; bytes of the file.

        The seal is a digest of all facts: `metaauto.knowledge.integrity.check` then finds any value
        that changed. It is taken off by the next fact that is added.

        Raises
        ------
        KnowledgeError
            If another process has the store open.
        """
        self._refuse_readonly()
        with telling(self.path), transaction(self._connection, "BEGIN IMMEDIATE"):
            seal = ("seal", digest(self))
            self._connection.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", seal)
        with telling(self.path):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        return self.size

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._refuse_readonly()
        with telling(self.path), self.transaction():
            yield

    def _begin(self) -> None:
        self._refuse_readonly()
        with telling(self.path):
            self._connection.execute("BEGIN IMMEDIATE")

    def _roll_back(self) -> None:
        # A full disk rolls back by itself.
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _refuse_readonly(self) -> None:
        if self.readonly:
            raise KnowledgeError(
                f"The knowledge store {str(self.path)!r} was opened for reading.",
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
        """Insert a row, or replace the one of that id; its id."""
        marks = ", ".join("?" * (len(row) + 1))
        update = ", ".join(f"{name} = excluded.{name}" for name in columns)
        cursor = self._connection.execute(
            f"INSERT INTO {table} (id, {', '.join(columns)}) VALUES ({marks})"
            f" ON CONFLICT (id) DO UPDATE SET {update}",
            (number, *row),
        )
        return int(cursor.lastrowid or 0) if number is None else number
