"""Analyse a model on a table: scores, plots, importance, dependence, error analysis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from metaauto.analysis.curves import diagnose
from metaauto.analysis.dependence import partial_dependence
from metaauto.analysis.error_slices import row_errors, worst_slices
from metaauto.analysis.evaluation import evaluate, known_targets, metrics_for
from metaauto.analysis.importance import Importance, column_importance
from metaauto.analysis.intervals import score_intervals
from metaauto.components import Deadline
from metaauto.data.cells import without_words
from metaauto.data.fingerprint import fingerprint
from metaauto.errors import DataError
from metaauto.metrics.base import most_probable
from metaauto.model import FinalModel
from metaauto.model.prediction import encoded_chunks
from metaauto.plugins.registry import Registry

__all__ = ["Rows", "examine", "importance_of", "known_rows"]

_DRAWS = 400
_COLUMNS = 6
_SHARES = (0.2, 0.75)


@dataclass(frozen=True)
class Rows:
    """Rows of a table in the encoding of a model.

    Parameters
    ----------
    frame : pandas.DataFrame
        As read, without rows that lack a target if any row has one.
    typed : pandas.DataFrame
        As the model's schema encodes them.
    y : ndarray of shape (rows,) or None
        Class codes or values; None if the table has no target.
    dropped : int
        Number of rows dropped because their target is missing.
    """

    frame: pd.DataFrame
    typed: pd.DataFrame
    y: np.ndarray | None
    dropped: int = 0


def known_rows(model: FinalModel, frame: pd.DataFrame, target: str | None = None) -> Rows:
    """Encode a table for a model, with the target if the table has one.

    Parameters
    ----------
    model : FinalModel
        The model.
    frame : pandas.DataFrame
        The columns of the training table; the target may be absent.
    target : str, optional
        Its column; by default the one of the training table. A named column must exist.

    Raises
    ------
    DataError
        The table has no rows, or an unknown target.
    SchemaMismatch
        Columns are missing, or hold other types of values than the training table.
    """
    if frame.empty and not len(frame):
        raise DataError("The table has no rows.", hint="Give a table with rows.")
    y, dropped = None, 0
    if target is not None or model.task.target in map(str, frame.columns):
        frame = without_words(frame, model.schema.missing)
        present, y = known_targets(frame, model.task, target)
        dropped = int((~present).sum())
        frame = frame.loc[present]
    typed = pd.concat(list(encoded_chunks(frame, model.schema)), ignore_index=True)
    return Rows(frame, typed, y, dropped)


def importance_of(
    model: FinalModel,
    rows: Rows,
    registry: Registry | None = None,
    *,
    seed: int = 0,
    deadline: Deadline | None = None,
    on_first: Callable[[Importance], None] | None = None,
) -> Importance:
    """Compute permutation importance, by the model's metric if the target is known."""
    metric = metrics_for(model.task, registry=registry)[0] if rows.y is not None else None
    return column_importance(
        model,
        rows.typed,
        rows.y,
        metric,
        seed=seed,
        deadline=deadline or Deadline(),
        on_first=on_first,
    )


def examine(
    model: FinalModel,
    frame: pd.DataFrame,
    *,
    target: str | None = None,
    registry: Registry | None = None,
    seconds: float = 60.0,
    seed: int = 0,
    on_first: Callable[[Importance], None] | None = None,
) -> dict[str, Any]:
    """Analyse a model on a table and return JSON-ready summaries for the report.

    Parameters
    ----------
    model : FinalModel
        The model.
    frame : pandas.DataFrame
        Rows, preferably not used in training; the target may be absent.
    target : str, optional
        Its column; by default the one of the training table.
    registry : Registry, optional
        Installed components, for the metrics of plugins.
    seconds : float
        Time limit for importance and dependence.
    seed : int
        Seed for everything random.
    on_first : callable, optional
        Called with a first estimate of the importance, on few rows.

    Returns
    -------
    dict
        ``rows``, ``dropped_rows``, ``has_target``, ``is_training`` (whether these are the training
        rows), ``importance``, ``dependence``, ``untried`` (columns without dependence for lack of
        time), and with a target ``scores``, ``positive`` (class of each metric that scores one),
        ``notes`` (why scores are missing), ``intervals``, ``beats``, ``diagnosis`` and ``slices``.
    """
    rows = known_rows(model, frame, target)
    limits = [Deadline.after(seconds * share) for share in (_SHARES[1], 1.0)]
    importance = importance_of(
        model, rows, registry, seed=seed, deadline=limits[0], on_first=on_first
    )
    top = [column.column for column in importance.columns]
    found: dict[str, Any] = {
        "rows": len(rows.typed),
        "dropped_rows": rows.dropped,
        "has_target": rows.y is not None,
        "is_training": _is_training(model, rows, target),
        "importance": importance.to_json(),
    }
    if rows.y is not None:
        found.update(_evaluated(model, rows, registry, target, seed))
    texts = {column.name for column in model.task.features if column.role == "text"}
    shown = [name for name in top if name not in texts][:_COLUMNS]
    found["dependence"] = partial_dependence(
        model, rows.typed, shown, seed=seed, deadline=limits[1]
    )
    done = {item["column"] for item in found["dependence"]}
    found["untried"] = [n for n in shown if n not in done] if limits[1].passed() else []
    return found


def _evaluated(
    model: FinalModel, rows: Rows, registry: Registry | None, target: str | None, seed: int
) -> dict[str, Any]:
    y = rows.y
    assert y is not None
    metric = metrics_for(model.task, registry=registry)[0]
    prediction = model.predict_typed(rows.typed)
    intervals = score_intervals(
        metric,
        y,
        {"ensemble": prediction, "baseline": _constant(model, len(y))},
        decision=model.decision,
        draws=_DRAWS,
        seed=seed,
        deadline=Deadline.after(5.0),
    )
    scores = evaluate(model, rows.frame, target=target, registry=registry)
    labels = None
    if model.task.is_classification:
        rule = model.decision
        labels = most_probable(prediction) if rule is None else rule.labels(prediction)
    return {
        **intervals,
        "metric": metric.name,
        "positive": scores.positive,
        "notes": scores.notes,
        "scores": scores.scores,
        "greater_is_better": scores.greater_is_better,
        "diagnosis": diagnose(model.task, y, prediction, None, model.decision, seed),
        "slices": worst_slices(
            model.task, rows.typed, row_errors(model.task, y, prediction, labels)
        ),
    }


def _constant(model: FinalModel, count: int) -> np.ndarray:
    """Return the constant baseline prediction: class shares or the mean of the training table."""
    if not model.task.is_classification:
        return np.full(count, 0.0 if model.fallback is None else model.fallback)
    shares = np.asarray(model.task.class_counts or (1,) * model.task.n_classes, dtype=np.float64)
    return np.tile(shares / shares.sum(), (count, 1))


def _is_training(model: FinalModel, rows: Rows, target: str | None) -> bool:
    """Return whether these are the training rows, by their fingerprint."""
    known = (model.record.refit or model.record).fingerprint
    if rows.y is None or not known or model.task.n_rows != len(rows.y):
        return False
    name = model.task.target if target is None else target
    features = rows.frame.loc[:, [str(column) != name for column in rows.frame.columns]]
    return fingerprint(features, rows.y) == known
