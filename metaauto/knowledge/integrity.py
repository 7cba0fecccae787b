"""The integrity check of a store."""

from __future__ import annotations

from collections.abc import Iterator

from metaauto.errors import KnowledgeError
from metaauto.knowledge import schema
from metaauto.knowledge.canonical import digest
from metaauto.knowledge.connection import telling
from metaauto.knowledge.queries import StoredFacts

__all__ = ["check"]


def check(store: StoredFacts, *, deep: bool = True) -> list[str]:
    """Problems of a store, one line each; empty if it is sound.

    Looked at are the file's pages and indexes, the tables, the references between them, whether
    every fact can be read and has the key it is filed under, and, in a sealed store, whether any
    value has changed since.

    Parameters
    ----------
    store : KnowledgeStore
        What to look at.
    deep : bool, default=True
        Also read every evaluation, and compare with the seal.

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
    looks = (_pages, _tables, _references, _keys, *((_evaluations,) if deep else ()))
    for look in looks:
        try:
            problems += look(store)
        except KnowledgeError as error:
            problems.append(error.message.rstrip("."))
        if problems:
            # What is asked next would stumble over the same damage.
            break
    return problems


def _pages(store: StoredFacts) -> Iterator[str]:
    with telling(store.path):
        rows = store._connection.execute("PRAGMA integrity_check(5)").fetchall()
    for (text,) in rows:
        if text != "ok":
            yield str(text).strip()


def _tables(store: StoredFacts) -> Iterator[str]:
    with telling(store.path):
        found = schema.tables_of(store._connection)
        (recorded,) = store._connection.execute("SELECT count(*) FROM migration").fetchone()
    for name in sorted({*found, *schema.COLUMNS}):
        if found.get(name) != schema.COLUMNS.get(name):
            yield f"table {name!r} is not as it should be"
    if recorded != len(schema.MIGRATIONS):
        yield f"{recorded} migrations are recorded instead of {len(schema.MIGRATIONS)}"


def _references(store: StoredFacts) -> Iterator[str]:
    with telling(store.path):
        rows = store._connection.execute("PRAGMA foreign_key_check").fetchall()
    for table, _, parent, _ in rows[:5]:
        yield f"a row of {table!r} refers to a missing row of {parent!r}"


def _keys(store: StoredFacts) -> Iterator[str]:
    with telling(store.path):
        for table, facts in (
            ("provenance", store._provenance_by_id()),
            ("configuration", store._configuration_by_id()),
        ):
            for number, key in store._keys(table).items():
                if facts[number].key != key:
                    yield f"{table} {key!r} is not what its key says"
    # Making a fact checks it.
    store.datasets()


def _evaluations(store: StoredFacts) -> Iterator[str]:
    with telling(store.path):
        row = store._connection.execute("SELECT value FROM note WHERE name = 'seal'").fetchone()
    # Either way every evaluation is read.
    found = digest(store)
    if row is not None and found != row[0]:
        yield "values have changed since it was sealed"
