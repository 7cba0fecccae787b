"""Run a fit in the background: read its events, get the incumbent, stop it, get the result."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from metaauto.engine.fit_runner import FitRunner
from metaauto.engine.options import FitOptions, with_named_options
from metaauto.errors import MetaautoError, NoModelFitted, SettingError
from metaauto.events import Event
from metaauto.fit_state import FitState
from metaauto.model import FinalModel
from metaauto.search import Search

__all__ = ["Best", "Run", "start"]

_EXIT_TIMEOUT = 10.0


@dataclass(frozen=True)
class Best:
    """The best ensemble of a running fit.

    Parameters
    ----------
    score : float
        Out-of-fold score in the direction of the metric.
    members : dict of str to float
        Names and weights of the members of the ensemble.
    trials : int
        Number of finished trials.
    """

    score: float
    members: dict[str, float]
    trials: int


@with_named_options
def start(data: Any, target: Any = None, *, resume: Any = None, **options: Any) -> Run:
    """Start a fit in the background.

    Parameters
    ----------
    data, target, resume, **options
        As in `metaauto.fit`.

    Returns
    -------
    Run
        Iterate over it for the events; get the model with ``result()``.

    Raises
    ------
    SettingError
        An option is invalid. Errors of the data are raised by ``result()``.

    Examples
    --------
    >>> import metaauto
    >>> with metaauto.start("sklearn:iris", trials=2, include=["lda"], cores=1) as run:
    ...     kinds = {event.kind for event in run}
    ...     model = run.result()
    >>> "trial_finished" in kinds, model.task.kind
    (True, 'multiclass')
    """
    return Run(FitOptions(**options), data, target, resume)


class _ObservableRunner(FitRunner):
    """A `FitRunner` that keeps its state for snapshots between trials."""

    state: FitState | None = None

    def run_trials(self, search: Search, state: FitState) -> None:
        """Keep the state and search."""
        self.state = state
        super().run_trials(search, state)


class Run:
    """A fit that runs in a thread of this process; its models train in worker processes.

    As a context manager it stops the fit at the end of the block and waits for it.

    Parameters
    ----------
    options : FitOptions
        Options of the fit.
    data, target, resume
        As in `metaauto.fit`.
    """

    def __init__(
        self, options: FitOptions, data: Any, target: Any = None, resume: Any = None
    ) -> None:
        self._events: list[Event] = []
        self._changed = threading.Condition()
        self._model: FinalModel | None = None
        self._error: BaseException | None = None
        self._is_over = False
        self._best: Best | None = None
        self._trials = 0
        self._is_snapshot_requested = False
        self._is_taking_snapshot = False
        self._snapshot: FinalModel | MetaautoError | None = None
        self._runner = _ObservableRunner(options, self._on_event)
        self._thread = threading.Thread(
            target=self._run, args=(data, target, resume), name="metaauto-run", daemon=True
        )
        # A daemon thread is killed at interpreter exit, before it removes temporary files.
        atexit.register(self._stop_at_exit)
        self._thread.start()

    def __iter__(self) -> Iterator[Event]:
        """Yield every event from the first one on, and wait for more until the fit is over."""
        index = 0
        while True:
            with self._changed:
                while index >= len(self._events) and not self._is_over:
                    self._changed.wait()
                if index >= len(self._events):
                    return
                event = self._events[index]
            index += 1
            yield event

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._thread.join()

    @property
    def events(self) -> list[Event]:
        """The events so far."""
        with self._changed:
            return list(self._events)

    @property
    def is_running(self) -> bool:
        """Whether the fit is running."""
        return not self._is_over

    @property
    def best(self) -> Best | None:
        """The best ensemble so far; None before the first result."""
        return self._best

    def best_model(self, timeout: float | None = None) -> FinalModel:
        """Return the best model so far, built between two trials; the fit continues.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait for the start or the end of a trial; no limit by default.

        Returns
        -------
        FinalModel
            The final model if the fit is over.

        Raises
        ------
        TimeoutError
            No trial started or finished in this time.
        MetaautoError
            The error that ended the fit.
        """
        with self._changed:
            self._is_snapshot_requested, self._snapshot = True, None
            self._wait(lambda: self._snapshot is not None or self._is_over, timeout)
            snapshot = self._snapshot
        if isinstance(snapshot, MetaautoError):
            raise snapshot
        return self.result() if snapshot is None else snapshot

    def stop(self) -> None:
        """Stop the search soon; ``result()`` then returns the best model so far."""
        self._runner.stop()

    def result(self, timeout: float | None = None) -> FinalModel:
        """Wait for the end of the fit and return the final model.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait; no limit by default.

        Returns
        -------
        FinalModel

        Raises
        ------
        TimeoutError
            The fit is not over; it continues.
        MetaautoError
            The error that ended the fit.
        """
        with self._changed:
            self._wait(lambda: self._is_over, timeout)
        if self._error is not None:
            raise self._error
        if self._model is None:
            raise NoModelFitted("The fit ended without a model.", hint="Check its events.")
        return self._model

    def _wait(self, condition: Callable[[], bool], timeout: float | None) -> None:
        if timeout is not None and timeout < 0:
            raise SettingError(
                f"timeout must be >= 0 seconds (got {timeout!r}).", hint="Give seconds, or None."
            )
        if not self._changed.wait_for(condition, timeout):
            raise TimeoutError(f"No result after {timeout:g} s; the fit continues.")

    def _run(self, data: Any, target: Any, resume: Any) -> None:
        try:
            self._model = self._runner.run(data, target, resume)
        except BaseException as error:
            # `result` raises it in the caller's thread.
            self._error = error
        finally:
            with self._changed:
                self._is_over = True
                self._changed.notify_all()
            atexit.unregister(self._stop_at_exit)

    def _on_event(self, event: Event) -> None:
        """Handle an event of the runner, in its thread."""
        if self._is_taking_snapshot:
            return
        if event.kind == "trial_finished":
            self._trials += 1
        self._update_best()
        if self._is_snapshot_requested and event.kind in ("trial_started", "trial_finished"):
            self._take_snapshot()
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()

    def _update_best(self) -> None:
        """Update the best ensemble; called in the runner's thread only."""
        selection, search = self._runner.selection, self._runner.search
        ensemble = self._runner.ensemble
        if selection is None or search is None or ensemble is None:
            return
        names = {search.trials[number].name: w for number, w in selection.weights.items()}
        self._best = Best(ensemble.metric.loss_to_score(selection.loss), names, self._trials)

    def _take_snapshot(self) -> None:
        """Build the requested model, in the runner's thread."""
        state, search = self._runner.state, self._runner.search
        if state is None or search is None:
            return
        self._is_taking_snapshot = True
        snapshot: FinalModel | MetaautoError
        try:
            snapshot = self._runner.assemble(search, state)
        except MetaautoError as error:
            snapshot = error
        self._is_taking_snapshot = False
        with self._changed:
            self._is_snapshot_requested, self._snapshot = False, snapshot
            self._changed.notify_all()

    def _stop_at_exit(self) -> None:
        self.stop()
        self._thread.join(_EXIT_TIMEOUT)
