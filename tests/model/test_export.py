from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import cross_val_score
from sklearn.utils.validation import check_is_fitted

from metaauto.errors import SchemaMismatch
from metaauto.model import FinalModel
from metaauto.model.export import to_sklearn

KINDS = ("binary", "multiclass", "regression")


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_equal_those_of_the_model(models, new_rows, kind):
    model, estimator = models[kind], models[kind].to_sklearn()
    assert isinstance(estimator, FrozenEstimator)
    check_is_fitted(estimator)
    if kind == "regression":
        assert is_regressor(estimator)
        np.testing.assert_allclose(estimator.predict(new_rows), model.predict(new_rows), rtol=1e-6)
        assert not hasattr(estimator, "predict_proba")
    else:
        assert is_classifier(estimator)
        np.testing.assert_array_equal(estimator.predict(new_rows), model.predict(new_rows))
        np.testing.assert_allclose(
            estimator.predict_proba(new_rows), model.predict_proba(new_rows), atol=1e-6
        )
        np.testing.assert_array_equal(estimator.classes_, model.classes_)


@pytest.mark.parametrize("kind", KINDS)
def test_it_can_be_cloned_pickled_and_cross_validated(models, table, kind):
    estimator = to_sklearn(models[kind])
    rows = table(kind, 60, seed=4)
    X, y = rows.drop(columns="target"), rows["target"]
    expected = estimator.predict(X)
    for copy in (
        clone(estimator),
        clone(estimator.estimator),
        pickle.loads(pickle.dumps(estimator)),
    ):
        np.testing.assert_array_equal(copy.predict(X), expected)
    scores = cross_val_score(estimator, X, y, cv=2)
    assert scores.shape == (2,)
    assert (scores > 0.5).all()
    assert estimator.score(X, y) > 0.5


def test_fitting_changes_nothing(models, new_rows):
    estimator = to_sklearn(models["binary"])
    before = estimator.predict_proba(new_rows)
    estimator.fit(new_rows.head(10), ["a", "b"] * 5)
    estimator.estimator.fit(new_rows.head(10), ["a", "b"] * 5)
    np.testing.assert_array_equal(estimator.predict_proba(new_rows), before)


def test_it_holds_scikit_learn_pipelines_and_the_columns(models, new_rows):
    estimator = to_sklearn(models["binary"]).estimator
    assert list(estimator.feature_names_in_) == models["binary"].feature_names
    assert [(name, weight) for name, weight, _ in estimator.members] == [
        ("hist_gradient_boosting-1", 3.0),
        ("logistic-1", 1.0),
    ]
    assert all(isinstance(f, FrozenEstimator) for _, _, folds in estimator.members for f in folds)
    assert set(estimator.get_params(deep=False)) == {
        "schema",
        "members",
        "classes",
        "calibrator",
        "decision",
        "prior",
    }
    with pytest.raises(SchemaMismatch):
        estimator.predict(pd.DataFrame({"size": [1.0]}))


def test_a_loaded_model_can_be_exported(models, new_rows, tmp_path):
    loaded = FinalModel.load(models["multiclass"].save(tmp_path / "model"))
    np.testing.assert_array_equal(
        loaded.to_sklearn().predict(new_rows), models["multiclass"].predict(new_rows)
    )
