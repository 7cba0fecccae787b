"""What each column of a table is: a number, a category, a date, text, an identifier."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from metaauto.data.dtypes import float_cells, plain_block, storage_of
from metaauto.data.findings import Finding
from metaauto.data.parsing import (
    Levels,
    as_date_list,
    as_number,
    date_format,
    dense,
    distinct,
    number_format,
)
from metaauto.data.role_inference import (
    ColumnProfile,
    boolean_profile,
    date_profile,
    dates_as_text,
    inferred,
    missing_share,
    number_profile,
    number_profiles,
    numbers_as_text,
    ordered,
)
from metaauto.errors import ColumnError, UnknownName
from metaauto.task import Column, Role

__all__ = ["infer_columns", "inspect_columns"]


def infer_columns(
    frame: pd.DataFrame,
    overrides: Mapping[str, str | Role] | None = None,
    exclude: Collection[str] = (),
) -> tuple[Column, ...]:
    """Say what each column of a table is.

    Parameters
    ----------
    frame : pandas.DataFrame
        The feature columns, one row per example.
    overrides : mapping of str to str or Role, optional
        Roles by column name that are taken as they are.
    exclude : collection of str, default=()
        Columns to leave out.

    Returns
    -------
    tuple of Column
        In table order. ``n_unique`` of numbers is counted in the first 200,000 rows.

    Raises
    ------
    ColumnError
        A column holds complex numbers, lists or the like, or cannot take the role asked for.
    UnknownName
        An override names no role or no column.

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
    """`infer_columns`, with what was noticed on the way."""
    names = [str(name) for name in frame.columns]
    asked = {str(name): _role(role) for name, role in (overrides or {}).items()}
    for name in asked:
        if name not in names:
            raise UnknownName.among("column", name, names, "Roles are given by column name.")
    columns, findings = [], []
    dtypes = list(frame.dtypes)
    plain, block = plain_block(frame)
    whole = [dtypes[place].kind in "iu" for place in plain]
    numbers = number_profiles([names[place] for place in plain], block, whole)
    for place, name in enumerate(names):
        if name in exclude:
            continue
        if name in asked:
            profile = _forced(name, frame.iloc[:, place], asked[name])
        elif place in plain:
            profile = numbers[plain[place]]
        else:
            profile = inferred(name, frame.iloc[:, place])
        columns.append(_column(name, dtypes[place], profile))
        if profile.finding:
            findings.append(Finding(profile.finding[0], profile.finding[1], name))
    return tuple(columns), findings


def _role(role: str | Role) -> Role:
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
    )


@lru_cache(maxsize=256)
def _dtype_name(dtype: Any) -> str:
    return "category" if isinstance(dtype, pd.CategoricalDtype) else str(dtype)


def _forced(name: str, series: pd.Series, role: Role) -> ColumnProfile:
    """Give the role that the user asked for, if the column can take it."""
    series = dense(series).rename(name)
    storage = storage_of(name, series)
    reason = "as you said"
    if role is Role.NUMERIC and storage in ("number", "boolean", "duration"):
        profile = number_profile(name, float_cells(series), False, storage == "duration")
        return replace(profile, role=role, reason=reason)
    if role is Role.DATETIME and storage in ("date", "period"):
        return replace(date_profile(series), role=role, reason=reason, format="ISO8601")
    levels = distinct(series)
    if role is Role.DATETIME:
        return _forced_date(name, levels, storage)
    merged = levels.merged()
    plain = ColumnProfile(role, reason, len(merged.values), missing_share(merged))
    if role is Role.NUMERIC:
        return _forced_number(name, merged, storage)
    if role is Role.BOOLEAN:
        lowered = {text.lower() for text in merged.values}
        if len(lowered) > 2:
            raise _cannot(name, role, f"it has {len(lowered):,} distinct values")
        return replace(boolean_profile(merged, reason), role=role)
    if role is Role.CATEGORICAL:
        return replace(plain, categories=ordered(merged.values))
    return plain


def _forced_number(name: str, levels: Levels, storage: str) -> ColumnProfile:
    style = number_format([t.lstrip("0") or "0" for t in levels.values]) if levels.values else ""
    if style is None or storage in ("date", "period"):
        words = [t for t in levels.values if as_number(t) is None]
        example = (words or levels.values or ["a date"])[0]
        raise _cannot(name, Role.NUMERIC, f"{example!r:.60} is no number")
    return replace(numbers_as_text(levels, style), role=Role.NUMERIC, reason="as you said")


def _forced_date(name: str, levels: Levels, storage: str) -> ColumnProfile:
    style: str | None
    if storage == "number":
        sizes = np.abs([as_number(v) or 0.0 for v in levels.values] or [0.0])
        texts = levels.texts
        if all(
            re.fullmatch(r"(1[6-9]|20|21|22)\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])", t) for t in texts
        ):
            style = "%Y%m%d"
        elif all(re.fullmatch(r"(1[6-9]|20|21|22)\d\d", t) for t in texts):
            style = "%Y"
        else:
            style = "unix ms" if float(np.median(sizes)) > 1e11 else "unix s"
    else:
        style, _ = date_format(levels.texts)
    _, wrong = as_date_list(levels.values, style or "ISO8601")
    if style is None or wrong.any():
        example = levels.texts[int(wrong.argmax())] if levels.texts else ""
        raise _cannot(name, Role.DATETIME, f"{example!r:.60} is no date in a format known here")
    profile = dates_as_text(levels, style, False)
    return replace(profile, reason="as you said", finding=None)


def _cannot(name: str, role: Role, why: str) -> ColumnError:
    return ColumnError(
        f"Column {name!r} cannot be {role}: {why}.",
        hint="Change the column or ask for another role.",
        column=name,
    )
