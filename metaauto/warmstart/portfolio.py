"""The portfolio of defaults: which configurations a fit without knowledge tries first."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection

from metaauto.components.strategy import Recommendation, WarmStart
from metaauto.configuration import Configuration
from metaauto.space import SearchSpace
from metaauto.warmstart.runtime_model import RuntimeModel

__all__ = ["DefaultPortfolio"]

_INEXPENSIVE_SHARE = 0.125


class DefaultPortfolio(WarmStart):
    """The default of every model, then the portfolios of the models in turns.

    The least expensive model comes first, so that a result is available early; then the defaults by
    the priority of their models, then the portfolio entries. An expensive default waits until much
    less expensive ones were tried. A configuration that is expected to exceed the time left is
    skipped; it can be recommended later if the runtime model predicts fewer seconds.

    Parameters
    ----------
    space : SearchSpace
        Models and their ranges on this task.
    runtime : RuntimeModel
        Predicts the seconds of configurations.
    without : collection of Configuration
        Configurations to exclude, because another strategy recommends them.
    models : collection of str, optional
        Recommend only configurations of these models.
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
        excluded = set(without)
        self._defaults = {space.default(name) for name in space.models}
        self._queue = deque(
            c for c in _order(space) if c not in excluded and (models is None or c.model in models)
        )

    def __len__(self) -> int:
        return len(self._queue)

    def recommend(self, seconds: float) -> Recommendation | None:
        """Return the next configuration that is expected to finish in time, or None."""
        fitting = [c for c in self._queue if self._runtime.least_seconds(c) <= seconds]
        if not fitting:
            return None
        defaults = [c for c in fitting if self._is_default(c)]
        # Ties keep the order of the queue.
        configuration = min(
            defaults, key=lambda c: self._cost_level(c, seconds), default=fitting[0]
        )
        self._queue.remove(configuration)
        why = "default" if self._is_default(configuration) else "recommended by its author"
        return Recommendation(configuration, "portfolio", why, self._seconds(configuration))

    def _is_default(self, configuration: Configuration) -> bool:
        return configuration in self._defaults

    def _cost_level(self, configuration: Configuration, seconds: float) -> int:
        """Return the base-2 logarithm of the cost relative to an eighth of the time left."""
        share = self._seconds(configuration) / (_INEXPENSIVE_SHARE * seconds)
        return max(math.ceil(math.log2(share)), 0) if share > 0 else 0

    def _seconds(self, configuration: Configuration) -> float:
        return self._runtime.expected_seconds(configuration)


def _order(space: SearchSpace) -> list[Configuration]:
    models = [space.registry.model(name) for name in space.models]
    ranked = sorted(models, key=lambda m: (-m.priority, m.cost, m.name))
    cheapest = min(models, key=lambda m: (m.cost, m.name), default=None)
    ordered: list[Configuration] = []
    if cheapest is not None:
        ordered.append(space.default(cheapest.name))
    portfolios = [space.portfolio(model.name) for model in ranked]
    for depth in range(max((len(p) for p in portfolios), default=0)):
        ordered += [portfolio[depth] for portfolio in portfolios if depth < len(portfolio)]
    return list(dict.fromkeys(ordered))
