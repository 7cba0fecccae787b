"""How a store's file is opened, and how SQLite's errors are told."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from metaauto.errors import KnowledgeError
from metaauto.knowledge import schema

__all__ = ["connect", "telling", "transaction"]

_MAGIC = b"SQLite format 3\0"
_CAUSES = (
    ("locked", "is being written by another process", "Try again when that is done."),
    ("busy", "is being written by another process", "Try again when that is done."),
    ("full", "cannot grow: the disk is full", "Free some space; what was stored before is safe."),
    ("readonly", "may not be written", "Copy it to a place that you may write."),
    ("unable to open", "cannot be opened", "Check that the path exists and may be read."),
    ("closed database", "was closed", "Open it again."),
    ("disk i/o", "cannot be read or written by the disk", "Check the disk; restore a copy."),
)
_DAMAGED = "Restore a copy, or delete it: metaauto works without, only less warm."


@contextmanager
def telling(path: Path | None) -> Iterator[None]:
    """Turn whatever a damaged or unusable file causes into one `KnowledgeError`."""
    name = f"The knowledge store {str(path)!r}" if path else "The knowledge store"
    try:
        yield
    except KnowledgeError as error:
        if "path" in error.details:
            raise
        message = f"{name}: {error.message}"
        raise KnowledgeError(message, hint=error.hint, path=path) from error
    except sqlite3.Error as error:
        text = str(error).lower()
        for word, what, hint in _CAUSES:
            if word in text:
                raise KnowledgeError(f"{name} {what}.", hint=hint, path=path) from error
        raise KnowledgeError(f"{name} is damaged: {error}.", hint=_DAMAGED, path=path) from error
    except OSError as error:
        message = f"{name} cannot be used: {error.strerror or error}."
        raise KnowledgeError(message, hint="Check the path and its rights.", path=path) from error
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        message = f"{name} is damaged: {type(error).__name__}: {error}."
        raise KnowledgeError(message, hint=_DAMAGED, path=path) from error


def connect(path: Path, *, readonly: bool, timeout: float) -> sqlite3.Connection:
    """Open an existing store and look whether it is one.

    A store in a directory that may not be written is opened as it stands (``immutable``) when it
    was left in WAL mode, which otherwise wants a file beside it. One of an older schema is copied
    into memory and migrated there when it is opened for reading.
    """
    with path.open("rb") as file:
        magic = file.read(len(_MAGIC))
    if magic != _MAGIC:
        what = "is empty" if not magic else "is no SQLite database"
        raise KnowledgeError(f"The file {what}.", hint="Name another file, or create a new store.")
    if not readonly:
        connection = _raw(path, "rw", timeout)
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
            connection.execute("PRAGMA synchronous = NORMAL")
            schema.version(connection)
        except BaseException:
            connection.close()
            raise
        return connection
    try:
        connection = _reading(path, "ro", timeout)
    except sqlite3.OperationalError:
        if os.access(path.parent, os.W_OK):
            raise
        journal = path.with_name(path.name + "-wal")
        if journal.exists() and journal.stat().st_size:
            raise KnowledgeError(
                f"The last writing to it lies in {journal.name!r}, which cannot be read here.",
                hint="Copy both files to a folder that you may write and open the copy.",
            ) from None
        connection = _reading(path, "ro&immutable=1", timeout)
    return connection


def _reading(path: Path, mode: str, timeout: float) -> sqlite3.Connection:
    connection = _raw(path, mode, timeout)
    try:
        number = schema.version(connection)
        if number == 0:
            raise KnowledgeError("It holds no tables.", hint="Create a new store.")
        if number < len(schema.MIGRATIONS):
            connection = _migrated_copy(connection)
        if schema.tables_of(connection) != schema.COLUMNS:
            raise KnowledgeError("Its tables are not those of a store.", hint=_DAMAGED)
    except BaseException:
        connection.close()
        raise
    return connection


def _migrated_copy(connection: sqlite3.Connection) -> sqlite3.Connection:
    copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    try:
        connection.backup(copy)
        schema.apply(copy)
        copy.execute("PRAGMA query_only = ON")
    except BaseException:
        copy.close()
        raise
    connection.close()
    return copy


def _raw(path: Path, mode: str, timeout: float) -> sqlite3.Connection:
    uri = f"{path.resolve().as_uri()}?mode={mode}"
    connection = sqlite3.connect(
        uri, uri=True, timeout=timeout, isolation_level=None, check_same_thread=False
    )
    try:
        # A store may come from somebody else: nothing in its schema may call functions.
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection, begin: str = "BEGIN") -> Iterator[None]:
    """All or nothing; inside another transaction, part of that one."""
    if connection.in_transaction:
        yield
        return
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A full disk rolls back by itself.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
