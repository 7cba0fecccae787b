"""A warm start of somebody else, whose faults end nobody's fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from metaauto.components.strategy import Observation, Recommendation, WarmStart
from metaauto.errors import ComponentError
from metaauto.metafeatures import Metafeatures
from metaauto.space import SearchSpace

__all__ = ["FallbackWarmStart"]


class FallbackWarmStart:
    """Asks a plugin's warm start, and another one from its first fault on.

    Parameters
    ----------
    name : str
        Of the plugin's strategy.
    start : callable
        Starts it.
    fallback : WarmStart
        Who is asked after a fault; it is told everything from the beginning.
    space : SearchSpace
        What may be recommended; values out of range are repaired.
    warn : callable
        Told of the fault.
    """

    def __init__(
        self,
        name: str,
        start: Callable[[], WarmStart | None],
        fallback: WarmStart,
        space: SearchSpace,
        warn: Callable[[str], None],
    ) -> None:
        self.name = name
        self._fallback = fallback
        self._space = space
        self._warn = warn
        self._said: set[str] = set()
        self._inner: WarmStart | None = None
        self._inner = self._safely(start)

    def inform(self, metafeatures: Metafeatures) -> None:
        """Tell both what the table is like."""
        self._fallback.inform(metafeatures)
        if self._inner is not None:
            self._safely(self._inner.inform, metafeatures)

    def recommend(self, seconds: float) -> Recommendation | None:
        """What the plugin recommends, then what the other does."""
        if self._inner is not None:
            found = self._safely(self._checked, seconds)
            if found is not None:
                self._said.add(found.configuration.key)
                return found
        while (other := self._fallback.recommend(seconds)) is not None:
            if other.configuration.key not in self._said:
                return other
        return None

    def observe(self, observation: Observation) -> None:
        """Tell both of a result."""
        self._fallback.observe(observation)
        if self._inner is not None:
            self._safely(self._inner.observe, observation)

    def _checked(self, seconds: float) -> Recommendation | None:
        found = self._inner.recommend(seconds) if self._inner is not None else None
        if found is None:
            return None
        if not isinstance(found, Recommendation):
            raise ComponentError(
                f"recommend returned a {type(found).__name__}.",
                hint="Return a Recommendation or None.",
            )
        model = found.configuration.model
        if model not in self._space.ranges:
            raise ComponentError(
                f"It recommends the model {model!r}, which cannot be used here.",
                hint="Choose from space.models.",
            )
        repaired = self._space.repair(found.configuration).configuration
        return replace(found, configuration=repaired)

    def _safely(self, call: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return call(*arguments)
        except Exception as error:
            self._inner = None
            self._warn(f"{type(error).__name__}: {error}")
            return None
