"""The exit statuses of the command line."""

from __future__ import annotations

import enum

__all__ = ["ExitStatus", "exit_status_help"]


class ExitStatus(enum.IntEnum):
    """How a command ended."""

    DONE = 0
    ERROR = 1
    USAGE = 2
    INTERNAL_ERROR = 70
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """Return the description of the status."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitStatus.DONE: "success; for fit also if Ctrl-C ended the search and a model was saved",
    ExitStatus.ERROR: "error: one line on the standard error with the cause and what to do",
    ExitStatus.USAGE: "invalid command line",
    ExitStatus.INTERNAL_ERROR: "internal error of metaauto or a plugin; see --traceback",
    ExitStatus.INTERRUPTED: "interrupted before there was a result",
}


def exit_status_help() -> str:
    """Return the help text on exit statuses; the backspace keeps click from wrapping it."""
    lines = [f"  {status.value:<5}{status.meaning}" for status in ExitStatus]
    return "\n".join(["\b", "Exit status:", *lines])
