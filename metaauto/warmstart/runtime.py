"""How long a configuration will take on this table and machine."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable

from metaauto.configuration import Configuration
from metaauto.data import boosting_seconds
from metaauto.space import SearchSpace

__all__ = ["RuntimeModel"]

_SECONDS_PER_FIT = 0.03
_PREPARATION_COST = 0.1
_RECENT = 15
_WORTH_SHARE = 0.15


class RuntimeModel:
    """Expected seconds of configurations: stored or rough figures, corrected by what was seen.

    Stored seconds of similar fits (`use`) are best; elsewhere the author's rough cost counts.

    The first correction is this machine's and table's (the median ratio of seen to guessed over
    all models); a model that has been seen is corrected by its own ratio.

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
        self._log_ratios: dict[str, list[float]] = {}
        self._known: Callable[[Configuration], float | None] = _unknown

    def use(self, known: Callable[[Configuration], float | None]) -> None:
        """Take the seconds of one fit from elsewhere where they are known there."""
        self._known = known

    def observe(self, configuration: Configuration, seconds: float, folds: float) -> None:
        """Learn from worker seconds spent on a share of the folds."""
        guess = self._guess(configuration) * folds
        if seconds > 0 and guess > 0:
            ratio = math.log(seconds / guess)
            self._log_ratios.setdefault(configuration.model, []).append(ratio)

    def expected_seconds(self, configuration: Configuration) -> float:
        """Worker seconds that all folds of a configuration are expected to take."""
        own = self._log_ratios.get(configuration.model)
        if own:
            correction = statistics.median(own[-_RECENT:])
        else:
            seen = [statistics.median(ratios) for ratios in self._log_ratios.values()]
            correction = statistics.median(seen) if seen else 0.0
        return self._guess(configuration) * math.exp(correction)

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
        return self._n_folds * (_SECONDS_PER_FIT + preparation + component.cost * boosting)


def _unknown(configuration: Configuration) -> float | None:
    return None
