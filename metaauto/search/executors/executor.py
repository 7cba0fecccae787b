"""The interface of executors, as the search uses it."""

from __future__ import annotations

from typing import Protocol

from metaauto.search.executors.worker import Setup
from metaauto.search.trial import Result, WorkerJob

__all__ = ["Executor"]


class Executor(Protocol):
    """Runs jobs somewhere, each within hard limits of time and memory."""

    setup_seconds: float
    """Seconds that the last worker needed to become ready for jobs."""

    @property
    def workers(self) -> int:
        """Number of jobs that can run at the same time."""

    def start(self) -> None:
        """Start the worker processes; may be called before the table is read."""

    def set_up(self, setup: Setup) -> None:
        """Send the workers the setup of a fit."""

    def free(self) -> int:
        """Return the number of jobs that can start now."""

    def submit(self, job: WorkerJob) -> None:
        """Start a job; requires that `free` is positive."""

    def wait(self, seconds: float) -> list[Result]:
        """Wait for outcomes, at most this long; kill jobs that exceed their limits."""

    def cancel(self, trial: int) -> None:
        """Stop the jobs of a trial; they give no outcome."""

    def close(self) -> None:
        """Stop everything."""
