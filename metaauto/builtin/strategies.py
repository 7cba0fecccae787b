"""metaauto's own strategies."""

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
        "What won on similar tables, by expected gain per second; without knowledge, as portfolio.",
    ),
    Strategy(
        "portfolio",
        _from_authors,
        "What the authors of models recommend, one model after the other.",
    ),
    Strategy(
        "random",
        RandomStart,
        "Eight draws from the space, then SMAC alone: a cold start, to measure others by.",
    ),
)
