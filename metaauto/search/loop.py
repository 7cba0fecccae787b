"""The search loop: propose configurations, run them fold by fold, prune, yield finished trials."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from metaauto.budget import Budget
from metaauto.components.strategy import Recommendation
from metaauto.search.executors import Executor
from metaauto.search.out_of_fold import OutOfFold
from metaauto.search.proposer import Proposer
from metaauto.search.racing import lost_at, projected_loss, required_gain
from metaauto.search.row_sampling import RowSampling
from metaauto.search.timeouts import UNTIMED_HARD_SECONDS, job_limits
from metaauto.search.trial import (
    DESCRIBE_TRIAL,
    DescribeJob,
    Description,
    Job,
    JointJob,
    JointOutcome,
    Outcome,
    Status,
    Trial,
)

__all__ = ["Recorder", "Search", "job_seed"]

_POLL_SECONDS = 0.25
_MIN_FINISHED = 3
_WINDOW = 6
_TIME_MARGIN = 1.3
_MIN_SECONDS_LEFT = 0.3
_BUDGET_ENDED = "The budget ended before the last fold."


class Recorder(Protocol):
    """Writes the state of the search, so that an interrupted run can be resumed."""

    def record_trial(self, trial: dict[str, Any]) -> None:
        """Write the state of a trial."""

    def record_outcome(self, outcome: Outcome) -> None:
        """Write the outcome of one fold."""


def job_seed(seed: int, trial: int, fold: int) -> int:
    """Return a seed for one job that depends only on these numbers."""
    digest = hashlib.sha256(f"{seed}-{trial}-{fold}".encode()).digest()
    return int.from_bytes(digest[:4], "little") % (2**31 - 1)


class Search:
    """Runs trials until the budget is spent or `stop` is called.

    In a reproducible search (a budget of trials, not of time) the proposal and the pruning of trial
    k use only the trials up to k - window, so that results do not depend on the order in which
    workers finish.

    Parameters
    ----------
    proposals : Proposer
        Proposes configurations.
    executor : Executor
        Runs the jobs.
    budget : Budget
        Time and number of trials.
    folder : Path
        The run directory.
    folds : list of (ndarray, ndarray)
        Training and validation rows.
    evaluated : ndarray
        Rows that get an out-of-fold prediction, sorted.
    loss : callable
        ``loss(rows, prediction) -> float`` on some evaluated rows.
    seed : int
        Seed of the jobs.
    recorder : Recorder
        Writes trials and outcomes.
    describe_seconds : float
        Time for metafeatures, which a worker computes during the first trial; 0 for none.
    on_start : callable
        Called with each trial that starts.
    sampling : RowSampling, optional
        Fits on a sample of the rows first.
    gain : callable, optional
        ``gain(positions, prediction) -> float``: relative reduction of the current ensemble's loss
        on some of the evaluated rows if a trial with this prediction were added. Without it, trials
        are pruned by racing only.
    window : int, optional
        Trials that a reproducible search runs at once, at least 6.
    """

    def __init__(
        self,
        *,
        proposals: Proposer,
        executor: Executor,
        budget: Budget,
        folder: Path,
        folds: list[tuple[np.ndarray, np.ndarray]],
        evaluated: np.ndarray,
        loss: Callable[[np.ndarray, np.ndarray], float],
        seed: int,
        recorder: Recorder,
        describe_seconds: float = 0.0,
        on_start: Callable[[Trial], None] = lambda trial: None,
        gain: Callable[[np.ndarray, np.ndarray], float] | None = None,
        sampling: RowSampling | None = None,
        window: int | None = None,
    ) -> None:
        self.trials: list[Trial] = []
        self.description: Description | None = None
        self._describe_seconds = describe_seconds
        self._is_describing = False
        self._proposals = proposals
        self._executor = executor
        self._budget = budget
        self._folds = folds
        self._evaluated = evaluated
        self._predictions = OutOfFold(folder, folds, evaluated)
        self._loss = loss
        self._seed = seed
        self._recorder = recorder
        self._on_start = on_start
        self._gain = gain
        self._sampling = sampling
        self._stop = threading.Event()
        self._window = max(_WINDOW, window or 0)
        self._seen: set[int] = set()
        self._soft_limits: dict[tuple[int, int], float] = {}
        self._is_exhausted = False
        self._pruned_in_a_row = 0

    @property
    def is_reproducible(self) -> bool:
        """Return whether results must not depend on the clock."""
        return not self._budget.is_timed

    def stop(self) -> None:
        """Request the search to end; safe from any thread and from a signal handler."""
        self._stop.set()

    def close(self) -> None:
        """Close the proposer."""
        self._proposals.close()

    def restore(self, trial: Trial) -> None:
        """Add a trial of an earlier, interrupted run of the same search."""
        self.trials.append(trial)
        self._proposals.mark_tried(trial.configuration)
        for fold in sorted(trial.outcomes):
            if trial.outcomes[fold].status is Status.SUCCESS:
                self._record_fold_loss(trial, fold)
        if trial.source == "baseline" and trial.loss is not None:
            self._proposals.penalty = trial.loss
        if not trial.is_over:
            self._update_status(trial)

    def add_finished(self, trial: Trial) -> None:
        """Add a trial that was run outside the search, such as the baseline."""
        self.trials.append(trial)
        for fold in sorted(trial.outcomes):
            self._recorder.record_outcome(trial.outcomes[fold])
            self._record_fold_loss(trial, fold)
        self._proposals.mark_tried(trial.configuration)
        self._finish(trial, Status.SUCCESS)
        if trial.loss is not None:
            self._proposals.penalty = trial.loss

    def run(self) -> Iterator[Trial]:
        """Yield each trial when it is over: succeeded, pruned or failed."""
        while not self._is_over():
            self._dispatch()
            is_busy = self._is_describing or any(t.running for t in self.trials)
            if not is_busy and (self._is_exhausted or self._trial_limit_reached()):
                waiting = [t for t in self.trials if not t.is_over]
                if not waiting:
                    break
            timeout = min(_POLL_SECONDS, max(self._budget.for_search(), 0.0))
            for result in self._executor.wait(timeout):
                if isinstance(result, Description):
                    self._record_description(result)
                elif isinstance(result, Outcome):
                    yield from self._record_outcomes([result])
                elif isinstance(result, JointOutcome):
                    yield from self._record_outcomes(result.outcomes)
        yield from self.stop_unfinished()

    def stop_jobs(self) -> None:
        """Stop the jobs that are still running; the workers are then free for other work."""
        if self._is_describing:
            self._executor.cancel(DESCRIBE_TRIAL)
        for trial in self.trials:
            if trial.running:
                self._executor.cancel(trial.number)
                trial.running.clear()

    def stop_unfinished(self) -> list[Trial]:
        """Mark the trials that are not over as stopped, and return them."""
        unfinished = [trial for trial in self.trials if not trial.is_over]
        for trial in unfinished:
            trial.error = _BUDGET_ENDED
            self._finish(trial, Status.STOPPED)
        return unfinished

    def out_of_fold(self, trial: Trial) -> np.ndarray:
        """Return the out-of-fold predictions of a successful trial, memory-mapped."""
        return self._predictions.all_rows(trial)

    def _is_over(self) -> bool:
        return self._stop.is_set() or self._budget.for_search() <= 0

    def _trial_limit_reached(self) -> bool:
        """Return whether the maximum number of trials has been started."""
        limit = self._budget.trials
        started = sum(1 for trial in self.trials if trial.source != "baseline")
        return limit is not None and started >= limit

    def _dispatch(self) -> None:
        self._is_exhausted = False
        for _ in range(self._executor.free()):
            job = self._next_job()
            if job is None:
                return
            if isinstance(job, DescribeJob):
                self._is_describing = True
                self._executor.submit(job)
                continue
            for each in job.jobs if isinstance(job, JointJob) else [job]:
                self.trials[each.trial].running.add(each.fold)
            self._executor.submit(job)

    def _record_description(self, description: Description) -> None:
        self._is_describing = False
        self.description = description
        if description.metafeatures is not None:
            self._proposals.inform(description.metafeatures)

    def _needs_description(self) -> bool:
        return self._describe_seconds > 0 and self.description is None

    def _next_job(self) -> Job | JointJob | DescribeJob | None:
        has_started = any(trial.source != "baseline" for trial in self.trials)
        if self._needs_description() and not self._is_describing and has_started:
            if self.is_reproducible:
                return DescribeJob(float("inf"), self._seed, UNTIMED_HARD_SECONDS)
            hard = max(min(10 * self._describe_seconds, self._budget.for_search()), 0.01)
            return DescribeJob(self._describe_seconds, self._seed, hard)
        for trial in self.trials:
            if not trial.is_over and (fold := self._next_fold(trial)) is not None:
                return self._job(trial, fold)
        if self._trial_limit_reached():
            return None
        started = self._start_trial()
        if started is None:
            return None
        return self._joint_job(started) or self._job(started, self._next_fold(started) or 0)

    def _joint_job(self, first: Trial) -> JointJob | None:
        """Start the trials that are fitted together with a new one; None if there are none."""
        if self.is_reproducible or first.rows is not None or first.outcomes:
            return None
        soft, hard = job_limits(self._budget, self._executor.workers, 1)
        n_rows = len(self._folds[0][0])
        others = self._proposals.companions(first.configuration, n_rows, soft)
        if self._budget.trials is not None:
            started = sum(1 for trial in self.trials if trial.source != "baseline")
            others = others[: self._budget.trials - started]
        if not others:
            return None
        trials = [first, *(self._begin(other, None) for other in others)]
        last = len(self._folds) - 1
        jobs = [
            replace(self._job(trial, fold), verify=fold == last)
            for trial in trials
            for fold in range(len(self._folds))
        ]
        return JointJob(tuple(jobs), soft, hard)

    def _next_fold(self, trial: Trial) -> int | None:
        """Return the next fold to run; None if pruning needs the result of the first fold."""
        rest = [
            fold
            for fold in range(len(self._folds))
            if fold not in trial.outcomes and fold not in trial.running
        ]
        if not rest:
            return None
        may_be_pruned = len(self._comparable(trial)) >= _MIN_FINISHED and not trial.outcomes
        return None if may_be_pruned and trial.running else rest[0]

    def _job(self, trial: Trial, fold: int) -> Job:
        left = len(self._folds) - len(trial.outcomes)
        expected = trial.expected_seconds / len(self._folds)
        overrun = max((self._overrun(outcome) for outcome in trial.outcomes.values()), default=0.0)
        soft, hard = job_limits(self._budget, self._executor.workers, left, expected, overrun)
        self._soft_limits[trial.number, fold] = soft
        seed = job_seed(self._seed, trial.number, fold)
        started = {*trial.outcomes, *trial.running}
        is_last = len(started - {fold}) == len(self._folds) - 1
        return Job(
            trial.number, fold, trial.configuration, seed, soft, hard, is_last, rows=trial.rows
        )

    def _overrun(self, outcome: Outcome) -> float:
        """Return the seconds of a job after the end of its fit or after its soft limit."""
        soft = self._soft_limits.get((outcome.trial, outcome.fold), float("inf"))
        return max(outcome.seconds - min(outcome.fit_seconds, soft), 0.0)

    def _start_trial(self) -> Trial | None:
        number = len(self.trials)
        if self.is_reproducible:
            # The trial from which metafeatures are used must not depend on when they arrive.
            if self._needs_description() and number > 1:
                return None
            visible = self.trials[: max(number - self._window + 1, 0)]
            if any(not trial.is_over for trial in visible):
                return None
        else:
            visible = [trial for trial in self.trials if trial.is_over]
        for trial in visible:
            if trial.number not in self._seen and trial.source != "baseline":
                self._seen.add(trial.number)
                self._observe(trial)
        if self._budget.for_search() < _MIN_SECONDS_LEFT:
            self._is_exhausted = True
            return None
        at_once = min(self._executor.workers, len(self._folds))
        seconds = self._budget.for_search() * at_once / _TIME_MARGIN
        sampling = self._sampling
        if sampling is not None and sampling.is_time_to_refit(self._budget.for_search()):
            refit = sampling.refit(self.trials, self._budget.for_search())
            if refit is not None:
                return self._begin(*refit)
        share = 1.0 if sampling is None else sampling.share
        proposal = self._proposals.next(seconds / share)
        if proposal is None:
            self._is_exhausted = True
            return None
        if proposal.expected_seconds is not None:
            proposal = replace(proposal, expected_seconds=proposal.expected_seconds * share)
        return self._begin(proposal, None if sampling is None else sampling.sample)

    def _observe(self, trial: Trial) -> None:
        """Report a finished trial to the proposer; of a refit, only its seconds."""
        share = 1.0 if trial.rows is None else trial.rows / len(self._folds[0][0])
        if self._sampling is not None and trial.rows != self._sampling.sample:
            self._proposals.observe_seconds(trial, share)
        else:
            self._proposals.observe(trial, share)

    def _begin(self, proposal: Recommendation, rows: int | None) -> Trial:
        trial = Trial(len(self.trials), proposal.configuration, proposal.source, proposal.why)
        trial.started = self._budget.elapsed()
        trial.expected_seconds = proposal.expected_seconds or 0.0
        trial.rows = rows
        self.trials.append(trial)
        self._proposals.mark_tried(trial.configuration)
        self._recorder.record_trial(trial.to_json())
        self._on_start(trial)
        return trial

    def _record_outcomes(self, outcomes: Sequence[Outcome]) -> Iterator[Trial]:
        """Record outcomes, update the status of their trials, and yield those that are over."""
        trials = [self.trials[number] for number in dict.fromkeys(o.trial for o in outcomes)]
        waiting = [trial for trial in trials if not trial.is_over]
        for outcome in outcomes:
            trial = self.trials[outcome.trial]
            trial.running.discard(outcome.fold)
            if trial not in waiting:
                continue
            trial.outcomes[outcome.fold] = outcome
            self._recorder.record_outcome(outcome)
            is_end = self._budget.for_search() <= _MIN_SECONDS_LEFT
            if outcome.status is Status.TIMEOUT and is_end and not trial.is_over:
                trial.error = _BUDGET_ENDED
                self._finish(trial, Status.STOPPED)
            if outcome.status is Status.SUCCESS:
                self._record_fold_loss(trial, outcome.fold)
        for trial in waiting:
            if not trial.is_over:
                # Folds that were fitted together have cost their time already.
                self._update_status(trial, prunes=len(trials) == 1)
            if trial.is_over:
                yield trial

    def _record_fold_loss(self, trial: Trial, fold: int) -> None:
        """Record the loss of a fold; mark the fold as failed if the metric cannot be computed."""
        outcome = trial.outcomes[fold]
        try:
            prediction = np.asarray(self._predictions.fold(trial, fold))
            loss = float(self._loss(self._folds[fold][1], prediction))
        except Exception as error:
            cause = f"The metric raised {type(error).__name__}: {error}"
        else:
            trial.fold_losses[fold] = loss
            if np.isfinite(loss) or self._is_undefined(fold):
                return
            cause = "The metric is not finite for its predictions."
        trial.outcomes[fold] = replace(outcome, status=Status.FAILED, error=cause)

    def _is_undefined(self, fold: int) -> bool:
        """Return whether the metric is undefined on a fold, such as AUC with one class."""
        baseline = self.trials[0]
        if baseline.source != "baseline":
            return False
        return not np.isfinite(baseline.fold_losses.get(fold, np.nan))

    def _update_status(self, trial: Trial, prunes: bool = True) -> None:
        """Prune, fail or finish a trial; in a reproducible run by its folds in order."""
        bad = [f for f, o in sorted(trial.outcomes.items()) if o.status is not Status.SUCCESS]
        done = 0
        while done in trial.outcomes and done not in bad:
            done += 1
        if self.is_reproducible:
            bad = [fold for fold in bad if fold == done]
        checked = min(done, len(self._folds) - 1) if prunes else 0
        pruned_after = lost_at(trial, self._comparable(trial), checked)
        if pruned_after is not None:
            trial.fold_losses = {fold: trial.fold_losses[fold] for fold in range(pruned_after)}
            trial.error = "Pruned: clearly worse than the best trials on the first folds."
            self._finish(trial, Status.DROPPED)
        elif bad:
            trial.error = trial.outcomes[bad[0]].error
            self._finish(trial, trial.outcomes[bad[0]].status)
        elif trial.share < 1.0:
            share = f"{100 * trial.share:.0f} %"
            trial.error = f"Stopped by its model after {share} of the training: others were better."
            self._finish(trial, Status.DROPPED)
        elif done == len(self._folds):
            self._finish(trial, Status.SUCCESS)
        elif done and not self._gains_enough(trial, done):
            trial.error = "Pruned: too little gain for the ensemble on the first folds."
            self._finish(trial, Status.DROPPED)

    def _gains_enough(self, trial: Trial, done: int) -> bool:
        """Return whether the gain for the ensemble justifies the time of the remaining folds."""
        if self.is_reproducible or self._gain is None:
            return True
        spent = sum(trial.outcomes[fold].seconds for fold in range(done))
        rest = spent * (len(self._folds) - done) / done
        share = rest / (self._budget.seconds * self._executor.workers)
        required = required_gain(share, self._pruned_in_a_row)
        if not required:
            return True
        is_enough = self._gain(*self._predictions.of_folds(trial, range(done))) >= required
        self._pruned_in_a_row = 0 if is_enough else self._pruned_in_a_row + 1
        return is_enough

    def _comparable(self, trial: Trial) -> list[Trial]:
        """Return the finished trials that this trial may be compared with."""
        last = trial.number - self._window if self.is_reproducible else len(self.trials)
        return [t for t in self.trials if t.status is Status.SUCCESS and t.number <= last]

    def _finish(self, trial: Trial, status: Status) -> None:
        trial.finished = self._budget.elapsed()
        if status is Status.SUCCESS:
            loss = float(self._loss(self._evaluated, np.asarray(self.out_of_fold(trial))))
            trial.loss = loss if np.isfinite(loss) else None
            if trial.loss is None:
                status = Status.FAILED
                trial.error = "The metric is not finite for its predictions."
        elif status is Status.DROPPED:
            trial.loss = projected_loss(trial, self._comparable(trial))
        trial.status = status
        self._recorder.record_trial(trial.to_json())
