"""How numbers are rounded before they are stored, so that storing and exporting lose nothing.

Losses keep six significant digits, which is what single precision holds; metafeatures six; seconds
four, and no less than a microsecond; memory whole MiB. NaN means "cannot be said" and is stored as
NULL or left out; infinite values are refused; minus zero becomes zero.
"""

from __future__ import annotations

import math

from metaauto.errors import KnowledgeError

__all__ = ["checked", "loss", "memory", "metafeature", "microseconds", "seconds", "significant"]

_LARGEST_SINGLE = 3.4e38
_SMALLEST_SINGLE = 1.2e-38
_LONGEST = 1e9
_PATTERNS = {4: "%.3e", 6: "%.5e"}


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
