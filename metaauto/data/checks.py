"""What can be wrong with a table, said before any time is spent on it."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from metaauto.data.dtypes import plain_block
from metaauto.data.findings import Finding
from metaauto.errors import ColumnError, DataError, TargetError
from metaauto.task import Column, Role

__all__ = ["check_table", "column_findings", "find_leaks"]

LEAK_ROWS = 50
"""Smaller tables are not searched for leaks: chance would find some."""
LEAK_SAMPLE = 256
LEAK_CORRELATION = 0.99999
MOSTLY_MISSING = 0.95


def check_table(
    frame: pd.DataFrame, target: str | None = None, exclude: Collection[str] = ()
) -> None:
    """Check the names and the shape of a table and that its target is there.

    Parameters
    ----------
    frame : pandas.DataFrame
        The table, one row per example.
    target : str, optional
        Name of the target column; None if the target is given apart.
    exclude : collection of str, default=()
        Columns that are no features (weights, groups, time).

    Raises
    ------
    DataError
        The table has no rows.
    ColumnError
        Two columns have one name, or no feature is left.
    TargetError
        The target column is not there or empty.
    """
    names = [str(name) for name in frame.columns]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        listed = ", ".join(repr(name) for name in twice[:5])
        raise ColumnError(
            f"Columns have the same name: {listed}.",
            hint="Rename or drop the copies.",
        )
    if len(frame) == 0:
        raise DataError("The table has no rows.", hint="Check the source or its filters.")
    if target is not None:
        if target not in names:
            raise _no_column(target, names)
        if frame.iloc[:, names.index(target)].isna().all():
            raise TargetError(
                f"The target {target!r} is empty in every row.",
                hint="Choose another target column.",
            )
    if not [name for name in names if name != target and name not in exclude]:
        raise ColumnError(
            "No feature columns are left besides the target.", hint="Give at least one feature."
        )


def _no_column(target: str, names: Sequence[str]) -> TargetError:
    lowered = {name.strip().lower(): name for name in reversed(names)}
    near = difflib.get_close_matches(target.strip().lower(), lowered, n=3, cutoff=0.6)
    if near:
        hint = f"Did you mean {' or '.join(repr(lowered[n]) for n in near)}?"
    else:
        shown = ", ".join(repr(name) for name in names[-8:])
        hint = f"Columns are {'..., ' if len(names) > 8 else ''}{shown}."
    return TargetError(f"There is no column {target!r} to predict.", hint=hint, target=target)


def column_findings(columns: Iterable[Column]) -> list[Finding]:
    """Say which columns are left out and which are nearly empty.

    Raises
    ------
    ColumnError
        No column is left that models could use.
    """
    columns = tuple(columns)
    findings = []
    for role, one, many in (
        (Role.IDENTIFIER, "identifies rows", "identify rows"),
        (Role.CONSTANT, "is constant or empty", "are constant or empty"),
    ):
        names = [column.name for column in columns if column.role is role]
        if names:
            listed = ", ".join(repr(name) for name in names[:8])
            more = f" and {len(names) - 8} more" if len(names) > 8 else ""
            what = f"1 column left out that {one}"
            if len(names) > 1:
                what = f"{len(names):,} columns left out that {many}"
            findings.append(
                Finding(
                    f"dropped-{role}",
                    f"{what}: {listed}{more}.",
                    names[0] if len(names) == 1 else None,
                )
            )
    if not any(column.role.is_used for column in columns):
        reasons = "; ".join(f"{c.name!r}: {c.reason}" for c in columns[:5])
        raise ColumnError(
            f"No usable feature column is left ({reasons}).",
            hint="Add features, or say the role of a column, such as roles={'zip': 'categorical'}.",
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
    """Find columns that give the target away: equal to it, or determining it value by value.

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
        One per column, code ``"leak"``.
    """
    n = len(y)
    if n < LEAK_ROWS:
        return []
    if kind != "regression" and np.sort(np.bincount(y))[-2] < 5:
        return []
    rows = np.linspace(0, n - 1, min(n, LEAK_SAMPLE)).astype(np.intp)
    places = {name: place for place, name in enumerate(X.columns)}
    plain, block = plain_block(X)
    found = []
    for column in columns:
        if not column.role.is_used or column.role in (Role.TEXT, Role.DATETIME):
            continue
        place = places[column.name]
        words = column.role is Role.CATEGORICAL
        cells = X.iloc[:, place].cat.codes.to_numpy() if words else block[:, plain[place]]
        why = None
        if 2 <= column.n_unique <= n / 5:
            if _decides(cells[rows], y[rows]) and _decides(cells, y):
                why = f"each of its {column.n_unique:,} values goes with one value of it only"
        elif kind == "regression" and not words and _follows(cells, y, rows):
            why = "it rises and falls with it exactly"
        if why:
            found.append(
                Finding(
                    "leak",
                    f"Column {column.name!r} gives the target {target!r} away: {why}. Leave it out "
                    "unless it is known before the target is.",
                    column.name,
                )
            )
    return found


def _decides(cells: np.ndarray, y: np.ndarray) -> bool:
    """Whether equal cells always have equal targets."""
    codes, values = pd.factorize(cells, use_na_sentinel=False)
    last = np.empty(len(values), dtype=y.dtype)
    last[codes] = y
    return bool((last[codes] == y).all() and len(np.unique(last)) > 1)


def _follows(cells: np.ndarray, y: np.ndarray, rows: np.ndarray) -> bool:
    """Whether the target is a monotone, or all but exactly a linear, function of the cells."""
    sample, wanted = cells[rows], y[rows]
    if np.isnan(sample).any():
        kept = ~np.isnan(sample)
        sample, wanted = sample[kept], wanted[kept]
    if len(sample) < LEAK_ROWS or not (_monotone(sample, wanted) or _linear(sample, wanted)):
        return False
    kept = ~np.isnan(cells)
    return _monotone(cells[kept], y[kept]) or _linear(cells[kept], y[kept])


def _monotone(x: np.ndarray, y: np.ndarray) -> bool:
    # Few distinct targets are often ordered by a feature without being given away.
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
