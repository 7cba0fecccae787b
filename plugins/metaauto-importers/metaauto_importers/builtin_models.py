"""The search spaces of metaauto's own models, for checking imported values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from metaauto.api import PluginSettings, Registry, Scalar, load_plugins, values_out_of_range

__all__ = ["builtin_registry", "supported_kinds"]


@lru_cache(maxsize=1)
def builtin_registry() -> Registry:
    """Return metaauto's own components, without those of any plugin."""
    return load_plugins(PluginSettings(only=())).registry


def supported_kinds(
    model: str, values: Mapping[str, Scalar], kinds: Iterable[str]
) -> tuple[str, ...]:
    """Return the task kinds whose search space contains the values, within the tolerance.

    For a plugin's model these are all kinds: its space is checked when the store is used.
    """
    registry = builtin_registry()
    if model not in registry.names("model"):
        return tuple(kinds)
    component = registry.model(model)
    return tuple(
        kind
        for kind in kinds
        if kind in component.tasks and not values_out_of_range(component.space_for(kind), values)
    )
