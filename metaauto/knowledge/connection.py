"""Open the file of a store, and convert SQLite errors to `KnowledgeError`."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from metaauto.errors import KnowledgeError
from metaauto.files import SQLITE_JOURNALS, partial_file
from metaauto.knowledge import schema

__all__ = ["connect", "create_file", "store_errors", "transaction"]

_MAGIC = b"SQLite format 3\0"
_CAUSES = (
    ("locked", "is being written by another process", "Try again when that process has finished."),
    ("busy", "is being written by another process", "Try again when that process has finished."),
    ("full", "cannot be written: the disk is full", "Free disk space; stored facts are intact."),
    ("readonly", "is read-only", "Copy it to a writable folder."),
    ("unable to open", "cannot be opened", "Check that the path exists and is readable."),
    ("closed database", "is closed", "Open it again."),
    ("disk i/o", "cannot be accessed: disk error", "Check the disk; restore a copy."),
)
# A value of a damaged store can have any type, size and depth.
_UNREADABLE = (
    *(ArithmeticError, AttributeError, LookupError, TypeError, ValueError),
    *(MemoryError, RecursionError),
)
_DAMAGED = "Restore a copy, or delete the store; metaauto then starts without this knowledge."


@contextmanager
def store_errors(path: Path | None) -> Iterator[None]:
    """Convert every error caused by a damaged or unusable file to a `KnowledgeError`."""
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
        for word, problem, hint in _CAUSES:
            if word in text:
                raise KnowledgeError(f"{name} {problem}.", hint=hint, path=path) from error
        raise KnowledgeError(f"{name} is damaged: {error}.", hint=_DAMAGED, path=path) from error
    except OSError as error:
        message = f"{name} cannot be used: {error.strerror or error}."
        hint = "Check the path and its permissions."
        raise KnowledgeError(message, hint=hint, path=path) from error
    except _UNREADABLE as error:
        message = f"{name} is damaged: {type(error).__name__}: {error}."
        raise KnowledgeError(message, hint=_DAMAGED, path=path) from error


def connect(path: Path, *, readonly: bool, timeout: float) -> sqlite3.Connection:
    """Open an existing store and check its schema.

    A store in WAL mode in a read-only directory is opened as ``immutable``, because WAL mode needs
    a second file. A store with an older schema that is opened for reading is migrated in memory.
    """
    with path.open("rb") as file:
        magic = file.read(len(_MAGIC))
    if magic != _MAGIC:
        problem = "is empty" if not magic else "is not an SQLite database"
        hint = "Choose another file, or create a new store."
        raise KnowledgeError(f"The file {problem}.", hint=hint)
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
        connection = _reading(path, _reading_mode(path), timeout)
    except sqlite3.OperationalError:
        if os.access(path.parent, os.W_OK):
            raise
        journal = path.with_name(path.name + "-wal")
        if journal.exists() and journal.stat().st_size:
            raise KnowledgeError(
                f"Its latest changes are in {journal.name!r}, which needs a writable folder.",
                hint="Copy both files to a writable folder and open the copy.",
            ) from None
        connection = _reading(path, "ro&immutable=1", timeout)
    return connection


def create_file(path: Path, timeout: float) -> None:
    """Create an empty store; on failure, as on a full disk, leave no file.

    If another process creates the store at the same time, that one is kept.
    """
    with partial_file(path) as part:
        with closing(_raw(part, "rw", timeout)) as connection:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
            schema.apply(connection)
        _publish(part, path)


def _publish(part: Path, path: Path) -> None:
    """Rename a new store, unless another process has created one."""
    if path.exists() and path.stat().st_size == 0:
        os.replace(part, path)
        return
    try:
        os.link(part, path)
    except FileExistsError:
        return
    except OSError:
        # Not all file systems have hard links.
        if not path.exists():
            os.replace(part, path)


def _reading_mode(path: Path) -> str:
    """Return the mode in which SQLite removes the journals that it creates for reading.

    A connection that may only read leaves them behind. If there is a journal already, it belongs
    to a writer, or has to be kept.
    """
    journals = (path.with_name(path.name + suffix) for suffix in SQLITE_JOURNALS)
    is_writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    return "rw" if is_writable and not any(journal.exists() for journal in journals) else "ro"


def _reading(path: Path, mode: str, timeout: float) -> sqlite3.Connection:
    connection = _raw(path, mode, timeout)
    try:
        connection.execute("PRAGMA query_only = ON")
        number = schema.version(connection)
        if number == 0:
            raise KnowledgeError("It contains no tables.", hint="Create a new store.")
        if number < len(schema.MIGRATIONS):
            connection = _migrated_copy(connection)
        if schema.tables_of(connection) != schema.COLUMNS:
            raise KnowledgeError("Its tables differ from the schema of a store.", hint=_DAMAGED)
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
        # A store may be untrusted: its schema must not call functions.
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection, begin: str = "BEGIN") -> Iterator[None]:
    """Run a block as one transaction; inside another transaction, as part of it."""
    if connection.in_transaction:
        yield
        return
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite itself rolls back if the disk is full.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
