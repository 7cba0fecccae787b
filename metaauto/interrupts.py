"""Handle signals where a `KeyboardInterrupt` would be lost, or the signal would lose a result."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import NoReturn

__all__ = ["exit_on_interrupt", "stop_on_interrupt"]

_STATUS = 130


@contextlib.contextmanager
def exit_on_interrupt() -> Iterator[None]:
    """End this process with one line on Ctrl-C, in place of a `KeyboardInterrupt`.

    During imports, a library may swallow the exception, or nothing catches it yet and Python
    prints a traceback.
    """
    before = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or before is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _exit)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def stop_on_interrupt(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on the first Ctrl-C, SIGTERM or SIGHUP; the next signal acts as before.

    Nothing changes outside of the main thread, and for signals that the caller handles. In a child
    process of multiprocessing SIGTERM and SIGHUP end the process: its parent waits for that.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {kind: signal.getsignal(kind) for kind in _kinds()}

    def restore() -> None:
        for kind, handler in before.items():
            signal.signal(kind, handler)

    def handle(*_: object) -> None:
        restore()
        stop()

    for kind in before:
        signal.signal(kind, handle)
    try:
        yield
    finally:
        restore()


def _kinds() -> list[signal.Signals]:
    """Return the signals that the caller does not handle."""
    from multiprocessing import parent_process

    names = ["SIGTERM", "SIGHUP"] if parent_process() is None else []
    kinds = [getattr(signal, name) for name in names if hasattr(signal, name)]
    kinds = [kind for kind in kinds if signal.getsignal(kind) is signal.SIG_DFL]
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        kinds.append(signal.SIGINT)
    return kinds


def _exit(*_: object) -> NoReturn:
    os.write(2, b"Interrupted.\n")
    os._exit(_STATUS)
