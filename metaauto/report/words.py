"""How scores, times and endings are written for people."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["ENDINGS", "clock_time", "format_score"]

ENDINGS: Mapping[str, str] = {
    "success": "successful",
    "dropped": "dropped early",
    "failed": "failed",
    "crashed": "crashed",
    "timeout": "over time",
    "memory": "out of memory",
    "stopped": "cut off",
}
"""What is said of trials that ended so."""


def format_score(score: float | None) -> str:
    """A score with five significant digits, ``-`` for none."""
    return "-" if score is None or score != score else f"{score:.5g}"


def clock_time(seconds: float) -> str:
    """Seconds as a clock shows them.

    Examples
    --------
    >>> clock_time(75.4), clock_time(3725)
    ('1:15', '1:02:05')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
