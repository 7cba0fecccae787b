"""Record a run as long as its directory can be written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from metaauto.errors import RunError
from metaauto.run.directory import RunDirectory

__all__ = ["Recorder"]


class Recorder:
    """Writes to a run directory until that fails, as on a full disk.

    Parameters
    ----------
    run : RunDirectory
        The directory.
    on_failure : callable
        Called once with the error; later records are not written.
    """

    def __init__(self, run: RunDirectory, on_failure: Callable[[RunError], None]) -> None:
        self._run = run
        self._on_failure = on_failure
        self._has_failed = False

    def record_trial(self, trial: Mapping[str, Any]) -> None:
        """Record the state of a trial."""
        self._try(lambda: self._run.record_trial(trial))

    def record_outcome(self, outcome: Any) -> None:
        """Record the outcome of one fold of a trial."""
        self._try(lambda: self._run.record_outcome(outcome))

    def record_status(self, status: str, seconds: float) -> None:
        """Record the status of the run and its elapsed seconds."""
        self._try(lambda: self._run.record_status(status, seconds))

    def record_result(self, result: Mapping[str, Any]) -> None:
        """Record scores and ensemble of the finished run."""
        self._try(lambda: self._run.record_result(result))

    def _try(self, record: Callable[[], None]) -> None:
        if self._has_failed:
            return
        try:
            record()
        except RunError as error:
            self._has_failed = True
            self._on_failure(error)
