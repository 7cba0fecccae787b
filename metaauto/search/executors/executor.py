"""What the search asks of whoever runs its jobs."""

from __future__ import annotations

from typing import Protocol

from metaauto.search.executors.worker import Setup
from metaauto.search.trial import DescribeJob, Description, Job, Outcome

__all__ = ["Executor"]


class Executor(Protocol):
    """Runs jobs somewhere, each within hard limits of time and memory."""

    workers: int

    def start(self) -> None:
        """Start worker processes; may be called before the table is read."""

    def set_up(self, setup: Setup) -> None:
        """Tell the workers what they will work on."""

    def free(self) -> int:
        """Number of jobs that could start at once."""

    def submit(self, job: Job | DescribeJob) -> None:
        """Start a job; only when `free` says so."""

    def wait(self, seconds: float) -> list[Outcome | Description]:
        """Wait for outcomes, at most this long; kill what is over its limits."""

    def cancel(self, trial: int) -> None:
        """Stop the jobs of a trial; they yield no outcome."""

    def close(self) -> None:
        """Stop everything."""
