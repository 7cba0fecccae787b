"""Rows to predict in any of the forms that people have them in, a chunk at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from metaauto.data.schema import TableSchema
from metaauto.errors import SchemaMismatch

__all__ = ["CHUNK_ROWS", "as_rows", "encoded_chunks"]

CHUNK_ROWS = 100_000


def as_rows(X: Any, schema: TableSchema) -> Any:
    """A DataFrame or a two-dimensional array (dense or sparse) that holds the same rows.

    Parameters
    ----------
    X : DataFrame, array, sparse matrix, dict or list of dicts
        A dict of cells is one row, a dict of columns a table. Anything with ``to_pandas`` is
        taken, too. Nothing is modified.
    schema : TableSchema
        The columns of the training table.

    Raises
    ------
    SchemaMismatch
        If it is no table.
    """
    if isinstance(X, pd.DataFrame):
        return X
    if isinstance(X, pd.Series):
        raise SchemaMismatch(
            "The rows are a pandas Series, which may be one row or one column.",
            hint="Pass series.to_frame().T for one row, series.to_frame() for one column.",
        )
    if isinstance(X, Mapping):
        return _from_mapping(X)
    if isinstance(X, (list, tuple)) and all(isinstance(row, Mapping) for row in X):
        names = [column.name for column in schema.columns] if not X else None
        return pd.DataFrame(list(X), columns=names)
    if hasattr(X, "to_pandas"):
        return as_rows(X.to_pandas(), schema)
    if hasattr(X, "tocsr"):
        return X.tocsr()
    try:
        array = np.asarray(X)
    except ValueError as error:
        raise SchemaMismatch(
            f"The rows are of different lengths: {error}.", hint="Give each row all its cells."
        ) from error
    if array.ndim != 2:
        what = f"a {type(X).__name__}" if array.ndim == 0 else f"{array.ndim}-dimensional data"
        raise SchemaMismatch(
            f"Expected a table, got {what}.", hint="Pass a DataFrame, a dict or a list of dicts."
        )
    return array


def _from_mapping(X: Mapping[Any, Any]) -> pd.DataFrame:
    values = dict(X)
    columns = [v for v in values.values() if np.ndim(v) or isinstance(v, (list, tuple))]
    if not columns:
        return pd.DataFrame([values])
    try:
        return pd.DataFrame(values)
    except ValueError as error:
        raise SchemaMismatch(
            f"The columns do not make a table: {error}.",
            hint="Give every column the same number of cells.",
        ) from error


def encoded_chunks(
    X: Any, schema: TableSchema, chunk_rows: int = CHUNK_ROWS
) -> Iterator[pd.DataFrame]:
    """Typed frames of at most `chunk_rows` rows; one empty frame if there are no rows."""
    rows = as_rows(X, schema)
    count = int(rows.shape[0])
    step = max(int(chunk_rows), 1)
    for start in range(0, max(count, 1), step):
        if isinstance(rows, pd.DataFrame):
            part: Any = rows if count <= step else rows.iloc[start : start + step]
        else:
            part = rows if count <= step else rows[start : start + step]
            part = part.toarray() if hasattr(part, "toarray") else part
        yield schema.encode(part)
