"""Exit on Ctrl-C during imports, when there is nothing to save yet."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from typing import NoReturn

__all__ = ["exit_on_interrupt"]

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


def _exit(*_: object) -> NoReturn:
    os.write(2, b"Interrupted.\n")
    os._exit(_STATUS)
