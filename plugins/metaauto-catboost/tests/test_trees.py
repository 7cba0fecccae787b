from __future__ import annotations

import numpy as np
import pytest
from metaauto_catboost.estimator import CatBoostClassifier, CatBoostRegressor

from metaauto.api import Refused


@pytest.mark.parametrize("n_classes", [0, 2, 3])
@pytest.mark.parametrize("grow_policy", ["SymmetricTree", "Depthwise"])
def test_the_sums_are_the_raw_scores(n_classes, grow_policy):
    X = np.random.default_rng(0).normal(size=(300, 3))
    y = X[:, 0] + 0.5 * X[:, 1]
    X[::9, :2] = np.nan
    settings = {"values": {"depth": 3, "grow_policy": grow_policy}}
    if n_classes:
        codes = np.digitize(y, [0.0, 1.0][: n_classes - 1])
        model = CatBoostClassifier(**settings).fit(X, codes, rounds=6)
    else:
        model = CatBoostRegressor(**settings).fit(X, y, rounds=6)
    trees = model.decision_trees()
    cuts = trees.threshold[trees.feature == 1]
    new = np.column_stack([X[: len(cuts), 0], cuts, X[: len(cuts), 2]])
    for rows in (X, new):
        raw = model._raw(rows, "RawFormulaVal") if n_classes else model.predict(rows)
        np.testing.assert_allclose(
            trees.sums(rows), np.reshape(raw, (len(rows), trees.outputs)), atol=1e-9
        )


def test_categorical_columns_are_refused():
    X = np.column_stack([np.arange(60) % 4, np.arange(60.0)])
    model = CatBoostRegressor(categorical=(0,)).fit(X, np.arange(60.0), rounds=2)
    with pytest.raises(Refused, match="categorical columns"):
        model.decision_trees()
