"""What is to be learned: the kind of task, the target and what each column is."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

__all__ = ["TASK_KINDS", "Column", "Role", "Task", "reference_task"]

TASK_KINDS = ("binary", "multiclass", "regression")


class Role(str, enum.Enum):
    """What a column is to the models."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    BOOLEAN = "boolean"
    DATETIME = "datetime"
    TEXT = "text"
    IDENTIFIER = "identifier"
    CONSTANT = "constant"

    @property
    def is_used(self) -> bool:
        """Whether models see columns of this role."""
        return self not in (Role.IDENTIFIER, Role.CONSTANT)

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Column:
    """One column of the table and what it was taken for.

    Parameters
    ----------
    name : str
        Name in the table.
    role : Role
        What it was taken for.
    dtype : str
        pandas dtype in the table as read.
    n_unique : int
        Distinct values, missing ones not counted.
    missing : float
        Share of missing values, 0 to 1.
    reason : str
        Why it has this role, one short clause.
    categories : tuple of str, optional
        Known categories of a categorical or boolean column, as text.
    format : str
        How its text is read: a date format, ``"1,234.5"``, ``"1.234,5"``; empty otherwise.
    """

    name: str
    role: Role
    dtype: str
    n_unique: int
    missing: float
    reason: str = ""
    categories: tuple[str, ...] | None = None
    format: str = ""

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {**vars(self), "role": self.role.value}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Column:
        """Rebuild what `to_json` wrote."""
        values = {**record, "role": Role(record["role"])}
        if values.get("categories") is not None:
            values["categories"] = tuple(values["categories"])
        return cls(**values)


@dataclass(frozen=True)
class Task:
    """What is to be learned from a table.

    Parameters
    ----------
    kind : {'binary', 'multiclass', 'regression'}
        Kind of task.
    target : str
        Name of the target column.
    columns : tuple of Column
        All feature columns in table order, dropped ones included.
    metric : str
        Name of the metric that drives search, ensemble and leaderboard.
    n_rows : int
        Rows with a target.
    classes : tuple, optional
        Class labels in the order of predicted probabilities; None in regression.
    class_counts : tuple of int, optional
        Rows per class, in the order of ``classes``.
    weighted : bool
        Whether rows carry sample weights.
    groups, time : str, optional
        Columns that steer the splits.
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

    @property
    def is_classification(self) -> bool:
        """Whether the target is a class."""
        return self.kind != "regression"

    @property
    def n_classes(self) -> int:
        """Number of classes; 0 in regression."""
        return len(self.classes) if self.classes is not None else 0

    @cached_property
    def features(self) -> tuple[Column, ...]:
        """The columns that models see."""
        return tuple(c for c in self.columns if c.role.is_used)

    @cached_property
    def _places(self) -> dict[Role, list[int]]:
        places: dict[Role, list[int]] = {}
        for place, column in enumerate(self.features):
            places.setdefault(column.role, []).append(place)
        return places

    def positions(self, *roles: Role) -> list[int]:
        """Positions, among the used columns, of those with one of the given roles."""
        found = [self._places.get(role, []) for role in dict.fromkeys(roles)]
        return sorted(place for places in found for place in places)

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        record = {field.name: getattr(self, field.name) for field in fields(self)}
        record["columns"] = tuple(column.to_json() for column in self.columns)
        return record

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Task:
        """Rebuild what `to_json` wrote."""
        values = dict(record)
        values["columns"] = tuple(Column.from_json(column) for column in values["columns"])
        for key in ("classes", "class_counts"):
            if values.get(key) is not None:
                values[key] = tuple(values[key])
        return cls(**values)


def reference_task(kind: str) -> Task:
    """A small task with a column of every role, whose space has every slot.

    Knowledge holds configurations of its space; `SearchSpace.repair` fits them to a table.
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
