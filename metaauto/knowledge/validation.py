"""What may stand in a fact: short printable text, counts, digests; nothing else."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from metaauto.errors import KnowledgeError
from metaauto.task import TASK_KINDS

__all__ = ["build", "canonical_json", "count", "form", "kind", "text", "unreadable"]

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
