"""Validate and round the values of facts: short printable text, counts, digests, numbers."""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeVar

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

_Fact = TypeVar("_Fact")
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
_MAX_TEXT = 200
_MAX_COUNT = 2**53
_MAX_SINGLE = 3.4e38
_MIN_NORMAL_SINGLE = 1.2e-38
_MAX_QUANTITY = 1e9
_PATTERNS = {4: "%.3e", 6: "%.5e"}


def canonical_json(value: Any) -> str:
    """Return the canonical JSON text of a value: sorted keys, no spaces, ASCII, no NaN."""
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise KnowledgeError(
            f"{value!r} cannot be stored: {error}.", hint="Use plain JSON values, no NaN."
        ) from None


def form(name: str, value: object) -> None:
    """Check that a text has the form of a fingerprint, a source, ..."""
    if not isinstance(value, str) or not _has_form(name, value):
        hint = _FORMS[name][1]
        raise KnowledgeError(f"{name.capitalize()} {value!r} is not valid.", hint=hint)


@lru_cache(maxsize=4096)
def _has_form(name: str, value: str) -> bool:
    return len(value) <= _MAX_TEXT and re.fullmatch(_FORMS[name][0], value) is not None


def kind(value: object) -> None:
    """Check the name of a kind of task."""
    if value not in TASK_KINDS:
        raise KnowledgeError(
            f"Invalid kind of task {value!r}.", hint=f"Use one of {', '.join(TASK_KINDS)}."
        )


def text(name: str, value: object, *, empty: bool = True) -> None:
    """Check that a value is one short printable line."""
    is_valid = isinstance(value, str) and len(value) <= _MAX_TEXT and value.isprintable()
    if not is_valid or not (value or empty):
        raise KnowledgeError(
            f"{name} {value!r} cannot be stored.",
            hint=f"Use one printable line of at most {_MAX_TEXT} characters.",
        )


def count(name: str, value: Any) -> int:
    """Check a non-negative integer below 2**53; NumPy integers are accepted."""
    try:
        number = -1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = -1
    if not 0 <= number < _MAX_COUNT:
        raise KnowledgeError(
            f"{name} must be an integer >= 0 (got {value!r}).", hint="Give 0 or more."
        )
    return number


def build(fact_type: type[_Fact], record: Mapping[str, Any]) -> _Fact:
    """Create a fact from a record; raise `KnowledgeError` if the record is invalid."""
    try:
        return fact_type(**record)
    except (AttributeError, TypeError, ValueError):
        raise unreadable(fact_type, record) from None


def unreadable(fact_type: type, record: object) -> KnowledgeError:
    """Return the error for a record that is not a fact of a type."""
    return KnowledgeError(
        f"Invalid {fact_type.__name__}: {str(record)[:200]}.",
        hint="Use records written by metaauto.",
    )


def significant(value: float, digits: int) -> float:
    """Round to four or six significant decimal digits; negative zero becomes zero."""
    return float(_PATTERNS[digits] % value) + 0.0


def checked(name: str, value: float) -> float:
    """Return a finite float or NaN; raise `KnowledgeError` otherwise."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise KnowledgeError(
            f"{name} must be a number (got {value!r}).", hint="Give a number, or NaN for unknown."
        ) from None
    if math.isinf(number):
        raise KnowledgeError(
            f"{name} must be finite or NaN (got {number}).", hint="Use NaN for undefined values."
        )
    return number


def loss(name: str, value: float) -> float:
    """Round a loss to six significant digits within single precision; NaN stays NaN."""
    number = checked(f"Loss {name!r}", value)
    if math.isnan(number) or abs(number) >= _MIN_NORMAL_SINGLE:
        number = significant(number, 6)
    else:
        number = 0.0
    if abs(number) > _MAX_SINGLE:
        raise KnowledgeError(
            f"Loss {name!r} exceeds single precision (got {number:g}).", hint="Omit it."
        )
    return number


def metafeature(name: str, value: float) -> float:
    """Round a metafeature to six significant digits; NaN stays NaN."""
    number = significant(checked(f"Metafeature {name!r}", value), 6)
    return checked(f"Metafeature {name!r}", number)


def seconds(name: str, value: float | None) -> float | None:
    """Round seconds to four significant digits and to microseconds; NaN becomes None."""
    if value is None:
        return None
    number = checked(name, value)
    if math.isnan(number):
        return None
    if not 0 <= number <= _MAX_QUANTITY:
        raise KnowledgeError(
            f"{name} must be between 0 and 1e9 seconds (got {number:g}).",
            hint="Give seconds, or NaN for unknown.",
        )
    return round(significant(number, 4), 6)


def microseconds(value: float | None) -> int | None:
    """Convert rounded seconds to integer microseconds, without loss."""
    return None if value is None else round(value * 1e6)


def memory(name: str, value: float | None) -> int | None:
    """Round memory to MiB; None and NaN become None."""
    if value is None:
        return None
    number = checked(name, value)
    if math.isnan(number):
        return None
    if not 0 <= number <= _MAX_QUANTITY:
        raise KnowledgeError(
            f"{name} must be between 0 and 1e9 MiB (got {number:g}).",
            hint="Give MiB, or NaN for unknown.",
        )
    return round(number)
