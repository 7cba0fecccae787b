"""Cold start: a few random configurations as the initial design of SMAC."""

from __future__ import annotations

from random import Random

from metaauto.api import Recommendation, StrategyInput, WarmStart

__all__ = ["RandomStart"]

_SAMPLES = 8
_TRIES = 20


class RandomStart(WarmStart):
    """Sample eight random configurations, without knowledge of other datasets.

    This is the usual initial design of Bayesian optimisation (a cold start) and the baseline for
    other strategies.

    Parameters
    ----------
    given : StrategyInput
        Search space and runtime model. The same space gives the same configurations.
    """

    def __init__(self, given: StrategyInput) -> None:
        self._space = given.space
        self._runtime = given.runtime
        self._random = Random(0)
        self._left = _SAMPLES

    def recommend(self, seconds: float) -> Recommendation | None:
        """Return a configuration expected to fit into the time, or None after eight."""
        if not self._left or not self._space.models:
            return None
        for _ in range(_TRIES):
            configuration = self._space.sample(self._random)
            if self._runtime.least_seconds(configuration) <= seconds:
                self._left -= 1
                expected = self._runtime.expected_seconds(configuration)
                return Recommendation(configuration, "random", "random configuration", expected)
        return None
