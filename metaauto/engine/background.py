"""A fit in the background: follow it, look at the best so far, stop it, take the result."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from metaauto.engine.fit_runner import FitRunner
from metaauto.engine.options import FitOptions
from metaauto.errors import MetaautoError, NoModelFitted, SettingError
from metaauto.events import Event
from metaauto.fit_state import FitState
from metaauto.model import FinalModel
from metaauto.search import Search

__all__ = ["Best", "Run", "start"]

_END_TIMEOUT = 10.0


@dataclass(frozen=True)
class Best:
    """The best answer of a running fit.

    Parameters
    ----------
    score : float
        Out-of-fold score in the direction of the metric.
    members : dict of str to float
        Names and weights of the members of the ensemble.
    trials : int
        Trials that are over.
    """

    score: float
    members: dict[str, float]
    trials: int


def start(data: Any, target: Any = None, *, resume: Any = None, **options: Any) -> Run:
    """Start a fit in the background.

    Parameters
    ----------
    data, target, resume, **options
        As in `metaauto.fit`.

    Returns
    -------
    Run
        Iterate over it for the events; take the model with ``result()``.

    Raises
    ------
    SettingError
        An option cannot be honoured. What is wrong with the table is raised by ``result()``.

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


class _Followed(FitRunner):
    """A conductor that lets its work be looked at between trials."""

    state: FitState | None = None

    def run_trials(self, search: Search, state: FitState) -> None:
        """Search, and remember on what."""
        self.state = state
        super().run_trials(search, state)


class Run:
    """A fit that runs in a thread of this process; its models train in worker processes.

    As a context manager it stops the fit at the end of the block and waits for it.

    Parameters
    ----------
    options : FitOptions
        What is asked for.
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
        self._is_wanted = False
        self._is_looking = False
        self._snapshot: FinalModel | MetaautoError | None = None
        self._conductor = _Followed(options, self._hear)
        self._thread = threading.Thread(
            target=self._run, args=(data, target, resume), name="metaauto-run", daemon=True
        )
        # The interpreter would kill the thread and leave the files of a temporary run behind.
        atexit.register(self._end)
        self._thread.start()

    def __iter__(self) -> Iterator[Event]:
        """Yield every event from the first one on, and wait for more until the fit is over."""
        place = 0
        while True:
            with self._changed:
                while place >= len(self._events) and not self._is_over:
                    self._changed.wait()
                if place >= len(self._events):
                    return
                event = self._events[place]
            place += 1
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
        """Whether the fit goes on."""
        return not self._is_over

    @property
    def best(self) -> Best | None:
        """The best answer so far; None as long as there is none."""
        return self._best

    def best_model(self, timeout: float | None = None) -> FinalModel:
        """The best model so far, put together between two trials; the fit goes on.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait for the end of a trial; forever by default.

        Returns
        -------
        FinalModel
            The final one if the fit is over.

        Raises
        ------
        TimeoutError
            No trial began or ended in this time.
        MetaautoError
            What ended the fit.
        """
        with self._changed:
            self._is_wanted, self._snapshot = True, None
            self._wait(lambda: self._snapshot is not None or self._is_over, timeout)
            found = self._snapshot
        if isinstance(found, MetaautoError):
            raise found
        return self.result() if found is None else found

    def stop(self) -> None:
        """End the search soon; ``result()`` then gives the best model so far."""
        self._conductor.stop()

    def result(self, timeout: float | None = None) -> FinalModel:
        """Wait for the model.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait; forever by default.

        Returns
        -------
        FinalModel

        Raises
        ------
        TimeoutError
            The fit is not over; it goes on.
        MetaautoError
            What ended the fit.
        """
        with self._changed:
            self._wait(lambda: self._is_over, timeout)
        if self._error is not None:
            raise self._error
        if self._model is None:
            raise NoModelFitted("The fit ended without a model.", hint="Look at its events.")
        return self._model

    def _wait(self, condition: Callable[[], bool], timeout: float | None) -> None:
        if timeout is not None and timeout < 0:
            raise SettingError(f"timeout={timeout!r} is negative.", hint="Give seconds, or None.")
        if not self._changed.wait_for(condition, timeout):
            raise TimeoutError(f"Nothing yet after {timeout:g} s; the fit goes on.")

    def _run(self, data: Any, target: Any, resume: Any) -> None:
        try:
            self._model = self._conductor.run(data, target, resume)
        except BaseException as error:
            # It is raised again in the thread that asks for the result.
            self._error = error
        finally:
            with self._changed:
                self._is_over = True
                self._changed.notify_all()
            atexit.unregister(self._end)

    def _hear(self, event: Event) -> None:
        """Take an event of the conductor, in its thread."""
        if self._is_looking:
            return
        if event.kind == "trial_finished":
            self._trials += 1
        self._look()
        if self._is_wanted and event.kind in ("trial_started", "trial_finished"):
            self._put_together()
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()

    def _look(self) -> None:
        """Note the best answer; only the conductor's own thread may look."""
        answer, search = self._conductor.answer, self._conductor.search
        ensemble = self._conductor.ensemble
        if answer is None or search is None or ensemble is None:
            return
        names = {search.trials[number].name: w for number, w in answer.weights.items()}
        self._best = Best(ensemble.metric.loss_to_score(answer.loss), names, self._trials)

    def _put_together(self) -> None:
        """Make the model that somebody waits for, in the conductor's thread."""
        state, search = self._conductor.state, self._conductor.search
        if state is None or search is None:
            return
        self._is_looking = True
        found: FinalModel | MetaautoError
        try:
            found = self._conductor.assemble(search, state)
        except MetaautoError as error:
            found = error
        self._is_looking = False
        with self._changed:
            self._is_wanted, self._snapshot = False, found
            self._changed.notify_all()

    def _end(self) -> None:
        self.stop()
        self._thread.join(_END_TIMEOUT)
