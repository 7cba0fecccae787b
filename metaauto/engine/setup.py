"""What must stand ready when the search begins: the table laid out, an ensemble, the search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from metaauto.budget import Budget
from metaauto.data import Dataset, lasting_address, prepare
from metaauto.engine.options import FitOptions
from metaauto.ensemble import AnytimeEnsemble, Selection
from metaauto.errors import TargetError
from metaauto.fit_state import FitState
from metaauto.metrics import Metric, check_metric, resolve_metric
from metaauto.plugins.registry import Registry
from metaauto.run import RunDirectory, settings_of
from metaauto.search import Executor, Proposer, Search, Setup, Trial, write_inputs

__all__ = ["holdout_seconds", "lay_out", "new_ensemble", "new_run", "new_search", "understand"]

_MOST_MEMBERS = 15
_DESCRIBE_FROM = 20.0
_DESCRIBE_SECONDS = 1.0
_PREPARATION = 1.5


def lay_out(state: FitState, executor: Executor, packed: bytes) -> None:
    """Write the table where workers find it, and tell them of the components of this process."""
    write_inputs(state.run.path / "data", state.inputs)
    executor.set_up(Setup(str(state.run.path), state.plugins.settings, packed))


def new_ensemble(state: FitState, options: FitOptions, clock: Budget) -> AnytimeEnsemble:
    """An ensemble of nothing yet, that trials can be offered to."""
    y, weights = state.targets(state.splits.evaluated)
    return AnytimeEnsemble(
        y,
        state.metric,
        weights,
        size=options.ensemble_size,
        max_members=_MOST_MEMBERS,
        seed=options.seed,
        decide=state.metric.needs == "labels",
        # Where only trials count, the result may not depend on when there was time to select.
        keeps_better=clock.is_timed,
    )


def new_search(
    state: FitState,
    options: FitOptions,
    clock: Budget,
    executor: Executor,
    on_start: Callable[[Trial], None],
    ensemble: AnytimeEnsemble,
) -> Search:
    """A search that has tried nothing yet, for an ensemble that it will make better."""
    proposals = Proposer(
        state.space,
        state.strategy,
        state.runtime,
        len(state.splits.folds),
        options.seed,
        reproducible=not clock.is_timed,
    )
    return Search(
        proposals=proposals,
        executor=executor,
        budget=clock,
        folder=state.run.path,
        folds=state.splits.folds,
        evaluated=state.splits.evaluated,
        loss=state.loss,
        seed=options.seed,
        recorder=state.run,
        describe_seconds=_describe_seconds(clock),
        on_start=on_start,
        # An error of regression is mostly what no model takes away: its shares say little.
        gain=ensemble.relative_gain
        if options.for_ensemble and state.dataset.task.is_classification
        else None,
    )


def holdout_seconds(selection: Selection, trials: Sequence[Trial], state: FitState) -> float:
    """What predicting the rows held out may take, by what the folds took."""
    if state.splits.holdout is None:
        return 0.0
    seconds = 0.0
    for number in selection.weights:
        for fold, outcome in trials[number].outcomes.items():
            rows = len(state.splits.folds[fold][1])
            seconds += outcome.predict_seconds * len(state.splits.holdout) / max(rows, 1)
    # The folds were predicted from rows that were prepared already.
    return _PREPARATION * seconds


def _describe_seconds(clock: Budget) -> float:
    """Time that describing the table by numbers may take beside the first trials."""
    return 0.0 if clock.is_timed and clock.seconds < _DESCRIBE_FROM else _DESCRIBE_SECONDS


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
