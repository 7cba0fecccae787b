"""How long a configuration will take on this table and machine."""

from __future__ import annotations

from collections.abc import Callable

from metaauto.components import BuildContext, Model
from metaauto.configuration import Configuration
from metaauto.data import boosting_seconds
from metaauto.space import SearchSpace
from metaauto.warmstart.size_scaling import Correction

__all__ = ["RuntimeModel"]

_SECONDS_PER_FIT = 0.03
_PREPARATION_COST = 0.1
_WORTH_SHARE = 0.15


class RuntimeModel:
    """Expected seconds of configurations: stored or rough figures, corrected by what was seen.

    Stored seconds of similar fits (`use`) are best; elsewhere the author's rough cost counts.

    Parameters
    ----------
    space : SearchSpace
        Models and the shape of the table.
    n_folds : int
        Fits that each configuration takes.
    """

    def __init__(self, space: SearchSpace, n_folds: int) -> None:
        self._space = space
        self._n_folds = n_folds
        self._correction = Correction()
        self._known: Callable[[Configuration], float | None] = _unknown

    def use(self, known: Callable[[Configuration], float | None]) -> None:
        """Take the seconds of one fit from elsewhere where they are known there."""
        self._known = known

    def observe(self, configuration: Configuration, seconds: float, folds: float) -> None:
        """Learn from worker seconds spent on a share of the folds."""
        guess = self._guess(configuration) * folds
        self._correction.observe(configuration.model, seconds, guess)

    def expected_seconds(self, configuration: Configuration) -> float:
        """Worker seconds that all folds of a configuration are expected to take."""
        return self._guess(configuration) * self._correction.factor(configuration.model)

    def least_seconds(self, configuration: Configuration) -> float:
        """Worker seconds below which a configuration is not worth starting.

        A model that stops at its deadline is useful before it is complete.
        """
        tags = self._space.registry.model(configuration.model).tags
        return self.expected_seconds(configuration) * (_WORTH_SHARE if tags.deadline else 1.0)

    def _guess(self, configuration: Configuration) -> float:
        known = self._known(configuration)
        if known is not None:
            return self._n_folds * known
        task = self._space.task
        component = self._space.registry.model(configuration.model)
        preparation = _PREPARATION_COST * boosting_seconds(task, task.n_rows, per_class=False)
        boosting = boosting_seconds(task, task.n_rows, component.per_class)
        cost = component.cost * self._factor(component, configuration)
        return self._n_folds * (_SECONDS_PER_FIT + preparation + cost * boosting)

    def _factor(self, component: Model, configuration: Configuration) -> float:
        if component.cost_factor is None:
            return 1.0
        task = self._space.task
        shape = BuildContext(task.kind, task.n_rows, len(task.features), task.n_classes)
        return float(component.cost_factor(configuration.values, shape))


def _unknown(configuration: Configuration) -> float | None:
    return None
