"""Refit the members of an ensemble on all rows: one model each instead of the fold models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from metaauto.analysis.earlier_model import read_earlier, stored_rows
from metaauto.analysis.evaluation import known_targets
from metaauto.analysis.input_table import input_table
from metaauto.budget import Budget
from metaauto.components import Deadline
from metaauto.configuration import Configuration
from metaauto.data import Dataset, RowLimit, plan_splits
from metaauto.data.cells import without_words
from metaauto.data.dataset import prepare_again
from metaauto.engine.members import needs_validation, run_jobs
from metaauto.engine.options import FitOptions
from metaauto.engine.setup import table_bytes
from metaauto.ensemble import Selection
from metaauto.errors import MissingPlugin, NoModelFitted, Refused, SplitError
from metaauto.events import Event
from metaauto.model import FinalModel, Member, pack_members
from metaauto.model.build import Packing
from metaauto.model.fit_record import Refitted
from metaauto.model.manifest import missing_plugin
from metaauto.model.packing import missing_row, verify_model
from metaauto.plugins.manager import (
    SESSION,
    LoadedPlugins,
    PluginSettings,
    load_plugins,
    pack_objects,
)
from metaauto.plugins.registry import Registry
from metaauto.progress.reporter import EventReporter
from metaauto.run import RunDirectory
from metaauto.search import (
    Executor,
    Inputs,
    Job,
    LocalExecutor,
    Setup,
    Status,
    Trial,
    write_inputs,
)
from metaauto.search.loop import job_seed
from metaauto.search.timeouts import job_limits
from metaauto.text import argument, counted

__all__ = ["refit", "refit_options", "refit_stored"]

# Numbers of the folds: all rows without validation, and most rows with a validation part.
_ALL_ROWS, _WITH_VALIDATION = 0, 1
_VALIDATION_SHARE = 0.1

Fold = tuple[np.ndarray, np.ndarray]
Listener = Callable[[Event], None]


def refit_options(
    budget: float | str | None = None,
    cores: int | None = None,
    memory: float | None = None,
    plugins: PluginSettings | None = None,
    components: Sequence[Any] = (),
) -> FitOptions:
    """Return the options of a refit; without a budget its time is not limited."""
    return FitOptions(
        budget=budget,
        trials=1 if budget is None else None,
        cores=cores,
        memory=memory,
        plugins=plugins,
        components=components,
    )


def refit_stored(
    place: str | Path,
    data: Any,
    options: FitOptions,
    *,
    target: str | None = None,
    weights: str | None = None,
    format: str | None = None,
    on_event: Listener | None = None,
) -> FinalModel:
    """Refit the ensemble of a model file or a run directory; no fold model is loaded.

    Parameters
    ----------
    place : str or Path
        A model file, or the directory of a finished run, which holds its training rows.
    data : str, optional
        Address of the table to refit on; by default the rows of the run directory.
    options : FitOptions
        From `refit_options`.
    target, weights : str, optional
        Columns of the table; by default those of the fit.
    format : str, optional
        Suffix by which the table is read instead of its own.
    on_event : callable, optional
        Called with each `Event`.

    Raises
    ------
    Refused
        A model file without a table.
    """
    clock, model = _started(options), read_earlier(place)
    if data is not None:
        return refit(
            model,
            data,
            options,
            target=target,
            weights=weights,
            format=format,
            on_event=on_event,
        )
    if not Path(place).expanduser().is_dir():
        raise Refused(
            "A model file holds no rows.",
            hint="Give the training table, or new rows: metaauto refit MODEL DATA; or the run "
            "directory of the fit (--run-dir).",
        )
    dataset, inputs = stored_rows(place, model)
    is_ordered = model.task.groups is not None or model.task.time is not None
    fold = inputs.folds[-1] if is_ordered and inputs.folds else None
    return _Refit(model, dataset, options, clock, _plugins(options), on_event).run(fold)


def refit(
    model: FinalModel,
    data: Any,
    options: FitOptions,
    *,
    target: Any = None,
    weights: Any = None,
    format: str | None = None,
    on_event: Listener | None = None,
) -> FinalModel:
    """Refit an ensemble on a table; see `FinalModel.refit`."""
    clock, plugins = _started(options), _plugins(options)
    is_whole = weights is not None and not isinstance(weights, str)
    limit = RowLimit() if is_whole else RowLimit(table_bytes(clock), seed=model.record.seed or 0)
    frame, name = input_table(model, data, target, plugins.registry, format, limit)
    dataset = _prepared(model, frame, name, weights)
    return _Refit(model, dataset, options, clock, plugins, on_event).run()


def _started(options: FitOptions) -> Budget:
    clock = options.clock()
    clock.start()
    return clock


def _plugins(options: FitOptions) -> LoadedPlugins:
    settings = options.plugins or PluginSettings.from_environment()
    return load_plugins(settings, options.plugin_objects)


def _prepared(model: FinalModel, frame: pd.DataFrame, target: str | None, weights: Any) -> Dataset:
    """Encode a table as the training table was; its weights are those named in the fit."""
    known = model.record.options.get("weights")
    if weights is None and model.task.weighted:
        if not isinstance(known, str):
            raise Refused(
                "The model was fitted with sample weights.",
                hint=f"Give those of these rows with {argument('weights')}.",
            )
        weights = known
    frame = without_words(frame, model.schema.missing)
    present, y = known_targets(frame, model.task, target)
    return prepare_again(frame, y, present, model.task, model.schema, weights)


def _require_models(members: Sequence[Member], registry: Registry, is_weighted: bool) -> None:
    """Raise an error if the model of a member is not installed, or accepts no sample weights."""
    for member in members:
        if member.model in registry.names("model"):
            if is_weighted and not registry.model(member.model).tags.accepts_sample_weight:
                raise Refused(
                    f"The model {member.model!r} of {member.name!r} accepts no sample weights.",
                    hint="Refit without weights, or fit a new model with them.",
                )
            continue
        if member.plugin not in ("", SESSION):
            raise missing_plugin(vars(member))
        raise MissingPlugin(
            f"The model {member.model!r} of {member.name!r} is not installed.",
            hint="Install its plugin, or pass the component again.",
        )


class _Refit:
    """One refit of an ensemble on prepared rows."""

    def __init__(
        self,
        model: FinalModel,
        dataset: Dataset,
        options: FitOptions,
        clock: Budget,
        plugins: LoadedPlugins,
        on_event: Listener | None,
    ) -> None:
        self._model, self._dataset, self._options = model, dataset, options
        self._clock, self._plugins = clock, plugins
        self._report = EventReporter(clock, on_event)
        self._members = [member for member in model.members if member.weight > 0]
        _require_models(self._members, plugins.registry, dataset.weights is not None)
        self._trials = [
            Trial(number, Configuration(member.model, member.values), "refit")
            for number, member in enumerate(self._members)
        ]

    def run(self, fold: Fold | None = None) -> FinalModel:
        """Refit the members in workers and return the model.

        Parameters
        ----------
        fold : tuple of ndarray, optional
            Training and validation rows for members that stop early on validation rows; by default
            a tenth of the rows is the validation part.
        """
        members, clock = self._members, self._clock
        rows, models = counted(len(self._dataset.y), "row"), counted(len(members), "model")
        self._report("stage", f"Refitting {models} on {rows}")
        folds, workers = self._folds(fold), min(clock.cores, len(members))
        with (
            threadpool_limits(limits=1),
            RunDirectory.create(None, {"refit": [member.name for member in members]}) as run,
            LocalExecutor(workers, memory=clock.memory / workers) as executor,
        ):
            self._set_up(executor, run.path, folds)
            self._fit(executor, len(folds))
            packing = self._packed(executor, run.path)
        return self._result(packing)

    def _folds(self, fold: Fold | None) -> list[Fold]:
        """Return all rows without validation, and most rows with it if a member needs it."""
        rows = np.arange(len(self._dataset.y))
        folds = [(rows, rows[:0])]
        if any(self._needs_validation(member) for member in self._members):
            seed = self._model.record.seed or 0
            try:
                planned = plan_splits(self._dataset, cv=_VALIDATION_SHARE, seed=seed)
            except SplitError as error:
                self._report.warn(f"Fitting without early stopping: {error.message}")
                return folds
            _, validation = planned.folds[0] if fold is None else fold
            # All other rows train, also those of the holdout of the fit.
            folds.append((np.setdiff1d(rows, validation), validation))
        return folds

    def _needs_validation(self, member: Member) -> bool:
        return needs_validation(self._plugins.registry.model(member.model), member.rounds)

    def _set_up(self, executor: Executor, folder: Path, folds: list[Fold]) -> None:
        dataset = self._dataset
        inputs = Inputs(dataset.task, dataset.X, dataset.y, dataset.weights, folds)
        write_inputs(folder / "data", inputs)
        verify = partial(verify_model, row=missing_row(dataset.schema), folds=1)
        objects = pack_objects(self._options.plugin_objects)
        executor.set_up(Setup(str(folder), self._plugins.settings, objects, verify=verify))

    def _fit(self, executor: Executor, n_folds: int) -> None:
        """Fit the members, the heaviest first, and record what became of each."""
        waiting = sorted(self._trials, key=lambda trial: -self._members[trial.number].weight)
        count = len(waiting)
        jobs = (
            self._job(trial.number, executor, count - place, n_folds)
            for place, trial in enumerate(waiting)
        )
        for done, outcome in enumerate(run_jobs(executor, jobs), 1):
            trial, name = self._trials[outcome.trial], self._members[outcome.trial].name
            trial.outcomes[outcome.fold] = outcome
            trial.status, trial.error = outcome.status, outcome.error
            seconds = f"{outcome.seconds:.1f} s ({done} of {count})"
            self._report("stage", f"{name}: {trial.status} in {seconds}")

    def _job(self, number: int, executor: Executor, left: int, n_folds: int) -> Job:
        member = self._members[number]
        is_validated = n_folds > 1 and self._needs_validation(member)
        fold = _WITH_VALIDATION if is_validated else _ALL_ROWS
        rows = (row for row in self._model.leaderboard_rows if row.get("name") == member.name)
        # All folds together took longer than the refit will take.
        expected = float(next(rows, {}).get("fit_seconds") or 0.0)
        soft, hard = job_limits(self._clock, executor.workers, left, expected)
        return Job(
            number,
            fold,
            self._trials[number].configuration,
            job_seed(self._model.record.seed or 0, number, fold),
            soft,
            hard,
            verify=True,
            rounds=None if is_validated else member.rounds,
        )

    def _packed(self, executor: Executor, folder: Path) -> Packing:
        """Let workers check the fitted models; raise `NoModelFitted` if there are none."""
        fitted = [trial.number for trial in self._trials if trial.status is Status.SUCCESS]
        failures = {t.number: t.error for t in self._trials if t.number not in fitted}
        packing = Packing()
        if fitted:
            weights = {number: self._members[number].weight for number in fitted}
            selection = Selection(weights, float("nan"), float("nan"))
            left = max(self._clock.remaining(), 0.0)
            packing = pack_members(
                self._trials,
                selection,
                self._plugins.registry,
                folder,
                executor,
                missing_row(self._dataset.schema),
                Deadline.after(left) if self._clock.is_timed else Deadline(),
                plugins=self._plugins.settings,
            )
        packing.failures = {**failures, **packing.failures}
        if not packing.members:
            causes = "; ".join(why.rstrip(".") for why in packing.failures.values())
            raise NoModelFitted(
                f"No member could be refitted: {causes or 'the time limit was reached'}.",
                hint=f"Raise {argument('budget')}, or fix the cause of the failures.",
            )
        return packing

    def _result(self, packing: Packing) -> FinalModel:
        members, model, dataset = [], self._model, self._dataset
        dropped, validated, weights = [], [], {}
        for number, member in enumerate(self._members):
            found = packing.members.get(number)
            if found is None:
                cause = packing.failures.get(number, "the time limit was reached")
                dropped.append(f"{member.name} is dropped: {cause}")
                self._report.warn(dropped[-1])
                continue
            members.append(replace(found, name=member.name, rounds=member.rounds))
            weights[number] = member.weight
            if _WITH_VALIDATION in self._trials[number].outcomes:
                validated.append(member.name)
        fallback = None
        if not dataset.task.is_classification:
            fallback = float(np.average(dataset.y, weights=dataset.weights))
        refitted = Refitted(
            rows=len(dataset.y),
            is_training=dataset.fingerprint == model.record.fingerprint,
            fingerprint=dataset.fingerprint,
            validated=tuple(validated),
            dropped=tuple(dropped),
            seconds=self._clock.elapsed(),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        return FinalModel(
            task=dataset.task,
            schema=model.schema,
            members=members,
            metric_name=model.metric_name,
            calibrator=model.calibrator,
            decision=model.decision,
            leaderboard_rows=list(model.leaderboard_rows),
            record=replace(model.record, refit=refitted, generated=packing.generated(weights)),
            fallback=fallback,
        )
