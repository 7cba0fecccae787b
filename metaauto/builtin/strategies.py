"""Built-in warm-start strategies."""

from __future__ import annotations

from metaauto.api import Strategy, StrategyInput, WarmStart
from metaauto.builtin.random_search import RandomStart

__all__ = ["STRATEGIES"]


def _from_knowledge(given: StrategyInput) -> WarmStart:
    return given.from_knowledge() or given.from_authors()


def _from_authors(given: StrategyInput) -> WarmStart:
    return given.from_authors()


STRATEGIES = (
    Strategy(
        "knowledge",
        _from_knowledge,
        "Best configurations of similar datasets by expected gain per second; without knowledge, "
        "the same as portfolio.",
    ),
    Strategy(
        "portfolio",
        _from_authors,
        "Configurations recommended by the authors of the models, one model after the other.",
    ),
    Strategy(
        "random",
        RandomStart,
        "Eight random configurations, then SMAC alone: a cold start, as a baseline.",
    ),
)
