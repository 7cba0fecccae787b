"""Tables for the analyses of a model: from a file, an address or memory, with the target."""

from __future__ import annotations

import os
from typing import Any

import pandas as pd

from metaauto.data import read_table
from metaauto.data.dataset import as_series
from metaauto.errors import TargetError
from metaauto.model import FinalModel
from metaauto.model.prediction import as_rows
from metaauto.plugins.registry import Registry

__all__ = ["input_table"]


def input_table(
    model: FinalModel,
    data: Any,
    target: Any = None,
    registry: Registry | None = None,
    format: str | None = None,
) -> tuple[pd.DataFrame, str | None]:
    """Return a table for an analysis of a model, and the name of its target column.

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
        frame = read_table(data, readers, columns=model.feature_names, format=format)
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
