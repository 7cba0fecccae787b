from __future__ import annotations

import lightgbm
import numpy as np
import pytest
from metaauto_lightgbm.estimator import LightGBMClassifier, LightGBMRegressor
from metaauto_lightgbm.trees import decision_trees

from metaauto.api import Refused


@pytest.mark.parametrize("n_classes", [0, 2, 3])
@pytest.mark.parametrize("missing", [False, True])
def test_the_sums_are_the_raw_scores(n_classes, missing):
    random = np.random.default_rng(0)
    X = np.column_stack([random.normal(size=(300, 2)), random.integers(0, 9, 300)])
    X[::3, 1] = 0.0
    y = X[:, 0] + 3 * np.isin(X[:, 2], [1, 4, 7])
    if missing:
        X[::9] = np.nan
    settings = {
        "values": {"num_leaves": 8, "min_data_in_leaf": 5, "min_data_per_group": 5},
        "categorical": (2,),
    }
    if n_classes:
        codes = np.digitize(y, [0.0, 1.0][: n_classes - 1])
        model = LightGBMClassifier(**settings).fit(X, codes, rounds=6)
    else:
        model = LightGBMRegressor(**settings).fit(X, 100 * y + 7, rounds=6)
    trees = model.decision_trees()
    assert trees.categories
    cuts = trees.threshold[trees.feature == 1]
    new = np.column_stack([X[: len(cuts), 0], cuts, X[: len(cuts), 2]])
    for rows in (X, new, np.full((1, 3), np.nan), [[0.0, -1e-35, 40.0], [0.0, 1e-36, -1.0]]):
        raw = model.booster_.predict(rows, raw_score=True) if n_classes else model.predict(rows)
        np.testing.assert_allclose(
            trees.sums(rows), np.reshape(raw, (len(rows), trees.outputs)), atol=1e-9
        )


def test_another_objective_is_refused():
    X = np.arange(60.0)[:, None]
    params = {"objective": "poisson", "verbosity": -1, "min_data_in_leaf": 5}
    booster = lightgbm.train(params, lightgbm.Dataset(X, np.arange(60.0)), 2)
    with pytest.raises(Refused, match="'poisson'"):
        decision_trees(booster)
