"""Handle Ctrl-C where a `KeyboardInterrupt` would be lost, or would lose a result."""

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
    """Call `stop` on the first Ctrl-C; the second one raises `KeyboardInterrupt`.

    Nothing changes outside of the main thread, and if the caller handles Ctrl-C itself.
    """
    before = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or before is not signal.default_int_handler:
        yield
        return

    def handle(*_: object) -> None:
        signal.signal(signal.SIGINT, before)
        stop()

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _exit(*_: object) -> NoReturn:
    os.write(2, b"Interrupted.\n")
    os._exit(_STATUS)
