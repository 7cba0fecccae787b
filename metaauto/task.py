"""The task: its type, the target and the roles of the columns."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from metaauto.text import metric_label

__all__ = ["TASK_KINDS", "Column", "Role", "Task", "reference_task"]

TASK_KINDS = ("binary", "multiclass", "regression")


class Role(enum.StrEnum):
    """The role of a column."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    BOOLEAN = "boolean"
    DATETIME = "datetime"
    TEXT = "text"
    IDENTIFIER = "identifier"
    CONSTANT = "constant"

    @property
    def is_used(self) -> bool:
        """Whether columns of this role are features."""
        return self not in (Role.IDENTIFIER, Role.CONSTANT)


@dataclass(frozen=True)
class Column:
    """One column of the table and its role.

    Parameters
    ----------
    name : str
        Name in the table.
    role : Role
        Role of the column.
    dtype : str
        pandas dtype in the table as read.
    n_unique : int
        Number of distinct values, without missing ones.
    missing : float
        Share of missing values, 0 to 1.
    reason : str
        Reason for the role, one short clause.
    categories : tuple of str, optional
        Known categories of a categorical or boolean column, as text.
    format : str
        Format of its text: a date format, ``"1,234.5"``, ``"1.234,5 kg"``; empty otherwise.
    exceptions : int
        Number of cells at training that are not in this format. If there were some, such cells
        are missing in every table.
    """

    name: str
    role: Role
    dtype: str
    n_unique: int
    missing: float
    reason: str = ""
    categories: tuple[str, ...] | None = None
    format: str = ""
    exceptions: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the column as JSON-ready values."""
        return {**vars(self), "role": self.role.value}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Column:
        """Return a column from the values of `to_json`."""
        values = {**record, "role": Role(record["role"])}
        if values.get("categories") is not None:
            values["categories"] = tuple(values["categories"])
        return cls(**values)


@dataclass(frozen=True)
class Task:
    """The prediction task of a table.

    Parameters
    ----------
    kind : {'binary', 'multiclass', 'regression'}
        Task type.
    target : str
        Name of the target column.
    columns : tuple of Column
        All columns but the target in table order, including excluded ones.
    metric : str
        Name of the metric of search, ensemble and leaderboard.
    n_rows : int
        Number of rows with a target.
    classes : tuple, optional
        Class labels in the order of predicted probabilities; None in regression.
    class_counts : tuple of int, optional
        Number of rows per class, in the order of ``classes``.
    weighted : bool
        Whether rows have sample weights.
    groups, time : str, optional
        Group and time column of the splits.
    positive : object, optional
        Positive class of a binary task: one of ``classes``. None in models of earlier releases,
        where it was the last class.
    metric_has_positive : bool
        Whether the metric scores the positive class, such as F1.
    """

    kind: str
    target: str
    columns: tuple[Column, ...]
    metric: str
    n_rows: int
    classes: tuple[Any, ...] | None = None
    class_counts: tuple[int, ...] | None = None
    weighted: bool = False
    groups: str | None = None
    time: str | None = None
    positive: Any = None
    metric_has_positive: bool = False

    @property
    def is_classification(self) -> bool:
        """Whether the target is a class."""
        return self.kind != "regression"

    @property
    def n_classes(self) -> int:
        """Number of classes; 0 in regression."""
        return len(self.classes) if self.classes is not None else 0

    @property
    def positive_code(self) -> int:
        """Code of the positive class of a binary task: 0 or 1."""
        return 1 if self.positive is None else (self.classes or ()).index(self.positive)

    @property
    def scored_class(self) -> Any:
        """The positive class if the metric scores it, such as F1; else None."""
        return self.positive if self.metric_has_positive else None

    @property
    def metric_label(self) -> str:
        """Name of the metric, with the class that it scores: ``"f1 of 'yes'"``."""
        return metric_label(self.metric, self.scored_class)

    @cached_property
    def features(self) -> tuple[Column, ...]:
        """The feature columns, without excluded ones."""
        return tuple(c for c in self.columns if c.role.is_used)

    @cached_property
    def _places(self) -> dict[Role, list[int]]:
        places: dict[Role, list[int]] = {}
        for place, column in enumerate(self.features):
            places.setdefault(column.role, []).append(place)
        return places

    def positions(self, *roles: Role) -> list[int]:
        """Return the positions among the features of those with one of the roles."""
        found = [self._places.get(role, []) for role in dict.fromkeys(roles)]
        return sorted(place for places in found for place in places)

    def to_json(self) -> dict[str, Any]:
        """Return the task as JSON-ready values."""
        record = {field.name: getattr(self, field.name) for field in fields(self)}
        record["columns"] = tuple(column.to_json() for column in self.columns)
        return record

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Task:
        """Return a task from the values of `to_json`."""
        values = dict(record)
        values["columns"] = tuple(Column.from_json(column) for column in values["columns"])
        for key in ("classes", "class_counts"):
            if values.get(key) is not None:
                values[key] = tuple(values[key])
        task = cls(**values)
        if task.positive is not None and task.positive not in (task.classes or ()):
            raise ValueError(f"The positive class {task.positive!r} is not one of the classes.")
        return task


def reference_task(kind: str) -> Task:
    """Return a small task with a column of every role, whose search space has every slot.

    Stored configurations belong to its space; `SearchSpace.repair` adapts them to a table.
    """
    columns = tuple(
        Column(f"c{number}", role, "object", 50, 0.1) for number, role in enumerate(_REFERENCE)
    )
    classes = {"binary": (0, 1), "multiclass": (0, 1, 2), "regression": None}[kind]
    return Task(kind, "target", columns, "", 1000, classes)


_REFERENCE = (
    *(Role.NUMERIC,) * 8,
    *(Role.CATEGORICAL,) * 2,
    Role.BOOLEAN,
    Role.DATETIME,
    Role.TEXT,
)
