"""Check the integrity of a store."""

from __future__ import annotations

from collections.abc import Iterator

from metaauto.errors import KnowledgeError
from metaauto.knowledge import schema
from metaauto.knowledge.canonical import digest
from metaauto.knowledge.connection import store_errors
from metaauto.knowledge.queries import StoredFacts

__all__ = ["check"]


def check(store: StoredFacts, *, deep: bool = True) -> list[str]:
    """Return the problems of a store, one line each; empty if it is intact.

    Checked are the pages and indexes of the file, the tables, the references between them, whether
    every fact is readable and matches its key, and whether a sealed store was changed.

    Parameters
    ----------
    store : KnowledgeStore
        Store to check.
    deep : bool, default=True
        Also read every evaluation, and compare the store with its seal.

    Examples
    --------
    >>> import tempfile
    >>> from metaauto.knowledge import KnowledgeStore
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with KnowledgeStore.create(f"{folder}/knowledge.db") as store:
    ...         check(store)
    []
    """
    problems: list[str] = []
    checks = (_pages, _tables, _references, _keys, *((_evaluations,) if deep else ()))
    for find_problems in checks:
        try:
            problems += find_problems(store)
        except KnowledgeError as error:
            problems.append(error.message.rstrip("."))
        if problems:
            # Later checks would fail because of the same damage.
            break
    return problems


def _pages(store: StoredFacts) -> Iterator[str]:
    with store_errors(store.path):
        rows = store._connection.execute("PRAGMA integrity_check(5)").fetchall()
    for (text,) in rows:
        if text != "ok":
            yield str(text).strip()


def _tables(store: StoredFacts) -> Iterator[str]:
    with store_errors(store.path):
        found = schema.tables_of(store._connection)
        (recorded,) = store._connection.execute("SELECT count(*) FROM migration").fetchone()
    for name in sorted({*found, *schema.COLUMNS}):
        if found.get(name) != schema.COLUMNS.get(name):
            yield f"table {name!r} differs from the schema"
    if recorded != len(schema.MIGRATIONS):
        yield f"{recorded} migrations are recorded; expected {len(schema.MIGRATIONS)}"


def _references(store: StoredFacts) -> Iterator[str]:
    with store_errors(store.path):
        rows = store._connection.execute("PRAGMA foreign_key_check").fetchall()
    for table, _, parent, _ in rows[:5]:
        yield f"a row of {table!r} refers to a missing row of {parent!r}"


def _keys(store: StoredFacts) -> Iterator[str]:
    with store_errors(store.path):
        for table, facts in (
            ("provenance", store._provenance_by_id()),
            ("configuration", store._configuration_by_id()),
        ):
            for number, key in store._keys(table).items():
                if facts[number].key != key:
                    yield f"{table} {key!r} does not match its key"
    # Facts are validated when they are created.
    store.datasets()


def _evaluations(store: StoredFacts) -> Iterator[str]:
    with store_errors(store.path):
        row = store._connection.execute("SELECT value FROM note WHERE name = 'seal'").fetchone()
    # The digest reads every evaluation, also without a seal.
    found = digest(store)
    if row is not None and found != row[0]:
        yield "values have changed since the store was sealed"
