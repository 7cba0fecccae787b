"""Fork servers that outlive an executor, so that a second fit does not wait for imports."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from metaauto.files import working_directory
from metaauto.search.executors.environment import thread_environment
from metaauto.search.executors.fork import Fork, may_fork
from metaauto.search.executors.process import Child

__all__ = ["ForkServer", "discard", "fork_from_server", "lease"]

IDLE_SECONDS = 60.0
"""An unused fork server ends after this time; until then it uses only memory."""

# When it is imported, here as in the fork server.
_SET_BY_SCIKIT_LEARN = ("KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK")


class ForkServer:
    """A fork server that several executors of this process may use at the same time.

    Parameters
    ----------
    child : Child or Fork
        Runs `forkserver.main`.
    """

    def __init__(self, child: Child | Fork) -> None:
        self.exit_codes: dict[int, int] = {}
        self.users = 0
        self._lock = threading.Lock()
        self._child = child
        self._reader = threading.Thread(
            target=self._read_exit_codes, name="metaauto-exit-codes", daemon=True
        )
        self._reader.start()

    def start_worker(self, connect_info: Mapping[str, Any]) -> bool:
        """Request a worker that connects by this information; False if the server has ended."""
        if os.name == "posix" and self.is_alive():
            # A model may have stopped it.
            os.kill(self.pid, signal.SIGCONT)
        with self._lock:
            return self._child.send(dict(connect_info))

    @property
    def pid(self) -> int:
        """Return its process ID."""
        return self._child.pid

    def is_alive(self) -> bool:
        """Return whether the process is running."""
        return self._child.is_alive()

    def last_stderr_line(self) -> str:
        """Return the last line of its standard error, empty if there is none."""
        return self._child.last_stderr_line()

    def kill(self) -> None:
        """Kill the process."""
        self._child.kill()

    def shut_down(self) -> None:
        """Request the process to end its workers and itself."""
        with self._lock:
            self._child.close_stdin()

    def _read_exit_codes(self) -> None:
        with contextlib.suppress(ValueError, OSError):  # `kill` closes the output
            for line in self._child.output:
                ended = json.loads(line)
                self.exit_codes[ended["pid"]] = ended["code"]


_servers: dict[tuple[Any, ...], ForkServer] = {}
_lock = threading.RLock()
_timer: threading.Timer | None = None


def fork_from_server(threads: int = 1) -> bool:
    """Fork a fork server for the next fits if this process allows it; return whether it does.

    This process first imports the modules that workers need, so that they are imported once. Call
    it before any thread starts and any numerical code runs.
    """
    if not may_fork(threads):
        return False
    from metaauto.search.executors import forkserver
    from metaauto.search.executors.worker import import_for_forks

    import_for_forks()
    with _lock:
        if _key(threads) in _servers or not may_fork(threads):
            return False
        _servers[_key(threads)] = ForkServer(Fork(lambda: forkserver.main({})))
    return True


def _key(threads: int) -> tuple[Any, ...]:
    """Return the key that fits must share to use the same fork server."""
    # Workers change to the directory of their fit, which thus matters to relative paths only. Some
    # entries, those of editable installations, are no paths.
    relative = any(os.path.isdir(part or ".") for part in sys.path if not os.path.isabs(part))
    directory = working_directory() if relative else ""
    environment = frozenset(
        item for item in os.environ.items() if item[0] not in _SET_BY_SCIKIT_LEARN
    )
    return (threads, os.getpid(), directory, tuple(sys.path), environment)


def _start_child(connect_info: Mapping[str, Any], threads: int) -> Child:
    """Start a fork server as a new process."""
    target = "metaauto.search.executors.forkserver:main"
    return Child(target, connect_info, thread_environment(threads), capture_output=True)


@contextlib.contextmanager
def lease(connect_info: Mapping[str, Any], threads: int) -> Iterator[ForkServer]:
    """Yield a fork server of this environment: one kept from an earlier fit, or a new one."""
    key = _key(threads)
    with _lock:
        _discard(lambda key, server: not server.is_alive() or key[1] != os.getpid())
        server = _servers.get(key)
        if server is None:
            _discard(lambda key, server: not server.users)
            server = _servers[key] = ForkServer(_start_child(connect_info, threads))
        if not server.users:
            server.exit_codes.clear()
        server.users += 1
    try:
        yield server
    finally:
        with _lock:
            server.users -= 1
            # While Python finalizes, no thread can start for an executor that was not closed; the
            # server ends by itself when this process has ended.
            if not sys.is_finalizing():
                _end_later()


def discard(lost: ForkServer) -> None:
    """Discard a server that does not fork any more, and kill it."""
    with _lock:
        _discard(lambda key, server: server is lost)


def _discard(unwanted: Any) -> None:
    """Discard servers and kill them, except those that belong to the parent of this fork."""
    for key, server in list(_servers.items()):
        if unwanted(key, server):
            del _servers[key]
            if key[1] == os.getpid():
                server.kill()


def _end_later() -> None:
    global _timer  # noqa: PLW0603
    if _timer is not None:
        _timer.cancel()
    _timer = threading.Timer(IDLE_SECONDS, _end_idle)
    _timer.daemon = True
    _timer.start()


def _end_idle() -> None:
    with _lock:
        _discard(lambda key, server: not server.users)


@atexit.register
def _end_all() -> None:
    with _lock:
        # The server of an executor that was not closed ends its workers before itself.
        for key, server in _servers.items():
            if server.users and key[1] == os.getpid():
                server.shut_down()
        _end_idle()
