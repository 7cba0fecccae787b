"""Roles of the columns of a table: numeric, categorical, datetime, text, identifier."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from metaauto.data.cells import typed
from metaauto.data.dates import date_format
from metaauto.data.dtypes import float_cells, plain_block, storage_of
from metaauto.data.findings import Finding
from metaauto.data.parsing import (
    EXACT_INTEGERS,
    Levels,
    TextFormat,
    as_number,
    counted_texts,
    dense,
    distinct,
    number_format,
    text_format,
)
from metaauto.data.role_inference import (
    CODE_REASON,
    ColumnProfile,
    boolean_profile,
    date_profile,
    infer_profile,
    missing_share,
    number_profile,
    number_profiles,
    sorted_categories,
    text_date_profile,
    text_number_profile,
)
from metaauto.errors import ColumnError, UnknownName
from metaauto.task import Column, Role

__all__ = ["SET_BY_USER", "infer_columns", "inspect_columns", "kept_role"]

SET_BY_USER = "set by the user"
_NOTHING = TextFormat("", 1.0, {})
_YYYYMMDD = re.compile(r"(1[6-9]|20|21|22)\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])")
_YYYYMM = re.compile(r"(19|20)\d\d(0[1-9]|1[0-2])")
_YYYY = re.compile(r"(1[6-9]|20|21|22)\d\d")
_FIRST_SERIAL, _LAST_SERIAL = 10_000, 80_000
"""Serial dates of spreadsheets from 1927 to 2119; as Unix time they are within one day of 1970."""


def infer_columns(
    frame: pd.DataFrame,
    overrides: Mapping[str, str | Role] | None = None,
    exclude: Collection[str] = (),
) -> tuple[Column, ...]:
    """Infer the role of each column of a table.

    Parameters
    ----------
    frame : pandas.DataFrame
        The feature columns, one row per example.
    overrides : mapping of str to str or Role, optional
        Roles by column name; these columns are not inferred.
    exclude : collection of str, default=()
        Columns to skip.

    Returns
    -------
    tuple of Column
        In table order. ``n_unique`` of numbers is counted in the first 200,000 rows.

    Raises
    ------
    ColumnError
        A column contains complex numbers, lists or the like, or cannot have the requested role.
    UnknownName
        An override contains an unknown role or column.

    Examples
    --------
    >>> import pandas as pd
    >>> [column] = infer_columns(pd.DataFrame({"paid": ["yes", "no", "no"]}))
    >>> str(column.role), column.categories
    ('boolean', ('no', 'yes'))
    """
    return inspect_columns(frame, overrides, exclude)[0]


def inspect_columns(
    frame: pd.DataFrame,
    overrides: Mapping[str, str | Role] | None = None,
    exclude: Collection[str] = (),
) -> tuple[tuple[Column, ...], list[Finding]]:
    """Return the columns as `infer_columns` does, and the findings about them."""
    names = [str(name) for name in frame.columns]
    requested = {str(name): to_role(role) for name, role in (overrides or {}).items()}
    for name in requested:
        if name not in names:
            raise UnknownName.among("column", name, names, "Roles are given by column name.")
    columns: list[Column] = []
    findings: list[Finding] = []
    dtypes = list(frame.dtypes)
    plain, block = plain_block(frame)
    is_integer = [dtypes[position].kind in "iu" for position in plain]
    largest = np.maximum(block.max(axis=0, initial=0), -block.min(axis=0, initial=0))
    numbers = number_profiles([names[position] for position in plain], block, is_integer)
    for position, name in enumerate(names):
        if name in exclude:
            continue
        if name in requested:
            profile = _requested_profile(name, frame.iloc[:, position], requested[name])
        elif position in plain and not (
            is_integer[plain[position]] and largest[plain[position]] >= EXACT_INTEGERS
        ):
            profile = numbers[plain[position]]
        else:
            profile = infer_profile(name, frame.iloc[:, position])
        columns.append(_column(name, dtypes[position], profile))
        findings += [Finding(code, message, name) for code, message in profile.findings]
    if columns and not any(column.role.is_used for column in columns):
        return _last_features(frame, columns, requested, findings)
    return tuple(columns), findings


def _last_features(
    frame: pd.DataFrame,
    columns: Sequence[Column],
    requested: Collection[str],
    findings: Sequence[Finding],
) -> tuple[tuple[Column, ...], list[Finding]]:
    """Use the columns that look like identifiers, because no other feature is left."""
    positions = {str(name): position for position, name in enumerate(frame.columns)}
    kept, added = [], []
    for column in columns:
        if column.role is Role.IDENTIFIER and column.name not in requested:
            series = frame.iloc[:, positions[column.name]]
            profile = _requested_profile(column.name, series, kept_role(column))
            message = (
                f"Column {column.name!r} may be an identifier ({column.reason}); it is used, "
                "because there is no other feature."
            )
            added.append(Finding("kept-identifier", message, column.name))
            column = _column(
                column.name, series.dtype, replace(profile, reason="the only kind of feature left")
            )
        kept.append(column)
    return tuple(kept), [*findings, *added]


def kept_role(column: Column) -> Role:
    """Return the role under which a column that looks like an identifier is a feature."""
    return Role.CATEGORICAL if column.reason == CODE_REASON else Role.NUMERIC


def to_role(role: str | Role) -> Role:
    """Return the role of this name; raise UnknownName if there is none."""
    try:
        return Role(role)
    except ValueError:
        raise UnknownName.among("role", str(role), [r.value for r in Role]) from None


def _column(name: str, dtype: Any, profile: ColumnProfile) -> Column:
    return Column(
        name=name,
        role=profile.role,
        dtype=_dtype_name(dtype),
        n_unique=profile.n_unique,
        missing=profile.missing,
        reason=profile.reason,
        categories=profile.categories,
        format=profile.format,
        exceptions=profile.exceptions,
    )


@lru_cache(maxsize=256)
def _dtype_name(dtype: Any) -> str:
    return "category" if isinstance(dtype, pd.CategoricalDtype) else str(dtype)


def _requested_profile(name: str, series: pd.Series, role: Role) -> ColumnProfile:
    """Return the profile of a column with the role set by the user."""
    series = dense(series).rename(name)
    if role in (Role.NUMERIC, Role.DATETIME):
        series = typed(series)
    storage = storage_of(name, series)
    reason = SET_BY_USER
    if role is Role.NUMERIC and storage in ("number", "boolean", "duration"):
        profile = number_profile(name, float_cells(series), False, storage == "duration")
        return replace(profile, role=role, reason=reason)
    if role is Role.DATETIME and storage in ("date", "period"):
        return replace(date_profile(series), role=role, reason=reason, format="ISO8601")
    levels = distinct(series)
    if role is Role.DATETIME:
        return _requested_date(name, levels, storage)
    merged = levels.merged()
    plain = ColumnProfile(role, reason, len(merged.values), missing_share(merged))
    if role is Role.NUMERIC:
        return _requested_number(name, merged, storage)
    if role is Role.BOOLEAN:
        lowered = {text.lower() for text in merged.values}
        if len(lowered) > 2:
            raise _invalid_role(name, role, f"it has {len(lowered):,} distinct values")
        return replace(boolean_profile(merged, reason), role=role)
    if role is Role.CATEGORICAL:
        return replace(plain, categories=sorted_categories(merged.values))
    return plain


def _requested_number(name: str, levels: Levels, storage: str) -> ColumnProfile:
    """Return the profile of a numeric column, in which other cells than numbers are missing."""
    found = number_format(levels.values, levels.counts, forced=True) if levels.values else _NOTHING
    if found is None or storage in ("date", "period"):
        found = text_format(counted_texts(levels.values, levels.counts), (), "")
    profile = text_number_profile(name, levels, found)
    return replace(profile, role=Role.NUMERIC, reason=SET_BY_USER)


def _requested_date(name: str, levels: Levels, storage: str) -> ColumnProfile:
    found: TextFormat | None
    if storage == "number":
        found = TextFormat(_number_date_format(levels), 1.0, {})
    elif levels.values:
        found = date_format(levels.texts, levels.counts)
    else:
        found = _NOTHING
    if found is None:
        example = levels.texts[0]
        raise _invalid_role(
            name, Role.DATETIME, f"{example!r:.60} is not a date in a supported format"
        )
    profile = text_date_profile(name, levels, replace(found, ambiguous=False))
    return replace(profile, role=Role.DATETIME, reason=SET_BY_USER)


def _number_date_format(levels: Levels) -> str:
    """Return how numbers are read as dates: 20240131, 202401, 2024, Excel or Unix time."""
    if all(map(_YYYYMMDD.fullmatch, levels.texts)):
        return "%Y%m%d"
    if all(map(_YYYYMM.fullmatch, levels.texts)):
        return "%Y%m"
    if all(map(_YYYY.fullmatch, levels.texts)):
        return "%Y"
    typical = float(np.median(np.abs([as_number(v) or 0.0 for v in levels.values] or [0.0])))
    if _FIRST_SERIAL <= typical <= _LAST_SERIAL:
        return "excel"
    for unit, smallest in (("ns", 1e17), ("us", 1e14), ("ms", 1e11)):
        if typical > smallest:
            return f"unix {unit}"
    return "unix s"


def _invalid_role(name: str, role: Role, reason: str) -> ColumnError:
    return ColumnError(
        f"Column {name!r} cannot have the role {role}: {reason}.",
        hint="Convert the column or choose another role.",
        column=name,
    )
