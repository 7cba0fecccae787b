"""Tables of DuckDB files: read-only, without access to other files."""

import pandas as pd
import pytest

from metaauto.api import ReadError
from metaauto.builtin.readers import READERS
from metaauto.data import sources
from metaauto.data.read import read_table

duckdb = pytest.importorskip("duckdb")

ORDERS = pd.DataFrame({"id": [1, 2, 3], "the kind": ["a", None, "b"], "price": [1.5, 2.0, 3.25]})


def read(source):
    return read_table(source, READERS)


def execute(path, *statements):
    with duckdb.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def shop(tmp_path):
    path = tmp_path / "shop.duckdb"
    rows = "(VALUES (1, 'a', 1.5), (2, NULL, 2.0), (3, 'b', 3.25))"
    execute(path, f'CREATE TABLE orders AS SELECT * FROM {rows} t(id, "the kind", price)')
    return path


@pytest.mark.parametrize("address", ["{0}", "duckdb:{0}", "duckdb:{0}?table=ORDERS"])
def test_duckdb(shop, address):
    frame = read(address.format(shop))
    assert frame["price"].tolist() == ORDERS["price"].tolist()
    assert frame["the kind"].isna().tolist() == [False, True, False]


def test_duckdb_path_of_sqlalchemy(shop, monkeypatch):
    monkeypatch.chdir(shop.parent)
    assert read("duckdb:///shop.duckdb").shape == (3, 3)


def test_duckdb_schemas_and_views(shop):
    execute(shop, 'CREATE SCHEMA "my.own"', 'CREATE VIEW "my.own"."x""y" AS SELECT 7 AS seven')
    assert read(f'{shop}?table=my.own.x"y')["seven"].tolist() == [7]
    with pytest.raises(ReadError, match=r"2 tables: orders, my\.own\.x.*\?table=orders"):
        read(str(shop))
    with pytest.raises(ReadError, match=r"no table 'order'\. Available tables: orders"):
        read(f"{shop}?table=order")


def test_duckdb_queries(shop):
    assert read(f"{shop}?query=SELECT id%2B1 AS next FROM orders")["next"].tolist() == [2, 3, 4]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_csv('{other}')",
        "SELECT * FROM '{other}'",
        "SELECT * FROM glob('{other}')",
        "SELECT * FROM ORDERS_IN_PYTHON",
        "COPY orders TO '{other}'",
        "ATTACH '{other}' AS other",
        "WITH x AS (SELECT 1) INSERT INTO orders SELECT 4, 'd', 1",
        "SELECT 1; DROP TABLE orders",
        "SET enable_external_access = true",
        "INSTALL httpfs",
    ],
)
def test_duckdb_queries_reach_no_other_file(shop, query):
    ORDERS_IN_PYTHON = ORDERS  # noqa: F841
    other = shop.with_name("other.csv")
    other.write_text("secret\n1\n")
    before = {path: path.read_bytes() for path in shop.parent.iterdir()}
    with pytest.raises(ReadError):
        read(f"{shop}?query={query.format(other=other)}")
    assert {path: path.read_bytes() for path in shop.parent.iterdir()} == before


def test_duckdb_views_reach_no_other_file(shop):
    other = shop.with_name("other.csv")
    other.write_text("secret\n1\n")
    execute(shop, f"CREATE VIEW secrets AS SELECT * FROM read_csv('{other}')")
    with pytest.raises(ReadError, match="can access only this file"):
        read(f"{shop}?table=secrets")


def test_duckdb_damaged_files(shop, tmp_path):
    damaged = tmp_path / "damaged.duckdb"
    damaged.write_bytes(b"x" * 5000)
    with pytest.raises(ReadError, match="cannot be read as a DuckDB database"):
        read(str(damaged))
    with pytest.raises(ReadError, match=r"File not found.*shop\.duckdb"):
        read(str(tmp_path / "shops.duckdb"))
    renamed = shop.rename(tmp_path / "shop.db")
    with pytest.raises(ReadError, match=r"as an SQLite database.*use duckdb:.*shop\.db"):
        read(str(renamed))


def test_duckdb_is_not_installed(shop, monkeypatch):
    monkeypatch.setattr(sources, "_is_installed", lambda module: module != "duckdb")
    with pytest.raises(ReadError, match=r"requires duckdb.*pip install 'metaauto\[duckdb\]'"):
        read(str(shop))
