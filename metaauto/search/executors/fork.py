"""A child process that is forked from this one, so that it need not import modules again."""

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

# The allocator of pyarrow stops and restarts its thread around a fork.
_ALLOWED_THREADS = {"jemalloc_bg_thd"}


def may_fork(threads: int) -> bool:
    """Return whether workers with this number of threads may be forked from this process.

    The process must have been started in the environment of workers and run a single thread. A fork
    does not copy other threads, such as those of libraries, but does copy the locks they hold.
    """
    if not sys.platform.startswith("linux") or sys.flags.hash_randomization:
        return False
    expected = thread_environment(threads)
    if any(os.environ.get(name) != value for name, value in expected.items()):
        return False
    if threading.active_count() > 1 or threading.current_thread() is not threading.main_thread():
        return False
    try:
        tasks = [
            task for task in Path("/proc/self/task").iterdir() if int(task.name) != os.getpid()
        ]
        return all((task / "comm").read_text().strip() in _ALLOWED_THREADS for task in tasks)
    except OSError:
        return False


class Fork:
    """A forked process with the interface of a `Child` whose output is captured.

    Parameters
    ----------
    run : callable
        Function that the process runs; it reads standard input and writes standard output.
    """

    def __init__(self, run: Callable[[], None]) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        stdin_read, self._commands = os.pipe()
        stdout_read, stdout_write = os.pipe()
        self.output: Any = os.fdopen(stdout_read, "rb")
        self._code: int | None = None
        self._lock = threading.Lock()
        with _interrupts_blocked():
            self.pid = os.fork()
            if self.pid == 0:
                _run_child(
                    run,
                    (stdin_read, stdout_write, self._errors.fileno()),
                    (self._commands, stdout_read),
                )
        os.close(stdin_read)
        os.close(stdout_write)

    def send(self, message: Any) -> bool:
        """Write one JSON line to its standard input; return False if the process has ended."""
        line = json.dumps(message).encode() + b"\n"
        try:
            while line:
                line = line[os.write(self._commands, line) :]
        except OSError:
            return False
        return True

    def close_stdin(self) -> None:
        """Close its standard input, on which the process ends."""
        if self._commands >= 0:
            os.close(self._commands)
            self._commands = -1

    def is_alive(self) -> bool:
        """Return whether the process is running."""
        return self._wait(os.WNOHANG) is None

    def last_stderr_line(self) -> str:
        """Return the last line of its standard error, empty if there is none."""
        self._errors.seek(0)
        lines = self._errors.read()[-4000:].decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def kill(self) -> None:
        """Kill the process and the processes that it started."""
        if self.is_alive():
            kill_tree(self.pid)
            self._wait(0)
        self.close_stdin()
        with contextlib.suppress(OSError):
            self.output.close()
        self._errors.close()

    def _wait(self, options: int) -> int | None:
        """Return its exit code, or None while it runs (with ``os.WNOHANG``)."""
        with self._lock:
            if self._code is None:
                try:
                    pid, status = os.waitpid(self.pid, options)
                except ChildProcessError:
                    pid, status = self.pid, 0
                self._code = os.waitstatus_to_exitcode(status) if pid else None
            return self._code


@contextlib.contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Block Ctrl-C until the forked child has set its own signal handling."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _run_child(
    run: Callable[[], None], standard: tuple[int, int, int], parent_ends: tuple[int, int]
) -> None:
    """Run the child and exit without returning into the parent's code."""
    status = 1
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        import fcntl

        # If a standard stream was closed, one of these descriptors may have its number.
        safe = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, 3) for descriptor in standard]
        for descriptor in (*standard, *parent_ends):
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
