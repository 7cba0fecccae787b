"""Child Python processes, and the connection between parent and child."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import (
    Client,
    Connection,
    Listener,
    Pipe,
    answer_challenge,
    deliver_challenge,
)
from multiprocessing.util import Finalize
from pathlib import Path
from typing import IO, Any

from metaauto.errors import WorkerError
from metaauto.files import PREFIX, lock_folder, unlock_folder, working_directory

__all__ = ["Child", "ConnectionListener", "connect_to_parent", "kill_tree"]

_CLOSE_SECONDS = 1.0

# The child imports metaauto from where the parent did, and never runs the user's __main__ again.
_BOOT = """
import json, sys
connect_info = json.loads(open(0, "rb", buffering=0, closefd=False).readline())
sys.path[:] = connect_info["path"]
import importlib
module, function = connect_info["target"].split(":")
getattr(importlib.import_module(module), function)(connect_info)
"""


def _listener() -> tuple[Listener, Callable[[], object]]:
    """Return a listener that does not authenticate, and a function that removes its folder."""
    if os.name != "posix":
        return Listener(), lambda: None
    folder = tempfile.mkdtemp(prefix=f"{PREFIX}socket-")
    # It runs at exit too, but only after the listener has removed its socket.
    remove = Finalize(None, _remove, (folder, lock_folder(Path(folder))), exitpriority=-100)
    try:
        return Listener(os.path.join(folder, "socket")), remove
    except OSError:
        # Socket paths are limited in length, and temporary folders of clusters can exceed it.
        remove()
        return Listener(("127.0.0.1", 0)), lambda: None


def _remove(folder: str, lock: int | None) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    unlock_folder(lock)


class ConnectionListener:
    """Accepts connections of child processes; `wake` becomes readable after each.

    Connections are accepted on a separate thread, so that no method blocks the caller, and
    authenticated each on its own, so that a child that stops meanwhile does not block the others.
    """

    def __init__(self) -> None:
        self._authkey = secrets.token_bytes(32)
        self._listener, self._remove_folder = _listener()
        self._address = self._listener.address
        self._lock = threading.Lock()
        self._accepted: dict[str, tuple[Connection, int]] = {}
        self.wake, self._waker = Pipe(duplex=False)
        self._closed = False
        self._accepting = threading.Thread(
            target=self._accept_connections, name="metaauto-connections", daemon=True
        )
        self._accepting.start()

    def _accept_connections(self) -> None:
        with self._listener:
            while not self._closed:
                try:
                    connection = self._listener.accept()
                    threading.Thread(
                        target=self._admit,
                        args=(connection,),
                        name="metaauto-authentication",
                        daemon=True,
                    ).start()
                except Exception:
                    # A child may end while it connects, and `close` interrupts the wait. The pause
                    # avoids a busy loop for lasting causes such as too many open files.
                    time.sleep(0.01)
        self._remove_folder()

    def _admit(self, connection: Connection) -> None:
        """Authenticate a child as `Client` expects it, and receive its token."""
        try:
            deliver_challenge(connection, self._authkey)
            answer_challenge(connection, self._authkey)
            token, pid = connection.recv()
        except Exception:
            # It ended, or does not know the key.
            connection.close()
            return
        with self._lock:
            if self._closed:
                connection.close()
            self._accepted[token] = (connection, pid)
        self.notify()

    def notify(self) -> None:
        """Make `wake` readable."""
        with self._lock:
            if not self._closed:
                self._waker.send_bytes(b"!")

    def clear_wake(self) -> None:
        """Empty `wake`."""
        while self.wake.poll():
            self.wake.recv_bytes()

    def connect_info(self, token: str) -> dict[str, Any]:
        """Return the address and the keys that a child needs to connect."""
        return {
            "address": self._address,
            "authkey": self._authkey.hex(),
            "token": token,
            "path": [part or working_directory() for part in sys.path],
            "directory": working_directory(),
        }

    def accepted(self, token: str) -> tuple[Connection, int] | None:
        """Return the connection and process ID of a child, or None before it has connected."""
        with self._lock:
            return self._accepted.pop(token, None)

    def close(self) -> None:
        """Stop listening."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            # Children whose connection is not yet in use see it closed, and end.
            for connection, _ in self._accepted.values():
                connection.close()
            self._waker.close()
            self.wake.close()
        # On a thread, because connecting blocks if the listener has just stopped accepting.
        threading.Thread(
            target=self._unblock_accept, name="metaauto-unblock-accept", daemon=True
        ).start()
        # It ends by removing the folder of the socket.
        self._accepting.join(_CLOSE_SECONDS)

    def _unblock_accept(self) -> None:
        """Unblock the thread that waits in accept."""
        with contextlib.suppress(OSError, EOFError):
            Client(self._address).close()


def connect_to_parent(connect_info: Mapping[str, Any]) -> Connection:
    """Connect a child process to the parent's `ConnectionListener`."""
    address = connect_info["address"]
    address = address if isinstance(address, str) else tuple(address)
    connection = Client(address, authkey=bytes.fromhex(connect_info["authkey"]))
    connection.send((connect_info["token"], os.getpid()))
    return connection


class Child:
    """A Python process that runs ``module:function`` and connects to this process.

    Parameters
    ----------
    target : str
        ``module:function``; the function receives ``connect_info`` as a dict.
    connect_info : mapping
        From `ConnectionListener.connect_info`.
    environment : mapping
        Variables added to the environment of this process.
    capture_output : bool
        Whether its standard output can be read from `output`.
    """

    def __init__(
        self,
        target: str,
        connect_info: Mapping[str, Any],
        environment: Mapping[str, str] | None = None,
        capture_output: bool = False,
    ) -> None:
        if not sys.executable:
            raise WorkerError(
                "Worker processes cannot start: sys.executable is empty.",
                hint="Run metaauto under a regular Python interpreter.",
            )
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, "-c", _BOOT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if capture_output else subprocess.DEVNULL,
            stderr=self._errors,
            env={**os.environ, **(environment or {})},
            start_new_session=os.name == "posix",
        )
        self.send({**connect_info, "target": target})

    def send(self, message: Any) -> bool:
        """Write one JSON line to its standard input; return False if the process has ended."""
        if self.process.stdin is None:
            return False
        try:
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()
        except (OSError, ValueError):
            return False
        return True

    def close_stdin(self) -> None:
        """Close its standard input, on which the process ends."""
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()

    @property
    def pid(self) -> int:
        """Return its process ID."""
        return self.process.pid

    @property
    def output(self) -> Any:
        """Return its standard output."""
        return self.process.stdout

    def is_alive(self) -> bool:
        """Return whether the process is running."""
        return self.process.poll() is None

    def last_stderr_line(self) -> str:
        """Return the last line of its standard error, empty if there is none."""
        if self._errors.closed:
            return ""
        self._errors.seek(0)
        lines = self._errors.read()[-4000:].decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def kill(self) -> None:
        """Kill the process and the processes that it started."""
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
    """Kill a process and the processes that it started, also those that left its group."""
    import signal

    import psutil

    try:
        process = psutil.Process(pid)
        family = [*process.children(recursive=True), process]
    except psutil.Error:
        family = []
    if os.name == "posix":
        # Children of a process that has ended remain in its group.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
    for member in family:
        with contextlib.suppress(psutil.Error):
            member.kill()
