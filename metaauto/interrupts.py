"""Ctrl-C while libraries are imported, when there is nothing to save yet."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from typing import NoReturn

__all__ = ["leaving_at_once"]

_STATUS = 130


@contextlib.contextmanager
def leaving_at_once() -> Iterator[None]:
    """Let Ctrl-C end this process with one line, where Python would raise `KeyboardInterrupt`.

    An exception may be lost in a library that catches all while it imports another, or end in a
    traceback where nobody is there yet to catch it.
    """
    before = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or before is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _leave(*_: object) -> NoReturn:
    os.write(2, b"Interrupted.\n")
    os._exit(_STATUS)
