"""The fork server: a process that imports the common modules once and forks workers.

A forked worker is ready in milliseconds, so that a killed worker is replaced quickly. The imports
(more than a second) run once, in the background, while the table is read. The fork server runs no
numerical code and no thread, so that forking is safe. If the command line was started in the
environment of workers, the fork server is forked from it and does not import again. Linux only; on
other systems each worker is a new process.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import select
import signal
import sys
from collections.abc import Mapping
from typing import Any

from metaauto.search.executors.process import connect_to_parent, kill_tree
from metaauto.search.executors.worker import import_for_forks, serve

__all__ = ["main"]

# By number, because the sys.stdin and sys.stdout of a forked process may be replaced.
_COMMANDS, _EXIT_CODES = 0, 1
# From <linux/prctl.h>.
_PR_SET_CHILD_SUBREAPER = 36


def main(connect_info: Mapping[str, Any]) -> None:
    """Fork a worker for each line of standard input; write exit codes to standard output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _adopt_orphans()
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    import_for_forks()
    # In a worker, the garbage collector would copy the memory that forks share.
    gc.freeze()
    children: set[int] = set()
    buffer = b""
    while True:
        ready, _, _ = select.select([_COMMANDS, wake], [], [])
        if wake in ready:
            os.read(wake, 4096)
            _reap(children)
            _kill_orphans(children)
        if _COMMANDS not in ready:
            continue
        received = os.read(_COMMANDS, 65536)
        if not received:
            break
        *lines, buffer = (buffer + received).split(b"\n")
        for line in lines:
            pid = os.fork()
            if pid == 0:
                _run_worker({**connect_info, **json.loads(line)}, (wake, waker))
            children.add(pid)
    _kill_orphans(set())


def _run_worker(connect_info: Mapping[str, Any], pipes: tuple[int, int]) -> None:
    """Run a worker and exit without returning into the parent's code."""
    status = 1
    try:
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in pipes:
            os.close(descriptor)
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        with contextlib.suppress(OSError):  # the directory may have been deleted
            os.chdir(connect_info["directory"])
        serve(connect_to_parent(connect_info), connect_info.get("memory"))
        status = 0
    finally:
        os._exit(status)


def _reap(children: set[int]) -> None:
    """Collect the exit codes of ended workers and report them."""
    while children:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        if pid not in children:
            continue
        children.discard(pid)
        ended = {"pid": pid, "code": os.waitstatus_to_exitcode(status)}
        os.write(_EXIT_CODES, json.dumps(ended).encode() + b"\n")


def _adopt_orphans() -> None:
    """Become the parent of processes whose worker has ended, so that they can be found."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _kill_orphans(workers: set[int]) -> None:
    """Kill all children but the workers: what ended workers have left behind."""
    import psutil

    for child in psutil.Process().children():
        if child.pid not in workers:
            kill_tree(child.pid)
