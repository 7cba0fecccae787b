from __future__ import annotations

import numpy as np
import pytest
import xgboost
from metaauto_xgboost.estimator import XGBoostClassifier, XGBoostRegressor
from metaauto_xgboost.trees import decision_trees

from metaauto.api import Refused


@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_the_sums_are_the_margins(n_classes):
    random = np.random.default_rng(0)
    X = np.column_stack([random.normal(size=(300, 2)), random.integers(0, 9, 300)])
    y = X[:, 0] + 3 * np.isin(X[:, 2], [1, 4, 7])
    X[::9, :2], X[::10, 2] = np.nan, np.nan
    settings = {"values": {"max_depth": 4}, "categorical": (2,)}
    if n_classes:
        codes = np.digitize(y, [0.0, 1.0][: n_classes - 1])
        model = XGBoostClassifier(**settings).fit(X, codes, rounds=6)
    else:
        model = XGBoostRegressor(**settings).fit(X, y, rounds=6)
    trees = model.decision_trees()
    assert trees.categories
    cuts = trees.threshold[trees.feature == 1]
    new = np.column_stack([X[: len(cuts), 0], cuts, X[: len(cuts), 2]])
    new[::4, 2] = 40.0
    for rows in (X, new):
        if n_classes:
            raw = model.booster_.predict(model._matrix(xgboost.DMatrix, rows), output_margin=True)
        else:
            raw = model.predict(rows)
        np.testing.assert_allclose(
            trees.sums(rows), np.reshape(raw, (len(rows), trees.outputs)), atol=1e-5
        )


def test_another_objective_is_refused():
    data = xgboost.DMatrix(np.arange(60.0)[:, None], label=np.arange(60.0))
    booster = xgboost.train({"objective": "count:poisson"}, data, 2)
    with pytest.raises(Refused, match="'count:poisson'"):
        decision_trees(booster)
