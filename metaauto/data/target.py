"""Task type and encoding of the target."""

from __future__ import annotations

import numbers
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from metaauto.data.dtypes import storage_of
from metaauto.data.findings import Finding
from metaauto.data.parsing import (
    MISSING_WORDS,
    Levels,
    as_text,
    distinct,
    number_format,
    numbers_of,
)
from metaauto.data.role_inference import MOSTLY, missing_words
from metaauto.errors import TargetError, UnknownName
from metaauto.task import TASK_KINDS
from metaauto.text import argument, counted, listed_counts

__all__ = ["FEW_NUMBERS", "Target", "read_target", "without_missing_words"]

FEW_NUMBERS = 20
"""Integer targets with at most this many recurring, close values are classes."""
BALANCED_NUMBERS = 50
"""The same limit for consecutive integers from 0 or 1 that are about equally frequent."""
BALANCE = 5
"""Largest ratio of the most frequent to the rarest value that counts as about equal."""
MANY_CLASSES = 100
LARGEST_TARGET = 1e100
"""Limit of the size of regression targets, so that sums of squared errors do not overflow."""
TASKS = ("auto", "classification", *TASK_KINDS)


@dataclass(frozen=True)
class Target:
    """The encoded target.

    Parameters
    ----------
    kind : {'binary', 'multiclass', 'regression'}
        Kind of task.
    y : ndarray of shape (rows,)
        int64 codes of the classes, or float64.
    classes, counts : tuple, optional
        Labels as Python values in sorted order, and rows per class.
    findings : list of Finding
        Remarks and warnings about the target.
    """

    kind: str
    y: np.ndarray
    classes: tuple[Any, ...] | None = None
    counts: tuple[int, ...] | None = None
    findings: list[Finding] = field(default_factory=list)


def possible_kinds(task: str) -> tuple[str, ...]:
    """Return the kinds of task that a requested task can become."""
    if task not in TASKS:
        raise UnknownName.among("task", str(task), TASKS)
    if task == "auto":
        return TASK_KINDS
    if task in ("classification", "multiclass"):
        return ("binary", "multiclass")
    return (task,)


def read_target(values: pd.Series, task: str = "auto") -> Target:
    """Decide between classification and regression, and encode the target.

    Parameters
    ----------
    values : pandas.Series
        The target without missing values.
    task : {'auto', 'classification', 'binary', 'multiclass', 'regression'}, default='auto'
        Requested kind of task.

    Raises
    ------
    TargetError
        The target is unusable: one class, dates, text for a regression, infinite numbers.
    """
    possible_kinds(task)
    name = str(values.name)
    storage = storage_of(name, values)
    if storage in ("date", "period"):
        raise TargetError(
            f"The target {name!r} contains dates, which cannot be predicted.",
            hint="Convert it to a number, such as the days until that date.",
        )
    levels = distinct(values)
    findings: list[Finding] = []
    classify = task not in ("auto", "regression")
    if task == "auto":
        classify, reason = _is_class(name, storage, levels, findings)
        if reason:
            findings.append(Finding("task", f"The target {name!r} {reason}", name))
    target = _classes(name, levels, findings) if classify else _numbers(name, levels, findings)
    if task in TASK_KINDS and target.kind != task and not (task == "multiclass" and classify):
        raise TargetError(
            f"Invalid {argument('task', task)}: the target {name!r} has "
            f"{len(target.classes or ()):,} classes.",
            hint=f"Use {argument('task', 'classification')}.",
        )
    return target


