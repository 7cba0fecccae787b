"""The conductor: a table in, a model out, one stage after the other."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from metaauto.components import Deadline, Extractor, Model, Preprocessor, Reader
from metaauto.data import Dataset, Splits, plan_splits, prepare, read_table
from metaauto.ensemble import AnytimeEnsemble, Selection, quick_decision
from metaauto.errors import NoModelFitted, Refused, RunError, TargetError
from metaauto.explainer import Explainer
from metaauto.metrics import Metric, check_metric, resolve_metric
from metaauto.model import FinalModel, assemble_model, load_members
from metaauto.options import FitOptions
from metaauto.plugins import Bundle, LoadedPlugins, PluginSettings, load_plugins, pack_objects
from metaauto.registry import Registry
from metaauto.report import (
    build_leaderboard,
    failure_causes,
    fit_facts,
    holdout_facts,
    no_model_problem,
    plugin_failure,
)
from metaauto.run import RunDirectory
from metaauto.search import (
    Event,
    Executor,
    Inputs,
    LocalExecutor,
    Proposals,
    Search,
    Setup,
    Status,
    Trial,
    baseline_trial,
    read_folds,
    restored_trials,
    write_inputs,
)
from metaauto.space import BASELINE, SearchSpace
from metaauto.warmstart import DefaultPortfolio, RuntimeModel, Strategy

__all__ = ["Conductor", "fit"]

_ENSEMBLE_SHARE = 0.03
_MOST_MEMBERS = 15
_log = logging.getLogger("metaauto.fit")
_DESCRIBE_FROM = 20.0
_DESCRIBE_SECONDS = 1.0


def fit(
    data: Any,
    target: Any = None,
    *,
    resume: Any = None,
    on_event: Callable[[Event], None] | None = None,
    **options: Any,
) -> FinalModel:
    """Fit the best model the budget allows, and return it.

    Parameters
    ----------
    data : str, Path, DataFrame, array or dict
        A table, or where to read one (``"train.csv"``, ``"sklearn:breast_cancer"``).
    target : str or array, optional
        The target column or its values; by default what the source names.
    resume : str or Path, optional
        The run directory of an interrupted fit on the same data, to go on with.
    on_event : callable, optional
        Called with each `Event` while the fit runs.
    **options
        See `FitOptions`: ``metric``, ``budget``, ``trials``, ``cores``, ``seed``, ``cv``, ...

    Returns
    -------
    FinalModel
        Predicts, explains, saves.

    Raises
    ------
    MetaautoError
        With what happened and what to do next. Ctrl-C is no error once the search has begun: the
        best model so far is returned.

    Examples
    --------
    >>> import metaauto
    >>> model = metaauto.fit("sklearn:iris", trials=2, seed=0, cores=1)
    >>> model.task.kind
    'multiclass'
    """
    return Conductor(FitOptions(**options), on_event).run(data, target, resume)


class Conductor:
    """Leads one fit through its stages; `run` is the whole way of the data.

    Parameters
    ----------
    options : FitOptions
        What is asked for.
    on_event : callable, optional
        Told what happens.
    """

    def __init__(
        self, options: FitOptions, on_event: Callable[[Event], None] | None = None
    ) -> None:
        self.options = options
        self.clock = options.clock()
        self.search: Search | None = None
        self.ensemble: AnytimeEnsemble | None = None
        self._on_event = on_event
        self._baseline: Selection | None = None
        self._is_stopped = False
        self._faults: set[str] = set()

    def run(self, data: Any, target: Any = None, resume: Any = None) -> FinalModel:
        """Read, describe, recall, search, select, assemble."""
        self.clock.start()
        with self.start_workers() as executor:
            plugins = self.load_plugins()
            run, dataset, metric = self.read(data, target, resume, plugins.registry)
            # The workers end before their directory goes.
            with run, closing(executor):
                splits = self.split(dataset, run)
                space = self.search_space(plugins.registry, dataset)
                runtime = RuntimeModel(space, len(splits.folds))
                strategy = self.recall(space, runtime)
                work = Work(dataset, metric, splits, space, strategy, runtime, plugins, run)
                search = self.prepare_search(work, executor)
                self.run_trials(search, work)
                executor.close()
                model = self.assemble(search, work)
        plugins.notify("fit_finished", model=model)
        self.tell("finished", "The model is ready.", score=model.facts["score"])
        return model

    def stop(self) -> None:
        """End the search as soon as possible with the best so far; safe from any thread."""
        self._is_stopped = True
        if self.search is not None:
            self.search.stop()

    def tell(self, kind: str, message: str, **data: Any) -> None:
        """Tell the caller what happened."""
        if self._on_event is not None:
            self._on_event(Event(kind, self.clock.elapsed(), message, data))

    @property
    def answer(self) -> Selection | None:
        """The best selection so far; the baseline until something beats it."""
        current = self.ensemble.current if self.ensemble is not None else None
        if current is None or (self._baseline is not None and self._baseline.loss < current.loss):
            return self._baseline
        return current

    def start_workers(self) -> LocalExecutor:
        """Start worker processes, which import while the table is read."""
        clock = self.clock
        memory = clock.memory / clock.cores
        executor = LocalExecutor(clock.cores, threads=1, memory=memory)
        executor.start()
        return executor

    def load_plugins(self) -> LoadedPlugins:
        """Load every plugin, and the components that the caller passed."""
        with self.clock.stage("plugins"):
            settings = self.options.plugins or PluginSettings.from_environment()
            return load_plugins(settings, self.objects())

    def objects(self) -> list[Any]:
        """Plugin objects of this session: bare components are bundled into one plugin."""
        kinds = (Model, Preprocessor, Extractor, Reader, Metric, Explainer)
        bare = [item for item in self.options.components if isinstance(item, kinds)]
        plugins = [item for item in self.options.components if not isinstance(item, kinds)]
        return [*plugins, Bundle(bare)] if bare else plugins

    def read(
        self, data: Any, target: Any, resume: Any, registry: Registry
    ) -> tuple[RunDirectory, Dataset, Metric]:
        """Read and check the table, settle the metric, open the run directory."""
        self.tell("stage", "Reading the table")
        with self.clock.stage("read"), ExitStack() as undo:
            stored = RunDirectory.open(resume) if resume is not None else None
            if stored is not None:
                undo.callback(stored.close)
                self.options = self.options.resumed_from(stored.settings)
                self.clock.take_limits(self.options.clock())
                target = stored.settings.get("target") if target is None else target
                data = stored.settings.get("data") if data is None else data
            if data is None:
                raise RunError("There is no table to fit.", hint="Name the data.")
            frame = read_table(data, registry.readers())
            target = frame.attrs.get("target") if target is None else target
            dataset = prepare(
                frame,
                _given(target),
                task=self.options.task,
                roles=self.options.roles,
                weights=self.options.weights,
                groups=self.options.groups,
                time=self.options.time,
            )
            task = dataset.task
            metric = resolve_metric(
                self.options.metric, task.kind, registry.metrics(), task.classes
            )
            check_metric(metric, dataset.y, task.kind, task.classes)
            dataset.task = replace(task, metric=metric.name)
            run = stored or RunDirectory.create(
                self.options.run_dir, self.settings(data, target, dataset)
            )
            check_same(run, dataset)
            undo.pop_all()
        self.tell("table", f"{dataset.task.n_rows:,} rows", task=dataset.task)
        for finding in dataset.findings:
            self.tell("warning", str(finding), code=finding.code, column=finding.column)
        return run, dataset, metric

    def settings(self, data: Any, target: Any, dataset: Dataset) -> dict[str, Any]:
        """What a run directory remembers, for resuming."""
        source = str(data) if isinstance(data, (str, Path)) else None
        name = target if isinstance(target, str) else None
        fingerprint = dataset.fingerprint
        return {
            **self.options.to_json(),
            "data": source,
            "target": name,
            "fingerprint": fingerprint,
            "metric_used": dataset.task.metric,
        }

    def split(self, dataset: Dataset, run: RunDirectory) -> Splits:
        """Decide which rows judge which; an interrupted run goes on with its folds."""
        with self.clock.stage("split"):
            splits = plan_splits(
                dataset,
                cv=self.options.cv,
                holdout=self.options.holdout,
                seed=self.options.seed,
                budget_seconds=self.clock.seconds if self.clock.is_timed else None,
                cores=self.clock.cores,
            )
            if folds := read_folds(run.path / "data"):
                evaluated = np.unique(np.concatenate([validation for _, validation in folds]))
                splits = replace(splits, folds=folds, evaluated=evaluated)
        self.tell("splits", splits.strategy, folds=len(splits.folds))
        return splits

    def describe_seconds(self) -> float:
        """Time that describing the table by numbers may take beside the first trials."""
        if self.clock.is_timed and self.clock.seconds < _DESCRIBE_FROM:
            return 0.0
        return _DESCRIBE_SECONDS

    def search_space(self, registry: Registry, dataset: Dataset) -> SearchSpace:
        """Say what can be tried on this table."""
        selected = registry.select(self.options.include, self.options.exclude)
        space = SearchSpace(selected, dataset.task)
        if not space.models:
            reasons = "; ".join(f"{name} {why}" for name, why in space.skipped.items())
            reasons = reasons or f"{BASELINE} is what the others are compared with"
            raise Refused(f"No model can do this task: {reasons}.", hint="Include others.")
        return space

    def recall(self, space: SearchSpace, runtime: RuntimeModel) -> Strategy:
        """Choose what to try first."""
        return DefaultPortfolio(space, runtime)

    def prepare_search(self, work: Work, executor: Executor) -> Search:
        """Lay out the table for the workers; take over what an interrupted run has done."""
        with self.clock.stage("prepare"):
            run, dataset, splits = work.run, work.dataset, work.splits
            inputs = Inputs(dataset.task, dataset.X, dataset.y, dataset.weights, splits.folds)
            write_inputs(run.path / "data", inputs)
            executor.set_up(
                Setup(str(run.path), work.plugins.settings, pack_objects(self.objects()))
            )
            self.ensemble = AnytimeEnsemble(
                dataset.y[splits.evaluated],
                work.metric,
                None if dataset.weights is None else dataset.weights[splits.evaluated],
                size=self.options.ensemble_size,
                max_members=_MOST_MEMBERS,
                seed=self.options.seed,
                decide=work.metric.needs == "labels",
            )
            search = Search(
                proposals=Proposals(
                    work.space,
                    work.strategy,
                    work.runtime,
                    len(splits.folds),
                    self.options.seed,
                    reproducible=not self.clock.is_timed,
                ),
                executor=executor,
                budget=self.clock,
                folder=run.path,
                folds=splits.folds,
                evaluated=splits.evaluated,
                loss=work.loss,
                seed=self.options.seed,
                recorder=run,
                describe_seconds=self.describe_seconds(),
                on_start=self.trial_started,
            )
            stored = run.stored()
            for trial in restored_trials(stored.trials, stored.outcomes, run.path):
                search.restore(trial)
                # Models that no ensemble wanted were deleted to save space.
                if all(path.is_file() for path in trial.files(run.path, "model")):
                    self.consider(trial, search)
            self.clock.use_up(stored.seconds if self.clock.is_timed else 0.0)
            if not search.trials:
                baseline = baseline_trial(inputs, work.plugins.registry, run.path, 0)
                search.add_finished(baseline)
                self.consider(baseline, search)
        self.search = search
        if self._is_stopped:
            search.stop()
        return search

    def run_trials(self, search: Search, work: Work) -> None:
        """Search until the budget ends, the caller says stop, or Ctrl-C."""
        self.tell("stage", "Searching", models=work.space.models, skipped=work.space.skipped)
        try:
            for trial in search.run():
                self.consider(trial, search)
                self.trial_finished(trial, work)
        except KeyboardInterrupt:
            search.stop()
            search.give_up()
            self.tell("warning", "Interrupted: the best model so far is returned.")
        finally:
            search.close()
        work.run.record_status("finished", self.clock.elapsed())

    def consider(self, trial: Trial, search: Search) -> None:
        """Offer a trial to the ensemble, and improve it if there is time to."""
        if trial.status is not Status.SUCCESS or trial.loss is None or self.ensemble is None:
            return
        before = self.answer
        if trial.origin == "baseline":
            self._baseline = Selection({trial.number: 1.0}, trial.loss, trial.loss)
            return
        with self.clock.stage("ensemble"):
            prediction = search.out_of_fold(trial)
            self.ensemble.add(trial.number, prediction, trial.loss, trial.configuration.model)
            spent = self.clock.spent.get("ensemble", 0.0)
            allowed = _ENSEMBLE_SHARE * self.clock.elapsed() - spent
            if allowed > 0 and search.trials:
                self.ensemble.update(Deadline.after(allowed))
        after = self.answer
        if after is not None and (before is None or after.loss < before.loss):
            self.tell("incumbent", f"{trial.name} improves the answer", loss=after.loss)

    def assemble(self, search: Search, work: Work) -> FinalModel:
        """Select the ensemble a last time and put the final model together."""
        self.tell("stage", "Assembling the model")
        if self.ensemble is None:
            raise NoModelFitted("No trial was run.", hint="Raise the budget.")
        with self.clock.stage("assemble"):
            limit = Deadline()
            if self.clock.is_timed:
                limit = Deadline.after(max(0.5 * self.clock.remaining(), 0.05))
            self.ensemble.update(limit, force=True)
            selection = self.answer
            if selection is None:
                causes = "; ".join(failure_causes(search.trials)) or "no trial was finished"
                raise NoModelFitted(f"No model was fitted: {causes}.", hint="Raise the budget.")
            if problem := no_model_problem(search.trials):
                _log.warning("%s", problem)
                self.tell("warning", problem)
            registry, folder = work.plugins.registry, work.run.path
            model = assemble_model(
                work.dataset,
                work.metric,
                load_members(search.trials, selection, registry, folder),
                selection,
                {n: np.asarray(search.out_of_fold(search.trials[n])) for n in selection.weights},
                work.splits.evaluated,
                build_leaderboard(search.trials, selection, work.metric),
                {},
                self.options.seed,
            )
        about: dict[str, Any] = {
            "dataset": work.dataset,
            "metric": work.metric,
            "splits": work.splits,
        }
        model.facts.update(holdout_facts(model, **about))
        model.facts.update(
            fit_facts(
                **about,
                space=work.space,
                search=search,
                selection=selection,
                clock=self.clock,
                seed=self.options.seed,
            )
        )
        return model

    def trial_started(self, trial: Trial) -> None:
        """Tell that a trial begins."""
        message = f"{trial.name} ({trial.origin}: {trial.why})"
        self.tell("trial_started", message, number=trial.number, origin=trial.origin)

    def trial_finished(self, trial: Trial, work: Work) -> None:
        """Tell how a trial ended, note where the run stands, free what nobody can want."""
        score = None
        if trial.status is Status.SUCCESS and trial.loss is not None:
            score = work.metric.loss_to_score(trial.loss)
        message = f"{trial.name}: {trial.status}" + (f" ({trial.error})" if trial.error else "")
        self.tell(
            "trial_finished",
            message,
            number=trial.number,
            name=trial.name,
            status=str(trial.status),
            score=score,
            seconds=trial.seconds,
            error=trial.error,
            best=self.best_score(work.metric),
        )
        fault = plugin_failure(trial, work.plugins.registry)
        if fault is not None and fault not in self._faults:
            self._faults.add(fault)
            self.tell("warning", fault)
        work.run.record_status("running", self.clock.elapsed())
        work.plugins.notify("trial_finished", trial=trial)
        wanted = self.ensemble.keys if self.ensemble is not None else frozenset()
        if trial.is_over and trial.number not in wanted:
            work.run.forget_models(o.model for o in trial.outcomes.values() if o.model)

    def best_score(self, metric: Metric) -> float | None:
        """Out-of-fold score of the current answer."""
        current = self.answer
        return None if current is None else metric.loss_to_score(current.loss)


@dataclass
class Work:
    """What the stages of one fit share once the table is read."""

    dataset: Dataset
    metric: Metric
    splits: Splits
    space: SearchSpace
    strategy: Strategy
    runtime: RuntimeModel
    plugins: LoadedPlugins
    run: RunDirectory

    def loss(self, rows: np.ndarray, prediction: np.ndarray) -> float:
        """Loss of a prediction of some rows; label metrics at the best threshold."""
        y = self.dataset.y[rows]
        weights = None if self.dataset.weights is None else self.dataset.weights[rows]
        decision = None
        if self.metric.needs == "labels":
            decision = quick_decision(prediction, y, self.metric, weights)
        return self.metric.loss(y, prediction, weights, decision)


def check_same(run: RunDirectory, dataset: Dataset) -> None:
    """Raise if a run that is to go on was about something else."""
    if run.settings.get("fingerprint") != dataset.fingerprint:
        raise RunError(
            "The table is not the one that the interrupted run was fitting.",
            hint="Give the same data, or start a new run.",
        )
    metric = run.settings.get("metric_used", dataset.task.metric)
    if metric != dataset.task.metric:
        raise RunError(
            f"The interrupted run was judged by {metric}, not by {dataset.task.metric}.",
            hint="Give the same metric, or start a new run.",
        )


class _CallableModule(ModuleType):
    """Lets ``metaauto.fit`` be this module and the function `fit` at once."""

    def __call__(self, *args: Any, **kwargs: Any) -> FinalModel:
        return fit(*args, **kwargs)


sys.modules[__name__].__class__ = _CallableModule


def _given(target: Any) -> Any:
    if target is None:
        raise TargetError("There is no target column.", hint="Name it with --target.")
    return target
