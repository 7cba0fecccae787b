"""Readers of databases in one file, SQLite and DuckDB; both are opened read-only."""

from __future__ import annotations

import sqlite3
import urllib.parse
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from metaauto.api import ReadError
from metaauto.builtin.readers.sql import check_query
from metaauto.builtin.readers.text import check_file, first_line

__all__ = ["is_duckdb", "is_sqlite", "read_duckdb", "read_sqlite"]

_LISTED = 10
_DUCKDB_LIMITS: dict[str, Any] = {
    # Queries and views reach no other file, no network and no variable of Python.
    "enable_external_access": "false",
    "python_enable_replacements": "false",
    "lock_configuration": "true",
}


def is_sqlite(source: str) -> bool:
    """Return whether it is the address of an SQLite database."""
    return _is_database(source, "sqlite:", (".sqlite", ".sqlite3", ".db"))


def is_duckdb(source: str) -> bool:
    """Return whether it is the address of a DuckDB database."""
    return _is_database(source, "duckdb:", (".duckdb", ".ddb"))


def _is_database(source: str, prefix: str, suffixes: tuple[str, ...]) -> bool:
    if source.startswith(prefix):
        return True
    path = source.partition("?")[0].lower()
    named = ("duckdb:", "openml:", "sklearn:", "sqlite:")
    return path.endswith(suffixes) and "://" not in source and not source.startswith(named)


def read_sqlite(source: str) -> Any:
    """Read a table of an SQLite database, opened read-only."""
    import pandas as pd

    path, table, query = _parsed(source, "sqlite:")
    address = f"{Path(path).resolve().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            connection.set_authorizer(_only_this_database)
            if query is None:
                rows = connection.execute(
                    "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') "
                    "AND name NOT LIKE 'sqlite_%' ORDER BY name"
                )
                names = [str(name) for (name,) in rows]
                query = _select_all(_one_of(names, table, f"sqlite:{path}"))
            cursor = connection.execute(query)
            if cursor.description is None:
                raise ReadError(f"{query!r} returns no rows.", hint="Use a SELECT statement.")
            names = [column[0] for column in cursor.description]
            return pd.DataFrame.from_records(cursor.fetchall(), columns=names, coerce_float=False)
    except sqlite3.Error as error:
        hint = "Check the file and the query, which can access only this file."
        with open(path, "rb") as file:
            if file.read(12)[8:] == b"DUCK":
                hint = f"It is a DuckDB database: use duckdb:{path}"
        raise ReadError(
            f"{path!r} cannot be read as an SQLite database: {error}.", hint=hint
        ) from error


def _only_this_database(action: int, *_: str | None) -> int:
    """Deny access to other files, which mode=ro does not make read-only."""
    # VACUUM INTO attaches the file that it writes.
    return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_ATTACH else sqlite3.SQLITE_OK


def read_duckdb(source: str) -> Any:
    """Read a table of a DuckDB database, opened read-only."""
    import duckdb

    path, table, query = _parsed(source, "duckdb:")
    try:
        with duckdb.connect(path, read_only=True, config=_DUCKDB_LIMITS) as connection:
            if query is None:
                rows = connection.execute(
                    "SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT internal "
                    "UNION SELECT schema_name, view_name FROM duckdb_views() "
                    "WHERE NOT internal ORDER BY 2"
                ).fetchall()
                # The names of other schemas are written with the schema.
                names = [name if schema == "main" else f"{schema}.{name}" for schema, name in rows]
                query = _select_all(*rows[names.index(_one_of(names, table, f"duckdb:{path}"))])
            else:
                check_query(query)
            return connection.execute(query).df()
    except duckdb.Error as error:
        raise ReadError(
            f"{path!r} cannot be read as a DuckDB database: {first_line(error).rstrip('.!')}.",
            hint="Check the file and the query, which can access only this file.",
        ) from error


def _parsed(source: str, prefix: str) -> tuple[str, str | None, str | None]:
    """Return the path of an existing file, and the name of a table or a query."""
    path, _, options = source.removeprefix(prefix).partition("?")
    given = dict(urllib.parse.parse_qsl(options))
    unknown = sorted(set(given) - {"table", "query"})
    if unknown or len(given) > 1:
        problem = (
            f"unknown option {', '.join(unknown)}"
            if unknown
            else "table and query are mutually exclusive"
        )
        raise ReadError(
            f"{source!r}: {problem}.",
            hint=f"Use {prefix}FILE?table=NAME or {prefix}FILE?query=SELECT...",
        )
    check_file(path)
    return path, given.get("table"), given.get("query")


def _one_of(names: Sequence[str], requested: str | None, address: str) -> str:
    """Return the requested name of a table as it is written, or that of the only table."""
    path = address.partition(":")[2]
    listed = ", ".join(names[:_LISTED])
    if requested is not None:
        same = [name for name in names if name.lower() == requested.lower()]
        if not same:
            raise ReadError(
                f"{path!r} has no table {requested!r}.",
                hint=f"Available tables: {listed or 'none'}.",
            )
        return same[0]
    if not names:
        raise ReadError(f"{path!r} contains no table.", hint="Choose another database.")
    if len(names) > 1:
        raise ReadError(
            f"{path!r} contains {len(names)} tables: {listed}.",
            hint=f"Choose one, such as {address}?table={names[0]}",
        )
    return names[0]


def _select_all(*name: str) -> str:
    quoted = ".".join('"{}"'.format(part.replace('"', '""')) for part in name)
    return f"SELECT * FROM {quoted}"