def _is_class(name: str, storage: str, levels: Levels, findings: list[Finding]) -> tuple[bool, str]:
    """Return whether the target is a class, and the reason if it is not obvious."""
    merged = levels.merged()
    n_distinct = len(merged.values)
    counts = np.bincount(merged.codes[merged.codes >= 0], minlength=1)
    if storage == "duration":
        return False, ""
    if storage == "number":
        if not all(float(value).is_integer() for value in levels.values):
            return False, ""
        sizes = np.array([float(value) for value in merged.values])
        if n_distinct == 2 or _look_like_codes(sizes, counts):
            return True, (
                f"has {n_distinct} recurring integer values and is treated as classes; "
                f"use {argument('task', 'regression')} if they are quantities."
            )
        return False, (
            f"has {n_distinct:,} distinct integer values and is treated as numeric; "
            f"use {argument('task', 'classification')} if they are classes."
        )
    if storage in ("text", "mixed"):
        return _is_text_class(name, merged, findings)
    return True, ""


def _is_text_class(name: str, levels: Levels, findings: list[Finding]) -> tuple[bool, str]:
    """Return whether text is a class rather than numbers, and the reason if it is numbers."""
    found = number_format(levels.values, levels.counts)
    n_distinct = len(levels.values)
    if found is None or n_distinct <= 2:
        return True, ""
    numbers = numbers_of(levels, found.style)[0]
    n_numbers = len(np.unique(numbers[~np.isnan(numbers)]))
    # Quantities have a unit, a currency or decimals; a few integers may be codes.
    if n_numbers <= FEW_NUMBERS and not (found.style or (numbers % 1 > 0).any()):
        return True, ""
    if found.is_sufficient and found.exceptions:
        cells = counted(sum(found.exceptions.values()), "cell")
        raise TargetError(
            f"The target {name!r} looks like numbers, but {cells} "
            f"{'is' if cells[:2] == '1 ' else 'are'} not: {listed_counts(found.exceptions)}.",
            hint="Clear or correct these cells, or use "
            f"{argument('task', 'classification')} if the values are classes.",
        )
    if found.is_sufficient:
        return False, (
            f"contains numbers written as text ({levels.values[0]!r}) and is treated as numeric; "
            f"use {argument('task', 'classification')} if they are classes."
        )
    if found.share >= MOSTLY and n_numbers > FEW_NUMBERS:
        message = (
            f"The target {name!r} has numbers and text such as {listed_counts(found.exceptions)}; "
            "it is treated as classes. Clear or correct these cells if it is a quantity."
        )
        findings.append(Finding("mostly-numbers", message, name))
    return True, ""


def without_missing_words(values: pd.Series, task: str = "auto") -> pd.Series:
    """Clear the cells with words for missing values, if the target is numbers."""
    storage = storage_of(str(values.name), values)
    if storage == "number" and values.isna().any():
        return _whole(values)
    if storage not in ("text", "mixed"):
        return values
    levels = distinct(values).merged()
    values = values.mask(levels.codes < 0)
    if task not in ("auto", "regression"):
        return values
    words = np.array([text.strip().lower() in MISSING_WORDS for text in levels.values], dtype=bool)
    if not words.any() or (
        task == "auto" and _is_text_class(str(values.name), levels, findings=[])[0]
    ):
        return values
    return values.mask(levels.spread(words, False))


def _whole(values: pd.Series) -> pd.Series:
    """Return whole numbers, which pandas stores as floats where cells are empty, as integers."""
    numbers = values.dropna()
    is_float = pd.api.types.is_float_dtype(values.dtype)
    if is_float and np.isfinite(numbers).all() and (numbers % 1 == 0).all():
        return values.astype("Int64")
    return values


def _look_like_codes(sizes: np.ndarray, counts: np.ndarray) -> bool:
    """Return whether integers with these counts are class codes rather than quantities."""
    if not len(sizes) or counts.min() < 2:
        return False
    value_range = sizes.max() - sizes.min()
    if len(sizes) <= FEW_NUMBERS:
        return bool(len(sizes) <= 5 or value_range <= 2 * len(sizes))
    consecutive = sizes.min() in (0, 1) and value_range == len(sizes) - 1
    return bool(
        len(sizes) <= BALANCED_NUMBERS and consecutive and counts.max() <= BALANCE * counts.min()
    )


