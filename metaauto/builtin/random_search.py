"""Random search: as a search engine, and a few configurations as the initial design of SMAC."""

from __future__ import annotations

from random import Random

from metaauto.api import (
    Optimizer,
    Recommendation,
    SearchEngine,
    SearchInput,
    StrategyInput,
    WarmStart,
)

__all__ = ["SEARCH_ENGINES", "RandomSearch", "RandomStart"]

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
        self._given = given
        self._random = Random(0)
        self._left = _SAMPLES

    def recommend(self, seconds: float) -> Recommendation | None:
        """Return a configuration expected to fit into the time, or None after eight."""
        recommendation = _sample(self._given, self._random, seconds) if self._left else None
        self._left -= recommendation is not None
        return recommendation


class RandomSearch(Optimizer):
    """Sample random configurations without end, the baseline for other search engines."""

    def __init__(self, given: SearchInput) -> None:
        self._given = given
        self._random = Random(given.seed)

    def recommend(self, seconds: float) -> Recommendation | None:
        """Return a configuration expected to fit into the time."""
        return _sample(self._given, self._random, seconds)


def _sample(
    given: StrategyInput | SearchInput, random: Random, seconds: float
) -> Recommendation | None:
    """Draw a configuration that is expected to fit into the time; None if twenty do not."""
    for _ in range(_TRIES if given.space.models else 0):
        configuration = given.space.sample(random)
        if given.runtime.least_seconds(configuration) <= seconds:
            expected = given.runtime.expected_seconds(configuration)
            return Recommendation(configuration, "random", "random configuration", expected)
    return None


def _smac(given: SearchInput) -> Optimizer:
    return given.from_smac()


SEARCH_ENGINES = (
    SearchEngine("smac", _smac, "Bayesian optimisation with a random forest as the surrogate."),
    SearchEngine("random", RandomSearch, "Random configurations: a baseline for other engines."),
)
