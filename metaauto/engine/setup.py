"""Set up a fit: task and metric, run directory, workers, ensemble and search."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from metaauto.analysis.earlier_model import read_earlier
from metaauto.budget import Budget
from metaauto.components.strategy import WarmStart
from metaauto.configuration import Configuration
from metaauto.data import (
    Dataset,
    Finding,
    RowLimit,
    Splits,
    lasting_address,
    plan_splits,
    prepare,
    read_limited,
)
from metaauto.data.roles import to_role
from metaauto.data.splits import check_split_options
from metaauto.data.target import possible_kinds
from metaauto.engine.options import FitOptions
from metaauto.ensemble import AnytimeEnsemble, Selection
from metaauto.errors import MetaautoError, Refused, RunError, SettingError, TargetError
from metaauto.fit_state import PreparedFit
from metaauto.metrics import Metric, check_metric, resolve_metric
from metaauto.metrics.computable import error_on, near_zero_note, undefined_reason
from metaauto.model import FinalModel
from metaauto.model.manifest import installed_versions
from metaauto.plugins.manager import PluginSettings, load_plugins
from metaauto.plugins.registry import Registry
from metaauto.progress.reporter import EventReporter
from metaauto.run import Recorder, RunDirectory, check_same, settings_of
from metaauto.search import read_folds
from metaauto.space import SearchSpace
from metaauto.text import argument, counted
from metaauto.warmstart import RuntimeModel
from metaauto.warmstart.earlier import EarlierWarmStart
from metaauto.warmstart.select import check_warm_start, knowledge_for_task, select_strategy

if TYPE_CHECKING:
    from metaauto.engine.workers import FitWorkers
    from metaauto.fit_state import FitState
    from metaauto.search import Executor, Search, Setup, Trial

__all__ = [
    "check_options",
    "check_splits",
    "end_seconds",
    "holdout_seconds",
    "lock_timeout",
    "members_seconds",
    "new_ensemble",
    "new_run",
    "new_search",
    "prediction_shapes",
    "prepare_fit",
    "prepare_task",
    "prepare_workers",
    "read_dataset",
    "worker_setup",
]

_MAX_MEMBERS = 15
_MAX_CLASSES = 3
_DESCRIBE_FROM = 20.0
_DESCRIBE_SECONDS = 1.0
_PREPARATION_FACTOR = 1.5
_COLD_FACTOR = 2.0
_LOCK_SHARE, _LOCK_SECONDS = 0.05, 30.0
_TABLE_SHARE = 1 / 6
"""A linear model of one-hot codes took five times the memory of its table."""


def prediction_shapes(state: FitState) -> list[tuple[int, ...]]:
    """Return the shapes of the out-of-fold predictions by fold."""
    task = state.dataset.task
    columns = (task.n_classes,) if task.is_classification else ()
    return [(len(validation), *columns) for _, validation in state.splits.folds]


def prepare_workers(state: FitState, workers: FitWorkers, packed: bytes) -> None:
    """Write the dataset for the workers and send them the components of this process."""
    # Commands that only prepare a task do not load the search.
    from metaauto.search import write_inputs

    write_inputs(state.run.path / "data", state.inputs)
    workers.set_up(worker_setup(state, packed))


def worker_setup(state: FitState, packed: bytes) -> Setup:
    """Return the setup of workers that fit models and check that they can be loaded."""
    from metaauto.model.packing import missing_row, verify_model
    from metaauto.search import Setup

    row, folds = missing_row(state.dataset.schema), len(state.splits.folds)
    verify = partial(verify_model, row=row, folds=folds)
    return Setup(str(state.run.path), state.plugins.settings, packed, verify=verify)


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
    recorder: Recorder,
) -> Search:
    """Return a search without trials that optimises the gain of an ensemble."""
    from metaauto.search import Proposer, Search
    from metaauto.search.row_sampling import RowSampling

    splits, sampling = state.splits, None
    if splits.sample is not None:
        sampling = RowSampling(len(splits.folds[0][0]), splits.sample)
    proposals = Proposer(
        state.space,
        state.strategy,
        state.runtime,
        len(state.splits.folds),
        options.seed,
        reproducible=not clock.is_timed,
        engine=state.space.registry.entry("search_engine", options.search).component,
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
        recorder=recorder,
        describe_seconds=_describe_seconds(clock),
        on_start=on_start,
        sampling=sampling,
        # The number of Dask workers changes during a fit, and results must not depend on it.
        window=clock.cores if options.dask is None else options.cores,
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


def end_seconds(
    selection: Selection | None,
    trials: Sequence[Trial],
    state: FitState,
    setup_seconds: float,
    workers: int,
) -> float:
    """Estimate the seconds to check the members of the ensemble and to score the holdout."""
    if selection is None:
        return 0.0
    checking = members_seconds(selection, trials, workers, setup_seconds)
    from metaauto.engine.members import refit_seconds

    again = [refit_seconds(trials[number], state) for number in selection.weights]
    training = max(sum(again) / workers, *again)
    return holdout_seconds(selection, trials, state) + checking + training


def members_seconds(
    selection: Selection, trials: Sequence[Trial], workers: int, setup_seconds: float = 0.0
) -> float:
    """Estimate the seconds in which workers load and check the members of the final ensemble.

    The workers are new, because the last jobs of the search are stopped: they import the libraries
    of the models again, while this process prepares their jobs.
    """
    members = [trials[number].check_seconds for number in selection.weights]
    if not any(members):
        return 0.0
    models = {trials[number].configuration.model for number in selection.weights}
    imports = sum(
        max(trial.build_seconds for trial in trials if trial.configuration.model == model)
        for model in models
    )
    return _COLD_FACTOR * (setup_seconds + imports) + max(sum(members) / workers, *members)


def _describe_seconds(clock: Budget) -> float:
    """Return the time limit of the metafeatures, which are computed during the first trials."""
    return 0.0 if clock.is_timed and clock.seconds < _DESCRIBE_FROM else _DESCRIBE_SECONDS


def check_options(options: FitOptions, registry: Registry) -> None:
    """Refuse the options that are invalid for every table, before the table is read."""
    check_warm_start(options.knowledge, options.strategy, registry)
    registry.entry("search_engine", options.search)
    check_split_options(_named_splitter(options.cv, registry), options.holdout)
    for role in options.roles.values():
        to_role(role)
    kinds, refusals = possible_kinds(options.task), []
    for kind in kinds:
        try:
            resolve_metric(options.metric, kind, registry.metrics())
        except MetaautoError as error:
            refusals.append(error)
    if len(refusals) == len(kinds):
        raise refusals[0]


def prepare_fit(
    data: Any,
    target: Any,
    options: FitOptions,
    clock: Budget,
    report: EventReporter,
    stored: RunDirectory | None = None,
) -> PreparedFit:
    """Load plugins, read and split the table, load the knowledge and start the strategy.

    Parameters
    ----------
    data, target
        As in `metaauto.fit`.
    options : FitOptions
        Options of the fit.
    clock : Budget
        Budget of the fit.
    report : EventReporter
        Receives each result.
    stored : RunDirectory, optional
        The run to continue: the table has to be the same, and the folds are kept.
    """
    with clock.stage("plugins"):
        settings = options.plugins or PluginSettings.from_environment()
        plugins = load_plugins(settings, options.plugin_objects)
    with clock.stage("read"):
        if data is None:
            raise RunError("No data given.", hint="Give a table or its address.")
        registry = plugins.registry.select(options.include, options.exclude)
        check_options(options, registry)
        earlier = _earlier_model(options.start_from, report, is_resumed=stored is not None)
        report("stage", "Reading the table")
        sampled = None if stored is None else stored.settings.get("sampled_rows")
        limit = RowLimit(table_bytes(clock), sampled, options.seed)
        dataset, metric = read_dataset(data, target, options, registry, limit)
        if stored is not None:
            check_same(stored.settings, dataset)
    report.table(dataset)
    with clock.stage("split"):
        splits = _split(dataset, options, clock, registry, stored)
        check_splits(metric, dataset, splits)
    report("splits", splits.description, folds=len(splits.folds))
    space = SearchSpace(registry, dataset.task)
    space.require_models()
    runtime = RuntimeModel(space, len(splits.folds))
    with clock.stage("knowledge"):
        timeout = lock_timeout(_LOCK_SHARE * clock.remaining())
        knowledge = knowledge_for_task(dataset, options.knowledge, space.registry, timeout)
        strategy = select_strategy(
            knowledge,
            space,
            runtime,
            len(splits.folds),
            options.for_ensemble,
            options.strategy,
            report.warn,
        )
        if earlier is not None:
            installed = plugins.registry.names("model")
            strategy = _started_from(earlier, space, runtime, strategy, installed, report)
    report.warm_start(knowledge, strategy, options.strategy, options.knowledge)
    return PreparedFit(plugins, dataset, metric, splits, space, runtime, knowledge, strategy)


def _earlier_model(start_from: Any, report: EventReporter, is_resumed: bool) -> FinalModel | None:
    """Return the model to start from; a resumed fit goes on without it if it is lost."""
    if start_from is None or isinstance(start_from, FinalModel):
        return start_from
    if not isinstance(start_from, str):
        raise SettingError(
            f"Invalid {argument('start_from')}: expected a model, its file or the directory of a "
            f"run, got {type(start_from).__name__}.",
            hint="Pass a model, or the path of a model file.",
        )
    try:
        return read_earlier(start_from)
    except MetaautoError as error:
        if not is_resumed:
            raise
        report.warn(f"The earlier model is not used: {error.message}")
        return None


def _started_from(
    earlier: FinalModel,
    space: SearchSpace,
    runtime: RuntimeModel,
    then: WarmStart,
    installed: Collection[str],
    report: EventReporter,
) -> EarlierWarmStart:
    """Return a warm start that begins with the members of an earlier model; note the others."""
    members = [(Configuration(m.model, m.values), m.weight) for m in earlier.members]
    strategy = EarlierWarmStart(members, space, runtime, then, installed)
    count = counted(len(strategy), "configuration") if len(strategy) else "No configuration"
    note = f"{count} of the earlier model will be tried first."
    if strategy.unusable:
        left_out = "; ".join(f"{model} {why}" for model, why in strategy.unusable.items())
        note += f" Left out: {left_out}."
    report("warning", note, code="earlier-model", column=None)
    return strategy


def lock_timeout(seconds: float) -> float:
    """Return how many of these seconds to wait for a locked knowledge store."""
    return min(max(seconds, 0.0), _LOCK_SECONDS)


def _named_splitter(cv: Any, registry: Registry) -> Any:
    """Return the splitter of this name; other values of `cv` are unchanged."""
    if isinstance(cv, str) and cv in registry.names("splitter"):
        return registry.entry("splitter", cv).component
    return cv


def _split(
    dataset: Dataset,
    options: FitOptions,
    clock: Budget,
    registry: Registry,
    stored: RunDirectory | None,
) -> Splits:
    """Plan the folds and the holdout; keep the folds of a stored run."""
    splits = plan_splits(
        dataset,
        cv=_named_splitter(options.cv, registry),
        holdout=options.holdout,
        seed=options.seed,
        budget_seconds=clock.seconds if clock.is_timed else None,
        cores=clock.cores,
    )
    folds = [] if stored is None else read_folds(stored.path / "data", len(dataset.y))
    if not folds:
        return splits
    evaluated = np.unique(np.concatenate([validation for _, validation in folds]))
    return replace(splits, folds=folds, evaluated=evaluated)


def table_bytes(clock: Budget) -> float:
    """Return the bytes that a table may take: a share of the memory of each worker."""
    return _TABLE_SHARE * clock.memory / clock.cores * 2**20


def read_dataset(
    data: Any,
    target: Any,
    options: FitOptions,
    registry: Registry,
    limit: RowLimit | None = None,
) -> tuple[Dataset, Metric]:
    """Read a table; return the dataset with its task, and the metric."""
    columns = options.named_columns(target)
    readers = registry.readers()
    frame = read_limited(data, readers, limit, columns=columns, format=options.format)
    target = frame.attrs.get("target") if target is None else target
    return prepare_task(frame, target, options, registry)


def prepare_task(
    frame: pd.DataFrame, target: Any, options: FitOptions, registry: Registry
) -> tuple[Dataset, Metric]:
    """Return the dataset with its task, and the metric."""
    if target is None:
        raise TargetError("There is no target column.", hint=f"Name it with {argument('target')}.")
    dataset = prepare(
        frame,
        target,
        task=options.task,
        roles=options.roles,
        weights=options.weights,
        groups=options.groups,
        time=options.time,
        positive=options.positive,
        missing=options.missing,
    )
    task = dataset.task
    metric = resolve_metric(
        options.metric, task.kind, registry.metrics(), task.classes, task.positive_code
    )
    check_metric(metric, dataset.y, task.kind, task.classes)
    note = near_zero_note(metric, dataset.y) if task.classes is None else ""
    notes = [Finding("near-zero", f"{note}.", task.target)] if note else []
    task = replace(task, metric=metric.name, metric_has_positive=metric.positive is not None)
    return replace(dataset, task=task, findings=[*dataset.findings, *notes]), metric


def check_splits(metric: Metric, dataset: Dataset, splits: Splits) -> None:
    """Raise `Refused` if the metric cannot be computed on the rows that score the models."""
    kind, classes = dataset.task.kind, dataset.task.classes

    def targets(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        return dataset.y[rows], None if dataset.weights is None else dataset.weights[rows]

    parts = {"the validation folds": splits.evaluated, "the holdout": splits.holdout}
    for place, rows in parts.items():
        if rows is None:
            continue
        y, weights = targets(rows)
        reason = undefined_reason(metric, y, kind, classes, weights)
        if reason:
            raise Refused(
                f"The metric {metric.name!r} cannot be computed on {place}: {reason}"
                f"{_counts_outside(dataset, y)}.",
                hint=_REMEDY[kind == "regression"],
                metric=metric.name,
            )
    for number, (_, rows) in enumerate(splits.folds, 1):
        y, weights = targets(rows)
        error = error_on(metric, y, kind, classes, weights)
        if error:
            raise Refused(
                f"The metric {metric.name!r} cannot be computed on fold {number} of "
                f"{len(splits.folds)}: {error}.",
                hint=_REMEDY[kind == "regression"],
                metric=metric.name,
            )


_REMEDY = (
    "Each class needs rows in training and in validation: add rows or merge classes, or choose a "
    "metric that needs no row of each class, such as log_loss.",
    "Choose another metric, or other folds.",
)


def _counts_outside(dataset: Dataset, y: np.ndarray) -> str:
    """Return the number of rows of the classes that these targets lack."""
    task = dataset.task
    if task.classes is None or task.class_counts is None:
        return ""
    absent = np.setdiff1d(np.arange(task.n_classes), y)[:_MAX_CLASSES]
    listed = ", ".join(
        f"{task.classes[code]!r} has {counted(task.class_counts[code], 'row')}" for code in absent
    )
    return f" ({listed} in the table)" if listed else ""


def new_run(
    data: Any, target: Any, dataset: Dataset, options: FitOptions, registry: Registry
) -> RunDirectory:
    """Create a run directory that stores the options and the address of the data."""
    source = lasting_address(data, registry.readers(), options.format)
    settings = settings_of(options.to_json(), source, target, dataset)
    settings["versions"] = installed_versions()
    if dataset.present_rows is not None:
        settings["sampled_rows"] = len(dataset.y) + dataset.dropped_rows
    return RunDirectory.create(options.run_dir, settings)
