"""How the command line listens to a fit, and how Ctrl-C ends it gently."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from metaauto.cli.terminal import say, speaking_through, write_error

if TYPE_CHECKING:
    from metaauto.engine.fit_runner import FitRunner
    from metaauto.events import Event

    Listener = Callable[[Event], None]

__all__ = ["listening", "stopping_gently"]


@contextlib.contextmanager
def listening(quiet: bool) -> Iterator[tuple[Listener | None, Callable[[str], None]]]:
    """Who shows the events of the fit, and who may be told something by a signal handler."""
    from metaauto.progress.lines import Progress, without_repeats
    from metaauto.progress.live import LiveView, can_redraw

    if quiet:
        yield None, say
    elif can_redraw(sys.stderr):
        with LiveView() as view, speaking_through(view.say):
            yield view, view.note
    else:
        write = without_repeats(write_error)
        with speaking_through(write):
            yield Progress(write), write


@contextlib.contextmanager
def stopping_gently(conductor: FitRunner, note: Callable[[str], None]) -> Iterator[None]:
    """Let a first Ctrl-C (or SIGTERM) end the search, and a second one everything."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = False

    def stop(*_: object) -> None:
        nonlocal asked
        if asked or conductor.search is None:
            raise KeyboardInterrupt
        asked = True
        conductor.stop()
        note("Stopping: the best model so far will be saved. Ctrl-C again gives up.")

    kinds = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(kind, stop) for kind in kinds]
    try:
        yield
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)
