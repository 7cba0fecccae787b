"""From a table as it was read to what a fit is about, and the directory that remembers it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from metaauto.data import Dataset, lasting_address, prepare
from metaauto.engine.options import FitOptions
from metaauto.errors import TargetError
from metaauto.metrics import Metric, check_metric, resolve_metric
from metaauto.plugins.registry import Registry
from metaauto.run import RunDirectory, settings_of

__all__ = ["new_run", "understand"]


def understand(
    frame: pd.DataFrame, target: Any, options: FitOptions, registry: Registry
) -> tuple[Dataset, Metric]:
    """Say what is to be learned from what, and by which metric it is judged."""
    if target is None:
        raise TargetError("There is no target column.", hint="Name it with --target.")
    dataset = prepare(
        frame,
        target,
        task=options.task,
        roles=options.roles,
        weights=options.weights,
        groups=options.groups,
        time=options.time,
    )
    task = dataset.task
    metric = resolve_metric(options.metric, task.kind, registry.metrics(), task.classes)
    check_metric(metric, dataset.y, task.kind, task.classes)
    dataset.task = replace(task, metric=metric.name)
    return dataset, metric


def new_run(
    data: Any, target: Any, dataset: Dataset, options: FitOptions, registry: Registry
) -> RunDirectory:
    """Make a run directory that remembers what was asked for, of which table."""
    source = lasting_address(data, registry.readers())
    settings = settings_of(options.to_json(), source, target, dataset)
    return RunDirectory.create(options.run_dir, settings)
