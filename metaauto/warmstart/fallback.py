"""Run the warm start of a strategy and fall back to another one on its first error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from metaauto.components.strategy import (
    Observation,
    Recommendation,
    WarmStart,
    WarmStartSummary,
)
from metaauto.errors import ComponentError
from metaauto.metafeatures import Metafeatures
from metaauto.space import SearchSpace

__all__ = ["FallbackWarmStart", "checked_recommendation"]


class FallbackWarmStart(WarmStart):
    """Use the warm start of a strategy, and another one after its first error.

    Parameters
    ----------
    start : callable
        Starts the warm start; None if it has no recommendations for this table.
    fallback : callable
        Starts the warm start to use instead; after an error it receives what came before.
    space : SearchSpace
        Search space; values of recommendations out of range are repaired.
    warn : callable
        Called with the error message.
    """

    def __init__(
        self,
        start: Callable[[], WarmStart | None],
        fallback: Callable[[], WarmStart],
        space: SearchSpace,
        warn: Callable[[str], None],
    ) -> None:
        self._start_fallback = fallback
        self._space = space
        self._warn = warn
        self._observations: list[Observation] = []
        self._metafeatures: Metafeatures | None = None
        self._recommended: set[str] = set()
        self._fallback: WarmStart | None = None
        self._started: WarmStart | None = None
        self._started = self._guarded(start)
        if self._started is None and self._fallback is None:
            self._fallback = fallback()

    @property
    def uses_metafeatures(self) -> bool:
        """Whether the warm start in use receives metafeatures."""
        current = self._started if self._fallback is None else self._fallback
        if isinstance(current, WarmStart):
            return current.uses_metafeatures
        return hasattr(current, "inform")

    def inform(self, metafeatures: Metafeatures) -> None:
        """Pass the metafeatures on."""
        self._metafeatures = metafeatures
        self._call("inform", metafeatures)

    def recommend(self, seconds: float) -> Recommendation | None:
        """Return the next recommendation that was not made before an error."""
        if self._started is not None:
            recommendation: Recommendation | None = self._guarded(self._checked, seconds)
            if recommendation is not None:
                self._recommended.add(recommendation.configuration.key)
            if self._fallback is None:
                return recommendation
        while self._fallback is not None:
            other = self._fallback.recommend(seconds)
            if other is None or other.configuration.key not in self._recommended:
                return other
        return None

    def observe(self, observation: Observation) -> None:
        """Pass a result on."""
        self._observations.append(observation)
        self._call("observe", observation)

    def summary(self) -> WarmStartSummary:
        """Return what the warm start in use knows of other datasets."""
        return self._call("summary") or WarmStartSummary()

    def _call(self, method: str, *arguments: Any) -> Any:
        """Call an optional method of the warm start in use."""
        if self._fallback is not None:
            return getattr(self._fallback, method)(*arguments)
        called = getattr(self._started, method, None)
        return None if called is None else self._guarded(called, *arguments)

    def _checked(self, seconds: float) -> Recommendation | None:
        if self._started is None:
            return None
        return checked_recommendation(self._started.recommend(seconds), self._space)

    def _guarded(self, call: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return call(*arguments)
        except Exception as error:
            self._warn(f"{type(error).__name__}: {error}")
        self._started = None
        self._fallback = self._start_fallback()
        if self._metafeatures is not None:
            self._fallback.inform(self._metafeatures)
        for observation in self._observations:
            self._fallback.observe(observation)
        return None


def checked_recommendation(recommendation: Any, space: SearchSpace) -> Recommendation | None:
    """Return what a plugin recommends with its values repaired; raise if it is invalid."""
    if recommendation is None:
        return None
    if not isinstance(recommendation, Recommendation):
        raise ComponentError(
            f"recommend() returned a {type(recommendation).__name__}.",
            hint="Return a Recommendation or None.",
        )
    model = recommendation.configuration.model
    if model not in space.ranges:
        raise ComponentError(
            f"recommend() returned the model {model!r}, which is not in the search space.",
            hint="Choose from space.models.",
        )
    repaired = space.repair(recommendation.configuration).configuration
    return replace(recommendation, configuration=repaired)
