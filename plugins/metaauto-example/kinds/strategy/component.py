"""A strategy for metaauto: the default configuration of each model, the fastest first.

A fit with `--strategy` starts it once, and calls `recommend` for each first configuration.
`seconds` is the time left; None says that nothing is recommended now.
`observe` receives the finished trials.
"""

from __future__ import annotations

from metaauto.api import (
    Observation,
    Recommendation,
    Register,
    Strategy,
    StrategyInput,
    WarmStart,
    hookimpl,
)


class FastestFirst(WarmStart):
    """Recommend each default once, those of models that failed never."""

    def __init__(self, given: StrategyInput) -> None:
        seconds = given.runtime.expected_seconds
        self.seconds = seconds
        defaults = (given.space.default(model) for model in given.space.models)
        self.waiting = sorted(defaults, key=seconds)

    def recommend(self, seconds: float) -> Recommendation | None:
        """Return the fastest default that is left, if it is expected to finish in time."""
        if not self.waiting or self.seconds(self.waiting[0]) > seconds:
            return None
        configuration = self.waiting.pop(0)
        expected = self.seconds(configuration)
        return Recommendation(configuration, "example", "the fastest default left", expected)

    def observe(self, observation: Observation) -> None:
        """Leave out the model of a failed trial."""
        if observation.loss is None:
            failed = observation.configuration.model
            self.waiting = [one for one in self.waiting if one.model != failed]


STRATEGY = Strategy("example", FastestFirst, "Fast defaults first.")


@hookimpl
def register_strategies(register: Register) -> None:
    """Offer the strategy."""
    register.strategy(STRATEGY)
