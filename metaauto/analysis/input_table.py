"""Tables for the analyses of a model: from a file, an address or memory, with the target."""

from __future__ import annotations

import logging
import os
from typing import Any

import pandas as pd

from metaauto.budget import available_memory
from metaauto.data import RowLimit, read_limited
from metaauto.data.dataset import as_series
from metaauto.data.row_limit import PRESENT_ROWS, sample_note
from metaauto.errors import TargetError
from metaauto.model import FinalModel
from metaauto.model.prediction import as_rows
from metaauto.plugins.registry import Registry

__all__ = ["input_table"]

logger = logging.getLogger("metaauto")

_TABLE_SHARE = 1 / 6
"""Share of the free memory for a table; predictions need several times its memory."""


def input_table(
    model: FinalModel,
    data: Any,
    target: Any = None,
    registry: Registry | None = None,
    format: str | None = None,
    limit: RowLimit | None = None,
) -> tuple[pd.DataFrame, str | None]:
    """Return a table for an analysis of a model, and the name of its target column.

    A warning says if it is a random sample of a large file.

    Parameters
    ----------
    model : FinalModel
        The model.
    data : str, Path, DataFrame, array, dict or list of dicts
        The table, or its address.
    target : str or array of shape (rows,), optional
        Name of the target column, or the target of each row.
    registry : Registry, optional
        Installed components, for the readers of addresses.
    format : str, optional
        Suffix by which a file is read instead of its own.
    limit : RowLimit, optional
        How many rows of a file to read at most; by default those that take a sixth of the free
        memory. ``RowLimit()`` reads all, as does a target given as an array.

    Returns
    -------
    (DataFrame, str or None)
        The name is None for the target column of the training table. Targets given as an array are
        that column.

    Raises
    ------
    ReadError, SchemaMismatch
        The table cannot be read, or is not a table.
    TargetError
        The array does not have one target per row.
    """
    if isinstance(data, (str, os.PathLike)):
        readers = () if registry is None else registry.readers()
        if target is not None and not isinstance(target, str):
            limit = RowLimit()
        elif limit is None:
            limit = RowLimit(_TABLE_SHARE * available_memory() * 2**20)
        frame = read_limited(data, readers, limit, columns=model.feature_names, format=format)
        if (present := frame.attrs.get(PRESENT_ROWS)) is not None:
            logger.warning(sample_note(len(frame), present))
    else:
        rows = as_rows(data, model.schema)
        rows = rows.toarray() if hasattr(rows, "toarray") else rows
        frame = rows if isinstance(rows, pd.DataFrame) else model.schema.named(rows)
    if target is None or isinstance(target, str):
        return frame, target
    name = model.task.target
    values = as_series(target, "target", len(frame), TargetError).set_axis(frame.index)
    others = frame.loc[:, [str(column) != name for column in frame.columns]]
    return pd.concat([others, values.rename(name)], axis=1), None
