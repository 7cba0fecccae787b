"""Storage type of a column, and its numbers or dates as numpy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from metaauto.data.dates import as_date_list, to_nanoseconds
from metaauto.data.parsing import EXACT_INTEGERS, dense, distinct, numbers_of
from metaauto.errors import ColumnError

__all__ = [
    "arrow_cells",
    "arrow_table",
    "as_pandas",
    "date_cells",
    "float_cells",
    "plain_block",
    "storage_of",
]


def as_pandas(source: Any) -> Any:
    """Convert a frame or a series of polars, Arrow or another library that has ``to_pandas``.

    Integers beside missing cells become floats as in pandas, unless that would round them.
    """
    library = type(source).__module__.partition(".")[0]
    if library == "polars" and hasattr(source, "to_frame"):  # a series
        return as_pandas(source.to_frame()).iloc[:, 0]
    if library not in ("polars", "pyarrow") or not hasattr(source, "columns"):
        return source.to_pandas()
    import pyarrow as pa

    kinds = {pa.int64(): pd.Int64Dtype(), pa.uint64(): pd.UInt64Dtype()}
    frame = source.to_pandas(types_mapper=kinds.get)
    columns = [_plain_integers(frame.iloc[:, place]) for place in range(frame.shape[1])]
    return pd.concat(columns, axis=1) if columns else frame


def _plain_integers(cells: pd.Series) -> pd.Series:
    """Return nullable integers as a type of numpy, if it holds them exactly."""
    if not pd.api.types.is_extension_array_dtype(cells.dtype) or cells.dtype.kind not in "iu":
        return cells
    if not cells.hasnans:
        return cells.astype(cells.dtype.name.lower())
    is_exact = not (cells.abs() >= EXACT_INTEGERS).any()
    return cells.astype(np.float64) if is_exact else cells


def arrow_cells(series: pd.Series) -> pd.Series:
    """Return a column of an Arrow type as one that pandas can convert; others unchanged.

    Raises
    ------
    ColumnError
        The cells are lists, structs, maps or of another type without a value per cell.
    """
    if not isinstance(series.dtype, pd.ArrowDtype):
        return series
    import pyarrow as pa
    import pyarrow.compute as pc

    kind, types = series.dtype.pyarrow_dtype, pa.types
    if types.is_run_end_encoded(kind):
        decoded = pd.arrays.ArrowExtensionArray(pc.run_end_decode(pa.array(series.array)))
        return arrow_cells(pd.Series(decoded, index=series.index, name=series.name))
    plain = {"string_view": pa.large_string(), "binary_view": pa.large_binary()}.get(str(kind))
    if plain is not None:
        cells = series.array.__arrow_array__().cast(plain)
        return pd.Series(pd.arrays.ArrowExtensionArray(cells), index=series.index, name=series.name)
    if types.is_nested(kind) or types.is_interval(kind):
        raise _unusable(
            str(series.name),
            f"{str(kind).partition('<')[0]} values",
            "Drop the column, or convert it to columns of numbers or text.",
        )
    return series


def arrow_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose columns of Arrow types are converted by `arrow_cells`."""
    if not any(isinstance(dtype, pd.ArrowDtype) for dtype in frame.dtypes):
        return frame
    columns = [arrow_cells(frame.iloc[:, place]) for place in range(frame.shape[1])]
    converted = pd.concat(columns, axis=1)
    converted.columns, converted.attrs = frame.columns, frame.attrs
    return converted


def storage_of(name: str, series: pd.Series) -> str:
    """Return how cells are stored: number, boolean, date, duration, category, text or mixed."""
    dtype, types = series.dtype, pd.api.types
    if types.is_complex_dtype(dtype):
        raise _unusable(name, "complex numbers", "Split it into its real and imaginary parts.")
    if isinstance(dtype, pd.CategoricalDtype):
        return "category"
    if types.is_bool_dtype(dtype):
        return "boolean"
    if types.is_numeric_dtype(dtype):
        return "number"
    if types.is_datetime64_any_dtype(dtype):
        return "date"
    if types.is_timedelta64_dtype(dtype):
        return "duration"
    if isinstance(dtype, pd.PeriodDtype):
        return "period"
    if not types.is_object_dtype(dtype) and types.is_string_dtype(dtype):
        return "text"
    inferred = types.infer_dtype(series.to_numpy(dtype=object, na_value=None), skipna=True)
    if inferred == "complex":
        raise _unusable(name, "complex numbers", "Split it into its real and imaginary parts.")
    return {
        "boolean": "boolean",
        "integer": "number",
        "floating": "number",
        "decimal": "number",
        "mixed-integer-float": "number",
        "date": "date",
        "datetime": "date",
        "datetime64": "date",
        "timedelta": "duration",
        "timedelta64": "duration",
        "string": "text",
    }.get(inferred, "mixed")


def _unusable(name: str, kind: str, hint: str) -> ColumnError:
    return ColumnError(f"Column {name!r} contains {kind}.", hint=hint, column=name)


def float_cells(series: pd.Series) -> np.ndarray:
    """Return numbers, Booleans or durations as float64."""
    series = dense(series)
    dtype = series.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        return np.asarray(series.to_numpy(), dtype=np.float64)
    stored = not pd.api.types.is_object_dtype(dtype)
    if stored and not pd.api.types.is_timedelta64_dtype(dtype):
        return np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan))
    return numbers_of(distinct(series), "")[0]


def date_cells(series: pd.Series) -> np.ndarray:
    """Return a column stored as dates or periods as naive datetime64[ns] in UTC."""
    if isinstance(series.dtype, pd.PeriodDtype):
        series = series.dt.to_timestamp()
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    if isinstance(series.dtype, np.dtype) and series.dtype.kind == "M":
        return to_nanoseconds(series.to_numpy())
    levels = distinct(series)
    stamps, _ = as_date_list(levels.values, "ISO8601")
    return levels.spread(stamps, np.datetime64("NaT", "ns"))


def plain_block(frame: pd.DataFrame, kinds: str = "iuf") -> tuple[dict[int, int], np.ndarray]:
    """Return all columns of numpy dtype as one float64 block; fast for wide tables.

    Parameters
    ----------
    frame : pandas.DataFrame
        Any table.
    kinds : str, default="iuf"
        Kinds of numpy dtypes to include.

    Returns
    -------
    positions : dict of int to int
        Column of the block by column of the table.
    block : ndarray of shape (rows, plain columns)
    """
    plain = [i for i, t in enumerate(frame.dtypes) if isinstance(t, np.dtype) and t.kind in kinds]
    block = frame.iloc[:, plain].to_numpy(dtype=np.float64)
    return {position: column for column, position in enumerate(plain)}, block
