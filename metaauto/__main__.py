"""The command ``metaauto``, also as ``python -m metaauto``; imports little before Ctrl-C works."""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

from metaauto.interrupts import exit_on_interrupt

__all__ = ["main"]


def main() -> NoReturn:
    """Run the command line of this process and exit with its status."""
    with exit_on_interrupt():
        if sys.platform.startswith("linux") and _starts_workers(sys.argv[1:]):
            _restart_for_workers()
        from metaauto.cli import main as run
    run()
    raise SystemExit


def _starts_workers(arguments: list[str]) -> bool:
    words = [argument for argument in arguments if not argument.startswith("-")]
    return words[:1] == ["fit"] and not {"-h", "--help", "--dry-run"} & set(arguments)


def _restart_for_workers() -> None:
    """Restart Python with the environment of workers, so that they can be forked from it."""
    from metaauto.search.executors.environment import thread_environment

    wanted = thread_environment(1)
    if all(os.environ.get(name) == value for name, value in wanted.items()):
        # This is the restarted process: allow Ctrl-C again.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        return
    command = [sys.executable, *sys.orig_argv[1:]]
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        os.execve(sys.executable, command, {**os.environ, **wanted})
    except OSError:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


if __name__ == "__main__":
    main()
