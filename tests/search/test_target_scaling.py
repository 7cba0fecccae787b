from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline

from metaauto.model.serialization import TRUSTED_TYPES, dump_estimator, load_estimator
from metaauto.search.target_scaling import TargetScaling


@given(center=st.floats(-500, 500), exponent=st.integers(-4, 11), seed=st.integers(0, 2**32 - 1))
def test_ordinary_targets_are_not_changed(center, exponent, seed):
    y = (np.random.default_rng(seed).normal(size=50) + center) * 10.0**exponent
    assert TargetScaling.of(y).apply(y) is y
    assert TargetScaling.of(y).restored("estimator") == "estimator"


def test_constant_targets_are_not_changed():
    assert TargetScaling.of(np.full(5, 1.7e9)) == TargetScaling()


@given(offset=st.floats(1e5, 1e12), exponent=st.integers(-80, 80), seed=st.integers(0, 2**32 - 1))
def test_extreme_targets_are_standardised_and_restored(offset, exponent, seed):
    y = (np.random.default_rng(seed).normal(size=50) + offset) * 10.0**exponent
    scaling = TargetScaling.of(y)
    scaled = scaling.apply(y)
    assert abs(scaled.mean()) < 1e-3
    assert 0.4 <= scaled.std() <= 1.1

    class Echo:
        def predict(self, X):
            return X[:, 0]

    restored = scaling.restored(Echo()).predict(scaled[:, None])
    np.testing.assert_allclose(restored, y, rtol=1e-15)


def test_rescaled_regressors_can_be_saved():
    X = np.arange(10.0)[:, None]
    y = X[:, 0] + 1.7e9
    scaling = TargetScaling.of(y)
    model = Pipeline([("model", scaling.restored(Ridge(1e-9).fit(X, scaling.apply(y))))])
    loaded = load_estimator(dump_estimator(model), TRUSTED_TYPES)
    assert loaded.predict(X).tolist() == model.predict(X).tolist()
    np.testing.assert_allclose(loaded.predict(X), y, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rescaled_regressors_predict_double_precision(dtype):
    class Half:
        def predict(self, X):
            return np.full((len(X), 1), 0.5, dtype=dtype)

    scaling = TargetScaling(1.7e9, 0.5)
    assert scaling.restored(Half()).predict(np.zeros((2, 1))).tolist() == [1.7e9 + 0.25] * 2
