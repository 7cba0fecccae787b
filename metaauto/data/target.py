"""What the target says about the task: classes or numbers."""

from __future__ import annotations

import numbers
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from metaauto.data.dtypes import storage_of
from metaauto.data.findings import Finding
from metaauto.data.parsing import Levels, as_number, as_text, distinct, number_format, numbers_of
from metaauto.errors import TargetError, UnknownName
from metaauto.task import TASK_KINDS
from metaauto.text import counted

__all__ = ["FEW_NUMBERS", "Target", "read_target"]

FEW_NUMBERS = 20
"""Whole numbers of at most so many distinct values, recurring and close together, are classes."""
BALANCED_NUMBERS = 50
"""Up to so many, if they count up from 0 or 1 without a gap and are about equally frequent."""
BALANCE = 5
MANY_CLASSES = 100
TASKS = ("auto", "classification", *TASK_KINDS)


@dataclass(frozen=True)
class Target:
    """The target, ready for the models.

    Parameters
    ----------
    kind : {'binary', 'multiclass', 'regression'}
        Kind of task.
    y : ndarray of shape (rows,)
        int64 codes of the classes, or float64.
    classes, counts : tuple, optional
        Labels as Python values in sorted order, and rows per class.
    findings : list of Finding
        What was noticed.
    """

    kind: str
    y: np.ndarray
    classes: tuple[Any, ...] | None = None
    counts: tuple[int, ...] | None = None
    findings: list[Finding] = field(default_factory=list)


def read_target(values: pd.Series, task: str = "auto") -> Target:
    """Decide between classification and regression, and encode the target.

    Parameters
    ----------
    values : pandas.Series
        The target without missing values.
    task : {'auto', 'classification', 'binary', 'multiclass', 'regression'}, default='auto'
        What is wanted.

    Raises
    ------
    TargetError
        The target cannot serve: one class, dates, words for a regression, infinite numbers.
    """
    if task not in TASKS:
        raise UnknownName.among("task", str(task), TASKS)
    name = str(values.name)
    storage = storage_of(name, values)
    if storage in ("date", "period"):
        raise TargetError(
            f"The target {name!r} holds dates.",
            hint="Predict a number, such as the days until that date.",
        )
    levels = distinct(values)
    findings: list[Finding] = []
    classify = task not in ("auto", "regression")
    if task == "auto":
        classify, why = _is_class(storage, levels)
        if why:
            findings.append(Finding("task", f"The target {name!r} {why}", name))
    target = _classes(name, levels, findings) if classify else _numbers(name, levels, findings)
    if task in TASK_KINDS and target.kind != task and not (task == "multiclass" and classify):
        raise TargetError(
            f"The target {name!r} has {len(target.classes or ()):,} classes, {task} was asked for.",
            hint="Ask for task='classification'.",
        )
    return target


def _is_class(storage: str, levels: Levels) -> tuple[bool, str]:
    """Whether the target is a class, and why where that may surprise."""
    merged = levels.merged()
    n_distinct = len(merged.values)
    counts = np.bincount(merged.codes[merged.codes >= 0], minlength=1)
    if storage == "duration":
        return False, ""
    if storage == "number":
        whole = all(float(value).is_integer() for value in levels.values)
        if not whole:
            return False, ""
        sizes = np.array([float(value) for value in merged.values])
        if n_distinct == 2 or _look_like_codes(sizes, counts):
            return True, (
                f"holds {n_distinct} recurring whole numbers: taken for classes; "
                "say task='regression' if they are amounts."
            )
        return False, (
            f"holds {n_distinct:,} different whole numbers: taken for amounts; "
            "say task='classification' if they are classes."
        )
    if storage == "text" and n_distinct > FEW_NUMBERS:
        style = number_format(merged.values)
        if style is not None:
            return False, f"holds numbers written as text ({merged.values[0]!r}): taken as numbers."
    return True, ""


