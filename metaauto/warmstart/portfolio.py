"""The portfolio of defaults: what to try first when nothing is known of the table."""

from __future__ import annotations

import statistics
from collections import deque

from metaauto.configuration import Configuration
from metaauto.space import SearchSpace
from metaauto.warmstart.strategy import Observation, Recommendation

__all__ = ["DefaultPortfolio"]

_SECONDS_PER_CELL = 2.5e-6
_SECONDS_PER_FIT = 0.1


class DefaultPortfolio:
    """The default of every model, then the further configurations their authors recommend.

    A cheap model comes first, so that there is an answer soon; then the defaults by the priority
    their authors give them, then the portfolio entries in turns. What is expected to take longer
    than is left is put back until the estimate of this machine's speed says otherwise.

    Parameters
    ----------
    space : SearchSpace
        Models and their ranges on this task.
    n_folds : int
        Fits that each configuration takes.
    """

    def __init__(self, space: SearchSpace, n_folds: int) -> None:
        self._space = space
        self._n_folds = n_folds
        self._queue = deque(_order(space))
        self._ratios: list[float] = []

    def __len__(self) -> int:
        return len(self._queue)

    def recommend(self, seconds: float) -> Recommendation | None:
        """The first configuration in the queue that is expected to fit into the time."""
        for configuration in list(self._queue):
            expected = self.expected_seconds(configuration)
            if expected <= seconds:
                self._queue.remove(configuration)
                is_default = configuration == self._space.default(configuration.model)
                kind = "default" if is_default else "recommended by its author"
                return Recommendation(configuration, "portfolio", kind, expected)
        return None

    def observe(self, observation: Observation) -> None:
        """Learn how fast this machine is."""
        guess = self._guess(observation.configuration) * max(observation.folds, 1e-9)
        if observation.seconds > 0 and guess > 0:
            self._ratios.append(observation.seconds / guess)

    def expected_seconds(self, configuration: Configuration) -> float:
        """Worker seconds that all folds of a configuration are expected to take."""
        scale = statistics.median(self._ratios[-15:]) if self._ratios else 1.0
        return self._guess(configuration) * scale

    def _guess(self, configuration: Configuration) -> float:
        task = self._space.task
        cells = task.n_rows * max(len(task.features), 1) * max(task.n_classes - 1, 1) ** 0.7
        cost = self._space.registry.model(configuration.model).cost
        return self._n_folds * cost * (_SECONDS_PER_FIT + _SECONDS_PER_CELL * cells)


def _order(space: SearchSpace) -> list[Configuration]:
    models = [space.registry.model(name) for name in space.models]
    ranked = sorted(models, key=lambda m: (-m.priority, m.cost, m.name))
    cheap = min(models, key=lambda m: (m.cost, m.name), default=None)
    found: list[Configuration] = []
    if cheap is not None:
        found.append(space.default(cheap.name))
    portfolios = [space.portfolio(model.name) for model in ranked]
    for depth in range(max((len(p) for p in portfolios), default=0)):
        found += [portfolio[depth] for portfolio in portfolios if depth < len(portfolio)]
    return list(dict.fromkeys(found))
