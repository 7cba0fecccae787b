"""The settings in a run directory, and the check that a resumed fit is the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from metaauto.data import Dataset
from metaauto.errors import RunError
from metaauto.text import argument

__all__ = ["check_same", "settings_of"]


def settings_of(
    options: Mapping[str, Any], source: str | None, target: Any, dataset: Dataset
) -> dict[str, Any]:
    """Return the settings that a run directory stores for resuming.

    Parameters
    ----------
    options : mapping
        Options of the fit as plain values.
    source : str or None
        Source of the table; None for one in memory.
    target : str or array
        The target column; stored if it is a name.
    dataset : Dataset
        The table as read, its task with the metric.
    """
    return {
        **options,
        "data": source,
        "target": target if isinstance(target, str) else None,
        "fingerprint": dataset.fingerprint,
        "metric_used": dataset.task.metric,
        "task_used": dataset.task.kind,
        "positive_used": dataset.task.scored_class,
        "positional": dataset.schema.positional,
        "task_record": json.loads(json.dumps(dataset.task.to_json(), default=str)),
    }


def check_same(settings: Mapping[str, Any], dataset: Dataset) -> None:
    """Raise `RunError` if the resumed run had another table, metric or positive class."""
    if settings.get("fingerprint") != dataset.fingerprint:
        raise RunError(
            "The table differs from that of the interrupted run.",
            hint="Use the same data, or start a new run.",
        )
    metric = settings.get("metric_used", dataset.task.metric)
    if metric != dataset.task.metric:
        raise RunError(
            f"The metric differs: the interrupted run used {metric} (got {dataset.task.metric}).",
            hint="Use the same metric, or start a new run.",
        )
    scored = dataset.task.scored_class
    # Earlier releases scored the last class, and stored none.
    last = (dataset.task.classes or (None,))[-1]
    used = settings.get("positive_used", None if scored is None else last)
    if used != scored:
        raise RunError(
            f"The positive class differs: the interrupted run scored {used!r} (got {scored!r}).",
            hint=f"Use the same {argument('positive')}, or start a new run.",
        )
