"""The conductor: a table in, a model out, one stage after the other."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from metaauto.analysis.fit_summary import answer_of, failure_causes, no_model_problem, outcome_facts
from metaauto.analysis.leaderboard import build_leaderboard
from metaauto.components import Deadline
from metaauto.components.strategy import WarmStart
from metaauto.data import Dataset, Splits, plan_splits, read_table
from metaauto.engine.options import FitOptions
from metaauto.engine.remember import remember
from metaauto.engine.setup import (
    holdout_seconds,
    lay_out,
    new_ensemble,
    new_run,
    new_search,
    understand,
)
from metaauto.ensemble import AnytimeEnsemble, Selection
from metaauto.errors import KnowledgeError, NoModelFitted, Refused, RunError
from metaauto.events import Event
from metaauto.fit_state import FitState
from metaauto.metrics import Metric
from metaauto.model import FinalModel, Member, assemble_model, load_members
from metaauto.plugins.manager import LoadedPlugins, PluginSettings, load_plugins, pack_objects
from metaauto.plugins.registry import Registry
from metaauto.progress.reporter import EventReporter
from metaauto.run import RunDirectory, check_same
from metaauto.search import (
    Executor,
    LocalExecutor,
    Search,
    Status,
    Trial,
    baseline_trial,
    read_folds,
    restored_trials,
)
from metaauto.space import BASELINE, SearchSpace
from metaauto.warmstart import RuntimeModel
from metaauto.warmstart.select import knowledge_for_task, select_strategy

__all__ = ["FitRunner", "fit"]

_ENSEMBLE_SHARE = 0.03
_TOO_LATE = 0.5


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
    return FitRunner(FitOptions(**options), on_event).run(data, target, resume)


class FitRunner:
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
        self.tell = EventReporter(self.clock, on_event)
        self.search: Search | None = None
        self.ensemble: AnytimeEnsemble | None = None
        self._is_stopped = False

    def run(self, data: Any, target: Any = None, resume: Any = None) -> FinalModel:
        """Read, split, warm-start, search, assemble, remember."""
        self.clock.start()
        # The cores are the workers'; a second thread here would wait for them, spinning.
        with threadpool_limits(limits=1), self.start_workers() as executor:
            plugins = self.load_plugins()
            run, dataset, metric = self.read(data, target, resume, plugins.registry)
            # The workers end before their directory goes.
            with run, closing(executor):
                splits = self.split(dataset, run)
                space = self.search_space(plugins.registry, dataset)
                runtime = RuntimeModel(space, len(splits.folds))
                strategy = self.start_warm(dataset, space, runtime, len(splits.folds))
                state = FitState(dataset, metric, splits, space, strategy, runtime, plugins, run)
                search = self.prepare_search(state, executor)
                self.run_trials(search, state)
                executor.close()
                model = self.assemble(search, state)
                self.remember(search, state)
        plugins.notify("fit_finished", model=model)
        self.tell("finished", "The model is ready.", score=model.facts["score"])
        return model

    def stop(self) -> None:
        """End the search as soon as possible with the best so far; safe from any thread."""
        self._is_stopped = True
        if self.search is not None:
            self.search.stop()

    @property
    def answer(self) -> Selection | None:
        """The best selection so far; the baseline until something beats it."""
        return None if self.ensemble is None else self.ensemble.current

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
            return load_plugins(settings, self.options.plugin_objects)

    def read(
        self, data: Any, target: Any, resume: Any, registry: Registry
    ) -> tuple[RunDirectory, Dataset, Metric]:
        """Read and check the table, settle the metric, open the run directory."""
        self.tell("stage", "Reading the table")
        with self.clock.stage("read"), ExitStack() as undo:
            stored = None
            if resume is not None:
                stored = undo.enter_context(RunDirectory.open(resume))
                data, target = self.resumed(stored, data, target)
            if data is None:
                raise RunError("There is no table to fit.", hint="Name the data.")
            frame = read_table(data, registry.readers())
            target = frame.attrs.get("target") if target is None else target
            dataset, metric = understand(frame, target, self.options, registry)
            run = stored or new_run(data, target, dataset, self.options, registry)
            check_same(run.settings, dataset)
            undo.pop_all()
        self.tell.table(dataset)
        return run, dataset, metric

    def resumed(self, stored: RunDirectory, data: Any, target: Any) -> tuple[Any, Any]:
        """Take the options, table and target of an interrupted run where none are given."""
        self.options = self.options.resumed_from(stored.settings)
        self.clock.take_limits(self.options.clock())
        return (
            stored.settings.get("data") if data is None else data,
            stored.settings.get("target") if target is None else target,
        )

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

    def search_space(self, registry: Registry, dataset: Dataset) -> SearchSpace:
        """Say what can be tried on this table."""
        selected = registry.select(self.options.include, self.options.exclude)
        space = SearchSpace(selected, dataset.task)
        if not space.models:
            reasons = "; ".join(f"{name} {why}" for name, why in space.skipped.items())
            reasons = reasons or f"{BASELINE} is what the others are compared with"
            raise Refused(f"No model can do this task: {reasons}.", hint="Include other models.")
        return space

    def start_warm(
        self, dataset: Dataset, space: SearchSpace, runtime: RuntimeModel, n_folds: int
    ) -> WarmStart:
        """Choose what to try first, from what is known of other tables."""
        with self.clock.stage("knowledge"):
            loaded = knowledge_for_task(dataset, self.options.knowledge, space.registry)
            asked = (self.options.for_ensemble, self.options.strategy, self.tell.warn)
            strategy = select_strategy(loaded, space, runtime, n_folds, *asked)
        self.tell.warm_start(loaded, strategy)
        return strategy

    def prepare_search(self, state: FitState, executor: Executor) -> Search:
        """Lay out the table for the workers; take over what an interrupted run has done."""
        with self.clock.stage("prepare"):
            lay_out(state, executor, pack_objects(self.options.plugin_objects))
            self.ensemble = new_ensemble(state, self.options, self.clock)
            tell = self.tell.trial_started
            search = new_search(state, self.options, self.clock, executor, tell, self.ensemble)
            self.take_over(search, state.run)
            if not search.trials:
                baseline = baseline_trial(state.inputs, state.registry, state.run.path, 0)
                search.add_finished(baseline)
                self.consider(baseline, search)
        self.search = search
        if self._is_stopped:
            search.stop()
        return search

    def take_over(self, search: Search, run: RunDirectory) -> None:
        """Give a search what an interrupted run has done, and count the time it has used."""
        stored = run.stored()
        for trial in restored_trials(stored.trials, stored.outcomes, run.path):
            search.restore(trial)
            # Models that no ensemble wanted were deleted to save space.
            if all(path.is_file() for path in trial.files(run.path, "model")):
                self.consider(trial, search)
        self.clock.use_up(stored.seconds if self.clock.is_timed else 0.0)

    def run_trials(self, search: Search, state: FitState) -> None:
        """Search until the budget ends, the caller says stop, or Ctrl-C."""
        self.tell("stage", "Searching", models=state.space.models, skipped=state.space.skipped)
        try:
            for trial in search.run():
                self.consider(trial, search)
                self.trial_finished(trial, state)
        except KeyboardInterrupt:
            search.stop()
            search.give_up()
            self.tell("warning", "Interrupted: the best model so far is returned.")
        finally:
            search.close()
        state.run.record_status("finished", self.clock.elapsed())

    def consider(self, trial: Trial, search: Search) -> None:
        """Offer a trial to the ensemble, and improve it if there is time to."""
        if trial.status is not Status.SUCCESS or trial.loss is None or self.ensemble is None:
            return
        before = self.answer
        if trial.source == "baseline":
            self.ensemble.fall_back_on(trial.number, trial.loss)
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

    def trial_finished(self, trial: Trial, state: FitState) -> None:
        """Tell how a trial ended, note where the run stands, free what nobody can want."""
        current = self.answer
        best = None if current is None else state.metric.loss_to_score(current.loss)
        self.tell.trial_finished(trial, state, best)
        state.run.record_status("running", self.clock.elapsed())
        state.plugins.notify("trial_finished", trial=trial)
        if current is not None and self.search is not None:
            self.clock.keep(holdout_seconds(current, self.search.trials, state))
        wanted = self.ensemble.keys if self.ensemble is not None else frozenset()
        if trial.is_over and trial.number not in wanted:
            state.run.forget_models(o.model for o in trial.outcomes.values() if o.model)

    def select(self, search: Search) -> Selection:
        """Select the ensemble a last time, in half the time that is left."""
        if self.ensemble is None:
            raise NoModelFitted("No trial was run.", hint="Raise the budget.")
        in_time = self.ensemble.seconds < self.clock.remaining()
        self.ensemble.update(self.within(0.5), force=in_time)
        selection = self.answer
        if selection is None:
            causes = [cause.rstrip(".") for cause in failure_causes(search.trials)]
            raise NoModelFitted(
                f"No model was fitted: {'; '.join(causes) or 'no trial was finished'}.",
                hint="Give more rows to the search, or another metric.",
            )
        if problem := no_model_problem(search.trials):
            self.tell.warn(problem)
        return selection

    def within(self, share: float) -> Deadline:
        """A share of the time that is left; no limit where only trials count."""
        if not self.clock.is_timed:
            return Deadline()
        return Deadline.after(max(share * self.clock.remaining(), 0.0))

    def load(
        self, selection: Selection, search: Search, state: FitState
    ) -> tuple[Selection, list[Member]]:
        """Load the models of a selection; without what is not loaded when time is up."""
        found = load_members(
            search.trials, selection, state.registry, state.run.path, self.within(0.5)
        )
        lacking = len(selection.weights) - len(found)
        if lacking and self.ensemble is not None:
            self.tell("warning", f"{lacking} members are left out: the time is up.")
            selection = self.ensemble.narrowed(selection, found)
        members = [replace(found[n], weight=float(w)) for n, w in selection.weights.items()]
        return selection, members

    def assemble(self, search: Search, state: FitState) -> FinalModel:
        """Select the ensemble and put the final model together, with the facts of its making."""
        self.tell("stage", "Assembling the model")
        with self.clock.stage("assemble"):
            selection, members = self.load(self.select(search), search, state)
            trials, options = search.trials, self.options.to_json()
            out_of_fold = {n: np.asarray(search.out_of_fold(trials[n])) for n in selection.weights}
            model = assemble_model(
                state.dataset,
                state.metric,
                members,
                selection,
                out_of_fold,
                state.splits.evaluated,
                build_leaderboard(trials, selection, state.metric),
                {},
                self.options.seed,
                self.within(0.6),
            )
            model.facts.update(
                outcome_facts(model, state, search, selection, out_of_fold, self.clock, options)
            )
        state.run.record_answer(answer_of(model))
        return model

    def remember(self, search: Search, state: FitState) -> None:
        """Let the user's own store learn from this fit; one that cannot only warns."""
        if not self.options.remember:
            return
        problem = ""
        with self.clock.stage("remember"):
            if self.clock.is_timed and self.clock.remaining() < -_TOO_LATE:
                problem = "This fit is not remembered: its time is up."
            else:
                try:
                    remember(state, search)
                except (KnowledgeError, OSError) as error:
                    problem = f"This fit is not remembered: {error}"
        if problem:
            self.tell.warn(problem)
