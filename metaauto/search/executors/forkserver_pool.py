"""ForkServer processes that outlive an executor, so that a second fit need not wait for imports."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from metaauto.search.executors.environment import thread_environment
from metaauto.search.executors.fork import Fork, may_fork
from metaauto.search.executors.process import Child

__all__ = ["ForkServer", "fork_from_server", "lease"]

IDLE_SECONDS = 60.0
"""An unused nursery ends after so long; until then it costs memory alone."""


class ForkServer:
    """A nursery process that any number of executors of this process may use at once.

    Parameters
    ----------
    child : Child or Fork
        Runs `forkserver.main`.
    """

    def __init__(self, child: Child | Fork) -> None:
        self.endings: dict[int, int] = {}
        self.users = 0
        self._lock = threading.Lock()
        self._child = child
        self._listener = threading.Thread(target=self._hear, name="metaauto-endings", daemon=True)
        self._listener.start()

    def hire(self, line: Mapping[str, Any]) -> bool:
        """Ask for a worker that calls back on this line; False if the process is gone."""
        with self._lock:
            return self._child.say(dict(line))

    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._child.is_alive()

    def complaint(self) -> str:
        """The last line it wrote to its standard error."""
        return self._child.complaint()

    def kill(self) -> None:
        """End the process."""
        self._child.kill()

    def hang_up(self) -> None:
        """Tell the process to end its workers and itself."""
        with self._lock:
            self._child.hang_up()

    def _hear(self) -> None:
        with contextlib.suppress(ValueError, OSError):  # its output is closed when it is killed
            for line in self._child.output:
                ending = json.loads(line)
                self.endings[ending["pid"]] = ending["code"]


_kept: dict[tuple[Any, ...], ForkServer] = {}
_lock = threading.RLock()
_timer: threading.Timer | None = None


def fork_from_server(threads: int = 1) -> bool:
    """Fork a nursery for the next fits, if this process is fit for it; whether it is.

    It imports first what workers need, so that it is paid for once. This must come before any
    thread starts and any number is computed.
    """
    if not may_fork(threads):
        return False
    from metaauto.search.executors import forkserver
    from metaauto.search.executors.worker import import_common

    import_common()
    with _lock:
        if _key(threads) in _kept or not may_fork(threads):
            return False
        _kept[_key(threads)] = ForkServer(Fork(lambda: forkserver.main({})))
    return True


def _key(threads: int) -> tuple[Any, ...]:
    """What two fits must have in common to use one nursery."""
    surroundings = (os.getpid(), os.getcwd(), tuple(sys.path), frozenset(os.environ.items()))
    return (threads, *surroundings)


def _started(line: Mapping[str, Any], threads: int) -> Child:
    """A process of its own that becomes a nursery."""
    target = "metaauto.search.executors.forkserver:main"
    return Child(target, line, thread_environment(threads), listen=True)


@contextlib.contextmanager
def lease(line: Mapping[str, Any], threads: int) -> Iterator[ForkServer]:
    """A nursery of this very environment: one that is kept from an earlier fit, or a new one."""
    key = _key(threads)
    with _lock:
        _forget(lambda kept, nursery: not nursery.is_alive() or kept[1] != os.getpid())
        nursery = _kept.get(key)
        if nursery is None:
            _forget(lambda kept, nursery: not nursery.users)
            nursery = _kept[key] = ForkServer(_started(line, threads))
        if not nursery.users:
            nursery.endings.clear()
        nursery.users += 1
    try:
        yield nursery
    finally:
        with _lock:
            nursery.users -= 1
            # An executor that nobody closed is forgotten when Python ends, and then no thread
            # starts any more; the nursery ends by itself when this process is gone.
            if not sys.is_finalizing():
                _end_later()


def _forget(unwanted: Any) -> None:
    """End nurseries; those of a process that forked this one belong to it and are only dropped."""
    for key, nursery in list(_kept.items()):
        if unwanted(key, nursery):
            del _kept[key]
            if key[1] == os.getpid():
                nursery.kill()


def _end_later() -> None:
    global _timer  # noqa: PLW0603
    if _timer is not None:
        _timer.cancel()
    _timer = threading.Timer(IDLE_SECONDS, _end_idle)
    _timer.daemon = True
    _timer.start()


def _end_idle() -> None:
    with _lock:
        _forget(lambda key, nursery: not nursery.users)


@atexit.register
def _end_all() -> None:
    with _lock:
        # An executor that nobody closed: its nursery ends its workers before it ends itself.
        for key, nursery in _kept.items():
            if nursery.users and key[1] == os.getpid():
                nursery.hang_up()
        _end_idle()
