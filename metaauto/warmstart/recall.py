"""The warm start from a knowledge store: what won on similar tables, minding the seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from metaauto.configuration import Configuration
from metaauto.metafeatures import Metafeatures
from metaauto.space import SearchSpace
from metaauto.warmstart.candidates import KnownConfigurations
from metaauto.warmstart.durations import size_features
from metaauto.warmstart.glance import first_glance
from metaauto.warmstart.portfolio import DefaultPortfolio
from metaauto.warmstart.runtime import RuntimeModel
from metaauto.warmstart.scheduler import Choice, KnownTables, Scheduler
from metaauto.warmstart.similar import distances, similarity_weights
from metaauto.warmstart.strategy import Observation, Recommendation

__all__ = ["KnowledgeStrategy"]

_LEAST_GAIN = 2e-3
_PATIENT = 16
_STRANGERS_EVERY = 4
_NEAR_BEST = 0.25
_SHOWN = 3
_QUICK_SECONDS = 1.5


class KnowledgeStrategy:
    """Recommends stored configurations by expected gain per second on this table.

    The weight of each known table is its likeness by metafeatures (half of it spread evenly). The
    first configurations complement each other on those tables; from the fifth result on, a
    Gaussian belief over all configurations is corrected by what was seen. Seconds are predicted
    from the stored ones and corrected by this machine's. What the authors of the installed models
    recommend and the store knows nothing of, such as the models of a new plugin, gets every fourth
    turn.

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
    """

    def __init__(
        self,
        space: SearchSpace,
        runtime: RuntimeModel,
        known: KnownConfigurations,
        n_folds: int,
    ) -> None:
        self._known = known
        self._runtime = runtime
        self._configurations = self._known.configurations
        self._columns = {c.key: column for column, c in enumerate(self._configurations)}
        self._numbers: dict[str, float] = first_glance(space.task)
        self._weights = self._weigh()
        self._scheduler = Scheduler(KnownTables(self._known.relative.values, self._weights))
        self._allowed = np.ones(len(self._configurations), dtype=bool)
        self._is_first = True
        self._turn = 0
        self._strangers = DefaultPortfolio(space, runtime, without=self._configurations)
        self._teach(space, runtime, n_folds)

    def inform(self, metafeatures: Metafeatures) -> None:
        """Weigh the known tables by the whole description."""
        self._numbers = {**self._numbers, **metafeatures.values}
        self._weights = self._weigh()
        self._scheduler.use(KnownTables(self._known.relative.values, self._weights))

    def recommend(self, seconds: float) -> Recommendation | None:
        """The configuration with the highest expected gain per second, or None."""
        if self._is_first and (quick := self._pick(seconds, _QUICK_SECONDS)) is not None:
            self._is_first = False
            return quick
        self._is_first = False
        self._turn += 1
        if self._turn % _STRANGERS_EVERY == 0 and len(self._strangers):
            stranger = self._strangers.recommend(seconds)
            if stranger is not None:
                return stranger
        found = self._pick(seconds)
        return found if found is not None else self._strangers.recommend(seconds)

    def observe(self, observation: Observation) -> None:
        """Correct the belief by a result."""
        column = self._columns.get(observation.configuration.key)
        if column is not None:
            loss = np.nan if observation.loss is None else observation.loss
            self._scheduler.observe(column, loss)

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
            "datasets": len(self._known.matrix.datasets),
            "configurations": len(self._configurations),
            "skipped": dict(self._known.skipped),
            "similar": [
                {"dataset": label, "weight": float(weight)} for label, weight in self.similar(5)
            ],
        }

    def similar(self, count: int = 5) -> list[tuple[str, float]]:
        """Names and weights of the known tables most like this one."""
        places = np.argsort(-self._weights, kind="stable")[:count]
        return [(self._label(place), float(self._weights[place])) for place in places]

    def _pick(self, seconds: float, at_most: float = np.inf) -> Recommendation | None:
        """The scheduler's choice among what is expected to take no longer than some seconds."""
        expected = np.array([self._runtime.expected_seconds(c) for c in self._configurations])
        least = np.array([self._runtime.least_seconds(c) for c in self._configurations])
        allowed = self._allowed & (least <= seconds) & (expected <= at_most)
        # A model that stops at its deadline costs what is left at most.
        costs = np.minimum(expected, max(seconds, 0.0)) if np.isfinite(seconds) else expected
        choice = self._scheduler.next(costs, seconds, allowed)
        if choice is None:
            return None
        if choice.gain < _LEAST_GAIN and self._scheduler.results >= _PATIENT:
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
        return similarity_weights(distances(matrix.metafeatures, new))

    def _why(self, choice: Choice) -> str:
        """Where it was near the best, the most similar tables first."""
        relative, is_known = self._known.relative.values, self._known.relative.is_known
        column = choice.column
        good = is_known[:, column] & (relative[:, column] <= _NEAR_BEST)
        order = np.argsort(-self._weights, kind="stable")
        near = [place for place in order if good[place]]
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
        is_scored = np.isfinite(losses)
        weight = self._weights[is_scored].sum()
        if weight <= 0:
            return None
        return float(self._weights[is_scored] @ losses[is_scored] / weight)

    def _teach(self, space: SearchSpace, runtime: RuntimeModel, n_folds: int) -> None:
        """Tell the runtime model what the stored seconds say of this table."""
        task = space.task
        rows = task.n_rows * (n_folds - 1) / n_folds if n_folds > 1 else task.n_rows
        size = size_features(
            np.array([rows]), np.array([len(task.features)]), np.array([task.n_classes])
        )[0]
        durations = self._known.durations
        predicted = durations.predict(size)
        known: dict[str, float] = {
            c.key: float(predicted[column]) for column, c in enumerate(self._configurations)
        }
        usual: Mapping[str, float | None] = {
            model: durations.of_model(model, size) for model in set(durations.models)
        }

        def seconds(configuration: Configuration) -> float | None:
            return known.get(configuration.key, usual.get(configuration.model))

        runtime.use(seconds)
