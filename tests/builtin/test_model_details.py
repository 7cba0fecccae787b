"""What the models promise beyond the contract of plugins."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import log_loss

from metaauto.builtin.models import MODELS, boosting, neural
from metaauto.builtin.models.fitting import affordable_rounds
from metaauto.model.serialization import dump_estimator
from metaauto.testing import default_values, fit_on, make_problem, predict_with

BY_NAME = {model.name: model for model in MODELS}


def test_names_are_unique_and_sorted():
    names = [model.name for model in MODELS]
    assert names == sorted(set(names))


def test_importing_the_models_is_cheap():
    code = (
        "import sys, metaauto.api\n"
        "import metaauto.builtin.models\n"
        "print([m for m in ('sklearn', 'scipy', 'pandas') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_every_model_beats_the_dummy(kind):
    problem = make_problem(kind, n_rows=200)
    scores = {}
    for model in MODELS:
        if kind in model.tasks:
            found = predict_with(fit_on(model, problem, seconds=1.0), problem)
            if kind == "regression":
                scores[model.name] = np.mean((found - problem.y_validation) ** 2)
            else:
                scores[model.name] = log_loss(problem.y_validation, found)
    dummy = scores.pop("dummy")
    assert {name for name, loss in scores.items() if loss >= 0.8 * dummy} == set()


def test_a_forest_in_batches_is_the_forest_at_once():
    problem = make_problem("binary")
    values = default_values(BY_NAME["random_forest"].space_for("binary"))
    ours = fit_on(BY_NAME["random_forest"], problem, values)
    plain = RandomForestClassifier(
        n_estimators=ours.n_estimators,
        max_features=values["max_features"],
        min_samples_leaf=values["min_samples_leaf"],
        random_state=0,
    ).fit(problem.X, problem.y)
    np.testing.assert_array_equal(
        ours.predict_proba(problem.X_validation), plain.predict_proba(problem.X_validation)
    )


def test_the_deadline_leaves_a_smaller_forest():
    problem = make_problem("regression", n_rows=3000, n_features=10)
    forest = fit_on(BY_NAME["extra_trees"], problem, seconds=0.05)
    assert 1 <= len(forest.estimators_) == forest.n_estimators < 200


def test_boosting_stops_at_the_validation_part():
    problem = make_problem("binary", n_rows=300)
    noise = np.random.default_rng(0).permutation(problem.y_validation)
    model = BY_NAME["hist_gradient_boosting"]
    good = fit_on(model, problem).n_iter_
    misled = fit_on(model, replace(problem, y_validation=noise)).n_iter_
    assert misled <= boosting.PATIENCE + 15
    assert good > misled


@given(n_classes=st.integers(0, 10_000))
def test_the_rounds_of_boosting_bound_the_trees_of_many_classes(n_classes):
    rounds = boosting._max_rounds(n_classes)
    assert 1 <= rounds <= boosting.MAX_ROUNDS
    assert rounds * n_classes <= 10 * boosting.MAX_ROUNDS + n_classes
    assert n_classes > 10 or rounds == boosting.MAX_ROUNDS


def test_boosting_of_many_classes_is_bounded(monkeypatch):
    monkeypatch.setattr(boosting, "MAX_ROUNDS", 20)
    y = np.repeat(np.arange(40), 4)
    X = np.column_stack([y + np.random.default_rng(0).normal(size=160) / 10, y])
    training = np.arange(160) % 4 > 0
    problem = make_problem("multiclass")
    problem = replace(
        problem,
        n_classes=40, X=X[training], y=y[training], X_validation=X[~training], y_validation=y[~training],
    )  # fmt: skip
    assert fit_on(BY_NAME["hist_gradient_boosting"], problem).n_iter_ == 5


def test_boosting_watches_by_itself_where_scikit_learn_cannot(monkeypatch):
    monkeypatch.setattr(boosting, "_NativeEarlyStopping", boosting._EarlyStopping)
    model = BY_NAME["hist_gradient_boosting"]
    for kind in model.tasks:
        problem = make_problem(kind, n_rows=200)
        fitted = fit_on(model, problem)
        assert boosting.PATIENCE <= fitted.n_iter_ < boosting.MAX_ROUNDS
        assert np.isfinite(predict_with(fitted, problem)).all()


def test_boosting_takes_columns_of_too_many_categories_as_numbers():
    problem = make_problem("regression", n_rows=700)
    for X in (problem.X, problem.X_validation):
        X[:, 0] = np.arange(len(X))
        X[:, 1] = np.arange(len(X)) % 5
    fitted = fit_on(BY_NAME["hist_gradient_boosting"], replace(problem, categorical=(0, 1)))
    assert fitted.is_categorical_.tolist() == [False, True, False, False, False]


def test_boosting_ignores_validation_rows_of_classes_it_never_saw():
    problem = make_problem("multiclass")
    kept = problem.y != 2
    lacking = replace(problem, X=problem.X[kept], y=problem.y[kept])
    fitted = fit_on(BY_NAME["hist_gradient_boosting"], lacking)
    assert fitted.classes_.tolist() == [0, 1]


@pytest.mark.parametrize("name", ["elastic_net", "mlp", "network", "svm"])
def test_the_scale_of_the_target_does_not_matter(name):
    problem = make_problem("regression", n_rows=100)
    large = replace(problem, y=1e6 * problem.y, y_validation=1e6 * problem.y_validation)
    first, second = (predict_with(fit_on(BY_NAME[name], p), p) for p in (problem, large))
    np.testing.assert_allclose(second, 1e6 * first, rtol=0.05, atol=3e5)


def test_the_perceptron_keeps_its_best_epoch():
    problem = make_problem("binary", n_rows=80)
    short = make_problem("binary", n_rows=80, seed=9)
    mixed = replace(problem, X=short.X, y=np.roll(short.y, 17))  # nothing to learn but noise
    fitted = fit_on(BY_NAME["mlp"], mixed)
    loss = log_loss(problem.y_validation, fitted.predict_proba(problem.X_validation))
    assert loss < 0.85, "the last epoch would be far worse than the first"


@pytest.mark.parametrize("name", ["svm", "qda", "naive_bayes", "lda"])
@pytest.mark.filterwarnings("ignore")
def test_classes_of_one_row_do_not_stop_a_fit(name):
    problem = make_problem("multiclass", n_rows=60)
    y = np.where(problem.y == 2, 1, problem.y)
    y[0] = 2
    found = predict_with(fit_on(BY_NAME[name], replace(problem, y=y)), problem)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("name", ["random_forest", "hist_gradient_boosting", "logistic", "svm"])
def test_balanced_classes_raise_the_rare_one(name):
    problem = make_problem("binary", n_rows=200)
    rare = problem.y.astype(bool) & (np.arange(200) % 6 > 0)
    shifted = replace(problem, y=np.where(rare, 0, problem.y))
    values = default_values(BY_NAME[name].space_for("binary"))
    means = [
        predict_with(fit_on(BY_NAME[name], shifted, {**values, "class_weight": w}), shifted)[
            :, 1
        ].mean()
        for w in (None, "balanced")
    ]
    if name == "svm":  # calibration undoes the shift of the mean, not of the margin
        assert means[0] != means[1]
    else:
        assert means[1] > means[0]


def test_rounds_are_asked_for_in_steps_that_fit():
    problem = make_problem("binary")
    endless, short = problem.context(), problem.context(seconds=10.0)
    late = problem.context(seconds=-1.0)
    assert affordable_rounds(5, 100, 1.0, endless) == 95
    assert affordable_rounds(5, 10, 1.0, short) == 5
    assert 0 < affordable_rounds(5, 1000, 1.0, short) < 40
    assert affordable_rounds(5, 1000, 1.0, late) == 0


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_mlp_without_training_state_predicts_the_same(kind, monkeypatch):
    problem = make_problem(kind, n_rows=200)
    small = fit_on(BY_NAME["mlp"], problem)
    monkeypatch.setattr(neural, "keep_prediction_state", lambda *_: None)
    full = fit_on(BY_NAME["mlp"], problem)
    np.testing.assert_array_equal(predict_with(small, problem), predict_with(full, problem))
    np.testing.assert_array_equal(small.predict(problem.X), full.predict(problem.X))
    assert len(dump_estimator(small)) < len(dump_estimator(full)) / 3
