"""Reliability of a fit: scores by fold, recall by class, roles of the columns."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np

from metaauto.ensemble import quick_decision
from metaauto.fit_state import FitState
from metaauto.model import FinalModel
from metaauto.task import Role, Task

__all__ = ["column_facts", "reliability_facts"]

_MAX_COLUMNS = 50


def reliability_facts(state: FitState, model: FinalModel, blended: np.ndarray) -> dict[str, Any]:
    """Return fold scores and class recalls of the ensemble's out-of-fold predictions, JSON-ready.

    Parameters
    ----------
    state : FitState
        State of the fit.
    model : FinalModel
        The model, for its decision rule.
    blended : ndarray
        Out-of-fold predictions of the ensemble over the evaluated rows.

    Returns
    -------
    dict
        ``fold_scores``: the score of each fold, None if it is undefined; ``classes``: for each
        class the number of rows and the share of correct predictions.
    """
    rows, metric = state.splits.evaluated, state.metric
    y, weights = state.targets(rows)
    decision = quick_decision(blended, y, metric, weights) if metric.needs == "labels" else None

    def score(chosen: np.ndarray) -> float:
        weight = None if weights is None else weights[chosen]
        return metric.score(y[chosen], blended[chosen], weight, decision)

    return {
        "fold_scores": [
            _finite(score, np.searchsorted(rows, validation))
            for _, validation in state.splits.folds
        ],
        "classes": _class_facts(model, y, blended),
    }


def column_facts(task: Task) -> dict[str, Any]:
    """Return the number of columns by role, and the excluded columns with their reasons."""
    counts = Counter(column.role for column in task.columns)
    left_out = [column for column in task.columns if not column.role.is_used]
    return {
        "roles": {str(role): counts[role] for role in Role if counts[role]},
        "left_out": [
            {"name": column.name, "role": str(column.role), "reason": column.reason}
            for column in left_out[:_MAX_COLUMNS]
        ],
    }


def _finite(score: Any, rows: np.ndarray) -> float | None:
    try:
        found = float(score(rows))
    except Exception:
        # For example a fold with one class.
        return None
    return found if math.isfinite(found) else None


def _class_facts(model: FinalModel, y: np.ndarray, blended: np.ndarray) -> list[dict[str, Any]]:
    task = model.task
    if task.classes is None:
        return []
    probabilities = blended if model.calibrator is None else model.calibrator.apply(blended)
    if model.decision is None:
        labels = np.asarray(probabilities).argmax(axis=1)
    else:
        labels = model.decision.labels(np.asarray(probabilities))
    counts = np.bincount(y, minlength=task.n_classes)
    right = np.bincount(y[labels == y], minlength=task.n_classes)
    return [
        {
            "class": label,
            "rows": int(counts[code]),
            "right": float(right[code] / counts[code]) if counts[code] else None,
        }
        for code, label in enumerate(task.classes)
    ]
