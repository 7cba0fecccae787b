"""What may stand in a fact: short printable text, counts, digests; nothing else."""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from metaauto.errors import KnowledgeError
from metaauto.task import TASK_KINDS

__all__ = [
    "build",
    "canonical_json",
    "checked",
    "count",
    "form",
    "kind",
    "loss",
    "memory",
    "metafeature",
    "microseconds",
    "seconds",
    "significant",
    "text",
    "unreadable",
]

_FORMS = {
    "fingerprint": (r"[0-9a-f]{64}", "Use metaauto.data.fingerprint."),
    "configuration": (r"[0-9a-f]{16}(@[1-9][0-9]{0,8})?", "Use ConfigurationFact.key."),
    "provenance": (r"[0-9a-f]{16}", "Use ProvenanceFact.key."),
    "source": (r"[a-z][a-z0-9-]*(:[A-Za-z0-9._-]+)?", "Use a form like 'build' or 'openml:31'."),
    "created": (
        r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]Z",
        "Use UTC as 2026-01-31T12:00:00Z.",
    ),
}
_LONGEST_TEXT = 200
_LARGEST = 2**53
_LARGEST_SINGLE = 3.4e38
_SMALLEST_SINGLE = 1.2e-38
_LONGEST = 1e9
_PATTERNS = {4: "%.3e", 6: "%.5e"}


def canonical_json(value: Any) -> str:
    """The one text that stands for a JSON value: sorted keys, no spaces, ASCII, no NaN."""
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise KnowledgeError(
            f"{value!r} cannot be stored: {error}.", hint="Use plain JSON values, no NaN."
        ) from None


def form(what: str, value: object) -> None:
    """Check that a text has the form of a fingerprint, a source, ..."""
    if not isinstance(value, str) or not _has_form(what, value):
        hint = _FORMS[what][1]
        raise KnowledgeError(f"{what.capitalize()} {value!r} is not valid.", hint=hint)


@lru_cache(maxsize=4096)
def _has_form(what: str, value: str) -> bool:
    return len(value) <= _LONGEST_TEXT and re.fullmatch(_FORMS[what][0], value) is not None


def kind(value: object) -> None:
    """Check the name of a kind of task."""
    if value not in TASK_KINDS:
        raise KnowledgeError(
            f"There is no kind of task {value!r}.", hint=f"Known: {', '.join(TASK_KINDS)}."
        )


def text(name: str, value: object, *, empty: bool = True) -> None:
    """Check one short printable line."""
    is_valid = isinstance(value, str) and len(value) <= _LONGEST_TEXT and value.isprintable()
    if not is_valid or not (value or empty):
        raise KnowledgeError(
            f"{name} {value!r} cannot be stored.",
            hint=f"Use one printable line of at most {_LONGEST_TEXT} characters.",
        )


def count(name: str, value: Any) -> int:
    """Check a whole number from 0 that JSON and SQLite hold exactly; NumPy integers too."""
    try:
        number = -1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = -1
    if not 0 <= number < _LARGEST:
        raise KnowledgeError(f"{name} is {value!r}.", hint="Give a whole number from 0.")
    return number


def build(fact_type: type, record: Mapping[str, Any]) -> Any:
    """Make a fact of a record that was read; raises `KnowledgeError` if it does not fit."""
    try:
        return fact_type(**record)
    except (AttributeError, TypeError, ValueError):
        raise unreadable(fact_type, record) from None


def unreadable(fact_type: type, record: object) -> KnowledgeError:
    """The error that a record is no fact of a type."""
    return KnowledgeError(
        f"{str(record)[:200]} is no {fact_type.__name__}.", hint="It was not written by metaauto."
    )


def significant(value: float, digits: int) -> float:
    """Round to four or six significant decimal digits; minus zero becomes zero."""
    return float(_PATTERNS[digits] % value) + 0.0


def checked(name: str, value: float) -> float:
    """A float that may be NaN but not infinite; raises `KnowledgeError` otherwise."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise KnowledgeError(
            f"{name} is {value!r}, not a number.", hint="Give a number, or NaN for unknown."
        ) from None
    if math.isinf(number):
        raise KnowledgeError(f"{name} is {number}.", hint="Use NaN for what cannot be said.")
    return number


def loss(name: str, value: float) -> float:
    """Six significant digits within single precision; NaN stays NaN."""
    number = checked(f"Loss {name!r}", value)
    if math.isnan(number) or abs(number) >= _SMALLEST_SINGLE:
        number = significant(number, 6)
    else:
        number = 0.0
    if abs(number) > _LARGEST_SINGLE:
        raise KnowledgeError(
            f"Loss {name!r} is {number:g}, beyond single precision.", hint="Leave it out."
        )
    return number


def metafeature(name: str, value: float) -> float:
    """Six significant digits; NaN stays NaN."""
    number = significant(checked(f"Metafeature {name!r}", value), 6)
    return checked(f"Metafeature {name!r}", number)


def seconds(name: str, value: float | None) -> float | None:
    """Four significant digits of at least a microsecond; None and NaN become None."""
    if value is None:
        return None
    number = checked(name, value)
    if math.isnan(number):
        return None
    if not 0 <= number <= _LONGEST:
        raise KnowledgeError(f"{name} is {number:g}.", hint="Give seconds from 0 to 1e9.")
    return round(significant(number, 4), 6)


def microseconds(value: float | None) -> int | None:
    """Whole microseconds of rounded seconds; dividing by 1e6 gives the same float back."""
    return None if value is None else round(value * 1e6)


def memory(name: str, value: float | None) -> int | None:
    """Whole MiB; None and NaN become None."""
    if value is None:
        return None
    number = checked(name, value)
    if math.isnan(number):
        return None
    if not 0 <= number <= _LONGEST:
        raise KnowledgeError(f"{name} is {number:g}.", hint="Give MiB from 0 to 1e9.")
    return round(number)
