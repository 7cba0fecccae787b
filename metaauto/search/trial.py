"""Trials, their jobs and the outcomes of jobs."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from metaauto.configuration import Configuration
from metaauto.metafeatures import Metafeatures

__all__ = [
    "DESCRIBE_TRIAL",
    "CallJob",
    "CallResult",
    "DescribeJob",
    "Description",
    "Job",
    "JointJob",
    "JointOutcome",
    "Outcome",
    "Result",
    "Status",
    "Trial",
    "WorkerJob",
]

DESCRIBE_TRIAL = -1
"""Number of the job that computes metafeatures, in place of the number of a trial."""

_MESSAGE_BYTES = 64 * 2**20
_NEAR_LIMIT, _LONGER = 0.8, 3


class Status(enum.StrEnum):
    """The status of a job or a trial."""

    RUNNING = "running"
    SUCCESS = "success"
    DROPPED = "dropped"
    FAILED = "failed"
    CRASHED = "crashed"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    STOPPED = "stopped"

    @property
    def is_failure(self) -> bool:
        """Return whether the status is a failure; pruned and stopped trials are not."""
        return self in (Status.FAILED, Status.CRASHED, Status.TIMEOUT, Status.MEMORY)


@dataclass(frozen=True)
class Job:
    """One configuration on one fold: the unit of work of a worker.

    Parameters
    ----------
    trial, fold : int
        Numbers of the trial and of the fold.
    configuration : Configuration
        Configuration to fit.
    seed : int
        Seed for everything random in the job.
    soft_seconds : float
        The model should stop within this time and return a usable model.
    hard_seconds : float
        The worker is killed after this time.
    verify : bool
        Whether the worker also checks that the fitted model can be loaded, and measures the time.
    rows : int or None
        Size of the sample of training rows; None for all rows.
    rounds : int or None
        Training rounds of a refit, see `FitContext`.
    """

    trial: int
    fold: int
    configuration: Configuration
    seed: int
    soft_seconds: float = float("inf")
    hard_seconds: float = float("inf")
    verify: bool = False
    max_bytes: int = _MESSAGE_BYTES
    rows: int | None = None
    rounds: int | None = None

    @property
    def stem(self) -> str:
        """Return the prefix of the names of its files."""
        return f"{self.trial:05d}-{self.fold:02d}"

    def run(self, evaluator: Any) -> Outcome:
        """Run the job in a worker."""
        outcome: Outcome = evaluator.run(self)
        return outcome

    def accepts(self, message: Any) -> bool:
        """Return whether a message is the outcome of this job."""
        is_outcome = isinstance(message, Outcome)
        return is_outcome and (message.trial, message.fold) == (self.trial, self.fold)

    def failed(self, status: Status, seconds: float, error: str) -> Outcome:
        """Return the outcome for a worker that ended before it sent one."""
        return Outcome(self.trial, self.fold, status, seconds=seconds, error=error)


@dataclass(frozen=True)
class JointJob:
    """Configurations of one model on several folds, which `Model.fit_many` fits together.

    Parameters
    ----------
    jobs : tuple of Job
        One for each configuration and fold.
    soft_seconds, hard_seconds : float
        Limits of all together, as those of a `Job`.
    """

    jobs: tuple[Job, ...]
    soft_seconds: float = float("inf")
    hard_seconds: float = float("inf")
    max_bytes: int = _MESSAGE_BYTES

    @property
    def trial(self) -> int:
        """Return the number of the first trial: stopping it stops all."""
        return self.jobs[0].trial

    def run(self, evaluator: Any) -> JointOutcome:
        """Run the jobs in a worker."""
        outcome: JointOutcome = evaluator.run_together(self)
        return outcome

    def accepts(self, message: Any) -> bool:
        """Return whether a message is the outcome of these jobs."""
        expected = [(job.trial, job.fold) for job in self.jobs]
        return isinstance(message, JointOutcome) and expected == [
            (outcome.trial, outcome.fold) for outcome in message.outcomes
        ]

    def failed(self, status: Status, seconds: float, error: str) -> JointOutcome:
        """Return the outcome for a worker that ended before it sent one."""
        share = seconds / len(self.jobs)
        return JointOutcome(tuple(job.failed(status, share, error) for job in self.jobs))


@dataclass(frozen=True)
class DescribeJob:
    """The job of computing the metafeatures of the table.

    Parameters
    ----------
    seconds : float
        Time for all extractors together.
    seed : int
        Seed of the subsample.
    hard_seconds : float
        The worker is killed after this time.
    """

    seconds: float
    seed: int
    hard_seconds: float = 60.0
    trial: int = DESCRIBE_TRIAL
    max_bytes: int = _MESSAGE_BYTES

    def run(self, evaluator: Any) -> Description:
        """Run the job in a worker."""
        description: Description = evaluator.describe(self)
        return description

    def accepts(self, message: Any) -> bool:
        """Return whether a message is the result of this job."""
        return isinstance(message, Description)

    def failed(self, status: Status, seconds: float, error: str) -> Description:
        """Return the result for a worker that ended before it sent one."""
        return Description(None, seconds, f"{status}: {error}")


@dataclass(frozen=True)
class Description:
    """The result of a `DescribeJob`: metafeatures, or an error."""

    metafeatures: Metafeatures | None
    seconds: float = 0.0
    error: str = ""


@dataclass(frozen=True)
class CallJob:
    """The job of calling a function on the models of a trial.

    Parameters
    ----------
    trial : int
        Number of the trial.
    call : callable
        ``call(evaluator) -> value``; function and value must be picklable.
    hard_seconds : float
        The worker is killed after this time.
    max_bytes : int
        Largest size of the pickled value.
    """

    trial: int
    call: Callable[[Any], Any]
    hard_seconds: float = float("inf")
    max_bytes: int = _MESSAGE_BYTES

    def run(self, evaluator: Any) -> CallResult:
        """Run the job in a worker; return any failure as a result with its cause."""
        started = time.monotonic()
        try:
            value = self.call(evaluator)
        except Exception as error:
            cause = f"{type(error).__name__}: {error}".splitlines()[0][:500]
            return CallResult(self.trial, None, time.monotonic() - started, cause)
        return CallResult(self.trial, value, time.monotonic() - started)

    def accepts(self, message: Any) -> bool:
        """Return whether a message is the result of this job."""
        return isinstance(message, CallResult) and message.trial == self.trial

    def failed(self, status: Status, seconds: float, error: str) -> CallResult:
        """Return the result for a worker that ended before it sent one."""
        return CallResult(self.trial, None, seconds, error)


@dataclass(frozen=True)
class CallResult:
    """The result of a `CallJob`: the value of the function, or an error."""

    trial: int
    value: Any = None
    seconds: float = 0.0
    error: str = ""


@dataclass(frozen=True)
class Outcome:
    """The outcome of a job.

    Parameters
    ----------
    trial, fold : int
        Numbers of the trial and of the fold.
    status : Status
        Final status.
    seconds : float
        Wall seconds in the worker.
    fit_seconds, predict_seconds : float
        Seconds of fitting (preprocessing included) and of predicting.
    queued_seconds : float
        Seconds of fitting during which the job waited for a processor, where the system reports it.
    memory : float
        Highest resident memory of the worker, MiB.
    prediction, model : str
        Names of its files in the run directory.
    error : str
        Cause of a failure, one line.
    detail : str
        Traceback of a failure.
    check_seconds : float
        Seconds to load the fold model, measured on one fold of a trial; 0 on the others.
    build_seconds : float
        Seconds to build the model before fitting: the first time in a process, mostly imports.
    rounds : int
        Training rounds of the model, see `Model.rounds`; 0 if unknown.
    share : float
        Share of the training; below 1 if `Model.fit_many` stopped it for better configurations.
    max_rounds : int
        The most rounds that it could have, see `Model.max_rounds`; 0 if unknown.
    """

    trial: int
    fold: int
    status: Status
    seconds: float = 0.0
    fit_seconds: float = 0.0
    predict_seconds: float = 0.0
    queued_seconds: float = 0.0
    memory: float = 0.0
    prediction: str = ""
    model: str = ""
    error: str = ""
    detail: str = ""
    check_seconds: float = 0.0
    build_seconds: float = 0.0
    rounds: int = 0
    share: float = 1.0
    max_rounds: int = 0

    @property
    def prediction_file(self) -> str:
        """Return the name of the file of its predictions."""
        return f"predictions/{self.trial:05d}-{self.fold:02d}.npy"

    @property
    def model_file(self) -> str:
        """Return the name of the file of its model."""
        return f"models/{self.trial:05d}-{self.fold:02d}.pkl"

    @property
    def own_seconds(self) -> float:
        """Return the seconds of fitting without waiting for a processor; all if it failed."""
        return max(self.fit_seconds - self.queued_seconds, 0.0) or self.seconds


@dataclass(frozen=True)
class JointOutcome:
    """The outcomes of a `JointJob`, in the order of its jobs."""

    outcomes: tuple[Outcome, ...]


Result = Outcome | JointOutcome | Description | CallResult
"""What a worker sends for a job."""

WorkerJob = Job | JointJob | DescribeJob | CallJob
"""What a worker can run."""


@dataclass
class Trial:
    """One configuration with its outcomes so far.

    Parameters
    ----------
    number : int
        Number from 0 in the order of the starts.
    configuration : Configuration
        Evaluated configuration.
    source : str
        Source of the proposal: ``"baseline"``, ``"portfolio"``, ``"smac"``, ``"random"``.
    why : str
        Reason for the proposal, one clause.
    expected_seconds : float
        Expected worker seconds of all its folds.
    rows : int or None
        Size of the sample of training rows; None for all rows.
    """

    number: int
    configuration: Configuration
    source: str
    why: str = ""
    expected_seconds: float = 0.0
    rows: int | None = None
    status: Status = Status.RUNNING
    loss: float | None = None
    started: float = 0.0
    finished: float | None = None
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    fold_losses: dict[int, float] = field(default_factory=dict)
    running: set[int] = field(default_factory=set)
    error: str = ""

    @property
    def name(self) -> str:
        """Return the display name: the model and the number."""
        return f"{self.configuration.model}-{self.number}"

    @property
    def is_over(self) -> bool:
        """Return whether the trial has ended."""
        return self.status is not Status.RUNNING

    @property
    def seconds(self) -> float:
        """Return the total worker seconds of its folds."""
        return sum(outcome.seconds for outcome in self.outcomes.values())

    @property
    def share(self) -> float:
        """Return the smallest share of the training of its folds."""
        return min((outcome.share for outcome in self.outcomes.values()), default=1.0)

    @property
    def check_seconds(self) -> float:
        """Return the expected seconds to check its fold models, with a margin of one fold."""
        each = max((outcome.check_seconds for outcome in self.outcomes.values()), default=0.0)
        return each * (len(self.outcomes) + 1)

    @property
    def build_seconds(self) -> float:
        """Return the longest time to build the model of a fold."""
        return max((outcome.build_seconds for outcome in self.outcomes.values()), default=0.0)

    @property
    def fold_rounds(self) -> int | None:
        """Return the mean training rounds of its folds, None if one is unknown."""
        found = [outcome.rounds for outcome in self.outcomes.values()]
        return round(sum(found) / len(found)) if found and all(found) else None

    @property
    def rounds(self) -> int | None:
        """Return the training rounds of its model on all rows, None if they are unknown.

        They are those of its folds, and more if these came near the limit of their rounds: the loss
        was still falling. More rounds on every fold would cost the search too many other trials.
        """
        most = max((outcome.max_rounds for outcome in self.outcomes.values()), default=0)
        is_limited = self.fold_rounds and most and self.fold_rounds >= _NEAR_LIMIT * most
        return _LONGER * most if is_limited else self.fold_rounds

    @property
    def memory(self) -> float:
        """Return the highest memory of its folds, MiB."""
        return max((outcome.memory for outcome in self.outcomes.values()), default=0.0)

    def files(self, folder: Path, attribute: str) -> list[Path]:
        """Return its files of one kind (``"model"`` or ``"prediction"``), by fold."""
        return [folder / getattr(self.outcomes[fold], attribute) for fold in sorted(self.outcomes)]

    def to_json(self) -> dict[str, Any]:
        """Return the trial as JSON-ready values, without its outcomes."""
        return {
            "number": self.number,
            "name": self.name,
            "configuration": self.configuration.to_json(),
            "source": self.source,
            "why": self.why,
            "rows": self.rows,
            "status": self.status.value,
            "loss": self.loss,
            "started": self.started,
            "finished": self.finished,
            "error": self.error,
        }
