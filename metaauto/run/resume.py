"""What a run directory remembers of its fit, so that no other fit goes on in its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metaauto.data import Dataset
from metaauto.errors import RunError

__all__ = ["check_same", "settings_of"]


def settings_of(
    options: Mapping[str, Any], source: str | None, target: Any, dataset: Dataset
) -> dict[str, Any]:
    """What a run directory remembers, for resuming.

    Parameters
    ----------
    options : mapping
        Plain values of what was asked for.
    source : str or None
        Where the table will be found again; None for one in memory.
    target : str or array
        The target column, which is remembered if it is a name.
    dataset : Dataset
        The table as it was read, its task with the metric.
    """
    return {
        **options,
        "data": source,
        "target": target if isinstance(target, str) else None,
        "fingerprint": dataset.fingerprint,
        "metric_used": dataset.task.metric,
    }


def check_same(settings: Mapping[str, Any], dataset: Dataset) -> None:
    """Raise if a run that is to go on was about something else."""
    if settings.get("fingerprint") != dataset.fingerprint:
        raise RunError(
            "The table is not the one that the interrupted run was fitting.",
            hint="Give the same data, or start a new run.",
        )
    metric = settings.get("metric_used", dataset.task.metric)
    if metric != dataset.task.metric:
        raise RunError(
            f"The interrupted run was judged by {metric}, not by {dataset.task.metric}.",
            hint="Give the same metric, or start a new run.",
        )
