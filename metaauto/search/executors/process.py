"""Child processes of ours, and the line on which they call back."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from multiprocessing.connection import Client, Connection, Listener, Pipe
from typing import IO, Any

from metaauto.errors import WorkerError

__all__ = ["Child", "ConnectionListener", "call_back", "kill_tree"]

# The child imports metaauto from where the parent did, and never runs the user's __main__ again.
_BOOT = """
import json, sys
call = json.loads(open(0, "rb", buffering=0, closefd=False).readline())
sys.path[:] = call["path"]
import importlib
module, function = call["target"].split(":")
getattr(importlib.import_module(module), function)(call)
"""


def _listener(authkey: bytes) -> Listener:
    try:
        return Listener(authkey=authkey)
    except OSError:
        # The path of a socket may not be long, and temporary folders of clusters are.
        return Listener(("127.0.0.1", 0), authkey=authkey)


class ConnectionListener:
    """Listens for children that call back; `wake` becomes readable when one has.

    Calls are answered on a thread of its own, so that nothing here blocks the caller.
    """

    def __init__(self) -> None:
        self._authkey = secrets.token_bytes(32)
        self._listener = _listener(self._authkey)
        self._address = self._listener.address
        self._lock = threading.Lock()
        self._calls: dict[str, tuple[Connection, int]] = {}
        self.wake, self._waker = Pipe(duplex=False)
        self._closed = False
        threading.Thread(target=self._answer, name="metaauto-switchboard", daemon=True).start()

    def _answer(self) -> None:
        with self._listener:
            while not self._closed:
                try:
                    connection = self._listener.accept()
                    token, pid = connection.recv()
                except Exception:
                    # A child may die while it calls, and closing ends the wait; neither is our
                    # error. Where the cause lasts, such as too many open files, do not spin.
                    time.sleep(0.01)
                    continue
                with self._lock:
                    if self._closed:
                        connection.close()
                    self._calls[token] = (connection, pid)
                self.ring()

    def ring(self) -> None:
        """Make `wake` readable."""
        with self._lock:
            if not self._closed:
                self._waker.send_bytes(b"!")

    def hush(self) -> None:
        """Empty `wake`."""
        while self.wake.poll():
            self.wake.recv_bytes()

    def line(self, token: str) -> dict[str, Any]:
        """What a child must know to call back."""
        return {
            "address": self._address,
            "authkey": self._authkey.hex(),
            "token": token,
            "path": [os.getcwd() if part == "" else part for part in sys.path],
        }

    def answered(self, token: str) -> tuple[Connection, int] | None:
        """The connection and process number of a child, once it has called."""
        with self._lock:
            return self._calls.pop(token, None)

    def close(self) -> None:
        """Stop listening."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            # Children that wait for an answer see the line go dead, and end.
            for connection, _ in self._calls.values():
                connection.close()
            self._waker.close()
            self.wake.close()
        # On a thread, since a call is never answered if the listener has just stopped to.
        threading.Thread(target=self._last_call, name="metaauto-last-call", daemon=True).start()

    def _last_call(self) -> None:
        """Wake the thread that waits in accept."""
        with contextlib.suppress(OSError, EOFError):
            Client(self._address, authkey=self._authkey).close()


def call_back(call: Mapping[str, Any]) -> Connection:
    """Called in a child: connect to the parent's switchboard."""
    address = call["address"] if isinstance(call["address"], str) else tuple(call["address"])
    connection = Client(address, authkey=bytes.fromhex(call["authkey"]))
    connection.send((call["token"], os.getpid()))
    return connection


class Child:
    """A Python process that runs ``module:function`` and calls back.

    Parameters
    ----------
    target : str
        ``module:function``; it receives the call as a dict.
    line : mapping
        From `ConnectionListener.line`.
    environment : mapping
        Added to this process's environment.
    listen : bool
        Whether its standard output is kept for `output`.
    """

    def __init__(
        self,
        target: str,
        line: Mapping[str, Any],
        environment: Mapping[str, str] | None = None,
        listen: bool = False,
    ) -> None:
        if not sys.executable:
            raise WorkerError(
                "There is no Python executable to start worker processes with.",
                hint="Run metaauto under a regular Python interpreter.",
            )
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, "-c", _BOOT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if listen else subprocess.DEVNULL,
            stderr=self._errors,
            env={**os.environ, **(environment or {})},
            start_new_session=os.name == "posix",
        )
        self.say({**line, "target": target})

    def say(self, message: Any) -> bool:
        """Send one JSON line to its standard input; False if it is gone."""
        if self.process.stdin is None:
            return False
        try:
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()
        except (OSError, ValueError):
            return False
        return True

    def hang_up(self) -> None:
        """Close its standard input, which tells it to end."""
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()

    @property
    def output(self) -> Any:
        """Its standard output."""
        return self.process.stdout

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def complaint(self) -> str:
        """The last line it wrote to its standard error."""
        self._errors.seek(0)
        lines = self._errors.read()[-4000:].decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def kill(self) -> None:
        """End it at once, with the processes it started."""
        kill_tree(self.process.pid)
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    continue
        self._errors.close()


def kill_tree(pid: int) -> None:
    """End a process and what it started."""
    import signal

    if os.name == "posix":
        for end in (os.killpg, os.kill):
            try:
                end(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue
        return
    import psutil

    try:
        process = psutil.Process(pid)
        for child in [*process.children(recursive=True), process]:
            child.kill()
    except psutil.NoSuchProcess:
        return
