"""Run ``python -m metaauto`` in a fork of a process that has imported its modules already.

It imports for seconds. A command of this module behaves alike: the process has the arguments,
directory, environment and standard streams of its caller, who gets the exit status; only the imports
were done before. Where they or signals matter, call Python itself.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import runpy
import selectors
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import traceback
from pathlib import Path
from typing import Any

import metaauto
from metaauto.search.executors.environment import thread_environment
from metaauto.search.executors.process import kill_tree

__all__ = ["ImportedProgram"]

HOME = Path(metaauto.__file__).parents[1]
_LENGTH = struct.Struct("<I")
_MODULES = (
    "metaauto.cli.fit",
    "metaauto.cli.predict",
    "metaauto.cli.evaluate",
    "metaauto.cli.explain",
    "metaauto.cli.report",
    "metaauto.cli.compare",
    "metaauto.cli.leaderboard",
    "metaauto.cli.suggest",
    "metaauto.cli.metafeatures",
    "metaauto.cli.plugins",
    "metaauto.cli.knowledge_build",
    "metaauto.engine.fit_runner",
    "skops.io",
)

# It imports little, for it is started with each command.
_CALLER = """
import array, json, os, socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect({address!r})
request = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
streams = array.array("i", [0, 1, 2])
head = len(request).to_bytes(4, "little")
connection.sendmsg([head], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
connection.sendall(request)
status = connection.recv(4)
sys.exit(int.from_bytes(status, "little", signed=True) if status else 1)
"""


class ImportedProgram:
    """A process that has imported metaauto; its commands run in forks of it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="imported-")
        self._address = str(Path(self._folder.name, "socket"))
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self._address)
            listener.listen(8)
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(listener.fileno())],
                env={**os.environ, "PYTHONPATH": str(HOME), **thread_environment(1)},
                stdin=subprocess.PIPE,
                pass_fds=[listener.fileno()],
            )
        caller = Path(self._folder.name, "caller.py")
        caller.write_text(_CALLER.format(address=self._address), "utf-8")
        self._caller = [sys.executable, "-IS", str(caller)]

    def command(self, *arguments: object, module: str = "metaauto") -> list[str]:
        """Return a command that does what ``python -m MODULE ARGUMENTS`` does."""
        return [*self._caller, module, *map(str, arguments)]

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()
        self._folder.cleanup()


def _import() -> None:
    import importlib

    from metaauto.search.executors.worker import import_for_forks

    import_for_forks()
    for name in _MODULES:
        importlib.import_module(name)


class _Server:
    """Forks a process for each caller, until its standard input is closed."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._children: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._wake, waker = os.pipe()
        os.set_blocking(waker, False)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        for source in (0, self._wake, listener):
            self._selector.register(source, selectors.EVENT_READ)

    def next_request(self) -> tuple[Any, list[int]]:
        """Return in a new process what it has to do; never return in this process."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj == 0:
                    self._end()
                elif key.fileobj == self._wake:
                    os.read(self._wake, 4096)
                    self._report()
                elif key.fileobj is not self._listener:
                    self._abandon(key.fileobj)
                elif request := self._fork():
                    return request

    def _fork(self) -> tuple[Any, list[int]] | None:
        connection, _ = self._listener.accept()
        head, streams, *_ = socket.recv_fds(connection, _LENGTH.size, 3)
        with connection.makefile("rb") as file:
            request = file.read(_LENGTH.unpack(head)[0])
        if pid := os.fork():
            for stream in streams:
                os.close(stream)
            self._children[pid] = connection
            self._selector.register(connection, selectors.EVENT_READ)
            return None
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._selector.close()
        for other in (self._listener, connection, *self._children.values()):
            other.close()
        return json.loads(request), list(streams)

    def _report(self) -> None:
        """Tell the callers whose process has ended its exit status."""
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            code = os.waitstatus_to_exitcode(status)
            connection = self._children.pop(pid)
            with contextlib.suppress(OSError), connection:
                self._selector.unregister(connection)
                connection.sendall((code if code >= 0 else 128 - code).to_bytes(4, "little"))

    def _abandon(self, connection: Any) -> None:
        """Kill the process of a caller that has ended."""
        self._selector.unregister(connection)
        for pid, other in self._children.items():
            if other is connection:
                kill_tree(pid)

    def _end(self) -> None:
        for pid in self._children:
            kill_tree(pid)
        os._exit(0)


def _become(arguments: list[str], folder: str, environment: dict[str, str], streams: list[int]):
    os.setpgid(0, 0)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    os.chdir(folder)
    os.environ.clear()
    # `metaauto fit` would start Python again without the environment of workers.
    os.environ.update({**environment, **thread_environment(1)})
    sys.argv = arguments
    named = environment.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:] = [folder, *filter(None, named), *(p for p in sys.path[1:] if p != str(HOME))]


def _run() -> None:
    """Run the command and end without clearing the many modules, which takes long."""
    status: object = 0
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    except SystemExit as ending:
        status = ending.code
    except BaseException:
        status = 1
        traceback.print_exc()
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(status if isinstance(status, int) else 0)


if __name__ == "__main__":
    _import()
    # The garbage collector would copy the memory that forked processes share.
    gc.freeze()
    _request, _streams = _Server(socket.socket(fileno=int(sys.argv[1]))).next_request()
    _become(*_request, _streams)
    _run()
