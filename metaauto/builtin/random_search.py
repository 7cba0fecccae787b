"""No warm start at all: a few draws from the space, for SMAC to begin with."""

from __future__ import annotations

from random import Random
from typing import Any

from metaauto.api import Observation, Recommendation, StrategyInput

__all__ = ["RandomStart"]

_DRAWS = 8
_TRIES = 20


class RandomStart:
    """Eight configurations at random; nothing that anybody knows of other tables is used.

    This is how Bayesian optimisation starts without knowledge (a cold start), and what every other
    strategy is to be measured by.

    Parameters
    ----------
    given : StrategyInput
        What can be tried, and how long it takes. The same space gives the same draws.
    """

    def __init__(self, given: StrategyInput) -> None:
        self._space = given.space
        self._runtime = given.runtime
        self._random = Random(0)
        self._left = _DRAWS

    def inform(self, metafeatures: Any) -> None:
        """Draws do not depend on the table."""

    def recommend(self, seconds: float) -> Recommendation | None:
        """A draw that is expected to fit into the time, or None after eight."""
        if not self._left or not self._space.models:
            return None
        for _ in range(_TRIES):
            drawn = self._space.sample(self._random)
            if self._runtime.least_seconds(drawn) <= seconds:
                self._left -= 1
                expected = self._runtime.expected_seconds(drawn)
                return Recommendation(drawn, "random", "drawn at random", expected)
        return None

    def observe(self, observation: Observation) -> None:
        """Draws do not depend on results."""