def _look_like_codes(sizes: np.ndarray, counts: np.ndarray) -> bool:
    """Whether whole numbers with these counts number classes rather than measure something."""
    if not len(sizes) or counts.min() < 2:
        return False
    spread = sizes.max() - sizes.min()
    if len(sizes) <= FEW_NUMBERS:
        return bool(len(sizes) <= 5 or spread <= 2 * len(sizes))
    without_gap = sizes.min() in (0, 1) and spread == len(sizes) - 1
    return bool(
        len(sizes) <= BALANCED_NUMBERS and without_gap and counts.max() <= BALANCE * counts.min()
    )


def _classes(name: str, levels: Levels, findings: list[Finding]) -> Target:
    used = np.unique(levels.codes[levels.codes >= 0])
    values = [_plain(levels.values[place]) for place in used]
    if not _one_type(values):
        values = [as_text(value) for value in values]
        findings.append(
            Finding("mixed-labels", f"The target {name!r} mixes types; classes are words.", name)
        )
    classes = sorted(set(values))
    code = {label: place for place, label in enumerate(classes)}
    table = np.zeros(len(levels.values), dtype=np.int64)
    table[used] = [code[value] for value in values]
    y = table[levels.codes]
    counts = np.bincount(y, minlength=len(classes))
    if len(classes) < 2:
        raise TargetError(
            f"The target {name!r} has only one class, {classes[0]!r}."
            if classes
            else f"The target {name!r} has no values.",
            hint="There is nothing to learn; check the target column or the rows chosen.",
        )
    if counts.max() < 2:
        raise TargetError(
            f"Every row of the target {name!r} is its own class ({len(classes):,} classes).",
            hint="It looks like an identifier; or say task='regression' if it is an amount.",
        )
    findings += _class_findings(name, classes, counts)
    kind = "binary" if len(classes) == 2 else "multiclass"
    return Target(kind, y, tuple(classes), tuple(int(c) for c in counts), findings)


def _class_findings(name: str, classes: list[Any], counts: np.ndarray) -> list[Finding]:
    findings = []
    single = [label for label, count in zip(classes, counts, strict=True) if count < 2]
    if single:
        listed = ", ".join(repr(label) for label in single[:5])
        more = f" and {len(single) - 5} more" if len(single) > 5 else ""
        words = ("Class", "has", "is") if len(single) == 1 else ("Classes", "have", "are")
        findings.append(
            Finding(
                "rare-class",
                f"{words[0]} {listed}{more} of {name!r} {words[1]} one row: {words[2]} learned "
                "but never validated. Merge or drop them for honest scores.",
                name,
            )
        )
    if len(classes) > MANY_CLASSES:
        findings.append(
            Finding("many-classes", f"The target {name!r} has {len(classes):,} classes.", name)
        )
    return findings


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, (bool, int, float)) else as_text(value)


def _one_type(values: list[Any]) -> bool:
    families = {
        "text" if isinstance(v, str) else "truth" if isinstance(v, bool) else "number"
        for v in values
        if isinstance(v, (str, numbers.Real))
    }
    return len(families) <= 1


def _numbers(name: str, levels: Levels, findings: list[Finding]) -> Target:
    style = ""
    if any(isinstance(value, str) for value in levels.values):
        style = number_format(levels.texts) or ""
    y, wrong = numbers_of(levels, style)
    unread = [v for v in levels.values if as_number(v, style) != as_number(v, style)]
    if wrong or unread:
        raise TargetError(
            f"The target {name!r} holds {(wrong or unread)[0]!r:.60}, which is no number.",
            hint="Leave such rows empty, or say task='classification'.",
        )
    infinite = int(np.isinf(y).sum())
    if infinite:
        raise TargetError(
            f"The target {name!r} holds {counted(infinite, 'infinite value')}.",
            hint="Drop those rows or leave their target empty.",
        )
    if not len(y) or y.min() == y.max():
        raise TargetError(
            f"The target {name!r} has the value {y[0]:g} in every row."
            if len(y)
            else f"The target {name!r} has no values.",
            hint="There is nothing to learn; check the target column or the rows chosen.",
        )
    return Target("regression", y, findings=findings)
