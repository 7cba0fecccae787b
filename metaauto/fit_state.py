"""What the stages of one fit share once the table is read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metaauto.components.strategy import WarmStart
from metaauto.data import Dataset, Splits
from metaauto.ensemble import quick_decision
from metaauto.metrics import Metric
from metaauto.plugins.manager import LoadedPlugins
from metaauto.plugins.registry import Registry
from metaauto.run import RunDirectory
from metaauto.search import Inputs
from metaauto.space import SearchSpace
from metaauto.warmstart import RuntimeModel

__all__ = ["FitState"]


@dataclass
class FitState:
    """What the stages of one fit share once the table is read.

    Parameters
    ----------
    dataset : Dataset
        The table.
    metric : Metric
        What is optimised.
    splits : Splits
        Which rows judge which.
    space : SearchSpace
        What can be tried.
    strategy : WarmStart
        What is tried first.
    runtime : RuntimeModel
        How long it will take.
    plugins : LoadedPlugins
        The installed components.
    run : RunDirectory
        Where everything is written.
    """

    dataset: Dataset
    metric: Metric
    splits: Splits
    space: SearchSpace
    strategy: WarmStart
    runtime: RuntimeModel
    plugins: LoadedPlugins
    run: RunDirectory

    @property
    def registry(self) -> Registry:
        """The installed components, all of them."""
        return self.plugins.registry

    @property
    def inputs(self) -> Inputs:
        """The table and its folds, as the workers want them."""
        dataset = self.dataset
        return Inputs(dataset.task, dataset.X, dataset.y, dataset.weights, self.splits.folds)

    def answers(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Target and sample weights of some rows."""
        weights = self.dataset.weights
        return self.dataset.y[rows], None if weights is None else weights[rows]

    def loss(self, rows: np.ndarray, prediction: np.ndarray) -> float:
        """Loss of a prediction of some rows; label metrics at the best threshold."""
        y, weights = self.answers(rows)
        decision = None
        if self.metric.needs == "labels":
            decision = quick_decision(prediction, y, self.metric, weights)
        return self.metric.loss(y, prediction, weights, decision)
