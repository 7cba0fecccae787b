"""Reliability of a fit: scores by fold, recall by class, roles of the columns."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np

from metaauto.ensemble import quick_decision
from metaauto.fit_state import FitState
from metaauto.model import FinalModel
from metaauto.model.fit_record import ClassRecall, ExcludedColumn, RoleName
from metaauto.task import Role, Task

__all__ = ["class_recalls", "excluded_columns", "fold_scores", "role_counts"]

_MAX_COLUMNS = 50


def fold_scores(state: FitState, blended: np.ndarray) -> tuple[float | None, ...]:
    """Return the score of out-of-fold predictions in each fold, None where it is undefined."""
    rows, metric = state.splits.evaluated, state.metric
    y, weights = state.targets(rows)
    decision = quick_decision(blended, y, metric, weights) if metric.needs == "labels" else None

    def score(chosen: np.ndarray) -> float:
        weight = None if weights is None else weights[chosen]
        return metric.score(y[chosen], blended[chosen], weight, decision)

    folds = (np.searchsorted(rows, validation) for _, validation in state.splits.folds)
    return tuple(_finite(score, chosen) for chosen in folds)


def role_counts(task: Task) -> dict[RoleName, int]:
    """Return the number of columns by role."""
    counts = Counter(column.role for column in task.columns)
    return {role.value: counts[role] for role in Role if counts[role]}


def excluded_columns(task: Task) -> tuple[ExcludedColumn, ...]:
    """Return the columns that no model uses, with their reasons."""
    excluded = [column for column in task.columns if not column.role.is_used]
    return tuple(
        ExcludedColumn(column.name, str(column.role), column.reason)
        for column in excluded[:_MAX_COLUMNS]
    )


def _finite(score: Any, rows: np.ndarray) -> float | None:
    try:
        found = float(score(rows))
    except Exception:
        # For example a fold with one class.
        return None
    return found if math.isfinite(found) else None


def class_recalls(model: FinalModel, y: np.ndarray, blended: np.ndarray) -> tuple[ClassRecall, ...]:
    """Return the recall of each class in the calibrated out-of-fold predictions."""
    task = model.task
    if task.classes is None:
        return ()
    probabilities = blended if model.calibrator is None else model.calibrator.apply(blended)
    if model.decision is None:
        labels = np.asarray(probabilities).argmax(axis=1)
    else:
        labels = model.decision.labels(np.asarray(probabilities))
    counts = np.bincount(y, minlength=task.n_classes)
    right = np.bincount(y[labels == y], minlength=task.n_classes)
    return tuple(
        ClassRecall(
            label, int(counts[code]), float(right[code] / counts[code]) if counts[code] else None
        )
        for code, label in enumerate(task.classes)
    )
