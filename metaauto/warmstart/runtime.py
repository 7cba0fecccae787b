"""How long a configuration will take on this table and machine."""

from __future__ import annotations

import math
import statistics

from metaauto.configuration import Configuration
from metaauto.space import SearchSpace

__all__ = ["RuntimeModel"]

_SECONDS_PER_CELL = 2.5e-6
_SECONDS_PER_FIT = 0.03
_RECENT = 15


class RuntimeModel:
    """Expected seconds of configurations: the author's rough cost, corrected by what was seen.

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

    def observe(self, configuration: Configuration, seconds: float, folds: float) -> None:
        """Learn from worker seconds spent on a share of the folds."""
        guess = self._guess(configuration.model) * folds
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
        return self._guess(configuration.model) * math.exp(correction)

    def _guess(self, model: str) -> float:
        task = self._space.task
        cells = task.n_rows * max(len(task.features), 1) * max(task.n_classes - 1, 1) ** 0.7
        cost = self._space.registry.model(model).cost
        return self._n_folds * (_SECONDS_PER_FIT + cost * _SECONDS_PER_CELL * cells)
