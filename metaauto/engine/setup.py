"""Set up a fit: task and metric, run directory, workers, ensemble and search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from metaauto.budget import Budget
from metaauto.data import Dataset, lasting_address, prepare
from metaauto.engine.options import FitOptions
from metaauto.ensemble import AnytimeEnsemble, Selection
from metaauto.errors import TargetError
from metaauto.metrics import Metric, check_metric, resolve_metric
from metaauto.plugins.registry import Registry
from metaauto.run import RunDirectory, settings_of

if TYPE_CHECKING:
    from metaauto.fit_state import FitState
    from metaauto.search import Executor, Search, Trial

__all__ = [
    "holdout_seconds",
    "new_ensemble",
    "new_run",
    "new_search",
    "prepare_task",
    "prepare_workers",
]

_MAX_MEMBERS = 15
_DESCRIBE_FROM = 20.0
_DESCRIBE_SECONDS = 1.0
_PREPARATION_FACTOR = 1.5


def prepare_workers(state: FitState, executor: Executor, packed: bytes) -> None:
    """Write the dataset for the workers and send them the components of this process."""
    # Commands that only prepare a task do not load the search.
    from metaauto.search import Setup, write_inputs

    write_inputs(state.run.path / "data", state.inputs)
    executor.set_up(Setup(str(state.run.path), state.plugins.settings, packed))


def new_ensemble(state: FitState, options: FitOptions, clock: Budget) -> AnytimeEnsemble:
    """Return an empty ensemble."""
    y, weights = state.targets(state.splits.evaluated)
    return AnytimeEnsemble(
        y,
        state.metric,
        weights,
        size=options.ensemble_size,
        max_members=_MAX_MEMBERS,
        seed=options.seed,
        decide=state.metric.needs == "labels",
        # Without a time limit the result must not depend on the clock.
        keep_incumbent=clock.is_timed,
    )


def new_search(
    state: FitState,
    options: FitOptions,
    clock: Budget,
    executor: Executor,
    on_start: Callable[[Trial], None],
    ensemble: AnytimeEnsemble,
) -> Search:
    """Return a search without trials that optimises the gain of an ensemble."""
    from metaauto.search import Proposer, Search

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
        # In regression most of the error is irreducible, so relative gains are not informative.
        gain=ensemble.relative_gain
        if options.for_ensemble and state.dataset.task.is_classification
        else None,
    )


def holdout_seconds(selection: Selection, trials: Sequence[Trial], state: FitState) -> float:
    """Estimate the seconds to predict the holdout from the prediction seconds of the folds."""
    if state.splits.holdout is None:
        return 0.0
    seconds = 0.0
    for number in selection.weights:
        for fold, outcome in trials[number].outcomes.items():
            rows = len(state.splits.folds[fold][1])
            seconds += outcome.predict_seconds * len(state.splits.holdout) / max(rows, 1)
    # The seconds of the folds do not include the preprocessing of the table.
    return _PREPARATION_FACTOR * seconds


def _describe_seconds(clock: Budget) -> float:
    """Return the time limit of the metafeatures, which are computed during the first trials."""
    return 0.0 if clock.is_timed and clock.seconds < _DESCRIBE_FROM else _DESCRIBE_SECONDS


def prepare_task(
    frame: pd.DataFrame, target: Any, options: FitOptions, registry: Registry
) -> tuple[Dataset, Metric]:
    """Return the dataset with its task, and the metric."""
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
        missing=options.missing,
    )
    task = dataset.task
    metric = resolve_metric(options.metric, task.kind, registry.metrics(), task.classes)
    check_metric(metric, dataset.y, task.kind, task.classes)
    dataset.task = replace(task, metric=metric.name)
    return dataset, metric


def new_run(
    data: Any, target: Any, dataset: Dataset, options: FitOptions, registry: Registry
) -> RunDirectory:
    """Create a run directory that stores the options and the address of the data."""
    source = lasting_address(data, registry.readers())
    settings = settings_of(options.to_json(), source, target, dataset)
    return RunDirectory.create(options.run_dir, settings)
