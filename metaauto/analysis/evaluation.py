"""Score a model on rows with a known target."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from metaauto.data.cells import without_words
from metaauto.data.dtypes import arrow_cells
from metaauto.data.parsing import as_text, distinct, number_format, numbers_of
from metaauto.data.target import without_missing_words
from metaauto.errors import MetaautoError, TargetError
from metaauto.metrics import Metric, resolve_metric
from metaauto.metrics.computable import near_zero_note, undefined_reason
from metaauto.model import FinalModel
from metaauto.plugins.registry import Registry
from metaauto.task import Task
from metaauto.text import argument

__all__ = [
    "Evaluation",
    "evaluate",
    "known_targets",
    "log_notes",
    "metrics_for",
    "score_and_note",
    "usual_metrics",
]

logger = logging.getLogger("metaauto")

_COMMON = {
    "binary": (
        "roc_auc", "average_precision", "log_loss", "brier", "accuracy", "balanced_accuracy",
        "f1", "mcc",
    ),
    "multiclass": ("roc_auc", "log_loss", "brier", "accuracy", "balanced_accuracy", "f1_macro",
                   "mcc"),
    "regression": ("rmse", "mae", "median_ae", "r2"),
}  # fmt: skip


@dataclass(frozen=True)
class Evaluation:
    """Scores of a model on a table.

    Parameters
    ----------
    scores : dict of str to float
        By metric, in the metric's direction; NaN if the metric is undefined on the rows.
    greater_is_better : dict of str to bool
        Direction of each metric.
    metric : str
        The metric that the fit optimised.
    rows : int
        Number of scored rows.
    dropped_rows : int
        Number of rows without a target.
    positive : dict of str to object
        Positive class of each metric that scores one, such as F1.
    notes : dict of str to str
        By metric, why its score is missing or says little.
    """

    scores: dict[str, float]
    greater_is_better: dict[str, bool] = field(default_factory=dict)
    metric: str = ""
    rows: int = 0
    dropped_rows: int = 0
    positive: dict[str, Any] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)


def usual_metrics(kind: str) -> tuple[str, ...]:
    """Return the names of the common metrics for a task type."""
    return _COMMON[kind]


def evaluate(
    model: FinalModel,
    frame: pd.DataFrame,
    *,
    target: str | None = None,
    metrics: Sequence[Any] = (),
    registry: Registry | None = None,
) -> Evaluation:
    """Score a model on a table that holds the target.

    Parameters
    ----------
    model : FinalModel
        The model.
    frame : pandas.DataFrame of shape (rows, columns)
        The columns of the training table and the target.
    target : str, optional
        Its column; by default the one of the training table.
    metrics : sequence of str, scorer or callable
        Metrics to compute; by default the model's own metric and the common ones of its task.
    registry : Registry, optional
        Installed components, for the metrics of plugins.

    Returns
    -------
    Evaluation

    Raises
    ------
    TargetError
        There is no such column, no row has a target, or a class is unknown to the model.
    UnknownName, Refused
        The metric is unknown, or does not support this task type.
    """
    task = model.task
    frame = without_words(frame, model.schema.missing)
    present, y = known_targets(frame, task, target)
    chosen = metrics_for(task, metrics, registry)
    prediction = model.predict_raw(frame.loc[present])
    scores, notes = {}, {}
    for metric in chosen:
        scores[metric.name], note = score_and_note(metric, y, prediction, model)
        if note:
            notes[metric.name] = note
    return Evaluation(
        scores=scores,
        greater_is_better={metric.name: metric.greater_is_better for metric in chosen},
        metric=model.metric_name,
        rows=int(present.sum()),
        dropped_rows=int((~present).sum()),
        positive={
            metric.name: metric.positive_label(task.classes)
            for metric in chosen
            if metric.positive is not None
        },
        notes=notes,
    )


def log_notes(found: Evaluation) -> None:
    """Log a warning for each score that is missing or says little."""
    for name, note in found.notes.items():
        logger.warning("%s: %s.", name, note)


def known_targets(
    frame: pd.DataFrame, task: Task, target: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return which rows have a target, and these targets as codes or values.

    Parameters
    ----------
    frame : pandas.DataFrame of shape (rows, columns)
        A table with the target.
    task : Task
        Task of the model.
    target : str, optional
        The column; by default the one of the training table.

    Raises
    ------
    TargetError
        There is no such column, no row has a target, or a class is unknown to the model.
    """
    name = task.target if target is None else target
    names = [str(column) for column in frame.columns]
    if names.count(name) != 1:
        raise TargetError(
            f"Target column not found: {name!r}."
            if name not in names
            else f"Several columns are named {name!r}.",
            hint=f"Name the target column with {argument('target')}.",
        )
    kind = "regression" if task.classes is None else "classification"
    labels = without_missing_words(arrow_cells(frame.iloc[:, names.index(name)]), kind)
    present = labels.notna().to_numpy()
    if not present.any():
        raise TargetError(
            f"The target {name!r} is missing in every row.",
            hint=f"Name another column with {argument('target')}.",
        )
    return present, target_codes(labels[present], task)


