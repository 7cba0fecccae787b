"""Run one fit: each stage is one call, from reading the table to the final model."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from metaauto.analysis.fit_summary import (
    failure_causes,
    fit_record,
    no_model_problem,
    result_json,
)
from metaauto.analysis.leaderboard import build_leaderboard
from metaauto.analysis.report_record import holdout_parts
from metaauto.components import Deadline
from metaauto.engine.members import PackedEnsemble
from metaauto.engine.options import FitOptions, with_named_options
from metaauto.engine.remember import remember
from metaauto.engine.setup import (
    end_seconds,
    lock_timeout,
    new_ensemble,
    new_run,
    new_search,
    prediction_shapes,
    prepare_fit,
    prepare_workers,
    worker_setup,
)
from metaauto.engine.tracking import FitTracking
from metaauto.engine.workers import FitWorkers
from metaauto.ensemble import AnytimeEnsemble, Selection, blend
from metaauto.errors import KnowledgeError, MetaautoError, NoModelFitted, RunError, WorkerError
from metaauto.events import Event
from metaauto.fit_state import FitState
from metaauto.interrupts import stop_on_interrupt
from metaauto.model import FinalModel, assemble_model
from metaauto.model.build import START_SECONDS, Packing, baseline_member
from metaauto.plugins.manager import pack_objects
from metaauto.progress.reporter import EventReporter
from metaauto.progress.summary import summary_lines
from metaauto.run import Recorder, RunDirectory
from metaauto.search import (
    Executor,
    LocalExecutor,
    Search,
    Status,
    Trial,
    baseline_trial,
    has_fold_models,
    restored_trials,
)

__all__ = ["FitRunner", "fit"]

_ENSEMBLE_SHARE = 0.03
_MAX_OVERRUN = 0.5
_LOCK_SHARE = 0.05


@with_named_options
def fit(
    data: Any,
    target: Any = None,
    *,
    resume: Any = None,
    on_event: Callable[[Event], None] | None = None,
    verbose: int = 0,
    **options: Any,
) -> FinalModel:
    """Search for the best model within the budget and return it.

    Parameters
    ----------
    data : str, Path, DataFrame, array or dict
        A table, or the address of one (``"train.csv"``, ``"sklearn:breast_cancer"``).
    target : str or array, optional
        The target column or its values; by default the target named by the data source.
    resume : str or Path, optional
        The run directory of an interrupted fit on the same data, to continue.
    on_event : callable, optional
        Called with each `Event` while the fit runs.
    verbose : int, default=0
        1 shows the progress and a summary at the end: as one output in a notebook, as lines
        elsewhere; 2 prints every trial.
    **options
        See `FitOptions`: ``metric``, ``budget``, ``trials``, ``cores``, ``seed``, ``cv``, ...

    Returns
    -------
    FinalModel
        The final model, to predict, explain and save.

    Raises
    ------
    MetaautoError
        The data or an option is invalid, or no model could be fitted. The first Ctrl-C,
        SIGTERM or SIGHUP after the start of the search is not an error: the best model so far is
        returned.

    Examples
    --------
    >>> import metaauto
    >>> model = metaauto.fit("sklearn:iris", trials=2, seed=0, cores=1)
    >>> model.task.kind
    'multiclass'
    """
    listeners = [on_event] if on_event is not None else []
    if verbose:
        # Commands show the progress themselves, and need not import this.
        from metaauto.progress.listeners import show_progress

        listeners.append(show_progress(verbose))

    def listen(event: Event) -> None:
        for listener in listeners:
            listener(event)

    # Without a listener the log has the warnings.
    runner = FitRunner(FitOptions(**options), listen if listeners else None)
    return runner.run(data, target, resume)


class FitRunner:
    """Run the stages of one fit; `run` calls them in order.

    Parameters
    ----------
    options : FitOptions
        Options of the fit.
    on_event : callable, optional
        Called with each `Event`.

    Attributes
    ----------
    holdout_rows : ndarray of int or None
        Rows of the prepared dataset that `run` held out of the search.
    """

    def __init__(
        self, options: FitOptions, on_event: Callable[[Event], None] | None = None
    ) -> None:
        self.options = options
        self._packed = Packing()
        self._workers: FitWorkers | None = None
        self._problem: MetaautoError | OSError | None = None
        self._recorder: Recorder | None = None
        self.clock = options.clock()
        self.report = EventReporter(self.clock, on_event)
        self.search: Search | None = None
        self.ensemble: AnytimeEnsemble | None = None
        self.holdout_rows: np.ndarray | None = None
        self.tracking: FitTracking | None = None
        self._is_stopped = False
        self._is_interrupted = False

    def run(
        self, data: Any, target: Any = None, resume: Any = None, is_saved_later: bool = False
    ) -> FinalModel:
        """Run all stages: read, split, warm-start, search, assemble, remember.

        With `is_saved_later` the caller saves the model and then calls ``tracking.finished``.
        """
        self.clock.start()
        # The workers use all cores; further threads of this process would compete with them.
        with ExitStack() as interrupts:
            with threadpool_limits(limits=1), closing(self.start_workers()) as workers:
                state = self.prepare(data, target, resume)
                self.holdout_rows = state.splits.holdout
                tracking = self.tracking = FitTracking(state, self.clock)
                # The workers must stop before their directory is removed.
                with state.run, closing(workers), tracking.failures():
                    tracking.started(self.options)
                    search = self.prepare_search(state, workers)
                    # From here on there is a model to return.
                    interrupts.enter_context(stop_on_interrupt(self.interrupt))
                    self.run_trials(search, state)
                    model = self.assemble(search, state, workers.members)
                    workers.close()
                    self.remember(search, state)
            if not is_saved_later:
                tracking.finished(model)
            score, lines = model.record.score, summary_lines(model)
            self.report("finished", "The model is ready.", score=score, summary=lines)
        return model

    def interrupt(self) -> None:
        """Stop the search on a signal, and report it when the search has ended."""
        self._is_interrupted = True
        self.stop()

    def stop(self) -> None:
        """Stop the search as soon as possible; thread-safe."""
        self._is_stopped = True
        if self.search is not None:
            self.search.stop()

    @property
    def selection(self) -> Selection | None:
        """The best ensemble selection so far; the baseline until a model is better."""
        return None if self.ensemble is None else self.ensemble.current

    def start_workers(self) -> FitWorkers:
        """Start the workers; they import libraries while the table is read."""
        self._workers = FitWorkers.start(self.options, self.clock, self.report)
        return self._workers

    def prepare(self, data: Any, target: Any, resume: Any) -> FitState:
        """Prepare the fit, and open its run directory."""
        with ExitStack() as undo:
            stored = None
            if resume is not None:
                stored = undo.enter_context(RunDirectory.open(resume))
                data, target = self.restore_options(stored, data, target)
            prepared = prepare_fit(data, target, self.options, self.clock, self.report, stored)
            undo.pop_all()
        if stored is None:
            target = prepared.dataset.task.target if target is None else target
            stored = new_run(data, target, prepared.dataset, self.options, prepared.registry)
        return FitState.of(prepared, stored)

    def restore_options(self, stored: RunDirectory, data: Any, target: Any) -> tuple[Any, Any]:
        """Restore the options, data and target of an interrupted run that were not given."""
        self.options = self.options.resumed_from(stored.settings)
        self.clock.take_limits(self.options.clock())
        return (
            stored.settings.get("data") if data is None else data,
            stored.settings.get("target") if target is None else target,
        )

    def prepare_search(self, state: FitState, workers: FitWorkers) -> Search:
        """Prepare the workers and the search; restore the trials of an interrupted run."""
        with self.clock.stage("prepare"):
            prepare_workers(state, workers, pack_objects(self.options.plugin_objects))
            self.ensemble = new_ensemble(state, self.options, self.clock)
            on_start = self.report.trial_started
            search = new_search(
                state,
                self.options,
                self.clock,
                workers.trials,
                on_start,
                self.ensemble,
                self.recorder(state),
            )
            self.restore_trials(search, state, workers)
            if not search.trials:
                baseline = baseline_trial(state.inputs, state.registry, state.run.path, 0)
                search.add_finished(baseline)
                self.update_ensemble(baseline, search)
        self.search = search
        if self._is_stopped:
            search.stop()
        return search

    def restore_trials(self, search: Search, state: FitState, workers: FitWorkers) -> None:
        """Restore the trials of an interrupted run, and subtract its seconds from the budget.

        A damaged or foreign fold model costs its member; a run without any other is refused.
        """
        stored, folder = state.run.stored(), state.run.path
        shapes = prediction_shapes(state)
        problem, is_usable = None, False
        for trial in restored_trials(stored.trials, stored.outcomes, folder, shapes):
            search.restore(trial)
            try:
                has_models = has_fold_models(trial, folder, len(shapes))
            except RunError as error:
                problem = error
                self.report.warn(f"{trial.name} is dropped: {error}")
                continue
            if has_models:
                self.update_ensemble(trial, search)
                is_usable = True
        if problem is not None and not is_usable:
            raise problem
        left = (search.trials, state, START_SECONDS, workers.members.workers)
        self.clock.keep(end_seconds(self.selection, *left))
        if self.clock.is_timed:
            # The steps after the search run again, also if the budget was used up.
            self.clock.use_up(min(stored.seconds, max(self.clock.for_search(), 0.0)))

    def run_trials(self, search: Search, state: FitState) -> None:
        """Search until the budget is used, `stop` is called, or Ctrl-C."""
        self.report("stage", "Searching", models=state.space.models, skipped=state.space.skipped)
        try:
            for trial in search.run():
                self.update_ensemble(trial, search)
                self.finish_trial(trial, state)
        except KeyboardInterrupt:
            # The listener of the caller may raise it.
            self.interrupt()
            search.stop_unfinished()
        except (WorkerError, OSError) as error:
            self.end_early(error)
            search.stop_unfinished()
        finally:
            search.close()
        try:
            search.stop_jobs()
        except WorkerError as error:
            self.end_early(error)
        if self._problem is not None:
            if not any(t.loss is not None and t.source != "baseline" for t in search.trials):
                raise self._problem
            self.report.warn(f"The search ended early, with the best model so far: {self._problem}")
        if self._is_interrupted:
            self.report("warning", "Interrupted: the best model so far is returned.")
        self.recorder(state).record_status("finished", self.clock.elapsed())

    def end_early(self, problem: MetaautoError | OSError) -> None:
        """End the search because workers or the run directory are lost."""
        self._problem = self._problem or problem
        self.stop()

    def recorder(self, state: FitState) -> Recorder:
        """Return the recorder of the run, whose failure ends the search."""
        if self._recorder is None:
            self._recorder = Recorder(state.run, self.end_early)
        return self._recorder

    def update_ensemble(self, trial: Trial, search: Search) -> None:
        """Add a trial to the candidates of the ensemble, and reselect it if time allows."""
        if trial.status is not Status.SUCCESS or trial.loss is None or self.ensemble is None:
            return
        before = self.selection
        if trial.source == "baseline":
            self.ensemble.set_fallback(trial.number, trial.loss)
            return
        with self.clock.stage("ensemble"):
            prediction = search.out_of_fold(trial)
            self.ensemble.add(trial.number, prediction, trial.loss, trial.configuration.model)
            spent = self.clock.spent.get("ensemble", 0.0)
            allowed = _ENSEMBLE_SHARE * self.clock.elapsed() - spent
            if allowed > 0 and search.trials:
                self.ensemble.update(Deadline.after(allowed))
        after = self.selection
        if after is not None and (before is None or after.loss < before.loss):
            self.report("incumbent", f"{trial.name} improves the ensemble", loss=after.loss)

    def finish_trial(self, trial: Trial, state: FitState) -> None:
        """Report a finished trial, record the status, delete models that are not needed."""
        current = self.selection
        best = None if current is None else state.metric.loss_to_score(current.loss)
        self.report.trial_finished(trial, state, best)
        self.recorder(state).record_status("running", self.clock.elapsed())
        if self.tracking is not None:
            self.tracking.trial_finished(trial, best)
        workers = self._workers
        if self.search is not None and workers is not None:
            left = (self.search.trials, state, workers.setup_seconds, workers.members.workers)
            self.clock.keep(end_seconds(current, *left))
        needed = self.ensemble.keys if self.ensemble is not None else frozenset()
        # A resumed run continues a stopped trial with its finished folds.
        is_done = trial.is_over and trial.status is not Status.STOPPED
        if is_done and trial.number not in needed:
            state.run.forget_models(o.model for o in trial.outcomes.values() if o.model)

    def select_ensemble(self, search: Search) -> tuple[AnytimeEnsemble, Selection]:
        """Select the final ensemble, within half of the time left."""
        if self.ensemble is None:
            raise NoModelFitted("No trial was run.", hint="Raise the budget.")
        in_time = self.ensemble.seconds < self.clock.remaining()
        self.ensemble.update(self.deadline(0.5), force=in_time)
        selection = self.selection
        if selection is None:
            causes = [cause.rstrip(".") for cause in failure_causes(search.trials)]
            raise NoModelFitted(
                f"No model was fitted: {'; '.join(causes) or 'no trial was finished'}.",
                hint="Use more training rows, or another metric.",
            )
        if problem := no_model_problem(search.trials):
            self.report.warn(problem)
        return self.ensemble, selection

    def deadline(self, share: float) -> Deadline:
        """Return the deadline after a share of the time left; without a time limit, none."""
        seconds = max(share * self.clock.remaining(), 0.0)
        return Deadline.after(seconds) if self.clock.is_timed else Deadline()

    def pack(
        self, search: Search, state: FitState, executor: Executor | None
    ) -> tuple[Selection, Packing]:
        """Select the final ensemble, whose members workers check; see `PackedEnsemble`."""
        ensemble, selection = self.select_ensemble(search)
        packed = PackedEnsemble(
            search, state, ensemble, self.clock, self.report, self._packed, self.options.seed
        )
        with ExitStack() as stack:
            setup = None
            if executor is None or isinstance(self._problem, WorkerError):
                setup = worker_setup(state, pack_objects(self.options.plugin_objects))
            if executor is None:
                memory = float("inf") if self._workers is None else self._workers.members.memory
                executor = stack.enter_context(LocalExecutor(1, memory=memory))
            elif setup is not None:
                executor.close()
            selection, packing = packed.select(selection, executor, setup)
            training, workers = executor, self._workers
            if workers is not None and setup is None:
                # These have the table, so that a cluster trains these models, too.
                training = workers.trials
            packed.add_models_on_all_rows(selection, executor, training, lambda: self._is_stopped)
            return selection, packing

    def assemble(
        self, search: Search, state: FitState, executor: Executor | None = None
    ) -> FinalModel:
        """Select the ensemble and build the final model with its record.

        Parameters
        ----------
        search : Search
            The trials.
        state : FitState
            State of the fit.
        executor : Executor, optional
            Idle workers that are set up for this run; by default a new one is started.
        """
        self.report("stage", "Assembling the model")
        with self.clock.stage("assemble"):
            selection, packing = self.pack(search, state, executor)
            weights = selection.weights.items()
            members = [replace(packing.members[n], weight=float(w)) for n, w in weights]
            trials, options = search.trials, self.options.to_json()
            blended = blend(
                (np.asarray(search.out_of_fold(trials[n])) for n in selection.weights),
                list(selection.weights.values()),
            )
            model = assemble_model(
                state.dataset,
                state.metric,
                members,
                blended,
                state.splits.evaluated,
                build_leaderboard(trials, selection, state.metric),
                self.options.seed,
                self.deadline(0.6),
            )
            parts = holdout_parts(state.splits.holdout, self.clock.is_timed)
            holdout = packing.predicted_holdout(model, list(selection.weights), parts)
            record = fit_record(
                model, state, search, selection, blended, self.clock, options, holdout
            )
            model.record = replace(
                record,
                generated=packing.generated(selection.weights),
                training=packing.training(selection.weights),
            )
            model.baseline = baseline_member(trials[0], state.run.path, state.registry)
        self.recorder(state).record_result(result_json(model))
        return model

    def remember(self, search: Search, state: FitState) -> None:
        """Add this fit to the user's own store; warn if the store cannot be written."""
        if not self.options.remember:
            return
        with self.clock.stage("remember"):
            try:
                if self.clock.is_timed and self.clock.remaining() < -_MAX_OVERRUN:
                    raise KnowledgeError("time limit reached.")
                timeout = lock_timeout(self.clock.remaining() + _MAX_OVERRUN)
                speed = None if self._workers is None else self._workers.speed
                remember(state, search, timeout=timeout, speed=speed)
            except (KnowledgeError, OSError) as error:
                self.report.warn(f"This fit is not added to the knowledge store: {error}")
