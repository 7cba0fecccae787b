"""Format counts, long names, scores, times and trial statuses as text."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["ENDINGS", "clock_time", "counted", "format_score", "shortened"]

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


def counted(count: int, noun: str, plural: str = "") -> str:
    """A count and what is counted, in the right number.

    Parameters
    ----------
    count : int
        How many.
    noun : str
        What one of them is called.
    plural : str, default=""
        What several are called; by default the noun with an s.

    Examples
    --------
    >>> counted(1, "table"), counted(0, "table"), counted(1200, "class", "classes")
    ('1 table', '0 tables', '1,200 classes')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def shortened(text: object, width: int) -> str:
    """A text in one line of at most some characters.

    What is too long keeps both of its ends, since names that differ often do so in their last
    characters.

    Parameters
    ----------
    text : object
        What is to be written.
    width : int
        Most characters.

    Examples
    --------
    >>> shortened("species number 17", 12), shortened("short", 12)
    ('species…r 17', 'short')
    """
    line = " ".join(str(text).split())
    if len(line) <= width:
        return line
    last = max(width - 1, 0) // 3
    return f"{line[: max(width - 1 - last, 0)]}…{line[len(line) - last :]}"


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
