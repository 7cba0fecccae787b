"""A process that has imported everything once and forks workers from itself.

A forked worker is ready in milliseconds, so a killed one is replaced at no cost, and the imports
(more than a second) are paid once and in the background while the table is read. It runs no
numerical code and no thread, so that forking it is safe. Where the command line was started in the
environment of workers, the nursery itself is forked from it, and imports nothing again. Only on
Linux; elsewhere workers are started one by one.
"""

from __future__ import annotations

import json
import os
import select
import signal
from collections.abc import Mapping
from typing import Any

from metaauto.search.executors.process import call_back
from metaauto.search.executors.worker import import_common, serve

__all__ = ["main"]

# By number, since it may be forked from a process whose standard streams hold other things.
_COMMANDS, _ANSWERS = 0, 1


def main(call: Mapping[str, Any]) -> None:
    """Fork a worker for each line on standard input; tell on standard output how workers end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    import_common()
    children: set[int] = set()
    buffer = b""
    while True:
        ready, _, _ = select.select([_COMMANDS, wake], [], [])
        if wake in ready:
            os.read(wake, 4096)
            _reap(children)
        if _COMMANDS not in ready:
            continue
        received = os.read(_COMMANDS, 65536)
        if not received:
            break
        *lines, buffer = (buffer + received).split(b"\n")
        for line in lines:
            pid = os.fork()
            if pid == 0:
                _become_worker({**call, **json.loads(line)}, (wake, waker))
            children.add(pid)
    for pid in children:
        _kill(pid)


def _become_worker(call: Mapping[str, Any], pipes: tuple[int, int]) -> None:
    """Live as a worker and end without returning into the parent's code."""
    status = 1
    try:
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in pipes:
            os.close(descriptor)
        silence = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(silence, descriptor)
        serve(call_back(call), call.get("memory"))
        status = 0
    finally:
        os._exit(status)


def _reap(children: set[int]) -> None:
    while children:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        children.discard(pid)
        ending = {"pid": pid, "code": os.waitstatus_to_exitcode(status)}
        os.write(_ANSWERS, json.dumps(ending).encode() + b"\n")


def _kill(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
