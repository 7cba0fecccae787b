"""Show the progress of a fit, and stop its search on Ctrl-C."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TextIO

from metaauto.cli.terminal import (
    redirect_messages,
    redirect_to_devnull,
    write_error,
    write_from_handler,
)

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
        yield None, write_from_handler
    elif can_redraw(sys.stderr):
        with LiveView() as view, redirect_messages(view.say):

            def note(line: str) -> None:
                if not view.note(line):
                    write_from_handler(line)

            yield view, note
    else:
        write = without_repeats(write_error)
        with redirect_messages(write):
            yield Progress(write), write_from_handler


@contextlib.contextmanager
def stop_on_signal(runner: FitRunner, note: Callable[[str], None]) -> Iterator[None]:
    """Stop the search on the first Ctrl-C or SIGTERM, and the process on the second.

    A closed terminal (SIGHUP) stops the search too, unless it is ignored as by ``nohup``.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    is_stopping = False
    hangup = getattr(signal, "SIGHUP", None)
    # A closed terminal is not recognised as one any more, and writing to it fails.
    terminals = [s for s in (sys.__stdout__, sys.__stderr__) if s is not None and _is_terminal(s)]

    def stop(kind: int, _: object) -> None:
        nonlocal is_stopping
        if kind == hangup:
            redirect_to_devnull(*terminals)
            # The shell and the system may both send it.
            if is_stopping:
                return
        if is_stopping or runner.search is None:
            raise KeyboardInterrupt
        is_stopping = True
        runner.stop()
        note("Stopping: saving the best model so far. Press Ctrl-C again to exit without it.")

    kinds = [signal.SIGINT, signal.SIGTERM]
    if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:
        kinds.append(hangup)
    before = [signal.signal(kind, stop) for kind in kinds]
    try:
        yield
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:
        # The stream is closed.
        return False
