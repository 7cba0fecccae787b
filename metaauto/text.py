"""Format counts, long names, scores, times and trial statuses as text."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal

__all__ = [
    "ENDINGS",
    "FAILURES",
    "argument",
    "caller",
    "clock_time",
    "counted",
    "format_interval",
    "format_score",
    "is_shell",
    "listed_counts",
    "metric_label",
    "printable",
    "shown_address",
    "shortened",
    "with_shown_addresses",
]

# C0, DEL, C1, and the separators of lines and paragraphs.
# The last two ranges change the direction of the text around them.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

_SCHEME = r"[A-Za-z][\w+.-]*://"
_ADDRESS = re.compile(rf"((?!(?:sqlite|duckdb):){_SCHEME})([^/?#]*)([^?#]*)(.*)", re.DOTALL)
_ADDRESS_IN_TEXT = re.compile(rf"{_SCHEME}[^\s'\"]+")
_HOST = re.compile(r"[^:]*(:\d*)?|\[.*\](:\d*)?")

ENDINGS: Mapping[str, str] = {
    "success": "successful",
    "dropped": "pruned",
    "failed": "failed",
    "crashed": "crashed",
    "timeout": "timed out",
    "memory": "out of memory",
    "stopped": "stopped",
}
"""Display names of trial statuses."""

FAILURES = ("failed", "crashed", "timeout", "memory")
"""Statuses of trials that failed."""


Caller = Literal["python", "estimator", "shell"]
_NO_VALUE: Any = object()
_caller: ContextVar[Caller] = ContextVar("caller", default="python")
_OF_ESTIMATORS = {
    "cores": "n_jobs",
    "seed": "random_state",
    "target": "y",
    "weights": "sample_weight",
}
_OF_PYTHON = {"proba": "predict_proba"}
_OF_SHELL = {"roles": "role", "start_from": "from"}


@contextmanager
def caller(kind: Caller) -> Iterator[None]:
    """Name options in messages as this kind of caller writes them; ``"python"`` by default.

    Parameters
    ----------
    kind : {'python', 'estimator', 'shell'}
        A call of a function, of a scikit-learn estimator, or of a command.
    """
    token = _caller.set(kind)
    try:
        yield
    finally:
        _caller.reset(token)


def is_shell() -> bool:
    """Return whether the caller is a command, see `caller`."""
    return _caller.get() == "shell"


def argument(name: str, value: Any = _NO_VALUE) -> str:
    """Return an option as the caller writes it: an argument in Python, an option in a shell.

    Parameters
    ----------
    name : str
        Name of the option in `FitOptions`.
    value : object, optional
        Its value; of ``roles`` a mapping with one item.

    Examples
    --------
    >>> argument("metric", "f1"), argument("budget")
    ("metric='f1'", 'budget')
    >>> with caller("shell"):
    ...     argument("roles", {"zip": "text"}), argument("no_knowledge")
    ('--role zip=text', '--no-knowledge')
    >>> with caller("estimator"):
    ...     argument("cores")
    'n_jobs'
    """
    kind = _caller.get()
    if is_shell():
        option = f"--{_OF_SHELL.get(name, name).replace('_', '-')}"
        if value is _NO_VALUE:
            return option
        if isinstance(value, Mapping):
            value = "=".join(str(part) for part in next(iter(value.items())))
        return f"{option} {shlex.quote(str(value))}"
    if kind == "estimator" and name == "task":
        return "AutoRegressor" if value == "regression" else "AutoClassifier"
    names = _OF_PYTHON | (_OF_ESTIMATORS if kind == "estimator" else {})
    name = names.get(name, name)
    text = name if value is _NO_VALUE else f"{name}={value!r}"
    return f"metaauto.fit({text})" if kind == "estimator" and name == "resume" else text


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return a count with its noun, in singular or plural.

    Parameters
    ----------
    count : int
        The number.
    noun : str
        Singular noun.
    plural : str, default=""
        Plural noun; by default the noun with an s.

    Examples
    --------
    >>> counted(1, "table"), counted(0, "table"), counted(1200, "class", "classes")
    ('1 table', '0 tables', '1,200 classes')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def listed_counts(words: Mapping[str, int], shown: int = 3) -> str:
    """Return the first words with their counts.

    Parameters
    ----------
    words : mapping of str to int
        Count of each word, the most important first.
    shown : int, default=3
        Number of words to list.

    Examples
    --------
    >>> listed_counts({"unknown": 3, "nil": 1}), listed_counts({"a": 2, "b": 1}, shown=1)
    ("'unknown' (3), 'nil' (1)", "'a' (2) and 1 more")
    """
    listed = ", ".join(f"{word!r:.40} ({n:,})" for word, n in list(words.items())[:shown])
    return f"{listed} and {len(words) - shown:,} more" if len(words) > shown else listed


def shown_address(address: str) -> str:
    """Return an address without the user, password and query, which may hold credentials.

    Examples
    --------
    >>> shown_address("https://me:secret@example.org/x.csv?sig=4f2a"), shown_address("a@b?c.csv")
    ('https://example.org/x.csv?...', 'a@b?c.csv')
    """
    found = _ADDRESS.fullmatch(address)
    if found is None:
        return address
    scheme, host, path, rest = found.groups()
    user, _, host = host.rpartition("@")
    if not _HOST.fullmatch(host):
        # A password with a slash, which should have been written as %2F, or without a host.
        if "@" in path + rest:
            return f"{scheme}{(path + rest).rpartition('@')[2].partition('?')[0]}"
        host = host.partition(":")[0]
    if scheme.lower().startswith("abfs") and user and ":" not in user:
        host = f"{user}@{host}"  # a container
    return f"{scheme}{host}{path}{'?...' if rest else ''}"


def with_shown_addresses(text: str) -> str:
    """Replace each address in a text, as `shown_address` does.

    Examples
    --------
    >>> with_shown_addresses("no answer from 'https://me:secret@example.org/x.csv'")
    "no answer from 'https://example.org/x.csv'"
    """
    return _ADDRESS_IN_TEXT.sub(lambda found: shown_address(found[0]), text)


def printable(text: str) -> str:
    r"""Write the control characters of a text as escapes, such as ``\n`` or ``\x1b``.

    Names from data and files can hold sequences that change the terminal.

    Parameters
    ----------
    text : str
        The text.

    Examples
    --------
    >>> print(printable("red\x1b[31m"))
    red\x1b[31m
    """
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


def shortened(text: object, width: int) -> str:
    """Shorten a text to one line of at most `width` characters.

    The middle of a long text is cut, since similar names often differ in their last characters.

    Parameters
    ----------
    text : object
        The text.
    width : int
        Maximum number of characters.

    Examples
    --------
    >>> shortened("species number 17", 12), shortened("short", 12)
    ('species … 17', 'short')
    """
    line = " ".join(str(text).split())
    if len(line) <= width:
        return line
    last = max(width - 1, 0) // 3
    return f"{line[: max(width - 1 - last, 0)]}…{line[len(line) - last :]}"


def format_score(score: float | None) -> str:
    """Format a score with five significant digits, ``-`` for none."""
    return "-" if score is None or score != score else f"{score:.5g}"


def format_interval(low: float, high: float) -> str:
    """Format an interval with the digits that its width supports: two of the width.

    Examples
    --------
    >>> format_interval(0.70912, 0.83911), format_interval(69.595, 81.496)
    ('0.71 to 0.84', '70 to 81')
    >>> format_interval(0.99721, 1.0), format_interval(12345.6, 14012.3)
    ('0.9972 to 1.0000', '12300 to 14000')
    """
    width = high - low
    if not 0 < width < math.inf:
        return f"{format_score(low)} to {format_score(high)}"
    decimals = 1 - int(f"{width:.1e}".partition("e")[2])
    return " to ".join(f"{round(end, decimals):.{max(decimals, 0)}f}" for end in (low, high))


def metric_label(name: str, positive: object = None) -> str:
    """Return the name of a metric with the positive class that it scores, if any.

    Examples
    --------
    >>> metric_label("f1", "yes"), metric_label("roc_auc")
    ("f1 of 'yes'", 'roc_auc')
    """
    return name if positive is None else f"{name} of {shortened(repr(positive), 40)}"


def clock_time(seconds: float) -> str:
    """Format seconds as a clock time.

    Examples
    --------
    >>> clock_time(75.4), clock_time(3725)
    ('1:15', '1:02:05')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
