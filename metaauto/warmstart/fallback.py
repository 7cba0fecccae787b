"""Run the warm start of a plugin and fall back to another one on its first error."""

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
    """Use a plugin's warm start, and another one after its first error.

    Parameters
    ----------
    name : str
        Name of the plugin's strategy.
    start : callable
        Starts the plugin's warm start.
    fallback : WarmStart
        Warm start to use after an error; it receives all results from the beginning.
    space : SearchSpace
        Search space; values of recommendations out of range are repaired.
    warn : callable
        Called with the error message.
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
        self._recommended: set[str] = set()
        self._plugin: WarmStart | None = None
        self._plugin = self._guarded(start)

    def inform(self, metafeatures: Metafeatures) -> None:
        """Pass the metafeatures to both warm starts."""
        self._fallback.inform(metafeatures)
        if self._plugin is not None:
            self._guarded(self._plugin.inform, metafeatures)

    def recommend(self, seconds: float) -> Recommendation | None:
        """Return the next recommendation of the plugin, then those of the fallback."""
        if self._plugin is not None:
            recommendation = self._guarded(self._checked, seconds)
            if recommendation is not None:
                self._recommended.add(recommendation.configuration.key)
                return recommendation
        while (other := self._fallback.recommend(seconds)) is not None:
            if other.configuration.key not in self._recommended:
                return other
        return None

    def observe(self, observation: Observation) -> None:
        """Pass a result to both warm starts."""
        self._fallback.observe(observation)
        if self._plugin is not None:
            self._guarded(self._plugin.observe, observation)

    def _checked(self, seconds: float) -> Recommendation | None:
        recommendation = self._plugin.recommend(seconds) if self._plugin is not None else None
        if recommendation is None:
            return None
        if not isinstance(recommendation, Recommendation):
            raise ComponentError(
                f"recommend() returned a {type(recommendation).__name__}.",
                hint="Return a Recommendation or None.",
            )
        model = recommendation.configuration.model
        if model not in self._space.ranges:
            raise ComponentError(
                f"recommend() returned the model {model!r}, which is not in the search space.",
                hint="Choose from space.models.",
            )
        repaired = self._space.repair(recommendation.configuration).configuration
        return replace(recommendation, configuration=repaired)

    def _guarded(self, call: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return call(*arguments)
        except Exception as error:
            self._plugin = None
            self._warn(f"{type(error).__name__}: {error}")
            return None
