"""The positive class of a binary task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metaauto.data.parsing import as_text
from metaauto.errors import Refused, UnknownName
from metaauto.text import argument

__all__ = ["POSITIVE_SIGNS", "POSITIVE_WORDS", "positive_class"]

POSITIVE_WORDS = frozenset(("yes", "true", "positive", "pos", "ja", "oui", "si", "sí", "sim"))
"""Labels, in lower case, that name the positive class beside any other label."""
POSITIVE_SIGNS = {"1": ("0", "-1"), "y": ("n",), "t": ("f",), "on": ("off",), "+": ("-",)}
"""Labels that name the positive class beside one of these labels."""


def positive_class(
    classes: Sequence[Any] | None, counts: Sequence[int] | None, requested: Any = None
) -> Any:
    """Return the positive class of a binary task; None for other tasks.

    Parameters
    ----------
    classes : sequence, optional
        The class labels; None in regression.
    counts : sequence of int, optional
        Number of rows per class.
    requested : object, optional
        The label that the user chose; ``"1"``, ``1`` and ``1.0`` are the same label.

    Returns
    -------
    object
        One of the classes: the requested one, else the only one that is a positive word or sign,
        else the rarer one; of two equally frequent classes the last.

    Raises
    ------
    UnknownName
        The requested label is not one of the classes.
    Refused
        A label was requested, but there are not two classes.

    Examples
    --------
    >>> positive_class(["no", "yes"], [10, 90]), positive_class(["fraud", "legit"], [10, 90])
    ('yes', 'fraud')
    """
    if classes is None or len(classes) != 2:
        if requested is None:
            return None
        task = "a regression" if classes is None else f"a task with {len(classes)} classes"
        raise Refused(
            f"Invalid {argument('positive', as_text(requested))}: {task} has no positive class.",
            hint="Remove it, or choose a target with two classes.",
        )
    if requested is not None:
        return _matching(classes, requested)
    texts = [as_text(label).strip().lower() for label in classes]
    named = [
        label
        for label, text, other in zip(classes, texts, reversed(texts), strict=True)
        if text in POSITIVE_WORDS or other in POSITIVE_SIGNS.get(text, ())
    ]
    if len(named) == 1:
        return named[0]
    return classes[0] if counts is not None and counts[0] < counts[1] else classes[1]


def _matching(classes: Sequence[Any], requested: Any) -> Any:
    """Return the class with the requested text, exactly or else apart from case and blanks."""
    text = as_text(requested)
    for spelling in (str, _spelling):
        found = [label for label in classes if spelling(as_text(label)) == spelling(text)]
        if len(found) == 1:
            return found[0]
    raise UnknownName.among("class", text, [as_text(label) for label in classes])


def _spelling(text: str) -> str:
    """Return one spelling of a label: numbers as numbers, words in lower case."""
    try:
        return f"{float(text):.17g}"
    except ValueError:
        return text.strip().lower()
