"""The portfolio of defaults: which configurations a fit without knowledge tries first."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from itertools import zip_longest

from metaauto.components.strategy import Recommendation, WarmStart
from metaauto.configuration import Configuration
from metaauto.space import SearchSpace
from metaauto.warmstart.runtime_model import RuntimeModel

__all__ = ["DefaultPortfolio"]


class DefaultPortfolio(WarmStart):
    """The default of every model, then the portfolios of the models in turns.

    The defaults come in the order of their expected seconds, so that a result is available early;
    then the portfolio entries. A configuration that is expected to exceed the time left is skipped;
    it can be recommended later if the runtime model predicts fewer seconds.

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
        return self._next([c for c in self._queue if self._runtime.least_seconds(c) <= seconds])

    def recommend_within(self, seconds: float) -> Recommendation | None:
        """Return the next configuration that is expected to need at most so many seconds."""
        return self._next([c for c in self._queue if self._seconds(c) <= seconds])

    def _next(self, fitting: Sequence[Configuration]) -> Recommendation | None:
        if not fitting:
            return None
        defaults = [c for c in fitting if self._is_default(c)]
        configuration = min(defaults, key=self._seconds, default=fitting[0])
        self._queue.remove(configuration)
        why = "default" if self._is_default(configuration) else "recommended by its author"
        return Recommendation(configuration, "portfolio", why, self._seconds(configuration))

    def _is_default(self, configuration: Configuration) -> bool:
        return configuration in self._defaults

    def _seconds(self, configuration: Configuration) -> float:
        return self._runtime.expected_seconds(configuration)


def _order(space: SearchSpace) -> list[Configuration]:
    ranked = sorted(space.models, key=lambda name: (space.registry.model(name).cost, name))
    portfolios = [space.portfolio(name) for name in ranked]
    turns = zip_longest(*portfolios)
    return list(dict.fromkeys(c for turn in turns for c in turn if c is not None))
