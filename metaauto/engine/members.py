"""Select the final ensemble of members that workers have checked, and train them on all rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from metaauto.analysis.report_record import holdout_parts
from metaauto.budget import Budget
from metaauto.components import Deadline, Model
from metaauto.ensemble import AnytimeEnsemble, Selection
from metaauto.errors import WorkerError
from metaauto.fit_state import FitState
from metaauto.model import pack_members
from metaauto.model.build import GRACE_SECONDS, Packing, pack_here
from metaauto.model.packing import missing_row
from metaauto.progress.reporter import EventReporter
from metaauto.search import Executor, Job, Outcome, Search, Setup, Status, Trial
from metaauto.search.evaluate import Evaluator
from metaauto.search.loop import job_seed
from metaauto.text import counted

__all__ = ["PackedEnsemble", "needs_validation", "refit_seconds", "run_jobs"]

_BASELINE = 0
_AFTER_SHARE = 0.5
_RESELECT_SHARE = 0.5
_POLL_SECONDS = 0.25
_SOFT_SHARE = 0.9
# Without a budget: a model that hangs is killed, one on a busy machine is not.
_LEAST_HARD_SECONDS, _SLOWEST = 60.0, 20.0


def needs_validation(model: Model, rounds: int | None) -> bool:
    """Return whether a model stops early and its rounds of an earlier fit are not known."""
    return model.tags.uses_early_stopping and not (model.rounds and rounds)


def run_jobs(
    executor: Executor, jobs: Iterator[Job], is_stopped: Callable[[], bool] = lambda: False
) -> Iterator[Outcome]:
    """Run jobs, each taken when a worker is free, and yield their outcomes until it is stopped."""
    job, running = next(jobs, None), 0
    while (job is not None or running) and not is_stopped():
        while job is not None and executor.free():
            executor.submit(job)
            running += 1
            job = next(jobs, None)
        for outcome in executor.wait(_POLL_SECONDS):
            if isinstance(outcome, Outcome):
                running -= 1
                yield outcome


def refit_seconds(trial: Trial, state: FitState, least: bool = False) -> float:
    """Estimate the seconds to train a member on all rows; 0 if it is not trained.

    With `least`, those for as many rounds as the fold models have, see `Trial.rounds`.
    """
    folds, outcomes = state.splits.folds, trial.outcomes
    component = state.registry.model(trial.configuration.model)
    if len(folds) < 2 or trial.source == "baseline" or needs_validation(component, trial.rounds):
        return 0.0
    seconds = sum(outcome.seconds for outcome in outcomes.values()) / max(len(outcomes), 1)
    longer = 1.0 if least else (trial.rounds or 1) / (trial.fold_rounds or 1)
    return longer * seconds * len(state.splits.evaluated) / max(len(folds[0][0]), 1)


class PackedEnsemble:
    """Lets workers check the members of a selection, and replaces those that cannot be loaded.

    Parameters
    ----------
    search : Search
        The trials.
    state : FitState
        State of the fit.
    ensemble : AnytimeEnsemble
        The candidates.
    clock : Budget
        Budget.
    report : EventReporter
        For warnings.
    packing : Packing
        Members that were packed before; new ones are added to it.
    seed : int
        Seed of the models on all rows.
    """

    def __init__(
        self,
        search: Search,
        state: FitState,
        ensemble: AnytimeEnsemble,
        clock: Budget,
        report: EventReporter,
        packing: Packing,
        seed: int,
    ) -> None:
        self._search = search
        self._seed = seed
        self._state = state
        self._ensemble = ensemble
        self._clock = clock
        self._report = report
        self._packing = packing
        self._row = missing_row(state.dataset.schema)
        self._parts = holdout_parts(state.splits.holdout, clock.is_timed)

    def select(
        self, selection: Selection, executor: Executor, setup: Setup | None = None
    ) -> tuple[Selection, Packing]:
        """Return the final selection and its packed members; at least the baseline.

        Parameters
        ----------
        selection : Selection
            Selected members; those for which there is no time are dropped.
        executor : Executor
            Workers without a running job.
        setup : Setup, optional
            Setup of the workers if they are new.
        """
        if set(selection.weights) == {_BASELINE}:
            return self._baseline(), self._packing
        try:
            if setup is not None:
                executor.set_up(setup)
            found = self._pack_all(selection, executor)
        except WorkerError as error:
            self._report.warn(f"The models cannot be checked: {error}")
            found = None
        if found is None:
            self._report.warn("No other model can be loaded; the final model is the baseline.")
            found = self._baseline()
        return found, self._packing

    def add_models_on_all_rows(
        self,
        selection: Selection,
        executor: Executor,
        training: Executor,
        is_stopped: Callable[[], bool],
    ) -> None:
        """Train the members on the rows of all folds, the heaviest first, as far as time goes.

        The mean of the fold models and of a model on all rows is better than the fold models, see
        docs/decisions/0019-models-on-all-rows.md.

        Parameters
        ----------
        selection : Selection
            Members that `select` returned.
        executor, training : Executor
            Workers that check the models, and those that train them.
        is_stopped : callable
            Whether to leave the rest.
        """

        def is_over() -> bool:
            # A job waits without a limit for a worker of an empty cluster.
            return is_stopped() or (self._clock.is_timed and self._seconds_left() <= 0)

        trials, again = list(self._search.trials), {}
        for number in sorted(selection.weights, key=lambda number: -selection.weights[number]):
            trial = trials[number]
            if refit_seconds(trial, self._state) > 0:
                again[len(trials)] = trial
                trials.append(Trial(len(trials), trial.configuration, "refit", rows=trial.rows))
        try:
            jobs = (job for number in again if (job := self._refit_job(number, again[number])))
            for outcome in run_jobs(training, jobs, is_over):
                least = again[outcome.trial].fold_rounds or 0
                is_whole = outcome.rounds == 0 or outcome.rounds >= least
                if outcome.status is Status.SUCCESS and is_whole:
                    trials[outcome.trial].outcomes[0] = outcome
            if is_over():
                return
            weights = {n: 1.0 for n in again if trials[n].outcomes}
            found = self._checked(trials, Selection(weights, 0.0, 0.0), executor)
        except WorkerError as error:
            self._report.warn(f"No further model is trained on all rows: {error}")
            return
        for number, member in found.members.items():
            origin = again[number].number
            known_member = self._packing.members[origin]
            self._packing.members[origin] = replace(known_member, all_rows=member.estimators)
            self._packing.holdout[origin] = self._packing.holdout[origin].with_all_rows(
                found.holdout[number]
            )

    def _refit_job(self, number: int, trial: Trial) -> Job | None:
        """Return the job that trains a member on all rows; None without time for it."""
        fold = len(self._state.splits.folds)
        soft, hard = (
            float("inf"),
            max(_LEAST_HARD_SECONDS, _SLOWEST * refit_seconds(trial, self._state)),
        )
        if self._clock.is_timed:
            hard = max(self._seconds_left() - trial.check_seconds, 0.0)
            soft = _SOFT_SHARE * hard
        if refit_seconds(trial, self._state, least=True) > soft:
            return None
        seed = job_seed(self._seed, trial.number, fold)
        configuration, rounds = trial.configuration, trial.rounds
        return Job(number, fold, configuration, seed, soft, hard, rows=trial.rows, rounds=rounds)

    def _pack_all(self, selection: Selection, executor: Executor) -> Selection | None:
        """Pack a selection; select again without the members that fail. None if nothing is left."""
        last = Deadline(self._deadline(1.0).at + GRACE_SECONDS)
        while True:
            failures = self._pack(selection, executor)
            kept = [number for number in selection.weights if number in self._packing.members]
            is_late = self._deadline(1.0).passed()
            if not failures or (kept and is_late) or last.passed():
                break
            self._ensemble.update(self._deadline(_RESELECT_SHARE), force=not is_late)
            found = self._ensemble.current
            if found is None or found.weights.keys() <= failures.keys():
                return None
            selection = found
        if late := len(selection.weights) - len(kept) - len(failures):
            members = counted(late, "ensemble member")
            self._report.warn(f"Time limit reached: {members} dropped.")
        return self._ensemble.restricted_to(selection, kept) if kept else None

    def _pack(self, selection: Selection, executor: Executor) -> dict[int, str]:
        """Pack new members; discard those that fail, and return the causes."""
        known = self._packing.members
        waiting = {n: weight for n, weight in selection.weights.items() if n not in known}
        if not waiting:
            return {}
        found = self._checked(self._search.trials, replace(selection, weights=waiting), executor)
        self._packing.update(found)
        for number, cause in found.failures.items():
            self._report.warn(f"{self._search.trials[number].name} is dropped: {cause}")
            self._ensemble.discard(number)
        return found.failures

    def _checked(
        self, trials: Sequence[Trial], selection: Selection, executor: Executor
    ) -> Packing:
        """Let workers check the members of a selection."""
        if not selection.weights:
            return Packing()
        return pack_members(
            trials,
            selection,
            self._state.registry,
            self._state.run.path,
            executor,
            self._row,
            Deadline.after(self._seconds_left()) if self._clock.is_timed else Deadline(),
            self._parts,
            max(self._state.dataset.task.n_classes, 1),
            self._state.plugins.settings,
        )

    def _seconds_left(self) -> float:
        # The rest of the reserve is for the steps after this one.
        return max(self._clock.remaining() - _AFTER_SHARE * self._clock.reserve, 0.0)

    def _baseline(self) -> Selection:
        """Pack the baseline in this process: it is metaauto's own code and needs no worker."""
        state, baseline = self._state, self._search.trials[_BASELINE]
        evaluator = Evaluator(state.inputs, state.registry, state.run.path)
        self._packing.update(pack_here(baseline, evaluator, self._row, self._parts))
        loss = float("inf") if baseline.loss is None else baseline.loss
        return Selection({baseline.number: 1.0}, loss, loss)

    def _deadline(self, share: float) -> Deadline:
        if not self._clock.is_timed:
            return Deadline()
        return Deadline.after(max(share * self._clock.remaining(), 0.0))
