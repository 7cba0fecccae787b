"""The trees of forests and of boosting as arrays give the raw scores of the estimators."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.ensemble

from metaauto.builtin.models import compact_trees


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(0)
    X = random.normal(size=(600, 4))
    X[:, 3] = random.integers(0, 9, 600)
    X[::9, :3] = np.nan
    X[::10, 3] = np.nan
    new = X[random.permutation(600)].copy()
    new[::7, 3] = 40  # unknown category
    y = np.nan_to_num(X[:, 0]) + 3 * np.isin(X[:, 3], [1, 4, 7])
    return X, y, new


@pytest.mark.parametrize("kind", ["RandomForest", "ExtraTrees"])
@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_trees_of_a_forest(rows, kind, n_classes):
    X, y, new = rows
    settings = {"n_estimators": 5, "max_leaf_nodes": 12, "random_state": 0}
    if not n_classes:
        model = getattr(compact_trees, f"Compact{kind}Regressor")(**settings).fit(X, y)
        expected = model.predict(new)[:, None]
    else:
        codes = np.digitize(y, [0.0, 1.0][: n_classes - 1])
        model = getattr(compact_trees, f"Compact{kind}Classifier")(**settings).fit(X, codes)
        expected = model.predict_proba(new)[:, -1:] if n_classes == 2 else model.predict_proba(new)
    np.testing.assert_allclose(model.decision_trees().sums(new), expected, atol=1e-12)


@pytest.mark.parametrize("kind", ["RandomForest", "ExtraTrees"])
@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_few_rows_are_predicted_as_by_scikit_learn(rows, kind, n_classes):
    X, y, new = rows
    settings = {"n_estimators": 30, "min_samples_leaf": 3, "random_state": 0}
    name = f"{kind}Classifier" if n_classes else f"{kind}Regressor"
    target = np.digitize(y, [0.0, 1.0][: n_classes - 1]) if n_classes else y
    found = getattr(compact_trees, f"Compact{name}")(**settings).fit(X, target)
    expected = getattr(sklearn.ensemble, name)(**settings).fit(X, target)
    method = "predict_proba" if n_classes else "predict"
    for count in (1, 7, len(new)):
        wanted = getattr(expected, method)(new[:count])
        assert getattr(found, method)(new[:count]).tobytes() == wanted.tobytes()
        assert (found.predict(new[:count]) == expected.predict(new[:count])).all()


@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_trees_of_boosting(rows, n_classes):
    X, y, new = rows
    settings = {
        "max_iter": 6,
        "min_samples_leaf": 5,
        "categorical_features": [3],
        "early_stopping": False,
    }
    if not n_classes:
        model = compact_trees.CompactBoostingRegressor(**settings).fit(X, y)
        expected = model.predict(new)[:, None]
    else:
        codes = np.digitize(y, [0.0, 1.0][: n_classes - 1])
        model = compact_trees.CompactBoostingClassifier(**settings).fit(X, codes)
        expected = model.decision_function(new).reshape(len(new), -1)
    trees = model.decision_trees()
    assert trees.categories
    np.testing.assert_allclose(trees.sums(new), expected, atol=1e-12)
