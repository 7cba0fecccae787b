from __future__ import annotations

import numpy as np
from sklearn.metrics import log_loss
from sklearn.naive_bayes import GaussianNB

from metaauto.builtin.models.temperature_scaling import TemperatureScaledClassifier


def copied_columns(n_rows=600, seed=0):
    """Return twenty copies of one weak column, which naive Bayes treats as independent."""
    random = np.random.default_rng(seed)
    y = np.arange(n_rows) % 3
    signal = y[:, None] + 1.5 * random.normal(size=(n_rows, 1))
    return np.repeat(signal, 20, axis=1) + 0.01 * random.normal(size=(n_rows, 20)), y


def test_overconfidence_is_repaired_and_decisions_stay():
    X, y = copied_columns()
    new, truth = copied_columns(seed=1)
    plain = GaussianNB().fit(X, y)
    scaled = TemperatureScaledClassifier(GaussianNB()).fit(X, y)
    assert scaled.inverse_temperature_ < 0.3
    assert log_loss(truth, scaled.predict_proba(new)) < 0.7 * log_loss(
        truth, plain.predict_proba(new)
    )
    np.testing.assert_array_equal(scaled.predict(new), plain.predict(new))


def test_an_honest_classifier_is_left_about_as_it_is():
    random = np.random.default_rng(0)
    y = np.arange(3000) % 2
    X = y[:, None] + random.normal(size=(3000, 1))
    assert 0.7 < TemperatureScaledClassifier(GaussianNB()).fit(X, y).inverse_temperature_ < 1.4


def test_a_class_of_one_row():
    X, y = copied_columns(60)
    y[y == 2] = 1
    y[0] = 2
    found = TemperatureScaledClassifier(GaussianNB()).fit(X, y).predict_proba(X)
    assert found.shape == (60, 3)
    assert np.allclose(found.sum(axis=1), 1.0)


def test_weights_reach_the_classifier():
    X, y = copied_columns(300)
    weight = np.where(y == 2, 10.0, 1.0)
    plain = TemperatureScaledClassifier(GaussianNB()).fit(X, y).predict_proba(X)[:, 2].mean()
    heavy = TemperatureScaledClassifier(GaussianNB()).fit(X, y, sample_weight=weight)
    assert heavy.predict_proba(X)[:, 2].mean() > plain + 0.02
