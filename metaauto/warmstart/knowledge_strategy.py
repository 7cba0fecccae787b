"""The knowledge strategy: expected gain per second of stored configurations on this dataset."""

from __future__ import annotations

import numpy as np

from metaauto.components.strategy import (
    Observation,
    Recommendation,
    WarmStart,
    WarmStartSummary,
)
from metaauto.metafeatures import Metafeatures
from metaauto.space import SearchSpace
from metaauto.task import Task
from metaauto.warmstart.acquisition import Acquisition, KnownDatasets, Proposal
from metaauto.warmstart.candidates import KnownConfigurations
from metaauto.warmstart.portfolio import DefaultPortfolio
from metaauto.warmstart.runtime_model import RuntimeModel, size_features
from metaauto.warmstart.similarity import row_weights, task_metafeatures

__all__ = ["KnowledgeStrategy"]

_MIN_GAIN = 2e-3
_MIN_RESULTS = 16
_UNSEEN_MODEL_EVERY = 4
_UNSEEN_SHARE = 0.25
_NEAR_BEST = 0.25
_SHOWN = 3
_QUICK_SECONDS = 0.3


class KnowledgeStrategy(WarmStart):
    """Recommend stored configurations by expected gain per second on this dataset.

    Known datasets are weighted by similarity of the metafeatures (half of the weight is uniform).
    The first configurations are a greedy portfolio on the weighted datasets. From the fifth result
    on, a Gaussian surrogate over all configurations is conditioned on the results. Unseen models,
    such as those of a new plugin, get every fourth recommendation if they are expected to need at
    most a quarter of the time left. Further portfolio entries of the installed models come last.

    Parameters
    ----------
    space : SearchSpace
        Search space of the new dataset.
    runtime : RuntimeModel
        Predicts seconds; it is updated with the stored seconds.
    known : KnownConfigurations
        At least one stored configuration, without results on the new dataset itself.
    n_folds : int
        Folds per trial.
    for_ensemble : bool, default=True
        Whether an ensemble is built from the trials; then the gain has a diversity bonus
        (`metaauto.warmstart.acquisition.EnsembleGain`).
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
        self._metafeatures: dict[str, float] = task_metafeatures(space.task)
        self._training_rows = _training_rows(space.task, n_folds)
        self._weights = self._row_weights()
        self._acquisition = Acquisition(
            KnownDatasets(self._known.losses.values, self._weights), for_ensemble=for_ensemble
        )
        self._is_first = True
        self._turn = 0
        size = _size(space.task, self._training_rows)
        runtime.use_stored(self._configurations, known.durations, size)
        runtime.set_similarity(self._weights)
        models = {c.model for c in self._configurations}
        self._unseen = DefaultPortfolio(space, runtime, models=set(space.models) - models)
        self._rest = DefaultPortfolio(space, runtime, self._configurations, models)

    def inform(self, metafeatures: Metafeatures) -> None:
        """Update the similarity of the known datasets with all metafeatures."""
        self._metafeatures = {**self._metafeatures, **metafeatures.values}
        self._weights = self._row_weights()
        self._acquisition.set_known(KnownDatasets(self._known.losses.values, self._weights))
        self._runtime.set_similarity(self._weights)

    def recommend(self, seconds: float) -> Recommendation | None:
        """Return the configuration with the highest expected gain per second, or None."""
        is_first, self._is_first = self._is_first, False
        # Without a time limit the result must not depend on the clock.
        if is_first and np.isfinite(seconds):
            quick = self._propose(seconds, is_first=True)
            if quick is not None:
                return quick
        self._turn += 1
        if self._turn % _UNSEEN_MODEL_EVERY == 0 and len(self._unseen):
            unseen = self._unseen.recommend_within(_UNSEEN_SHARE * seconds)
            if unseen is not None:
                return unseen
        for source in (self._propose, self._rest.recommend, self._unseen.recommend):
            if (recommendation := source(seconds)) is not None:
                return recommendation
        return None

    def observe(self, observation: Observation) -> None:
        """Update the surrogate with a result."""
        column = self._columns.get(observation.configuration.key)
        if column is not None:
            loss = np.nan if observation.loss is None else observation.loss
            self._acquisition.observe(column, loss)

    def summary(self) -> WarmStartSummary:
        """Return the known datasets and configurations."""
        tables = self._known.matrix.tables
        weights = np.bincount(tables, self._weights)
        _, first = np.unique(tables, return_index=True)
        return WarmStartSummary(
            len(first),
            len(self._configurations),
            self._known.skipped,
            tuple(
                (self._label(first[table]), float(weights[table]))
                for table in np.argsort(-weights, kind="stable")
            ),
        )

    def _propose(self, seconds: float, is_first: bool = False) -> Recommendation | None:
        """Recommend the acquisition's proposal; the first one is quick, for an early result."""
        expected = np.array([self._runtime.expected_seconds(c) for c in self._configurations])
        least = np.array([self._runtime.least_seconds(c) for c in self._configurations])
        at_most = max(_QUICK_SECONDS, expected.min()) if is_first else np.inf
        proposal = self._acquisition.propose(expected, seconds, expected <= at_most, needed=least)
        if proposal is None:
            return None
        if proposal.gain < _MIN_GAIN and self._acquisition.n_results >= _MIN_RESULTS:
            self._acquisition.release(proposal.column)
            return None
        configuration = self._configurations[proposal.column]
        return Recommendation(
            configuration,
            "knowledge",
            self._why(proposal),
            float(expected[proposal.column]),
            self._expected_loss(proposal.column),
        )

    def _row_weights(self) -> np.ndarray:
        matrix = self._known.matrix
        new = np.array([self._metafeatures.get(name, np.nan) for name in matrix.metafeature_names])
        return row_weights(matrix, new, self._training_rows)

    def _why(self, proposal: Proposal) -> str:
        """Name the datasets on which the configuration is near the best, the most similar first."""
        losses, is_known = self._known.losses.values, self._known.losses.is_known
        column = proposal.column
        is_good = is_known[:, column] & (losses[:, column] <= _NEAR_BEST)
        tables = self._known.matrix.tables
        first_rows: dict[int, int] = {}
        for row in np.argsort(-self._weights, kind="stable"):
            if is_good[row]:
                first_rows.setdefault(tables[row], row)
        rows = list(first_rows.values())
        if not rows:
            return "complements the configurations already tried"
        names = ", ".join(self._label(row) for row in rows[:_SHOWN])
        more = f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
        return f"near the best on {names}{more}"

    def _label(self, row: int) -> str:
        return self._known.matrix.datasets[row].label or "a table fitted here"

    def _expected_loss(self, column: int) -> float | None:
        """Return the mean loss on similar datasets; None where losses are not comparable."""
        matrix = self._known.matrix
        if matrix.kind == "regression" and matrix.metric != "r2":
            return None
        losses = matrix.loss[:, self._known.columns[column]]
        is_scored = np.isfinite(losses) & np.array([m == matrix.metric for m in matrix.metrics])
        weight = self._weights[is_scored].sum()
        if weight <= 0:
            return None
        return float(self._weights[is_scored] @ losses[is_scored] / weight)


def _training_rows(task: Task, n_folds: int) -> float:
    """Return the number of training rows of one fit."""
    return task.n_rows * (n_folds - 1) / n_folds if n_folds > 1 else task.n_rows


def _size(task: Task, rows: float) -> np.ndarray:
    """Return the `size_features` of the training rows of one fit."""
    return size_features(
        np.array([rows]), np.array([len(task.features)]), np.array([task.n_classes])
    )[0]
