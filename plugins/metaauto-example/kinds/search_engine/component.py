"""A search engine for metaauto: neighbours of the best configuration.

A fit with `--search` starts it once after its first trials, which `observe` receives. `recommend`
returns the next configuration; None says that there is none now.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

from metaauto.api import (
    Configuration,
    Observation,
    Optimizer,
    Recommendation,
    Register,
    SearchEngine,
    SearchInput,
    hookimpl,
)


class Neighbours(Optimizer):
    """Recommend neighbours of the best configuration so far."""

    def __init__(self, given: SearchInput) -> None:
        self.space = given.space
        self.random = Random(given.seed)
        self.best: Configuration | None = None
        self.loss = math.inf

    def observe(self, observations: Sequence[Observation]) -> None:
        """Keep the best configuration; the loss of a failed trial is None."""
        for one in observations:
            if one.loss is not None and one.loss < self.loss:
                self.best, self.loss = one.configuration, one.loss

    def recommend(self, seconds: float) -> Recommendation | None:
        """Return a neighbour; one that was tried before is skipped."""
        if self.best is None:
            return None
        near = self.space.neighbour(self.best, self.random)
        return Recommendation(near, "example", "a neighbour of the best configuration")


SEARCH_ENGINE = SearchEngine("example", Neighbours, "Neighbours of the best configuration.")


@hookimpl
def register_search_engines(register: Register) -> None:
    """Offer the search engine."""
    register.search_engine(SEARCH_ENGINE)
