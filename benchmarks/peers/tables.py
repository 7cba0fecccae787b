"""The tables of the comparison: chosen and split by a hash of their names."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pandas as pd

__all__ = ["MAX_ROWS", "MIN_ROWS", "PARTS", "by_hash", "choose"]

PARTS = ("develop", "publish")
PER_TASK = 16
MIN_ROWS, MAX_ROWS = 500, 60_000
_RESULTS = Path(__file__).parents[1] / "results"
_SHOWN = ("generated_features.jsonl", "networks.jsonl")
"""Results that decided on models and features: their tables are not used again."""


def choose(catalog: pd.DataFrame) -> pd.DataFrame:
    """Return 48 tables, 16 of each task and one of each group, with their part.

    Parameters
    ----------
    catalog : DataFrame
        Columns ``name``, ``task``, ``rows``, ``group``.

    Returns
    -------
    DataFrame
        The chosen rows with the column ``part``: ``"develop"``, on which changes are judged while
        they are made, or ``"publish"``, which is looked at once, after the last change. Tables of
        earlier benchmarks that decided on models are not among them.
    """
    lines = [line for name in _SHOWN for line in (_RESULTS / name).read_text("utf-8").splitlines()]
    shown = catalog[catalog["name"].isin({json.loads(line)["table"] for line in lines})]
    is_new = ~catalog["group"].isin(shown["group"])
    fitting = by_hash(catalog[catalog["rows"].between(MIN_ROWS, MAX_ROWS) & is_new])
    chosen = fitting.drop_duplicates("group").groupby("task", sort=True).head(PER_TASK)
    turn = chosen.groupby("task").cumcount() % len(PARTS)
    return chosen.assign(part=turn.map(dict(enumerate(PARTS))))


def by_hash(catalog: pd.DataFrame) -> pd.DataFrame:
    """Return the tables in the order of a hash of their names."""
    return catalog.sort_values("name", key=lambda names: names.map(_hash))


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
