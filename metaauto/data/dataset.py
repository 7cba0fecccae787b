"""A table made ready: the task, the typed features, the target and what steers the splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from metaauto.data.checks import check_table, column_findings, find_leaks
from metaauto.data.dtypes import date_cells, float_cells, storage_of
from metaauto.data.findings import Finding
from metaauto.data.fingerprint import fingerprint
from metaauto.data.parsing import as_date_list, date_format, distinct, number_format, numbers_of
from metaauto.data.read import as_table
from metaauto.data.roles import inspect_columns
from metaauto.data.schema import TableSchema
from metaauto.data.target import Target, read_target
from metaauto.errors import ColumnError, DataError, SplitError, TargetError, UnknownName
from metaauto.task import Role, Task
from metaauto.text import counted

__all__ = ["Dataset", "prepare"]


@dataclass
class Dataset:
    """A table ready for the search.

    Parameters
    ----------
    task : Task
        What is to be learned.
    schema : TableSchema
        Brings other tables into the form of ``X``.
    X : pandas.DataFrame of shape (rows, features)
        Typed frame.
    y : ndarray of shape (rows,)
        int64 class codes, or float64.
    weights : ndarray of shape (rows,), optional
        Sample weights, not negative.
    groups : ndarray of shape (rows,), optional
        int64 group numbers: rows of one group stay together.
    times : ndarray of shape (rows,), optional
        float64 or datetime64[ns]: later rows are predicted from earlier ones.
    findings : list of Finding
        What the user should know about the table.
    dropped_rows : int
        Rows left out because their target is missing.
    rows : ndarray of shape (rows,)
        Positions of the kept rows in the table as given.
    fingerprint : str
        Tells whether another table holds the same values.
    openml_id : int, optional
        Data id at OpenML, where the table was read from there.
    """

    task: Task
    schema: TableSchema
    X: pd.DataFrame
    y: np.ndarray
    weights: np.ndarray | None = None
    groups: np.ndarray | None = None
    times: np.ndarray | None = None
    findings: list[Finding] = field(default_factory=list)
    dropped_rows: int = 0
    rows: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    fingerprint: str = ""
    openml_id: int | None = None


def prepare(
    frame: Any,
    target: Any,
    *,
    task: str = "auto",
    metric_name: str = "",
    roles: Mapping[str, str | Role] | None = None,
    weights: Any = None,
    groups: Any = None,
    time: Any = None,
    drop_missing_target: bool = True,
) -> Dataset:
    """Make a table ready for the search.

    Parameters
    ----------
    frame : pandas.DataFrame, array of shape (rows, columns) or dict of columns
        The table.
    target : str, or array of shape (rows,)
        Name of the target column, or the target itself; rows are matched by position.
    task : {'auto', 'classification', 'binary', 'multiclass', 'regression'}, default='auto'
        Kind of task. Words and few recurring whole numbers are classes, other numbers amounts.
    metric_name : str, default=""
        Kept in the task.
    roles : mapping of str to str or Role, optional
        Roles by column name that are taken as they are.
    weights, groups, time : str or array of shape (rows,), optional
        Columns by name (then no features), or the values.
    drop_missing_target : bool, default=True
        Leave out rows without a target; otherwise they are an error.

    Returns
    -------
    Dataset

    Raises
    ------
    TargetError, ColumnError, SplitError, DataError
        The table cannot be used; the message says why and what to do.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"size": [1.5, 2, 3, 2.5], "sold": ["no", "yes", "yes", "no"]})
    >>> dataset = prepare(table, "sold")
    >>> dataset.task.kind, dataset.task.classes, dataset.y.tolist()
    ('binary', ('no', 'yes'), [0, 1, 1, 0])
    """
    table = as_table(frame)
    positional = bool(table.attrs.get("positional", False))
    openml_id = table.attrs.get("openml_id")
    table = table.copy(deep=False)
    table.columns = [str(name) for name in table.columns]
    target = _name_or_values(target)
    steering = {
        what: _name_or_values(value)
        for what, value in {"weights": weights, "groups": groups, "time": time}.items()
    }
    used = {what: value for what, value in steering.items() if isinstance(value, str)}
    check_table(table, target if isinstance(target, str) else None, list(used.values()))
    steers = {
        what: _column_or_array(table, what, value)
        for what, value in steering.items()
        if value is not None
    }
    labels = _target_values(table, target)
    features = table.drop(columns=[*used.values(), *([target] if isinstance(target, str) else [])])

    rows = np.flatnonzero(labels.notna().to_numpy())
    dropped = len(table) - len(rows)
    findings = _missing_target(labels, dropped, drop_missing_target)
    if dropped:
        features, labels = features.iloc[rows], labels.iloc[rows]
        steers = {what: values.iloc[rows] for what, values in steers.items()}
    read = read_target(labels, task)
    columns, noticed = inspect_columns(features, roles)
    findings += [*read.findings, *noticed, *column_findings(columns)]
    schema = TableSchema.from_columns(columns, str(labels.name), positional=positional)
    X = schema.encode(features)
    findings += find_leaks(X, read.y, columns, read.kind, str(labels.name))
    return Dataset(
        task=Task(
            kind=read.kind,
            target=str(labels.name),
            columns=columns,
            metric=metric_name,
            n_rows=len(rows),
            classes=read.classes,
            class_counts=read.counts,
            weighted="weights" in steers,
            groups=str(steers["groups"].name) if "groups" in steers else None,
            time=str(steers["time"].name) if "time" in steers else None,
        ),
        schema=schema,
        X=X,
        y=read.y,
        weights=_class_weights(steers["weights"], read) if "weights" in steers else None,
        groups=_groups(steers["groups"]) if "groups" in steers else None,
        times=_times(steers["time"]) if "time" in steers else None,
        findings=findings,
        dropped_rows=dropped,
        rows=rows.astype(np.int64),
        fingerprint=fingerprint(features, read.y),
        openml_id=openml_id,
    )


def _name_or_values(value: Any) -> Any:
    """Column names are text, also where the table numbers its columns."""
    return str(value) if isinstance(value, (int, np.integer)) else value


def _column_or_array(table: pd.DataFrame, what: str, value: Any) -> pd.Series:
    if isinstance(value, str):
        if value not in table.columns:
            raise UnknownName.among(
                "column", value, list(table.columns), f"It was given as {what}."
            )
        return table[value].reset_index(drop=True)
    return _as_series(value, what, len(table), DataError)


def _target_values(table: pd.DataFrame, target: Any) -> pd.Series:
    if isinstance(target, str):
        return table[target].reset_index(drop=True)
    return _as_series(target, "target", len(table), TargetError)


def _as_series(value: Any, what: str, rows: int, error: type[DataError]) -> pd.Series:
    if isinstance(value, pd.DataFrame):
        value = value.iloc[:, 0] if value.shape[1] == 1 else value.to_numpy()
    if not isinstance(value, pd.Series):
        if not isinstance(value, pd.api.extensions.ExtensionArray):
            array = np.asarray(value)
            if array.ndim == 2 and array.shape[1] == 1:
                array = array[:, 0]
            if array.ndim != 1:
                raise error(
                    f"The {what} has {array.ndim} dimensions, expected one value per row.",
                    hint="Pass a one-dimensional array; several targets need a fit each.",
                )
            # An array made from a list of mixed types holds everything as text.
            mixed = isinstance(value, (list, tuple)) and array.dtype.kind in "US"
            value = pd.Series(list(value), dtype=object).infer_objects() if mixed else array
        value = pd.Series(value)
    if len(value) != rows:
        raise error(
            f"The {what} has {counted(len(value), 'value')}, the table {counted(rows, 'row')}.",
            hint="Give one value per row.",
        )
    name = what if value.name is None else str(value.name)
    return value.reset_index(drop=True).rename(name)


def _missing_target(labels: pd.Series, dropped: int, drop: bool) -> list[Finding]:
    name = str(labels.name)
    if dropped == len(labels):
        raise TargetError(
            f"The target {name!r} is empty in every row.",
            hint="Choose another target column.",
        )
    if not dropped:
        return []
    if not drop:
        raise TargetError(
            f"The target {name!r} is missing in {counted(dropped, 'row')}.",
            hint="Drop these rows, or let them be dropped with drop_missing_target=True.",
        )
    are = "is" if dropped == 1 else "are"
    message = f"{counted(dropped, 'row')} without a target {name!r} {are} left out."
    return [Finding("missing-target", message, name)]


def _weights(series: pd.Series) -> np.ndarray:
    name = str(series.name)
    values, wrong = numbers_of(distinct(series), "")
    problem = None
    if wrong:
        problem = f"hold {wrong[0]!r:.40}, which is no number"
    elif np.isnan(values).any():
        problem = f"are missing in {counted(int(np.isnan(values).sum()), 'row')}"
    elif not np.isfinite(values).all():
        problem = "hold infinite values"
    elif (values < 0).any():
        problem = f"are negative in {counted(int((values < 0).sum()), 'row')}"
    elif not values.any():
        problem = "are zero in every row"
    if problem:
        raise ColumnError(
            f"The sample weights {name!r} {problem}.",
            hint="Give every row a finite weight that is not negative, not all of them zero.",
            column=name,
        )
    return values


def _class_weights(series: pd.Series, target: Target) -> np.ndarray:
    """The weights, which must leave two classes to tell apart."""
    values = _weights(series)
    if target.classes is not None:
        weighed = np.unique(target.y[values > 0])
        if len(weighed) < 2:
            raise TargetError(
                f"Only the class {target.classes[weighed[0]]!r} has rows whose weight is above "
                "zero.",
                hint="Give rows of another class a weight, or leave the weights out.",
            )
    return values


def _groups(series: pd.Series) -> np.ndarray:
    levels = distinct(series).merged()
    missing = int((levels.codes < 0).sum())
    if missing:
        raise SplitError(
            f"The groups {str(series.name)!r} are missing in {counted(missing, 'row')}.",
            hint="Give these rows a group, or drop them.",
        )
    return levels.codes.astype(np.int64)


def _times(series: pd.Series) -> np.ndarray:
    name = str(series.name)
    storage = storage_of(name, series)
    if storage in ("date", "period"):
        times = date_cells(series)
    elif storage in ("number", "boolean", "duration"):
        times = float_cells(series)
    else:
        levels = distinct(series).merged()
        style = number_format(levels.values)
        if style is not None:
            times = numbers_of(levels, style)[0]
        else:
            written, _ = date_format(levels.values)
            if written is None:
                raise SplitError(
                    f"The time {name!r} holds {(levels.values or [''])[0]!r:.60}: neither a number "
                    "nor a date in a format known here.",
                    hint="Convert it with pandas.to_datetime.",
                )
            stamps, _ = as_date_list(levels.values, written)
            times = levels.spread(stamps, np.datetime64("NaT", "ns"))
    missing = int((times != times).sum())
    if missing:
        raise SplitError(
            f"The time {name!r} is missing in {counted(missing, 'row')}.",
            hint="Give these rows a time, or drop them.",
        )
    return times
