"""Checks of a table before a fit: names, shape, empty columns, target leakage."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from metaauto.data.dtypes import plain_block
from metaauto.data.findings import Finding
from metaauto.data.roles import SET_BY_USER, kept_role
from metaauto.errors import ColumnError, DataError, TargetError
from metaauto.task import Column, Role
from metaauto.text import argument

__all__ = ["check_names", "check_table", "column_findings", "find_leaks"]

LEAK_ROWS = 50
"""Smaller tables are not searched for leaks, because false positives are likely."""
LEAK_SAMPLE = 256
LEAK_CORRELATION = 0.99999
MOSTLY_MISSING = 0.95


def check_table(
    frame: pd.DataFrame, target: str | None = None, exclude: Collection[str] = ()
) -> None:
    """Check the names, the shape and the target of a table.

    Parameters
    ----------
    frame : pandas.DataFrame
        The table, one row per example.
    target : str, optional
        Name of the target column; None if the target is passed separately.
    exclude : collection of str, default=()
        Columns that are not features (weights, groups, time).

    Raises
    ------
    DataError
        The table has no rows.
    ColumnError
        Two columns have the same name, or no feature column is left.
    TargetError
        The target column is missing or empty.
    """
    names = [str(name) for name in frame.columns]
    check_names(names)
    if len(frame) == 0:
        raise DataError("The table has no rows.", hint="Check the source or its filters.")
    if target is not None:
        if target not in names:
            raise _missing_target_column(target, names)
        if frame.iloc[:, names.index(target)].isna().all():
            raise TargetError(
                f"The target {target!r} is empty in every row.",
                hint="Choose another target column.",
            )
    if not [name for name in names if name != target and name not in exclude]:
        raise ColumnError(
            "The table has no feature columns besides the target.", hint="Add at least one feature."
        )


def check_names(names: Iterable[Any]) -> None:
    """Raise `ColumnError` if two columns have the same name."""
    duplicates = [name for name, count in Counter(map(str, names)).items() if count > 1]
    if duplicates:
        listed = ", ".join(repr(name) for name in duplicates[:5])
        raise ColumnError(
            f"Columns have the same name: {listed}.",
            hint="Rename or drop the duplicates.",
        )


def _missing_target_column(target: str, names: Sequence[str]) -> TargetError:
    lowered = {name.strip().lower(): name for name in reversed(names)}
    near = difflib.get_close_matches(target.strip().lower(), lowered, n=3, cutoff=0.6)
    if near:
        hint = f"Did you mean {' or '.join(repr(lowered[n]) for n in near)}?"
    else:
        shown = ", ".join(repr(name) for name in names[-8:])
        hint = f"Available columns: {'..., ' if len(names) > 8 else ''}{shown}."
    return TargetError(f"Target column not found: {target!r}.", hint=hint, target=target)


def column_findings(columns: Iterable[Column]) -> list[Finding]:
    """Return findings about dropped columns and nearly empty columns.

    Raises
    ------
    ColumnError
        No usable feature column is left.
    """
    columns = tuple(columns)
    findings = []
    for role, one, many in (
        (Role.IDENTIFIER, "identifier column", "identifier columns"),
        (Role.CONSTANT, "constant or empty column", "constant or empty columns"),
    ):
        dropped_columns = [column for column in columns if column.role is role]
        names = [column.name for column in dropped_columns]
        inferred = [column for column in dropped_columns if column.reason != SET_BY_USER]
        hint = ""
        if inferred and role is Role.IDENTIFIER:
            first = inferred[0]
            kept = argument("roles", {first.name: str(kept_role(first))})
            hint = f" To keep a column, set its role: {kept}."
        if names:
            listed = ", ".join(repr(name) for name in names[:8])
            more = f" and {len(names) - 8} more" if len(names) > 8 else ""
            dropped = f"1 {one}" if len(names) == 1 else f"{len(names):,} {many}"
            findings.append(
                Finding(
                    f"dropped-{role}",
                    f"Dropped {dropped}: {listed}{more}.{hint}",
                    names[0] if len(names) == 1 else None,
                )
            )
    if not any(column.role.is_used for column in columns):
        reasons = "; ".join(f"{c.name!r}: {c.reason}" for c in columns[:5])
        raise ColumnError(
            f"The table has no usable feature column ({reasons}).",
            hint="Add features, or set the role of a column, such as "
            f"{argument('roles', {'zip': 'categorical'})}.",
        )
    for column in columns:
        if column.role.is_used and column.missing >= MOSTLY_MISSING:
            share = f"{column.missing:.1%}"
            findings.append(
                Finding("mostly-missing", f"Column {column.name!r} is {share} empty.", column.name)
            )
    return findings


def find_leaks(
    X: pd.DataFrame, y: np.ndarray, columns: Iterable[Column], kind: str, target: str = "target"
) -> list[Finding]:
    """Find target leakage: columns that determine the target exactly.

    Parameters
    ----------
    X : pandas.DataFrame of shape (rows, features)
        Typed frame.
    y : ndarray of shape (rows,)
        Class codes or numbers.
    columns : iterable of Column
        Columns of ``X``.
    kind : {'binary', 'multiclass', 'regression'}
        Kind of task.
    target : str
        Name of the target, for the message.

    Returns
    -------
    list of Finding
        One per leaking column, with the code ``"leak"``.
    """
    n = len(y)
    if n < LEAK_ROWS:
        return []
    if kind != "regression" and np.sort(np.bincount(y))[-2] < 5:
        return []
    rows = np.linspace(0, n - 1, min(n, LEAK_SAMPLE)).astype(np.intp)
    positions = {name: position for position, name in enumerate(X.columns)}
    plain, block = plain_block(X)
    found = []
    for column in columns:
        if not column.role.is_used or column.role in (Role.TEXT, Role.DATETIME):
            continue
        position = positions[column.name]
        categorical = column.role is Role.CATEGORICAL
        cells = (
            X.iloc[:, position].cat.codes.to_numpy() if categorical else block[:, plain[position]]
        )
        reason = None
        if 2 <= column.n_unique <= n / 5:
            if _determines(cells[rows], y[rows]) and _determines(cells, y):
                reason = f"each of its {column.n_unique:,} values occurs with a single target value"
        elif kind == "regression" and not categorical and _is_function(cells, y, rows):
            reason = "the target is a monotone or linear function of it"
        if reason:
            found.append(
                Finding(
                    "leak",
                    f"Possible target leakage: column {column.name!r} determines the target "
                    f"{target!r} ({reason}). Drop the column unless its values are known at "
                    "prediction time.",
                    column.name,
                )
            )
    return found


def _determines(cells: np.ndarray, y: np.ndarray) -> bool:
    """Return whether equal cells always have equal targets."""
    codes, values = pd.factorize(cells, use_na_sentinel=False)
    last = np.empty(len(values), dtype=y.dtype)
    last[codes] = y
    return bool((last[codes] == y).all() and len(np.unique(last)) > 1)


def _is_function(cells: np.ndarray, y: np.ndarray, rows: np.ndarray) -> bool:
    """Return whether the target is a monotone or (nearly) linear function of the cells."""
    sample, targets = cells[rows], y[rows]
    if np.isnan(sample).any():
        kept = ~np.isnan(sample)
        sample, targets = sample[kept], targets[kept]
    if len(sample) < LEAK_ROWS or not (_monotone(sample, targets) or _linear(sample, targets)):
        return False
    kept = ~np.isnan(cells)
    return _monotone(cells[kept], y[kept]) or _linear(cells[kept], y[kept])


def _monotone(x: np.ndarray, y: np.ndarray) -> bool:
    # With few distinct targets, a monotone relation to a feature is common without leakage.
    steps = np.diff(y[np.argsort(x, kind="stable")])
    varied = np.count_nonzero(steps) > len(steps) / 2
    return bool(varied and ((steps >= 0).all() or (steps <= 0).all()))


def _linear(x: np.ndarray, y: np.ndarray) -> bool:
    x, y = _centred(x), _centred(y)
    scale: Any = np.sqrt(np.dot(x, x) * np.dot(y, y))
    return bool(scale > 0 and abs(np.dot(x, y)) >= LEAK_CORRELATION * scale)


def _centred(values: np.ndarray) -> np.ndarray:
    values = values / (np.abs(values).max() or 1.0)
    return values - values.mean()
