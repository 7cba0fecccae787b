"""A prepared table: the task, the typed features, the target, weights, groups and times."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from metaauto.data.cells import without_words
from metaauto.data.checks import check_table, column_findings, find_leaks
from metaauto.data.dates import as_date_list, date_format
from metaauto.data.dtypes import (
    arrow_cells,
    arrow_table,
    as_pandas,
    date_cells,
    float_cells,
    storage_of,
)
from metaauto.data.findings import Finding
from metaauto.data.fingerprint import fingerprint
from metaauto.data.parsing import distinct, number_format, numbers_of
from metaauto.data.positive import positive_class
from metaauto.data.read import as_table
from metaauto.data.roles import inspect_columns
from metaauto.data.row_limit import PRESENT_ROWS, sample_note
from metaauto.data.schema import TableSchema
from metaauto.data.target import Target, read_target, without_missing_words
from metaauto.errors import ColumnError, DataError, SplitError, TargetError, UnknownName
from metaauto.task import Role, Task
from metaauto.text import counted

__all__ = ["Dataset", "as_series", "prepare", "prepare_again"]

_NAMED_CLASSES = 5
_MAX_WHOLE = 2.0**53
"""Up to this size a float64 holds every whole number exactly."""


@dataclass(frozen=True)
class Dataset:
    """A table ready for the search.

    Parameters
    ----------
    task : Task
        Kind, target, columns and metric.
    schema : TableSchema
        Converts other tables into the form of ``X``.
    X : pandas.DataFrame of shape (rows, features)
        Typed frame.
    y : ndarray of shape (rows,)
        int64 class codes, or float64.
    weights : ndarray of shape (rows,), optional
        Sample weights, >= 0.
    groups : ndarray of shape (rows,), optional
        int64 group numbers: rows of one group stay together.
    times : ndarray of shape (rows,), optional
        float64 or datetime64[ns]: later rows are predicted from earlier ones.
    findings : list of Finding
        Remarks and warnings about the table.
    dropped_rows : int
        Rows dropped because their target is missing.
    present_rows : int, optional
        Rows of the table of which a random sample was read.
    rows : ndarray of shape (rows,)
        Positions of the kept rows in the input table.
    fingerprint : str
        Hash of the values, the same for tables with the same values.
    openml_id : int, optional
        OpenML data id, if the table was read from OpenML.
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
    present_rows: int | None = None
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
    missing: Collection[str] = (),
    drop_missing_target: bool = True,
    positive: Any = None,
) -> Dataset:
    """Prepare a table for the search.

    Parameters
    ----------
    frame : pandas.DataFrame, array of shape (rows, columns) or dict of columns
        The table.
    target : str, or array of shape (rows,)
        Name of the target column, or the target itself; rows are matched by position.
    task : {'auto', 'classification', 'binary', 'multiclass', 'regression'}, default='auto'
        Kind of task. Under 'auto', text and few recurring integers are classes; other numbers are
        a regression target.
    metric_name : str, default=""
        Name of the metric, stored in the task.
    roles : mapping of str to str or Role, optional
        Roles by column name; these columns are not inferred.
    weights, groups, time : str or array of shape (rows,), optional
        Column names (these columns are not features), or the values.
    missing : collection of str, default=()
        Words for missing values in any column; in columns of numbers and dates, usual words such
        as NA are missing anyway.
    drop_missing_target : bool, default=True
        Drop rows without a target; otherwise they raise an error.
    positive : object, optional
        Positive class of a binary task; see `metaauto.data.positive.positive_class`.

    Returns
    -------
    Dataset

    Raises
    ------
    TargetError, ColumnError, SplitError, DataError
        The table cannot be used; the message gives the reason and the remedy.

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
    present = table.attrs.get(PRESENT_ROWS)
    table = table.copy(deep=False)
    table.columns = [str(name) for name in table.columns]
    table = without_words(arrow_table(table), missing)
    target = _name_or_values(target, table.columns)
    given = {
        option: _name_or_values(value, table.columns)
        for option, value in {"weights": weights, "groups": groups, "time": time}.items()
    }
    used = {option: value for option, value in given.items() if isinstance(value, str)}
    check_table(table, target if isinstance(target, str) else None, list(used.values()))
    auxiliary = {
        option: _column_or_array(table, option, value)
        for option, value in given.items()
        if value is not None
    }
    labels = _target_values(table, target)
    if not isinstance(target, str):
        labels = without_words(labels.to_frame(), missing).iloc[:, 0]
    labels = without_missing_words(labels, task)
    features = table.drop(columns=[*used.values(), *([target] if isinstance(target, str) else [])])

    rows = np.flatnonzero(labels.notna().to_numpy())
    dropped = len(table) - len(rows)
    findings = _missing_target(labels, dropped, drop_missing_target)
    if present is not None:
        findings.append(_sample(len(table), present))
    if dropped:
        features, labels = features.iloc[rows], _without_gaps(labels.iloc[rows])
        auxiliary = {option: values.iloc[rows] for option, values in auxiliary.items()}
    read = read_target(labels, task)
    columns, role_findings = inspect_columns(features, roles)
    findings += [*read.findings, *role_findings, *column_findings(columns)]
    schema = TableSchema.from_columns(
        columns, str(labels.name), positional=positional, missing=missing
    )
    X = schema.encode(features, is_training=True)
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
            weighted="weights" in auxiliary,
            groups=str(auxiliary["groups"].name) if "groups" in auxiliary else None,
            time=str(auxiliary["time"].name) if "time" in auxiliary else None,
            positive=positive_class(read.classes, read.counts, positive),
        ),
        schema=schema,
        X=X,
        y=read.y,
        weights=_class_weights(auxiliary["weights"], read) if "weights" in auxiliary else None,
        groups=_groups(auxiliary["groups"]) if "groups" in auxiliary else None,
        times=_times(auxiliary["time"]) if "time" in auxiliary else None,
        findings=findings,
        dropped_rows=dropped,
        present_rows=present,
        rows=rows.astype(np.int64),
        fingerprint=fingerprint(features, read.y),
        openml_id=openml_id,
    )


def _sample(rows: int, present: int) -> Finding:
    return Finding("sample", sample_note(rows, present))


def prepare_again(
    table: pd.DataFrame,
    y: np.ndarray,
    present: np.ndarray,
    task: Task,
    schema: TableSchema,
    weights: Any = None,
) -> Dataset:
    """Prepare a table like an earlier one, whose roles and classes are kept.

    Parameters
    ----------
    table : pandas.DataFrame
        With the columns of the earlier table.
    y : ndarray
        Targets of the rows that have one, encoded as for the earlier table.
    present : ndarray of bool
        Which rows have a target; the others are dropped.
    task : Task
        Task of the earlier table. Its columns of groups and times are read if the table has them.
    schema : TableSchema
        Columns of the earlier table.
    weights : str or array of shape (rows,), optional
        Column of sample weights, or the values.

    Raises
    ------
    TargetError
        A class of the earlier table has no row of positive weight.
    SchemaMismatch, ColumnError
        The columns or the weights cannot be used.
    """
    rows = np.flatnonzero(present)
    table = table.set_axis([str(name) for name in table.columns], axis=1).reset_index(drop=True)
    given = {
        "weights": _name_or_values(weights, table.columns),
        "groups": task.groups,
        "time": task.time,
    }
    series = {
        option: _column_or_array(table, option, value).iloc[rows]
        for option, value in given.items()
        if value is not None and (option == "weights" or value in table.columns)
    }
    values = _weights(series["weights"]) if "weights" in series else None
    counts = None
    if task.classes is not None:
        counts = tuple(int(count) for count in np.bincount(y, minlength=task.n_classes))
        _require_classes(task, y if values is None else y[values > 0])
    others = {task.target, *(value for value in given.values() if isinstance(value, str))}
    features = table.loc[rows, [name not in others for name in table.columns]]
    return Dataset(
        task=replace(task, n_rows=len(rows), class_counts=counts, weighted=values is not None),
        schema=schema,
        X=schema.encode(table.iloc[rows]),
        y=y,
        weights=values,
        groups=_groups(series["groups"]) if "groups" in series else None,
        times=_times(series["time"]) if "time" in series else None,
        dropped_rows=len(table) - len(rows),
        rows=rows,
        fingerprint=fingerprint(features, y),
    )


def _require_classes(task: Task, y: np.ndarray) -> None:
    """Raise `TargetError` unless there is a row of each class."""
    absent = [repr(label) for code, label in enumerate(task.classes or ()) if code not in y]
    if absent:
        listed = ", ".join(absent[:_NAMED_CLASSES])
        more = f" and {len(absent) - _NAMED_CLASSES} more" if len(absent) > _NAMED_CLASSES else ""
        one = len(absent) == 1
        raise TargetError(
            f"{'Class' if one else 'Classes'} {listed}{more} of the model "
            f"{'has' if one else 'have'} no row in the table.",
            hint="Add rows of each class, or start a new fit.",
            classes=absent,
        )


def _name_or_values(value: Any, names: Collection[str]) -> Any:
    """Return a column name, which may be a number or a tuple, as text, or the values unchanged."""
    is_name = isinstance(value, tuple) and str(value) in names
    return str(value) if is_name or isinstance(value, (int, np.integer)) else value


def _column_or_array(table: pd.DataFrame, option: str, value: Any) -> pd.Series:
    if isinstance(value, str):
        if value not in table.columns:
            raise UnknownName.among(
                "column", value, list(table.columns), f"It was given as {option}."
            )
        return table[value].reset_index(drop=True)
    return as_series(value, option, len(table), DataError)


def _target_values(table: pd.DataFrame, target: Any) -> pd.Series:
    if isinstance(target, str):
        return table[target].reset_index(drop=True)
    return as_series(target, "target", len(table), TargetError)


def as_series(value: Any, option: str, rows: int, error: type[DataError]) -> pd.Series:
    """Return one value per row as a Series with a new index; raise `error` for other shapes."""
    if hasattr(value, "to_pandas"):
        value = as_pandas(value)
    if isinstance(value, pd.DataFrame):
        value = value.iloc[:, 0] if value.shape[1] == 1 else value.to_numpy()
    if not isinstance(value, pd.Series):
        if not isinstance(value, pd.api.extensions.ExtensionArray):
            array = np.asarray(value)
            if array.ndim == 2 and array.shape[1] == 1:
                array = array[:, 0]
            if array.ndim != 1:
                raise error(
                    f"Invalid {option}: expected a one-dimensional array, got "
                    f"{array.ndim} dimensions.",
                    hint="Pass one value per row. For several targets, run one fit per target.",
                )
            # numpy converts a list of mixed types to text.
            mixed = isinstance(value, (list, tuple)) and array.dtype.kind in "US"
            value = pd.Series(list(value), dtype=object).infer_objects() if mixed else array
        value = pd.Series(value)
    if len(value) != rows:
        raise error(
            f"Invalid {option}: expected one value per row ({counted(rows, 'row')}), got "
            f"{counted(len(value), 'value')}.",
            hint="Pass one value per row of the table.",
        )
    name = option if value.name is None else str(value.name)
    return arrow_cells(value.reset_index(drop=True).rename(name))


def _without_gaps(labels: pd.Series) -> pd.Series:
    """Return whole numbers as integers, which pandas stores as floats because of missing cells."""
    if labels.dtype != np.float64 or not np.isfinite(labels).all():
        return labels
    is_whole = (labels % 1 == 0).all() and labels.abs().max() < _MAX_WHOLE
    return labels.astype(np.int64) if is_whole else labels


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
            hint="Drop these rows, or set drop_missing_target=True.",
        )
    message = f"Dropped {counted(dropped, 'row')} without a value of the target {name!r}."
    return [Finding("missing-target", message, name)]


def _weights(series: pd.Series) -> np.ndarray:
    name = str(series.name)
    levels = distinct(series)
    values, wrong = numbers_of(levels, "")
    problem = None
    if wrong.any():
        problem = f"contain {levels.values[int(wrong.argmax())]!r:.40}, which is not a number"
    elif np.isnan(values).any():
        problem = f"are missing in {counted(int(np.isnan(values).sum()), 'row')}"
    elif not np.isfinite(values).all():
        problem = "contain infinite values"
    elif (values < 0).any():
        problem = f"are negative in {counted(int((values < 0).sum()), 'row')}"
    elif not values.any():
        problem = "are zero in every row"
    if problem:
        raise ColumnError(
            f"The sample weights {name!r} {problem}.",
            hint="Pass a finite weight >= 0 for every row, and at least one weight > 0.",
            column=name,
        )
    return values


def _class_weights(series: pd.Series, target: Target) -> np.ndarray:
    """Return the weights; raise an error if fewer than two classes have positive weight."""
    values = _weights(series)
    if target.classes is not None:
        weighted = np.unique(target.y[values > 0])
        if len(weighted) < 2:
            raise TargetError(
                f"Only the class {target.classes[weighted[0]]!r} has rows with a positive weight.",
                hint="Set positive weights for at least two classes, or omit the weights.",
            )
    return values


def _groups(series: pd.Series) -> np.ndarray:
    levels = distinct(series).merged()
    missing = int((levels.codes < 0).sum())
    if missing:
        raise SplitError(
            f"The groups {str(series.name)!r} are missing in {counted(missing, 'row')}.",
            hint="Assign a group to these rows, or drop them.",
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
        numbers = number_format(levels.values, levels.counts)
        dates = date_format(levels.values, levels.counts)
        if numbers is not None and numbers.is_sufficient:
            times = numbers_of(levels, numbers.style)[0]
        elif dates is not None and dates.is_sufficient:
            stamps, _ = as_date_list(levels.values, dates.style)
            times = levels.spread(stamps, np.datetime64("NaT", "ns"))
        else:
            raise SplitError(
                f"The time {name!r} contains {(levels.values or [''])[0]!r:.60}: neither a "
                "number nor a date in a supported format.",
                hint="Convert it with pandas.to_datetime.",
            )
    missing = int((times != times).sum())
    if missing:
        raise SplitError(
            f"The time {name!r} is missing in {counted(missing, 'row')}.",
            hint="Set the time of these rows, or drop them.",
        )
    return times
