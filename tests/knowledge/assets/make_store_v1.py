"""How store-v1.db was made; kept for the record, the file itself is never made anew."""

from __future__ import annotations

import importlib.util
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from metaauto.knowledge import KnowledgeStore, schema

HERE = Path(__file__).parent


def main(target: Path) -> None:
    spec = importlib.util.spec_from_file_location("facts", HERE.parent / "conftest.py")
    facts = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(facts)
    with tempfile.TemporaryDirectory() as folder:
        newest = Path(folder) / "newest.db"
        with KnowledgeStore.create(newest) as store:
            facts.fill(store, facts.example())
            facts.fill(store, facts.example(kind="regression"))
        with closing(sqlite3.connect(target, isolation_level=None)) as connection:
            schema.apply(connection, upto=1)
            connection.execute("ATTACH ? AS newest", (str(newest),))
            for table, columns in schema.tables_of(connection).items():
                if table != "migration":
                    names = ", ".join(columns)
                    connection.execute(
                        f"INSERT INTO {table} ({names}) SELECT {names} FROM newest.{table}"
                    )
            connection.execute("DETACH newest")
            connection.execute("VACUUM")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
