"""A child that is forked from this process, which has imported already what it needs."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from metaauto.search.executors.environment import thread_environment
from metaauto.search.executors.process import kill_tree

__all__ = ["Fork", "may_fork"]

# The allocator of pyarrow has a thread, and stops and starts it around a fork by itself.
_HARMLESS = {"jemalloc_bg_thd"}


def may_fork(threads: int) -> bool:
    """Whether this process is as a fresh one for workers with so many threads, and has no other.

    It was started in their environment, runs in one thread, and no library runs threads of its own,
    which a fork would lose while they hold locks.
    """
    if not sys.platform.startswith("linux") or sys.flags.hash_randomization:
        return False
    wanted = thread_environment(threads)
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        return False
    if threading.active_count() > 1 or threading.current_thread() is not threading.main_thread():
        return False
    try:
        tasks = [
            task for task in Path("/proc/self/task").iterdir() if int(task.name) != os.getpid()
        ]
        return all((task / "comm").read_text().strip() in _HARMLESS for task in tasks)
    except OSError:
        return False


class Fork:
    """A forked process with the ways of a `Child` that is listened to.

    Parameters
    ----------
    run : callable
        What it does; it reads its standard input and writes its standard output.
    """

    def __init__(self, run: Callable[[], None]) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        hears, self._commands = os.pipe()
        listens, says = os.pipe()
        self.output: Any = os.fdopen(listens, "rb")
        self._code: int | None = None
        self._lock = threading.Lock()
        with _interrupts_wait():
            self.pid = os.fork()
            if self.pid == 0:
                _live(run, (hears, says, self._errors.fileno()), (self._commands, listens))
        os.close(hears)
        os.close(says)

    def say(self, message: Any) -> bool:
        """Send one JSON line to its standard input; False if it is gone."""
        line = json.dumps(message).encode() + b"\n"
        try:
            while line:
                line = line[os.write(self._commands, line) :]
        except OSError:
            return False
        return True

    def hang_up(self) -> None:
        """Close its standard input, which tells it to end."""
        if self._commands >= 0:
            os.close(self._commands)
            self._commands = -1

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._ended(os.WNOHANG) is None

    def complaint(self) -> str:
        """The last line it wrote to its standard error."""
        self._errors.seek(0)
        lines = self._errors.read()[-4000:].decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def kill(self) -> None:
        """End it at once, with the processes it started."""
        if self.is_alive():
            kill_tree(self.pid)
            self._ended(0)
        self.hang_up()
        with contextlib.suppress(OSError):
            self.output.close()
        self._errors.close()

    def _ended(self, how: int) -> int | None:
        with self._lock:
            if self._code is None:
                try:
                    pid, status = os.waitpid(self.pid, how)
                except ChildProcessError:
                    pid, status = self.pid, 0
                self._code = os.waitstatus_to_exitcode(status) if pid else None
            return self._code


@contextlib.contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Let Ctrl-C reach a fork when it is somebody of its own."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _live(
    run: Callable[[], None], standard: tuple[int, int, int], foreign: tuple[int, int]
) -> None:
    """Be the child, and end without returning into the parent's code."""
    status = 1
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        import fcntl

        # Where a standard stream was closed, one of these may have got its number.
        safe = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, 3) for descriptor in standard]
        for descriptor in (*standard, *foreign):
            os.close(descriptor)
        for number, descriptor in enumerate(safe):
            os.dup2(descriptor, number)
            os.close(descriptor)
        run()
        status = 0
    except BaseException:
        import traceback

        os.write(2, traceback.format_exc().encode(errors="replace"))
    finally:
        os._exit(status)
