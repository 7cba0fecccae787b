"""Metafeatures for metaauto: numbers that describe a table, by which similar datasets are found.

`extract` gets a sample of the training rows and returns a value for each of the `keys`; NaN is a
value that is undefined.
"""

from __future__ import annotations

import math

import numpy as np

from metaauto.api import MetafeatureExtractor, MetafeatureInput, Register, hookimpl


def extract(table: MetafeatureInput) -> dict[str, float]:
    """Return the share of cells that lie far outside the quartiles of their column."""
    if not table.X.size:
        return {"outliers": math.nan}
    low, high = np.quantile(table.X, [0.25, 0.75], axis=0)
    reach = 1.5 * (high - low)
    outside = (low - reach > table.X) | (high + reach < table.X)
    return {"outliers": float(outside.mean())}


METAFEATURE = MetafeatureExtractor("example", extract, keys=("outliers",), seconds=0.05)


@hookimpl
def register_metafeatures(register: Register) -> None:
    """Add the metafeatures to those of every dataset."""
    register.metafeature(METAFEATURE)
