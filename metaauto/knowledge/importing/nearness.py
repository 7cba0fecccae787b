"""How far a published value may lie outside our range and still mean the same once it is clipped.

On a logarithmic scale that is a factor of two, otherwise a tenth of the range, and one step of a
whole number. What lies farther out is another configuration.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from metaauto.components.hyperparameters import Choice, Range, Scalar
from metaauto.plugins.manager import PluginSettings, load_plugins
from metaauto.plugins.registry import Registry

__all__ = ["far_values", "is_near", "near_kinds", "own_models"]

_FACTOR = 2.0
_SHARE = 0.1


def is_near(bounds: Range, value: Scalar) -> bool:
    """Whether a value lies in a range or little outside of it."""
    if bounds.contains(value):
        return True
    if isinstance(bounds, Choice) or not isinstance(value, int | float) or isinstance(value, bool):
        return False
    clipped = bounds.clip(value)
    if bounds.log:
        return value > 0 and max(value / clipped, clipped / value) <= _FACTOR
    step = 1.0 if isinstance(bounds.low, int) else 0.0
    return abs(value - clipped) <= max(_SHARE * (bounds.high - bounds.low), step)


def far_values(ranges: Mapping[str, Range], values: Mapping[str, Scalar]) -> list[str]:
    """Names of the values that lie far outside of their ranges; others are not looked at."""
    return [name for name in values if name in ranges and not is_near(ranges[name], values[name])]


@lru_cache(maxsize=1)
def own_models() -> Registry:
    """Components of metaauto itself, which are always there, without those of any plugin."""
    return load_plugins(PluginSettings(only=())).registry


def near_kinds(model: str, values: Mapping[str, Scalar], kinds: Iterable[str]) -> tuple[str, ...]:
    """The kinds of task in whose space the values are; all of them for a plugin's model."""
    if model not in own_models().names("model"):
        return tuple(kinds)
    component = own_models().model(model)
    return tuple(
        kind
        for kind in kinds
        if kind in component.tasks and not far_values(component.space_for(kind), values)
    )
