"""What is known before the first trial, and the state that the stages of one fit share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metaauto.components.strategy import WarmStart
from metaauto.data import Dataset, Splits
from metaauto.ensemble import quick_decision
from metaauto.knowledge import LoadedKnowledge
from metaauto.metrics import Metric
from metaauto.plugins.manager import LoadedPlugins
from metaauto.plugins.registry import Registry
from metaauto.run import RunDirectory
from metaauto.search import Inputs
from metaauto.space import SearchSpace
from metaauto.warmstart import RuntimeModel

__all__ = ["FitState", "PreparedFit"]


@dataclass(frozen=True)
class PreparedFit:
    """What is known before the first trial; a fit, its dry run and `suggest` share it.

    Parameters
    ----------
    plugins : LoadedPlugins
        The installed components.
    dataset : Dataset
        The table.
    metric : Metric
        Metric to optimise.
    splits : Splits
        Training and validation rows of the folds.
    space : SearchSpace
        The search space.
    runtime : RuntimeModel
        Prediction of the seconds of a trial.
    knowledge : LoadedKnowledge
        Knowledge of other datasets.
    strategy : WarmStart
        Source of the first configurations.
    """

    plugins: LoadedPlugins
    dataset: Dataset
    metric: Metric
    splits: Splits
    space: SearchSpace
    runtime: RuntimeModel
    knowledge: LoadedKnowledge
    strategy: WarmStart

    @property
    def registry(self) -> Registry:
        """All installed components."""
        return self.plugins.registry

    @property
    def inputs(self) -> Inputs:
        """The table and its folds, as input of the workers."""
        dataset = self.dataset
        return Inputs(dataset.task, dataset.X, dataset.y, dataset.weights, self.splits.folds)

    def targets(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Return target and sample weights of some rows."""
        weights = self.dataset.weights
        return self.dataset.y[rows], None if weights is None else weights[rows]

    def loss(self, rows: np.ndarray, prediction: np.ndarray) -> float:
        """Return the loss of a prediction of some rows; label metrics at the best threshold."""
        y, weights = self.targets(rows)
        decision = None
        if self.metric.needs == "labels":
            decision = quick_decision(prediction, y, self.metric, weights)
        return self.metric.loss(y, prediction, weights, decision)


@dataclass(frozen=True)
class FitState(PreparedFit):
    """A prepared fit in its run directory.

    Parameters
    ----------
    run : RunDirectory
        The run directory.
    """

    run: RunDirectory

    @classmethod
    def of(cls, prepared: PreparedFit, run: RunDirectory) -> FitState:
        """Return a prepared fit with its run directory."""
        return cls(**vars(prepared), run=run)
