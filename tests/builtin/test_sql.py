"""Databases are read through SQLAlchemy; SQLite stands for all of them."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import pytest

from metaauto.builtin.readers import READERS, sql
from metaauto.builtin.readers.sql import is_sql
from metaauto.data import lasting_address, read_table, sources
from metaauto.errors import ReadError

sqlalchemy = pytest.importorskip("sqlalchemy")


@pytest.fixture
def shop(tmp_path) -> Path:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute('CREATE TABLE "my orders" (id INTEGER, kind TEXT)')
        connection.execute("INSERT INTO \"my orders\" VALUES (1, 'a%b'), (2, ':x')")
    return path


def read(shop: Path | str, **options: str) -> pd.DataFrame:
    pairs = "&".join(f"{name}={quote(value)}" for name, value in options.items())
    return read_table(f"sqlite+pysqlite:///{shop}?{pairs}", READERS)


def test_table_and_query(shop):
    expected = {"id": [1, 2], "kind": ["a%b", ":x"]}
    assert read(shop, table="my orders").to_dict("list") == expected
    assert read(shop, table="main.my orders").to_dict("list") == expected
    query = "select id + 1 as n from \"my orders\" where kind like '%b' or kind = ':x;' -- all;"
    assert read(shop, query=query).to_dict("list") == {"n": [2]}
    with_clause = 'WITH o AS (SELECT * FROM "my orders") SELECT kind FROM o;'
    assert read(shop, query=with_clause).shape == (2, 1)


@pytest.mark.parametrize(
    "query",
    [
        'DELETE FROM "my orders"',
        'SELECT 1; DELETE FROM "my orders"',
        "ATTACH '{new}' AS other",
        "VACUUM INTO '{new}'",
        '/* SELECT */ DROP TABLE "my orders"',
        "selects",
        "",
    ],
)
def test_other_statements_are_refused(shop, query):
    before = shop.read_bytes()
    with pytest.raises(ReadError, match="is not one SELECT statement"):
        read(shop, query=query.format(new=shop.with_name("new.db")))
    assert shop.read_bytes() == before
    assert [path.name for path in shop.parent.iterdir()] == ["shop.db"]


def test_changes_that_look_like_a_query_are_refused(shop, monkeypatch):
    for query in (
        'WITH o AS (SELECT 1) DELETE FROM "my orders"',
        'WITH o AS (SELECT 1) INSERT INTO "my orders" SELECT 3, 4 RETURNING id',
        'WITH o AS (SELECT 1) UPDATE "my orders" SET id = 4',
    ):
        with monkeypatch.context() as patch:
            with pytest.raises(ReadError, match="is not one SELECT statement"):
                read(shop, query=query)
            patch.setattr(sql, "_CHANGES", re.compile("nothing"))
            with pytest.raises(ReadError, match="attempt to write a readonly database"):
                read(shop, query=query)
    assert read(shop, table="my orders")["id"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "No table of the database is named. Tables: my orders"),
        ({"table": "none"}, "cannot be read: no such table: none"),
        ({"table": 'x" WHERE 1'}, "no such table"),
        ({"table": "my orders", "query": "SELECT 1"}, "mutually exclusive"),
        ({"query": "SELECT 1 AS a, 2 AS a"}, "returns two columns 'a'"),
        ({"query": "SELECT * FROM none"}, "no such table"),
        ({"query": "SELECT 1 AS a WHERE 0"}, "contains only a header: 'a'"),
    ],
)
def test_refusals(shop, options, words):
    with pytest.raises(ReadError, match=words):
        read(shop, **options)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("postgresql+nodriver://me:topsecret@host/db?table=x", "Can't load plugin"),
        ("mysql://me:topsecret/topsecret@host/db?table=x", "requires MySQLdb|cannot be read"),
        ("mysql://h:topsecret/db?table=x", "is not a valid address"),
        ("oracle+oracledb://me:topsecret@host/db?table=x", "requires oracledb|cannot be read"),
        ("mssql+pyodbc://me:topsecret@host/db?table=" + "x" * 2000, "requires pyodbc|cannot"),
    ],
)
def test_credentials_are_not_shown(address, words):
    with pytest.raises(ReadError, match=words) as caught:
        read_table(address, READERS)
    assert "topsecret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert lasting_address(address, READERS) is None


def test_messages_of_drivers_hide_the_password(monkeypatch):
    def fail(*_, **__):
        error = ValueError("login with topsecret failed")
        raise sqlalchemy.exc.OperationalError("statement", {}, error)

    monkeypatch.setattr(sqlalchemy, "create_engine", fail)
    with pytest.raises(ReadError, match=r"login with \*\*\* failed") as caught:
        read_table("postgresql://me:topsecret@host/db?table=x", READERS)
    assert str(caught.value).startswith("'postgresql://host/db?...' cannot be read")


def test_addresses_of_databases(shop, monkeypatch):
    for address in ("postgresql://h/d", "mysql+pymysql://h/d", "MSSQL://h/d", "oracle://h/d"):
        assert is_sql(address)
    for address in ("sqlite:shop.db", "sqlite:///shop.db", "https://a.org/x", "postgresql:x"):
        assert not is_sql(address)
    monkeypatch.chdir(shop.parent)
    for address in ("sqlite:///shop.db", f"sqlite:///{shop}"):
        assert read_table(address, READERS).shape == (2, 2)
        assert lasting_address(address, READERS) == f"sqlite:{shop}"


def test_the_extra_is_named(shop, monkeypatch):
    monkeypatch.setattr(sources, "_is_installed", lambda module: module != "sqlalchemy")
    with pytest.raises(ReadError, match=r"requires sqlalchemy.*pip install 'metaauto\[sql\]'"):
        read(shop, table="my orders")
