"""The portfolio of defaults: what to try first when nothing is known of the table."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection

from metaauto.components.strategy import Observation, Recommendation
from metaauto.configuration import Configuration
from metaauto.metafeatures import Metafeatures
from metaauto.space import SearchSpace
from metaauto.warmstart.runtime_model import RuntimeModel

__all__ = ["DefaultPortfolio"]

_MODEST_SHARE = 0.125


class DefaultPortfolio:
    """The default of every model, then the further configurations their authors recommend.

    A cheap model comes first, so that there is an answer soon; then the defaults by the priority
    their authors give them, then the portfolio entries in turns. A default that would take a large
    part of the time that is left waits until the much cheaper ones were tried. What is expected to
    take longer than is left is put back until the estimate of this machine's speed says otherwise.

    Parameters
    ----------
    space : SearchSpace
        Models and their ranges on this task.
    runtime : RuntimeModel
        Says what fits into the time that is left.
    without : collection of Configuration
        What is left out, because somebody else recommends it.
    models : collection of str, optional
        Recommend nothing of other models.
    """

    def __init__(
        self,
        space: SearchSpace,
        runtime: RuntimeModel,
        without: Collection[Configuration] = (),
        models: Collection[str] | None = None,
    ) -> None:
        self._space = space
        self._runtime = runtime
        left_out = set(without)
        self._defaults = {space.default(name) for name in space.models}
        self._queue = deque(
            c for c in _order(space) if c not in left_out and (models is None or c.model in models)
        )

    def __len__(self) -> int:
        return len(self._queue)

    def inform(self, metafeatures: Metafeatures) -> None:
        """The portfolio is the same for every table."""

    def recommend(self, seconds: float) -> Recommendation | None:
        """The first configuration in the queue that is expected to fit into the time."""
        fitting = [c for c in self._queue if self._runtime.least_seconds(c) <= seconds]
        if not fitting:
            return None
        defaults = [c for c in fitting if self._is_default(c)]
        # Of those that are dear to the same degree, the first.
        configuration = min(
            defaults, key=lambda c: self._expected_cost(c, seconds), default=fitting[0]
        )
        self._queue.remove(configuration)
        kind = "default" if self._is_default(configuration) else "recommended by its author"
        return Recommendation(configuration, "portfolio", kind, self._seconds(configuration))

    def _is_default(self, configuration: Configuration) -> bool:
        return configuration in self._defaults

    def _expected_cost(self, configuration: Configuration, seconds: float) -> int:
        """How often the seconds it takes must be halved to be a modest part of those left."""
        share = self._seconds(configuration) / (_MODEST_SHARE * seconds)
        return max(math.ceil(math.log2(share)), 0) if share > 0 else 0

    def _seconds(self, configuration: Configuration) -> float:
        return self._runtime.expected_seconds(configuration)

    def observe(self, observation: Observation) -> None:
        """The order of the portfolio does not depend on results."""


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