def metrics_for(
    task: Task, requested: Sequence[Any] = (), registry: Registry | None = None
) -> list[Metric]:
    """Return the requested metrics, by default the model's own (if available) and common ones."""
    extra = registry.metrics() if registry is not None else ()
    classes = list(task.classes) if task.classes is not None else None
    chosen: dict[str, Metric] = {}
    for spec in requested:
        metric = resolve_metric(spec, task.kind, extra, classes, task.positive_code)
        chosen.setdefault(metric.name, metric)
    if chosen:
        return list(chosen.values())
    try:
        own = resolve_metric(task.metric, task.kind, extra, classes, task.positive_code)
        chosen[own.name] = own
    except MetaautoError:
        # A saved model holds only the name of a metric that the user passed as a function.
        logger.warning("The model's own metric %r is not available here.", task.metric)
    for name in usual_metrics(task.kind):
        chosen.setdefault(name, resolve_metric(name, task.kind, positive=task.positive_code))
    return list(chosen.values())


def score_and_note(
    metric: Metric, y: np.ndarray, prediction: np.ndarray, model: FinalModel
) -> tuple[float, str]:
    """Return the score, and why it is missing or says little."""
    problem, task = "", model.task
    try:
        score = metric.score(y, prediction, None, model.decision)
    except (ValueError, ZeroDivisionError) as error:
        # For example a scorer that requires every class.
        score, problem = float("nan"), str(error).rstrip(".")
    reason = undefined_reason(metric, y, task.kind, task.classes) or problem
    if score != score and not reason:
        reason = "it is NaN for these predictions"
    return score, reason or ("" if task.is_classification else near_zero_note(metric, y))


def target_codes(labels: pd.Series, task: Task) -> np.ndarray:
    """Encode the target: codes of the model's classes, or float64 values.

    Parameters
    ----------
    labels : pandas.Series of shape (n,)
        Labels or values as read from a table, none missing. ``"1"``, ``1`` and ``1.0`` are the
        same class.
    task : Task
        Task of the model.

    Raises
    ------
    TargetError
        A label is not a class of the model, or a value is not a finite number.
    """
    name = str(labels.name)
    levels = distinct(labels)
    if task.classes is None:
        is_text = any(isinstance(v, str) for v in levels.values)
        found = number_format(levels.texts, levels.counts) if is_text else None
        values, wrong = numbers_of(levels, found.style if found else "")
        lost = np.flatnonzero(~np.isfinite(values))
        if len(lost):
            example = levels.values[int(wrong.argmax())] if any(wrong) else labels.iloc[lost[0]]
            raise TargetError(
                f"The target {name!r} holds {example!r:.60}: expected a finite number.",
                hint="Clear the target of such rows, or name another column with "
                f"{argument('target')}.",
            )
        return values
    exact = {as_text(label): code for code, label in enumerate(task.classes)}
    alike: dict[str, int] = {}
    for text, code in exact.items():
        spelling = _spelling(text)
        alike[spelling] = -1 if spelling in alike else code
    codes = np.array(
        [exact.get(text, alike.get(_spelling(text), -1)) for text in levels.texts], dtype=np.int64
    )
    used = np.unique(levels.codes)
    unknown = [levels.values[place] for place in used if codes[place] < 0]
    if unknown:
        listed = ", ".join(repr(as_text(value)) for value in unknown[:3])
        classes = ", ".join(repr(as_text(label)) for label in task.classes[:5])
        raise TargetError(
            f"The target {name!r} holds unknown classes: {listed}.",
            hint=f"The classes of the model are {classes}{', ...' if task.n_classes > 5 else ''}.",
        )
    return codes[levels.codes]


def _spelling(text: str) -> str:
    """Return one spelling for numbers that tables write in several ways."""
    try:
        number = float(text)
    except ValueError:
        return text.strip()
    return f"{number:.17g}"
