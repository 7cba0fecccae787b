"""Limit the rows that are read of a table: a random sample of one that is too large."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from metaauto.text import counted

__all__ = ["PRESENT_ROWS", "RowLimit", "sample_note", "sampled"]

PRESENT_ROWS = "present_rows"
"""The attribute of a sampled table with the number of rows of the whole table."""


@dataclass(frozen=True)
class RowLimit:
    """How many rows of a table to read at most; of more, a random sample.

    Parameters
    ----------
    max_bytes : float
        Bytes that the rows may take in memory.
    rows : int, optional
        Number of rows, instead of as many as `max_bytes` allows.
    seed : int
        Seed of the sample. The same seed and number of rows give the same sample.
    """

    max_bytes: float = math.inf
    rows: int | None = None
    seed: int = 0


def sample_note(rows: int, present: int) -> str:
    """Return the sentence that a table was not read as a whole.

    Examples
    --------
    >>> sample_note(1000, 25000)
    'A random sample of the table was read: 1,000 of 25,000 rows.'
    """
    return f"A random sample of the table was read: {rows:,} of {counted(present, 'row')}."


def sampled(
    parts: Iterator[pd.DataFrame], rows: int, present: int, seed: int
) -> Iterator[pd.DataFrame]:
    """Yield a random sample of a table, the same share of each part, in the order of the table.

    Parameters
    ----------
    parts : iterator of DataFrame
        The whole table.
    rows : int
        Rows of the sample, at most `present`.
    present : int
        Rows of the table.
    seed : int
        Random seed.
    """
    seen = taken = 0
    for place, part in enumerate(parts):
        seen += len(part)
        count = min(seen * rows // present - taken, len(part))
        taken += count
        chosen = np.random.default_rng([seed, place]).choice(len(part), count, replace=False)
        yield part.iloc[np.sort(chosen)]
