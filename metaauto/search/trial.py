"""The words of the search: a trial, its jobs and their outcomes."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from metaauto.configuration import Configuration
from metaauto.metafeatures import Metafeatures

__all__ = ["DescribeJob", "Description", "Job", "Outcome", "Status", "Trial"]


class Status(str, enum.Enum):
    """How a job or a trial ended, or that it has not."""

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
        """Whether something went wrong, rather than being over early."""
        return self in (Status.FAILED, Status.CRASHED, Status.TIMEOUT, Status.MEMORY)

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Job:
    """The unit of work: one configuration on one fold.

    Parameters
    ----------
    trial, fold : int
        Numbers of the trial and of the fold.
    configuration : Configuration
        What to fit.
    seed : int
        Seed for everything random in it.
    soft_seconds : float
        The model should stop by itself within this time and keep what it has.
    hard_seconds : float
        The worker is killed after this time.
    """

    trial: int
    fold: int
    configuration: Configuration
    seed: int
    soft_seconds: float = float("inf")
    hard_seconds: float = float("inf")

    @property
    def stem(self) -> str:
        """Start of the names of its files."""
        return f"{self.trial:05d}-{self.fold:02d}"

    def failed(self, status: Status, seconds: float, error: str) -> Outcome:
        """The outcome when its worker did not live to send one."""
        return Outcome(self.trial, self.fold, status, seconds=seconds, error=error)


@dataclass(frozen=True)
class DescribeJob:
    """Compute the table's metafeatures.

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
    trial: int = -1

    def failed(self, status: Status, seconds: float, error: str) -> Description:
        """The result when its worker did not live to send one."""
        return Description(None, seconds, f"{status}: {error}")


@dataclass(frozen=True)
class Description:
    """What came of a `DescribeJob`: metafeatures, or why there are none."""

    metafeatures: Metafeatures | None
    seconds: float = 0.0
    error: str = ""


@dataclass(frozen=True)
class Outcome:
    """What came of a job.

    Parameters
    ----------
    trial, fold : int
        Which job.
    status : Status
        How it ended.
    seconds : float
        Wall seconds in the worker.
    fit_seconds, predict_seconds : float
        The parts spent on fitting (preprocessing included) and on predicting.
    queued_seconds : float
        Of the seconds of fitting those in which a busy machine had no processor for it, where the
        system tells.
    memory : float
        Highest resident memory of the worker, MiB.
    prediction, model : str
        Names of the files it left in the run directory.
    error : str
        The cause of a failure, one line.
    detail : str
        The traceback of a failure.
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

    @property
    def own_seconds(self) -> float:
        """Seconds that fitting takes on an idle machine, or what there was of it if it failed."""
        return max(self.fit_seconds - self.queued_seconds, 0.0) or self.seconds


@dataclass
class Trial:
    """One configuration and what is known of it so far.

    Parameters
    ----------
    number : int
        Trials are numbered from 0 in the order they were started.
    configuration : Configuration
        What is tried.
    source : str
        Who proposed it: ``"baseline"``, ``"portfolio"``, ``"smac"``, ``"random"``.
    why : str
        Why, one clause.
    expected_seconds : float
        Worker seconds that all its folds were expected to take.
    """

    number: int
    configuration: Configuration
    source: str
    why: str = ""
    expected_seconds: float = 0.0
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
        """Name for people: the model and the number."""
        return f"{self.configuration.model}-{self.number}"

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be run for it."""
        return self.status is not Status.RUNNING

    @property
    def seconds(self) -> float:
        """Worker seconds of its folds together."""
        return sum(outcome.seconds for outcome in self.outcomes.values())

    @property
    def memory(self) -> float:
        """Highest memory of its folds, MiB."""
        return max((outcome.memory for outcome in self.outcomes.values()), default=0.0)

    def files(self, folder: Path, what: str) -> list[Path]:
        """Its files of one kind (``"model"`` or ``"prediction"``), by fold."""
        return [folder / getattr(self.outcomes[fold], what) for fold in sorted(self.outcomes)]

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values, without its outcomes."""
        return {
            "number": self.number,
            "name": self.name,
            "configuration": self.configuration.to_json(),
            "source": self.source,
            "why": self.why,
            "status": self.status.value,
            "loss": self.loss,
            "started": self.started,
            "finished": self.finished,
            "error": self.error,
        }
