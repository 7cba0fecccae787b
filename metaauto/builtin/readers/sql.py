"""Reader of databases through SQLAlchemy: one table, or the rows of one SELECT statement."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlencode

from metaauto.api import ReadError
from metaauto.builtin.readers.text import first_line

__all__ = ["check_query", "is_sql", "read_sql"]

_ADDRESS = re.compile(r"(postgresql|mysql|mariadb|mssql|oracle|sqlite)(\+\w+)?://", re.IGNORECASE)
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/", re.DOTALL)
_CHANGES = re.compile(r"\b(insert|delete|merge)\s+(into|from)\b|\bupdate\b.+\bset\b", re.I | re.S)
_READ_ONLY = {
    **dict.fromkeys(("mysql", "mariadb"), "SET TRANSACTION READ ONLY"),
    "sqlite": "PRAGMA query_only = ON",
}
_CONNECT_SECONDS = 10
_LISTED = 10


def is_sql(source: str) -> bool:
    """Return whether it is the address of a database; SQLite files have their own reader."""
    return not source.startswith("sqlite:") and _ADDRESS.match(source) is not None


def read_sql(source: str) -> Any:
    """Read a table of a database, or the rows of a SELECT statement, in a transaction to read.

    Parameters
    ----------
    source : str
        Address of SQLAlchemy, with the option ``table`` or ``query``, such as
        ``"postgresql://host/shop?table=orders"``.
    """
    import sqlalchemy

    address, table, query = _parsed(source)
    try:
        url = sqlalchemy.make_url(address)
    except (ValueError, sqlalchemy.exc.ArgumentError):
        raise ReadError(
            f"{source!r} is not a valid address of a database.",
            hint="Write dialect://host:port/database; the port is a number.",
        ) from None
    try:
        return _read(url, table, query)
    except ModuleNotFoundError as error:
        raise ReadError(
            f"{source!r} requires {error.name}, which is not installed.",
            hint=f"Run: pip install {error.name}",
        ) from None
    except sqlalchemy.exc.SQLAlchemyError as error:
        # Its own message shows the statement; that of the driver may show the password.
        cause = first_line(getattr(error, "orig", None) or error)
        cause = cause.replace(url.password, "***") if url.password else cause
        raise ReadError(
            f"{source!r} cannot be read: {cause}.",
            hint="Check the address, the credentials and the query.",
        ) from None


def _read(url: Any, table: str | None, query: str | None) -> Any:
    import sqlalchemy

    backend, limits, options = url.get_backend_name(), {}, {"no_parameters": True}
    if backend in ("postgresql", "mysql", "mariadb"):
        limits["connect_timeout"] = _CONNECT_SECONDS
    if backend == "postgresql":
        options["postgresql_readonly"] = True
    engine = sqlalchemy.create_engine(url, connect_args=limits, poolclass=sqlalchemy.NullPool)
    if query is None:
        query = f"SELECT * FROM {_quoted(engine, table)}"
    # Nothing is committed: the end of the connection rolls back.
    with engine.connect().execution_options(**options) as connection:
        if backend in _READ_ONLY:
            connection.exec_driver_sql(_READ_ONLY[backend])
        return _table_of(connection.exec_driver_sql(query))


def _parsed(source: str) -> tuple[str, str | None, str | None]:
    """Return the address of the database, and the name of a table or a query."""
    address, _, rest = source.partition("?")
    options = dict(parse_qsl(rest, keep_blank_values=True))
    table, query = options.pop("table", None), options.pop("query", None)
    if table is not None and query is not None:
        raise ReadError(f"{source!r}: table and query are mutually exclusive.", hint="Remove one.")
    if query is not None:
        check_query(query)
    return (f"{address}?{urlencode(options)}" if options else address), table, query


def check_query(query: str) -> None:
    """Raise an error unless it is one SELECT statement."""
    plain = _QUOTED.sub(" ", query).strip().removesuffix(";")
    is_select = re.match(r"(select|with)\b", plain, re.IGNORECASE) is not None
    if not is_select or ";" in plain or _CHANGES.search(plain):
        raise ReadError("The query is not one SELECT statement.", hint="Write SELECT ... FROM ...")


def _quoted(engine: Any, table: str | None) -> str:
    """Return the quoted name of a table, which may follow that of its schema."""
    import sqlalchemy

    if table is None:
        names = sqlalchemy.inspect(engine).get_table_names()
        listed = ", ".join(names[:_LISTED]) or "none"
        raise ReadError("No table of the database is named.", hint=f"Tables: {listed}.")
    quote = engine.dialect.identifier_preparer.quote_identifier
    return ".".join(quote(part) for part in table.split(".", 1))


def _table_of(result: Any) -> Any:
    import pandas as pd

    names = list(result.keys())
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ReadError(
            f"The query returns two columns {twice!r}.", hint="Rename one of them with AS."
        )
    rows = [tuple(row) for row in result]
    return pd.DataFrame.from_records(rows, columns=names, coerce_float=False)
