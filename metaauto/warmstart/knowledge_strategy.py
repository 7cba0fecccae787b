"""The warm start from a knowledge store: what won on similar tables, minding the seconds."""

from __future__ import annotations

from typing import Any

import numpy as np

from metaauto.components.strategy import Observation, Recommendation
from metaauto.configuration import Configuration
from metaauto.metafeatures import Metafeatures
from metaauto.space import SearchSpace
from metaauto.task import Task
from metaauto.warmstart.acquisition import KnownTables, NextConfiguration, Scheduler
from metaauto.warmstart.candidates import KnownConfigurations
from metaauto.warmstart.portfolio import DefaultPortfolio
from metaauto.warmstart.runtime_model import RuntimeModel, Timing, size_features
from metaauto.warmstart.similarity import row_weights, task_metafeatures

__all__ = ["KnowledgeStrategy"]

_LEAST_GAIN = 2e-3
_RESULTS_BEFORE_STOP = 16
_UNKNOWN_MODEL_EVERY = 4
_NEAR_BEST = 0.25
_SHOWN = 3
_QUICK_SECONDS = 0.3


class KnowledgeStrategy:
    """Recommends stored configurations by expected gain per second on this table.

    The weight of each known table is its likeness by metafeatures (half of it spread evenly). The
    first configurations complement each other on those tables; from the fifth result on, a
    Gaussian belief over all configurations is corrected by what was seen. Seconds are predicted
    from the stored ones and corrected by this machine's. Models that the store knows nothing of,
    such as those of a new plugin, get every fourth turn; what else the authors of the installed
    models recommend comes last.

    Parameters
    ----------
    space : SearchSpace
        What can be tried on this table.
    runtime : RuntimeModel
        Is told what the store knows of durations; says what fits into the time that is left.
    known : KnownConfigurations
        What can be tried, at least one; rows of this very table must have been taken out.
    n_folds : int
        Folds of a whole trial.
    for_ensemble : bool, default=True
        Whether an ensemble is made of what is tried; then what is unlike the rest is worth
        more (`metaauto.warmstart.acquisition`).
    """

    def __init__(
        self,
        space: SearchSpace,
        runtime: RuntimeModel,
        known: KnownConfigurations,
        n_folds: int,
        for_ensemble: bool = True,
    ) -> None:
        self._known = known
        self._runtime = runtime
        self._configurations = self._known.configurations
        self._columns = {c.key: column for column, c in enumerate(self._configurations)}
        self._numbers: dict[str, float] = task_metafeatures(space.task)
        self._n_folds = n_folds
        self._training_rows = _training_rows(space.task, n_folds)
        self._weights = self._weigh()
        self._scheduler = Scheduler(
            KnownTables(self._known.relative.values, self._weights), for_ensemble=for_ensemble
        )
        self._is_first = True
        self._turn = 0
        self._size = _size(space.task, self._training_rows)
        self._timing = Timing(known.durations, self._size, self._weights)
        runtime.use(self._seconds)
        models = {c.model for c in self._configurations}
        self._strangers = DefaultPortfolio(space, runtime, models=set(space.models) - models)
        self._rest = DefaultPortfolio(space, runtime, self._configurations, models)

    def inform(self, metafeatures: Metafeatures) -> None:
        """Weigh the known tables by the whole description."""
        self._numbers = {**self._numbers, **metafeatures.values}
        self._weights = self._weigh()
        self._scheduler.use(KnownTables(self._known.relative.values, self._weights))
        self._timing.weigh(self._weights)

    def recommend(self, seconds: float) -> Recommendation | None:
        """The configuration with the highest expected gain per second, or None."""
        is_first, self._is_first = self._is_first, False
        # Where only trials count, no choice may depend on the clock.
        if is_first and np.isfinite(seconds):
            quick = self._pick(seconds, is_first=True)
            if quick is not None:
                return quick
        self._turn += 1
        if self._turn % _UNKNOWN_MODEL_EVERY == 0 and len(self._strangers):
            stranger = self._strangers.recommend(seconds)
            if stranger is not None:
                return stranger
        for found in (self._pick, self._rest.recommend, self._strangers.recommend):
            if (recommendation := found(seconds)) is not None:
                return recommendation
        return None

    def observe(self, observation: Observation) -> None:
        """Correct the belief by a result."""
        column = self._columns.get(observation.configuration.key)
        if column is not None:
            loss = np.nan if observation.loss is None else observation.loss
            self._scheduler.observe(column, loss)
            fits = observation.folds * self._n_folds
            if fits > 0:
                self._timing.observe(column, observation.seconds / fits)

    def originals(self) -> dict[str, Configuration]:
        """Configurations as they are stored, by the key of what is tried here."""
        facts = self._known.matrix.configurations
        return {
            configuration.key: facts[column].configuration
            for configuration, column in zip(self._configurations, self._known.columns, strict=True)
        }

    def summary(self) -> dict[str, Any]:
        """What was used and what was skipped, as JSON-ready values."""
        return {
            "datasets": len(np.unique(self._known.matrix.tables)),
            "configurations": len(self._configurations),
            "skipped": dict(self._known.skipped),
            "similar": [
                {"dataset": label, "weight": float(weight)} for label, weight in self.similar(5)
            ],
        }

    def similar(self, count: int = 5) -> list[tuple[str, float]]:
        """Names and weights of the known tables most like this one."""
        tables = self._known.matrix.tables
        weights = np.bincount(tables, self._weights)
        _, first = np.unique(tables, return_index=True)
        nearest = np.argsort(-weights, kind="stable")[:count]
        return [(self._label(first[table]), float(weights[table])) for table in nearest]

    def _pick(self, seconds: float, is_first: bool = False) -> Recommendation | None:
        """The scheduler's choice; a first one among what is quick, to have an answer soon."""
        expected = np.array([self._runtime.expected_seconds(c) for c in self._configurations])
        least = np.array([self._runtime.least_seconds(c) for c in self._configurations])
        at_most = max(_QUICK_SECONDS, expected.min()) if is_first else np.inf
        choice = self._scheduler.next(expected, seconds, expected <= at_most, needed=least)
        if choice is None:
            return None
        if choice.gain < _LEAST_GAIN and self._scheduler.results >= _RESULTS_BEFORE_STOP:
            self._scheduler.release(choice.column)
            return None
        configuration = self._configurations[choice.column]
        return Recommendation(
            configuration,
            "knowledge",
            self._why(choice),
            float(expected[choice.column]),
            self._expected_loss(choice.column),
        )

    def _weigh(self) -> np.ndarray:
        matrix = self._known.matrix
        new = np.array([self._numbers.get(name, np.nan) for name in matrix.metafeature_names])
        return row_weights(matrix, new, self._training_rows)

    def _why(self, choice: NextConfiguration) -> str:
        """Where it was near the best, the most similar tables first."""
        relative, is_known = self._known.relative.values, self._known.relative.is_known
        column = choice.column
        good = is_known[:, column] & (relative[:, column] <= _NEAR_BEST)
        order = np.argsort(-self._weights, kind="stable")
        tables = self._known.matrix.tables
        nearest: dict[int, int] = {}
        for place in order:
            if good[place]:
                nearest.setdefault(tables[place], place)
        near = list(nearest.values())
        if not near:
            return "complements what was tried"
        names = ", ".join(self._label(place) for place in near[:_SHOWN])
        more = f" and {len(near) - _SHOWN} more" if len(near) > _SHOWN else ""
        return f"near the best on {names}{more}"

    def _label(self, place: int) -> str:
        return self._known.matrix.datasets[place].label or "a table fitted here"

    def _expected_loss(self, column: int) -> float | None:
        """Mean loss on similar tables, where losses of different tables can be compared."""
        matrix = self._known.matrix
        if matrix.kind == "regression" and matrix.metric != "r2":
            return None
        losses = matrix.loss[:, self._known.columns[column]]
        is_scored = np.isfinite(losses) & np.array([m == matrix.metric for m in matrix.metrics])
        weight = self._weights[is_scored].sum()
        if weight <= 0:
            return None
        return float(self._weights[is_scored] @ losses[is_scored] / weight)

    def _seconds(self, configuration: Configuration) -> float | None:
        """Expected seconds of one fit, None for a model that nothing is known of."""
        column = self._columns.get(configuration.key)
        if column is not None:
            return float(self._timing.seconds[column])
        usual = self._known.durations.of_model(configuration.model, self._size)
        return None if usual is None else usual * self._timing.factor(configuration.model)


def _training_rows(task: Task, n_folds: int) -> float:
    """Rows that one fit is trained on."""
    return task.n_rows * (n_folds - 1) / n_folds if n_folds > 1 else task.n_rows


def _size(task: Task, rows: float) -> np.ndarray:
    """`size_features` of what one fit is trained on."""
    return size_features(
        np.array([rows]), np.array([len(task.features)]), np.array([task.n_classes])
    )[0]
