"""Show the progress of a fit, and stop its search on Ctrl-C."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from metaauto.cli.terminal import redirect_messages, say, write_error

if TYPE_CHECKING:
    from metaauto.engine.fit_runner import FitRunner
    from metaauto.events import Event

    Listener = Callable[[Event], None]

__all__ = ["progress_listener", "stop_on_signal"]


@contextlib.contextmanager
def progress_listener(quiet: bool) -> Iterator[tuple[Listener | None, Callable[[str], None]]]:
    """Yield the listener of a fit's events, and a function that a signal handler may call."""
    from metaauto.progress.lines import Progress, without_repeats
    from metaauto.progress.live import LiveView, can_redraw

    if quiet:
        yield None, say
    elif can_redraw(sys.stderr):
        with LiveView() as view, redirect_messages(view.say):
            yield view, view.note
    else:
        write = without_repeats(write_error)
        with redirect_messages(write):
            yield Progress(write), write


@contextlib.contextmanager
def stop_on_signal(runner: FitRunner, note: Callable[[str], None]) -> Iterator[None]:
    """Stop the search on the first Ctrl-C (or SIGTERM), and the process on the second."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    is_stopping = False

    def stop(*_: object) -> None:
        nonlocal is_stopping
        if is_stopping or runner.search is None:
            raise KeyboardInterrupt
        is_stopping = True
        runner.stop()
        note("Stopping: saving the best model so far. Press Ctrl-C again to exit without it.")

    kinds = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(kind, stop) for kind in kinds]
    try:
        yield
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)
