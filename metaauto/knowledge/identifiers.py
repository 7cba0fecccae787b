"""Look up row ids of a table by natural key."""

from __future__ import annotations

import sqlite3
from typing import Any

from metaauto.errors import KnowledgeError
from metaauto.knowledge import schema

__all__ = ["RowIds"]


class RowIds:
    """Cached row ids by natural key; valid within one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: dict[tuple[str, tuple[Any, ...]], int] = {}

    def __call__(self, table: str, columns: tuple[str, ...], values: tuple[Any, ...]) -> int:
        """Return the id of an existing row; `values` are its natural key."""
        number = self._known.get((table, values))
        if number is None:
            where = " AND ".join(f"{column} = ?" for column in columns)
            row = self._connection.execute(
                f"SELECT id FROM {table} WHERE {where}", values
            ).fetchone()
            if row is None:
                raise KnowledgeError(
                    f"Missing {table} {' '.join(map(repr, values))}.",
                    hint=f"Call add_{table} first.",
                )
            number = self._known[table, values] = row[0]
        return number

    def new(self, table: str, values: tuple[Any, ...]) -> int:
        """Return the id of a row, inserted if missing; `values` are all its columns."""
        if (table, values) not in self._known:
            columns = schema.COLUMNS[table][1:]
            self._connection.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES"
                f" ({', '.join('?' * len(columns))}) ON CONFLICT DO NOTHING",
                values,
            )
            return self(table, columns, values)
        return self._known[table, values]