def _classes(name: str, levels: Levels, findings: list[Finding]) -> Target:
    used = np.unique(levels.codes[levels.codes >= 0])
    values = [_plain(levels.values[level]) for level in used]
    if not _one_type(values):
        values = [as_text(value) for value in values]
        findings.append(
            Finding(
                "mixed-labels",
                f"The target {name!r} has values of mixed types; the classes are read as text.",
                name,
            )
        )
    classes = sorted(set(values))
    codes = {label: code for code, label in enumerate(classes)}
    table = np.zeros(len(levels.values), dtype=np.int64)
    table[used] = [codes[value] for value in values]
    y = table[levels.codes]
    counts = np.bincount(y, minlength=len(classes))
    if len(classes) < 2:
        raise TargetError(
            f"The target {name!r} has only one class, {classes[0]!r}."
            if classes
            else f"The target {name!r} has no values.",
            hint="Check the target column and the selection of rows.",
        )
    if counts.max() < 2:
        raise TargetError(
            f"Every row of the target {name!r} has its own class ({len(classes):,} classes).",
            hint="Choose another target if this is an identifier, or use "
            f"{argument('task', 'regression')} if it is a quantity.",
        )
    findings += _class_findings(name, classes, counts)
    if any(isinstance(value, str) for value in classes):
        found = missing_words(name, levels, "The target")
        findings += [Finding(code, message, name) for code, message in found]
    kind = "binary" if len(classes) == 2 else "multiclass"
    return Target(kind, y, tuple(classes), tuple(int(c) for c in counts), findings)


def _class_findings(name: str, classes: list[Any], counts: np.ndarray) -> list[Finding]:
    findings = []
    single = [label for label, count in zip(classes, counts, strict=True) if count < 2]
    if single:
        listed = ", ".join(repr(label) for label in single[:5])
        more = f" and {len(single) - 5} more" if len(single) > 5 else ""
        words = ("Class", "has a single row") if len(single) == 1 else ("Classes", "have one row")
        findings.append(
            Finding(
                "rare-class",
                f"{words[0]} {listed}{more} of {name!r} {words[1]}: used for training but not for "
                "validation. Merge or drop rare classes for unbiased scores.",
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
        return as_text(value)
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, (bool, int, float)) else as_text(value)


def _one_type(values: list[Any]) -> bool:
    families = {
        "text" if isinstance(v, str) else "boolean" if isinstance(v, bool) else "number"
        for v in values
        if isinstance(v, (str, numbers.Real))
    }
    return len(families) <= 1


def _numbers(name: str, levels: Levels, findings: list[Finding]) -> Target:
    is_text = any(isinstance(value, str) for value in levels.values)
    found = number_format(levels.texts, levels.counts) if is_text else None
    y, _ = numbers_of(levels, found.style if found else "")
    unread = np.flatnonzero(np.isnan(y))
    if len(unread):
        raise TargetError(
            f"The target {name!r} contains {levels.values[levels.codes[unread[0]]]!r:.60}, which "
            "is not a number.",
            hint=f"Clear such cells, or use {argument('task', 'classification')}.",
        )
    infinite = int(np.isinf(y).sum())
    if infinite:
        raise TargetError(
            f"The target {name!r} contains {counted(infinite, 'infinite value')}.",
            hint="Drop these rows or clear their target.",
        )
    largest = y[np.argmax(np.abs(y))] if len(y) else 0.0
    if abs(largest) > LARGEST_TARGET:
        raise TargetError(
            f"The target {name!r} contains {largest:g}; values must be within ±{LARGEST_TARGET:g}.",
            hint="Divide the target by a constant, or take its logarithm.",
        )
    if not len(y) or y.min() == y.max():
        raise TargetError(
            f"The target {name!r} has the value {y[0]:g} in every row."
            if len(y)
            else f"The target {name!r} has no values.",
            hint="Check the target column and the selection of rows.",
        )
    return Target("regression", y, findings=findings)
