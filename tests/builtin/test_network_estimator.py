"""The averaged networks keep scikit-learn's conventions, the deadline and the best epoch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from metaauto.api import Deadline
from metaauto.builtin.models import network, network_estimator
from metaauto.builtin.models.network_estimator import (
    NetworkClassifier,
    NetworkRegressor,
    learning_rate_factor,
)
from metaauto.model.serialization import dump_estimator

SMALL = {"width": 16, "epochs": 20, "batch_size": 32}


def _rows(n_rows=160, seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n_rows, 4))
    return X, 2.0 * X[:, 0] - np.abs(X[:, 1]) + 0.1 * random.normal(size=n_rows)


def test_classifier_keeps_the_conventions():
    X, values = _rows()
    y = np.where(values > 0, "up", "down")
    classifier = NetworkClassifier(**SMALL, members=2)
    with pytest.raises(NotFittedError):
        classifier.predict(X)
    fitted = classifier.fit(X, y)
    assert fitted is classifier
    assert fitted.classes_.tolist() == ["down", "up"]
    proba = fitted.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    np.testing.assert_array_equal(fitted.predict(X), fitted.classes_[proba.argmax(axis=1)])
    assert fitted.score(X, y) > 0.9
    again = clone(fitted)
    assert again.get_params() == fitted.get_params()
    np.testing.assert_array_equal(again.fit(X, y).predict_proba(X), proba)
    other = clone(fitted).set_params(random_state=1)
    assert not np.array_equal(other.fit(X, y).predict_proba(X), proba)


def test_regressor_stays_within_the_range_of_the_target():
    X, y = _rows()
    regressor = NetworkRegressor(**SMALL).fit(X, y)
    assert regressor.score(X, y) > 0.8
    far = regressor.predict(100.0 * X)
    assert far.min() >= y.min() - 1e-9
    assert far.max() <= y.max() + 1e-9


@settings(max_examples=5, deadline=None)
@given(dropped=st.lists(st.integers(0, 159), max_size=60, unique=True))
def test_rows_of_weight_zero_are_ignored(dropped):
    X, y = _rows()
    weight = np.ones(160)
    weight[dropped] = 0.0
    whole = NetworkRegressor(**SMALL).fit(X, y, weight)
    part = NetworkRegressor(**SMALL).fit(X[weight > 0], y[weight > 0])
    np.testing.assert_array_equal(whole.predict(X), part.predict(X))


def test_members_are_averaged_and_differ():
    X, y = _rows()
    regressor = NetworkRegressor(**SMALL, members=3).fit(X, y)
    together, weights = regressor.predict(X), regressor.weights_
    alone = []
    for member in range(3):
        regressor.weights_ = weights[[member]]
        alone.append(regressor.predict(X))
    assert np.abs(alone[0] - alone[1]).max() > 0.01
    inner = (together > y.min()) & (together < y.max())
    np.testing.assert_allclose(together[inner], np.mean(alone, axis=0)[inner], atol=0.5)


def test_rows_are_predicted_in_parts(monkeypatch):
    X, y = _rows()
    regressor = NetworkRegressor(**SMALL).fit(X, y)
    whole = regressor.predict(X)
    monkeypatch.setattr(network_estimator, "ROWS_PER_CALL", 7)
    np.testing.assert_allclose(regressor.predict(X), whole, atol=1e-5)


def test_best_epoch_and_temperature_are_those_of_the_validation_part():
    X = _rows(60)[0]
    y = np.random.default_rng(1).integers(0, 2, 60)  # nothing to learn but noise
    held_out = (_rows(200, seed=2)[0], np.random.default_rng(3).integers(0, 2, 200), None)
    classifier = NetworkClassifier(epochs=200, batch_size=16, dropout=0.0)
    proba = classifier.fit(X, y, validation=held_out).predict_proba(held_out[0])
    loss = -np.log(proba[np.arange(200), held_out[1]]).mean()
    assert loss < np.log(2) + 0.02
    unlimited = clone(classifier).fit(X, y)
    assert classifier.n_updates_ < unlimited.n_updates_
    assert unlimited.inverse_temperature_ == 1.0


def test_deadline_shortens_the_schedule():
    X, y = _rows(2_000)
    settings = {"width": 128, "epochs": 1_000, "max_updates": 100_000}
    begun = NetworkRegressor(**settings).fit(X, y, deadline=Deadline.after(1.0))
    assert 20 <= begun.n_updates_ < 15_000
    assert begun.score(X, y) > 0.5
    late = NetworkRegressor(**settings).fit(X, y, deadline=Deadline.after(-1.0))
    assert late.n_updates_ == 1


def test_model_file_holds_the_weights_once():
    X, y = _rows()
    regressor = NetworkRegressor(width=128, members=2, epochs=2).fit(X, y)
    assert regressor.weights_.dtype == np.float32
    assert len(dump_estimator(regressor)) < 1.1 * regressor.weights_.nbytes + 20_000


@given(progress=st.floats(0.0, 1.0))
def test_learning_rate_warms_up_and_falls_to_zero(progress):
    assert 0.0 <= learning_rate_factor(progress) <= 1.0
    assert learning_rate_factor(0.0) > 0.0
    assert learning_rate_factor(0.2) == 1.0
    assert learning_rate_factor(1.0) < 1e-9
    next_factor = learning_rate_factor(min(progress + 1e-6, 1.0))
    assert abs(next_factor - learning_rate_factor(progress)) < 1e-3


def test_few_rows_have_more_members_and_smaller_batches():
    assert network._members("auto", 500) > network._members("auto", 50_000)
    assert network._batch_size("auto", 500) < network._batch_size("auto", 50_000)
    assert network._members(8, 50_000) == 8
    assert network._batch_size(512, 500) == 512


def test_embedded_categories_alone_are_learned():
    codes = np.arange(600) % 30
    X, y = codes[:, None].astype(float), np.sin(codes)
    regressor = NetworkRegressor(**SMALL, categorical=(0,), learning_rate=0.01, dropout=0.0)
    assert regressor.fit(X, y).score(X, y) > 0.9
    unknown = regressor.predict(np.array([[-1.0], [99.0], [np.nan]]))
    assert unknown[0] == unknown[1] == unknown[2]
