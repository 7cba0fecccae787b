"""Content hash of a table, the same for tables with the same values."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pandas as pd

from metaauto.data.dtypes import date_cells, float_cells, plain_block, storage_of
from metaauto.data.parsing import dense, distinct

__all__ = ["fingerprint"]


def fingerprint(frame: pd.DataFrame, y: Any) -> str:
    """Hash the values of a table, without the names and the order of its columns.

    Parameters
    ----------
    frame : pandas.DataFrame of shape (rows, columns)
        The features, not yet encoded.
    y : array of shape (rows,)
        Class codes, or numbers.

    Returns
    -------
    str
        64 hexadecimal digits (SHA-256). Numbers of any dtype are hashed as float64; text has the
        same hash as ``str`` and as ``category``. The hash depends on the order of the rows.
    """
    plain, block = plain_block(frame, "biuf")
    digests = sorted(
        _number_digest(block[:, plain[position]])
        if position in plain
        else _digest(frame.iloc[:, position])
        for position in range(frame.shape[1])
    )
    combined = hashlib.sha256(f"metaauto table 1: {len(frame)} rows;".encode())
    combined.update(_digest(pd.Series(np.asarray(y))))
    for digest in digests:
        combined.update(digest)
    return combined.hexdigest()


def _number_digest(values: np.ndarray) -> bytes:
    values = values + 0.0  # -0.0 becomes 0.0
    values[np.isnan(values)] = np.nan
    return hashlib.sha256(b"n" + values.tobytes()).digest()


def _digest(series: pd.Series) -> bytes:
    series = dense(series)
    storage = storage_of(str(series.name), series)
    if storage in ("number", "boolean", "duration"):
        return _number_digest(float_cells(series))
    if storage in ("date", "period"):
        return hashlib.sha256(b"d" + date_cells(series).astype(np.int64).tobytes()).digest()
    levels = distinct(series).merged()
    order = np.argsort(np.array(levels.values, dtype=object), kind="stable")
    rank = np.empty(len(order) + 1, dtype=np.int64)
    rank[order] = np.arange(len(order))
    rank[-1] = -1
    digest = hashlib.sha256(b"w" + rank[levels.codes].tobytes())
    for position in order:
        digest.update(levels.values[position].encode("utf-8", "surrogatepass") + b"\0")
    return digest.digest()
