"""Row ids: what a table calls a thing, found by what the thing is called everywhere."""

from __future__ import annotations

import sqlite3
from typing import Any

from metaauto.errors import KnowledgeError
from metaauto.knowledge import schema

__all__ = ["RowIds"]


class RowIds:
    """Row ids by natural key, looked up once; valid within one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: dict[tuple[str, tuple[Any, ...]], int] = {}

    def __call__(self, table: str, columns: tuple[str, ...], values: tuple[Any, ...]) -> int:
        """The id of a row that must be there; `values` tell it from others."""
        number = self._known.get((table, values))
        if number is None:
            where = " AND ".join(f"{column} = ?" for column in columns)
            row = self._connection.execute(
                f"SELECT id FROM {table} WHERE {where}", values
            ).fetchone()
            if row is None:
                raise KnowledgeError(
                    f"There is no {table} {' '.join(map(repr, values))} in it.",
                    hint=f"Call add_{table} first.",
                )
            number = self._known[table, values] = row[0]
        return number

    def new(self, table: str, values: tuple[Any, ...]) -> int:
        """The id of a row that is made if it is missing; `values` are all its columns."""
        if (table, values) not in self._known:
            columns = schema.COLUMNS[table][1:]
            self._connection.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES"
                f" ({', '.join('?' * len(columns))}) ON CONFLICT DO NOTHING",
                values,
            )
            return self(table, columns, values)
        return self._known[table, values]
