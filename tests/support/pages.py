"""The documentation pages, the scripts in docs as modules, and the tables used on the pages."""

from __future__ import annotations

import importlib.util
import sqlite3
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
from imported import ImportedProgram

__all__ = ["DOCS", "HOME", "PAGES", "script", "text_of", "use", "write_tables"]

HOME = Path(__file__).parents[2]
DOCS = HOME / "docs"
PAGES = [HOME / "README.md", *sorted(DOCS.glob("*.md"))]


def text_of(name: str) -> str:
    """Return the text of a page."""
    return next(page for page in PAGES if page.name == name).read_text("utf-8")


def script(name: str) -> ModuleType:
    """Import a script of the folder docs, which may import other scripts there."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, str(DOCS))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(DOCS))
    return module


def use(shell: Any, imported: ImportedProgram) -> None:
    """Let the command ``metaauto`` of a shell of docs/examples.py run without its imports."""
    call = " ".join(f"'{word}'" for word in imported.command())
    (shell.place / ".bin" / "metaauto").write_text(f'#!/bin/sh\nexec {call} "$@"\n', "utf-8")


def write_tables(place: Path) -> None:
    """Write small tables with the names used on the pages."""
    flats = _flats(160)
    flats.iloc[:120].to_csv(place / "train.csv", index=False)
    flats.iloc[:120].to_parquet(place / "train.parquet")
    flats.iloc[120:].to_csv(place / "test.csv", index=False)
    flats.iloc[120:].drop(columns="price").to_csv(place / "new.csv", index=False)
    for folder in ("tables", "TABLES", "part1", "part2"):
        (place / folder).mkdir()
    flats.to_parquet(place / "tables" / "flats.parquet")
    _flats(90, seed=1).to_parquet(place / "tables" / "more.parquet")
    _flats(80, seed=2).to_parquet(place / "TABLES" / "one.parquet")
    _flats(80, seed=3).to_parquet(place / "part1" / "one.parquet")
    _flats(80, seed=4).to_parquet(place / "part2" / "two.parquet")
    (place / "pack").mkdir()
    _shop().to_parquet(place / "shop.parquet")
    _visits().to_csv(place / "visits.csv", index=False)
    with sqlite3.connect(place / "shop.db") as connection:
        orders = _shop().rename(columns={"churn": "paid"})
        orders.to_sql("orders", connection, index=False)
    connection.close()


def _flats(rows: int, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    size, rooms = random.uniform(20, 150, rows), random.integers(1, 6, rows)
    days = pd.to_datetime("1950-01-01") + pd.to_timedelta(random.integers(0, 25_000, rows), "D")
    return pd.DataFrame(
        {
            "size": size.round(1),
            "rooms": rooms,
            "district": random.choice(list("abcdefghij"), rows),
            "zip": random.choice([10115, 10243, 12043], rows),
            "built": days.strftime("%Y-%m-%d"),
            "certainty": random.uniform(0.5, 1, rows).round(2),
            "price": (2000 * size + 5000 * rooms + random.normal(0, 9000, rows)).round(),
        }
    )


def _shop(rows: int = 160) -> pd.DataFrame:
    random = np.random.default_rng(5)
    orders, age = random.integers(0, 30, rows), random.uniform(18, 80, rows)
    gone = orders + random.normal(0, 6, rows) < 12
    return pd.DataFrame(
        {
            "customer": np.arange(rows) // 4,
            "orders": orders,
            "age": age.round(1),
            "churn": np.where(gone, "yes", "no"),
        }
    )


def _visits(rows: int = 150) -> pd.DataFrame:
    random = np.random.default_rng(6)
    days = pd.date_range("2026-01-01", periods=rows).strftime("%Y-%m-%d")
    rain = random.uniform(0, 10, rows)
    visits = (100 + np.arange(rows) - 5 * rain + random.normal(0, 5, rows)).round()
    zips = random.choice([10115, 10243], rows)
    return pd.DataFrame({"day": days, "zip": zips, "rain": rain.round(1), "visits": visits})
