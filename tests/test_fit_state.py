from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, mean_absolute_error

from metaauto.data import plan_splits, prepare
from metaauto.fit_state import FitState
from metaauto.metrics import METRICS

ROWS = np.array([1, 2, 5, 8, 9])


def state(metric: str, target: str, weights: str | None = None) -> FitState:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"size": random.normal(size=40), "w": random.random(40)})
    frame["amount"] = 3 * frame["size"]
    frame["sold"] = np.where(frame["size"] > 1, "yes", "no")
    dataset = prepare(frame[["size", "w", target]], target, weights=weights)
    splits = plan_splits(dataset, cv=2)
    rest = SimpleNamespace(registry="the registry")
    return FitState(rest, dataset, METRICS[metric], splits, None, None, None, None, None)


@pytest.mark.parametrize("weights", [None, "w"])
def test_the_loss_is_over_the_asked_rows_and_their_weights(weights):
    shared = state("mae", "amount", weights)
    prediction = np.linspace(-1, 1, 5).astype(np.float32)
    given = None if weights is None else shared.dataset.weights[ROWS]
    expected = mean_absolute_error(shared.dataset.y[ROWS], prediction, sample_weight=given)
    assert shared.loss(ROWS, prediction) == pytest.approx(expected)
    y, found = shared.targets(ROWS)
    np.testing.assert_array_equal(y, shared.dataset.y[ROWS])
    assert (found is None) is (weights is None)


def test_metrics_of_labels_are_judged_at_the_best_threshold():
    shared = state("f1", "sold")
    rows = np.arange(40)
    size = shared.dataset.X["size"].to_numpy()
    share = 0.4 / (1 + np.exp(-5 * (size - 1)))
    prediction = np.column_stack([1 - share, share]).astype(np.float32)
    assert f1_score(shared.dataset.y, prediction.argmax(axis=1), zero_division=0) == 0
    assert shared.loss(rows, prediction) == pytest.approx(0.0)


def test_workers_get_the_table_and_its_folds():
    shared = state("mae", "amount", "w")
    inputs = shared.inputs
    assert inputs.task is shared.dataset.task
    assert inputs.folds is shared.splits.folds
    assert inputs.weights is shared.dataset.weights
    assert shared.registry == "the registry"
