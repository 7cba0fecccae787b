"""The exit statuses of the command line, all of them."""

from __future__ import annotations

import enum

__all__ = ["ExitStatus", "exit_status_help"]


class ExitStatus(enum.IntEnum):
    """How a command ended; `meaning` says it in words."""

    DONE = 0
    ERROR = 1
    USAGE = 2
    DEFECT = 70
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """What it means, for people."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitStatus.DONE: "done; for fit also when Ctrl-C ended the search early and a model was saved",
    ExitStatus.ERROR: "an error: one line on the standard error says what happened and what to do",
    ExitStatus.USAGE: "the command line was wrong",
    ExitStatus.DEFECT: "a defect of metaauto or of a plugin; --traceback shows where",
    ExitStatus.INTERRUPTED: "interrupted before there was a result",
}


def exit_status_help() -> str:
    """The part of a help text that explains them; click takes the backspace for "do not wrap"."""
    lines = [f"  {status.value:<5}{status.meaning}" for status in ExitStatus]
    return "\n".join(["\b", "Exit status:", *lines])
