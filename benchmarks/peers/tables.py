"""The tables of the comparison: chosen and split by a hash of their names."""

from __future__ import annotations

import hashlib

import pandas as pd

__all__ = ["PARTS", "choose"]

PARTS = ("develop", "publish")
PER_TASK = 16
MIN_ROWS, MAX_ROWS = 500, 60_000


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
        they are made, or ``"publish"``, which is looked at once, after the last change.
    """
    fitting = catalog[catalog["rows"].between(MIN_ROWS, MAX_ROWS)]
    ordered = fitting.assign(place=fitting["name"].map(_place)).sort_values("place")
    chosen = ordered.drop_duplicates("group").groupby("task", sort=True).head(PER_TASK)
    turn = chosen.groupby("task").cumcount() % len(PARTS)
    return chosen.assign(part=turn.map(dict(enumerate(PARTS)))).drop(columns="place")


def _place(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
