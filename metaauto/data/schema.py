"""The columns a model was trained on, and the conversion of tables into their form."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from metaauto.data.booleans import truth_table
from metaauto.data.cells import typed, without_words
from metaauto.data.dates import NUMBER_DATES, as_date_list
from metaauto.data.dtypes import arrow_cells, date_cells, float_cells
from metaauto.data.parsing import (
    MISSING_WORDS,
    PARSEABLE,
    PLAIN_NUMBER,
    Levels,
    as_text,
    dense,
    distinct,
    is_exact,
    numbers_of,
)
from metaauto.errors import SchemaMismatch
from metaauto.task import Column, Role
from metaauto.text import counted

__all__ = ["TableSchema"]

logger = logging.getLogger(__name__)

_KINDS = {Role.NUMERIC: "numbers", Role.DATETIME: "dates"}


@dataclass(frozen=True)
class TableSchema:
    """The columns of the training table; converts other tables into their form.

    Parameters
    ----------
    columns : tuple of Column
        All feature columns in table order, including the dropped ones.
    target : str
        Name of the target column.
    positional : bool, default=False
        Whether the training table was an array without column names; tables with other names
        are then matched by position.
    missing : tuple of str, default=()
        Words for missing values, besides empty cells.

    Examples
    --------
    >>> import pandas as pd
    >>> from metaauto.data import infer_columns
    >>> table = pd.DataFrame({"size": [1, 2, 3], "kind": ["a", "b", "a"]})
    >>> schema = TableSchema.from_columns(infer_columns(table), "price")
    >>> typed = schema.encode(pd.DataFrame({"kind": ["b"], "size": ["7"]}))
    >>> typed.to_dict("records")
    [{'size': 7.0, 'kind': 'b'}]
    """

    columns: tuple[Column, ...]
    target: str
    positional: bool = False
    missing: tuple[str, ...] = ()

    @classmethod
    def from_columns(
        cls,
        columns: Iterable[Column],
        target: str,
        *,
        positional: bool = False,
        missing: Iterable[str] = (),
    ) -> TableSchema:
        """Build a schema from the columns returned by `infer_columns`."""
        return cls(tuple(columns), str(target), positional, tuple(missing))

    @cached_property
    def features(self) -> tuple[Column, ...]:
        """Return the columns that models receive."""
        return tuple(column for column in self.columns if column.role.is_used)

    @cached_property
    def _dtypes(self) -> dict[str, pd.CategoricalDtype]:
        """Return the types of the category columns; each keeps its table of the categories."""
        return {
            column.name: pd.CategoricalDtype(pd.Index(list(column.categories or ()), dtype=object))
            for column in self.features
            if column.role is Role.CATEGORICAL
        }

    def encode(self, frame: Any, *, is_training: bool = False) -> pd.DataFrame:
        """Convert a table into the typed form that preprocessors and models receive.

        Parameters
        ----------
        frame : pandas.DataFrame or array of shape (rows, columns)
            Columns in any order; other columns are ignored. The columns of an array are in the
            order of the training table; the unused ones may be absent.
        is_training : bool, default=False
            Whether findings about the table name its infinite values, which are missing values
            here; otherwise they are logged as a warning.

        Returns
        -------
        pandas.DataFrame of shape (rows, used features)
            Numeric and Boolean columns as float64 with NaN, categories as ``category`` with
            exactly the known categories (unseen ones become missing), dates as naive UTC
            ``datetime64[ns]``, text as ``object`` with ``""`` for missing.

        Raises
        ------
        SchemaMismatch
            Columns are missing, or contain another type of values than at training.
        ColumnError
            A column contains complex numbers, lists or the like.
        """
        frame = without_words(self.named(frame), self.missing)
        position = self._positions(frame)
        parts: dict[str, Any] = {}
        dtypes = list(frame.dtypes)
        plain = [c for c in self.features if _is_plain(c, dtypes[position[c.name]])]
        if plain:
            block = frame.iloc[:, [position[c.name] for c in plain]].to_numpy(dtype=np.float64)
            block = _finite(block, [c.name for c in plain], is_training)
            if len(plain) == len(self.features):
                return pd.DataFrame(block, columns=[c.name for c in plain])
            parts.update((c.name, block[:, i]) for i, c in enumerate(plain))
        for column in self.features:
            if column.name not in parts:
                series = arrow_cells(dense(frame.iloc[:, position[column.name]]))
                series = series.rename(column.name)
                if column.role is Role.CATEGORICAL:
                    dtype = self._dtypes[column.name]
                    parts[column.name] = _categorical(series, column, dtype)
                elif column.role is Role.NUMERIC:
                    values = _numeric(series, column)[:, None]
                    parts[column.name] = _finite(values, [column.name], is_training)[:, 0]
                else:
                    parts[column.name] = _ENCODERS[column.role](series, column)
        ordered = {column.name: parts[column.name] for column in self.features}
        return pd.DataFrame(ordered, index=pd.RangeIndex(len(frame)))

    def to_json(self) -> dict[str, Any]:
        """Return the schema as JSON-ready values."""
        columns = [column.to_json() for column in self.columns]
        return {
            "target": self.target,
            "positional": self.positional,
            "missing": list(self.missing),
            "columns": columns,
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> TableSchema:
        """Rebuild a schema from the output of `to_json`."""
        columns = tuple(Column.from_json(column) for column in record["columns"])
        missing = tuple(record.get("missing", ()))
        return cls(columns, record["target"], bool(record.get("positional", False)), missing)

    def named(self, frame: Any) -> pd.DataFrame:
        """Return a table with the column names of the training table.

        An array is matched by position, and so is a table with other names if the training table
        was an array; the width must be that of the training table, or of its used columns.
        """
        if isinstance(frame, pd.DataFrame):
            return self._renamed(frame) if self.positional else frame
        array = np.asarray(frame)
        if array.ndim != 2:
            raise SchemaMismatch(
                f"Expected a table, got {array.ndim}-dimensional data.",
                hint="Reshape one row with array.reshape(1, -1).",
            )
        names = self._names(array.shape[1])
        if names is None:
            raise SchemaMismatch(
                f"The input has {array.shape[1]} columns, but the model was trained on "
                f"{len(self.columns)}.",
                hint="Pass the columns of the training table in the same order, or a "
                "pandas.DataFrame with their names.",
            )
        table = pd.DataFrame(array, columns=names)
        return table.infer_objects() if array.dtype == object else table

    def _names(self, width: int) -> list[str] | None:
        """Return the names of an array's columns; None for another width."""
        for columns in (self.columns, self.features):
            if width == len(columns):
                return [column.name for column in columns]
        return None

    def _renamed(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Match the columns by position if the table has none of the names."""
        others = frame.loc[:, [str(name) != self.target for name in frame.columns]]
        names = self._names(others.shape[1])
        known = {column.name for column in self.columns}
        if names is None or any(str(name) in known for name in others.columns):
            return frame
        logger.info("The model was trained on an array: columns are matched by position.")
        return others.set_axis(names, axis=1)

    def _positions(self, frame: pd.DataFrame) -> dict[str, int]:
        """Return the position of each column, and check that no feature is missing."""
        position: dict[str, int] = {}
        duplicates = []
        for i, name in enumerate(map(str, frame.columns)):
            if name in position:
                duplicates.append(name)
            position[name] = i
        required = [column.name for column in self.features]
        absent = [name for name in required if name not in position]
        known = {column.name for column in self.columns} | {self.target}
        extra = [name for name in position if name not in known]
        if absent:
            raise _absent(absent, extra)
        if set(duplicates) & set(required):
            names = ", ".join(repr(name) for name in required if name in duplicates)
            raise SchemaMismatch(
                f"Several columns are named {names}.", hint="Keep one column per name."
            )
        if extra:
            listed = ", ".join(repr(name) for name in extra[:5])
            logger.info("Ignoring %d columns unknown to the model: %s", len(extra), listed)
        return position


def _absent(absent: list[str], extra: list[str]) -> SchemaMismatch:
    listed = ", ".join(repr(name) for name in absent[:10])
    more = f" and {len(absent) - 10} more" if len(absent) > 10 else ""
    guesses = []
    lowered = {name.strip().lower(): name for name in reversed(extra)}
    for name in absent[:10]:
        near = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.7)
        guesses += [f"{lowered[n]!r} for {name!r}" for n in near]
    hint = (
        f"Did you mean {', '.join(guesses)}?"
        if guesses
        else "Add the missing columns; their cells may be empty."
    )
    words = ("column", "is") if len(absent) == 1 else ("columns", "are")
    message = f"The {words[0]} {listed}{more} of the training table {words[1]} missing."
    return SchemaMismatch(message, hint=hint, missing=absent)


def _is_plain(column: Column, dtype: Any) -> bool:
    return column.role is Role.NUMERIC and isinstance(dtype, np.dtype) and dtype.kind in "biuf"


def _finite(block: np.ndarray, names: list[str], is_training: bool) -> np.ndarray:
    """Return numbers in which infinite values are missing."""
    infinite = np.isinf(block)
    if not infinite.any():
        return block
    for name, count in zip(names, infinite.sum(axis=0), strict=True):
        if count:
            logger.log(
                logging.INFO if is_training else logging.WARNING,
                "Column %r: %s treated as missing.",
                name,
                counted(int(count), "infinite value"),
            )
    return np.where(infinite, np.nan, block)


def _mismatch(column: Column, example: Any) -> SchemaMismatch:
    return SchemaMismatch(
        f"Column {column.name!r} contained {_KINDS[column.role]} at training; expected the same, "
        f"got {as_text(example)!r:.60}.",
        hint="Convert the column, or clear such cells.",
        column=column.name,
    )


def _example(series: pd.Series) -> Any:
    present = series.dropna()
    return present.iloc[0] if len(present) else None


def _numeric(series: pd.Series, column: Column) -> np.ndarray:
    if column.format == "":
        series = typed(series)
    dtype, types = series.dtype, pd.api.types
    if types.is_complex_dtype(dtype):
        raise _mismatch(column, _example(series))
    stored = types.is_bool_dtype(dtype) or types.is_numeric_dtype(dtype)
    if stored and not isinstance(dtype, pd.CategoricalDtype):
        values = float_cells(series)
    else:
        style = "" if column.format == "seconds" else column.format
        levels = distinct(series)
        values, wrong = numbers_of(levels, style)
        if types.is_timedelta64_dtype(dtype) and column.format != "seconds":
            wrong = ~wrong
        _check_exceptions(column, levels, wrong)
    return values


def _check_exceptions(column: Column, levels: Levels, wrong: np.ndarray) -> None:
    """Raise an error for cells of another kind, unless they are as rare as allowed at training."""
    if not wrong.any():
        return
    count = int(np.array(levels.counts)[wrong].sum())
    example = levels.values[int(wrong.argmax())]
    if not column.exceptions and count > (1 - PARSEABLE) * sum(levels.counts):
        raise _mismatch(column, example)
    logger.log(
        logging.INFO if column.exceptions else logging.WARNING,  # a finding of the fit
        "Column %r: %s (such as %.60r) not read as %s; treated as missing.",
        column.name,
        counted(count, "cell"),
        as_text(example),
        _KINDS[column.role],
    )


def _boolean(series: pd.Series, column: Column) -> np.ndarray:
    levels = distinct(series)
    table = truth_table(column.categories or ())
    values = [table.get(text.strip().lower(), np.nan) for text in levels.texts]
    encoded = levels.spread(np.array(values, dtype=np.float64), np.nan)
    words = [text.lower() not in MISSING_WORDS for text in levels.texts]
    _count_unseen(column, int((np.isnan(encoded) & levels.spread(words, False)).sum()))
    return encoded


def _categorical(series: pd.Series, column: Column, dtype: pd.CategoricalDtype) -> pd.Categorical:
    levels, categories = distinct(series), dtype.categories
    indices = categories.get_indexer(pd.Index(levels.texts, dtype=object))
    if (indices < 0).any():
        # 1, "1.0" and "1.00" are the same number; codes with leading zeros are not numbers.
        numbers = pd.Index([_number_text(text) for text in categories], dtype=object)
        if numbers.is_unique:
            texts = pd.Index([_number_text(text) for text in levels.texts], dtype=object)
            indices = np.where(indices < 0, numbers.get_indexer(texts), indices)
    codes = levels.spread(indices.astype(np.intp), np.intp(-1))
    _count_unseen(column, int(((codes < 0) & (levels.codes >= 0)).sum()))
    return pd.Categorical.from_codes(codes, dtype=dtype)


def _number_text(text: str) -> str:
    """Return one spelling for numbers that tables write in several ways."""
    is_number = PLAIN_NUMBER.fullmatch(text) and is_exact(text)
    return as_text(float(text)) if is_number else text


def _count_unseen(column: Column, count: int) -> None:
    if count:
        logger.warning(
            "Column %r: %d cells have values not seen at training; they are treated as missing.",
            column.name,
            count,
        )


def _datetime(series: pd.Series, column: Column) -> np.ndarray:
    dtype = series.dtype
    if isinstance(dtype, pd.PeriodDtype) or pd.api.types.is_datetime64_any_dtype(dtype):
        return date_cells(series)
    levels = distinct(series)
    stamps, wrong = as_date_list(levels.values, column.format or "ISO8601")
    if wrong.any() and column.format not in NUMBER_DATES:
        # ISO 8601 dates are unambiguous, whatever the format of the training table.
        iso, not_iso = as_date_list(levels.values, "ISO8601")
        stamps = np.where(wrong, iso, stamps)
        wrong &= not_iso
    _check_exceptions(column, levels, wrong)
    return levels.spread(stamps, np.datetime64("NaT", "ns"))


def _text(series: pd.Series, column: Column) -> pd.Series:
    levels = distinct(series)
    table = np.empty(len(levels.values) + 1, dtype=object)
    table[:] = [*levels.texts, ""]
    return pd.Series(table[levels.codes], dtype=object)


_ENCODERS = {
    Role.BOOLEAN: _boolean,
    Role.DATETIME: _datetime,
    Role.TEXT: _text,
}
