"""Hyperparameter ranges of components: Float, Int, Choice and conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

from metaauto.errors import ComponentError

__all__ = [
    "Choice",
    "Float",
    "Int",
    "Range",
    "Scalar",
    "Space",
    "check_space",
    "is_within_tolerance",
    "values_out_of_range",
]

# How far a value may lie outside of its range and still be clipped into it.
_LOG_FACTOR = 2.0
_LINEAR_SHARE = 0.1

Scalar = Union[str, int, float, bool, None]


@dataclass(frozen=True)
class Float:
    """A range of real numbers, ends included.

    Parameters
    ----------
    low, high : float
        Ends of the range.
    default : float
        Value of the default configuration, which is tried first.
    log : bool
        Whether to search on a logarithmic scale; ``low`` must be positive.
    when : mapping of str to sequence
        Condition: the values of other hyperparameters of the space with which it is active, such
        as ``{"penalty": ("elasticnet",)}``. Inactive hyperparameters are not passed to ``build``.
    """

    low: float
    high: float
    default: float
    log: bool = False
    when: Mapping[str, Sequence[Scalar]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_numeric(self)

    def contains(self, value: Any) -> bool:
        """Return whether the value is in the range."""
        return _is_number(value) and self.low <= value <= self.high

    def clip(self, value: Any) -> float:
        """Clip a number to the range; return the default for other values."""
        return float(min(max(value, self.low), self.high)) if _is_number(value) else self.default


@dataclass(frozen=True)
class Int:
    """A range of integers, ends included.

    Parameters
    ----------
    low, high : int
        Ends of the range.
    default : int
        Value of the default configuration, which is tried first.
    log : bool
        Whether to search on a logarithmic scale; ``low`` must be positive.
    when : mapping of str to sequence
        Condition: the values of other hyperparameters of the space with which it is active, such
        as ``{"penalty": ("elasticnet",)}``. Inactive hyperparameters are not passed to ``build``.
    """

    low: int
    high: int
    default: int
    log: bool = False
    when: Mapping[str, Sequence[Scalar]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_numeric(self)

    def contains(self, value: Any) -> bool:
        """Return whether the value is an integer in the range."""
        return _is_number(value) and self.low <= value <= self.high and value == int(value)

    def clip(self, value: Any) -> int:
        """Clip a number to the range; return the default for other values."""
        if not _is_number(value):
            return self.default
        return int(min(max(round(value), self.low), self.high))


@dataclass(frozen=True)
class Choice:
    """A categorical choice among values that JSON can represent.

    Parameters
    ----------
    options : tuple of str, int, float, bool or None
        The values.
    default : str, int, float, bool or None
        Value of the default configuration; by default the first option.
    when : mapping of str to sequence
        Condition, as in `Float`.
    """

    options: tuple[Scalar, ...]
    default: Scalar = None
    when: Mapping[str, Sequence[Scalar]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", tuple(self.options))
        if not self.options:
            raise ComponentError("A Choice needs at least one option.", hint="Pass its options.")
        if self.default is None and None not in self.options:
            object.__setattr__(self, "default", self.options[0])
        if not self.contains(self.default):
            raise ComponentError(
                f"Invalid default {self.default!r}: expected one of the options {self.options!r}.",
                hint="Set the default to one of the options.",
            )

    def contains(self, value: Any) -> bool:
        """Return whether the value equals an option of the same type."""
        return any(value == option and type(value) is type(option) for option in self.options)

    def clip(self, value: Any) -> Scalar:
        """Return the value if it is an option, else the default."""
        return value if self.contains(value) else self.default


Range = Union[Float, Int, Choice]
Space = Mapping[str, Range]


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and value == value
        and value not in (float("inf"), float("-inf"))
    )


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check_numeric(bounds: Float | Int) -> None:
    if not (_is_number(bounds.low) and _is_number(bounds.high)) or bounds.low > bounds.high:
        raise ComponentError(
            f"The range {bounds.low!r} to {bounds.high!r} is empty.",
            hint="Pass finite ends with low <= high.",
        )
    if isinstance(bounds, Int) and not (_is_integer(bounds.low) and _is_integer(bounds.high)):
        raise ComponentError(
            f"The ends {bounds.low!r} and {bounds.high!r} of an Int must be integers.",
            hint="Use Float for real numbers.",
        )
    if bounds.log and bounds.low <= 0:
        raise ComponentError(
            f"The low end of a logarithmic range must be > 0 (got {bounds.low!r}).",
            hint="Use a positive low end, or log=False.",
        )
    if not bounds.contains(bounds.default):
        raise ComponentError(
            f"The default {bounds.default!r} is outside the range {bounds.low!r} to "
            f"{bounds.high!r}.",
            hint="Set the default to a value in the range.",
        )


def check_space(name: str, space: Any) -> dict[str, Range]:
    """Return the space as a dict; raise `ComponentError` for an invalid range or condition."""
    if not isinstance(space, Mapping):
        raise ComponentError(
            f"The space of {name!r} is a {type(space).__name__}; expected a dict.",
            hint="Return a dict of Float, Int or Choice by hyperparameter name.",
        )
    for key, bounds in space.items():
        if not isinstance(key, str) or not key or "." in key:
            raise ComponentError(
                f"Invalid hyperparameter name {key!r} in the space of {name!r}.",
                hint="Use a non-empty string without dots.",
            )
        if not isinstance(bounds, (Float, Int, Choice)):
            raise ComponentError(
                f"{key!r} in the space of {name!r} is a {type(bounds).__name__}.",
                hint="Use Float, Int or Choice.",
            )
    for key, bounds in space.items():
        for parent, allowed in bounds.when.items():
            _check_condition(name, space, key, parent, allowed)
    _check_no_cycle(name, space)
    return dict(space)


def _check_condition(name: str, space: Space, key: str, parent: str, allowed: Any) -> None:
    if parent not in space or parent == key:
        raise ComponentError(
            f"{key!r} in the space of {name!r} depends on {parent!r}, which is not another "
            "hyperparameter of the space.",
            hint="Use another hyperparameter of the same space in `when`.",
        )
    if isinstance(allowed, (str, bytes)) or not isinstance(allowed, Sequence) or not allowed:
        raise ComponentError(
            f"Invalid condition {parent!r}: {allowed!r} of {key!r} in the space of {name!r}.",
            hint=f"Pass a tuple of values of {parent!r}.",
        )
    for value in allowed:
        if not space[parent].contains(value):
            raise ComponentError(
                f"{key!r} in the space of {name!r} requires {parent!r} to be {value!r}, which is "
                "outside its range.",
                hint=f"Use values that {parent!r} can take.",
            )


def _check_no_cycle(name: str, space: Space) -> None:
    """Raise if the conditions of hyperparameters are cyclic."""
    resolved: set[str] = set()
    waiting = list(space)
    while waiting:
        ready = [key for key in waiting if resolved.issuperset(space[key].when)]
        if not ready:
            raise ComponentError(
                f"Cyclic conditions in the space of {name!r}: "
                f"{' and '.join(map(repr, waiting))} depend on each other.",
                hint="Remove the condition of one of them.",
            )
        resolved.update(ready)
        waiting = [key for key in waiting if key not in resolved]


def is_within_tolerance(bounds: Range, value: Scalar) -> bool:
    """Return whether a value lies in a range, or so little outside that clipping is harmless.

    On a logarithmic scale that is a factor of two; otherwise a tenth of the range, and at least one
    step of a whole number.
    """
    if bounds.contains(value):
        return True
    if isinstance(bounds, Choice) or not isinstance(value, int | float) or isinstance(value, bool):
        return False
    clipped = bounds.clip(value)
    if bounds.log:
        return value > 0 and max(value / clipped, clipped / value) <= _LOG_FACTOR
    step = 1.0 if isinstance(bounds.low, int) else 0.0
    return abs(value - clipped) <= max(_LINEAR_SHARE * (bounds.high - bounds.low), step)


def values_out_of_range(ranges: Mapping[str, Range], values: Mapping[str, Scalar]) -> list[str]:
    """Return the names of the values that lie outside of their ranges by more than the tolerance.

    Values of names without a range are ignored. The tolerance is that of `is_within_tolerance`.
    """
    return [
        name
        for name, value in values.items()
        if name in ranges and not is_within_tolerance(ranges[name], value)
    ]
