"""metaauto-xgboost fulfils the contract of a model."""

from __future__ import annotations

import metaauto_xgboost
import numpy as np
from metaauto_xgboost.estimator import XGBoostRegressor

from metaauto.plugins.manager import PluginSettings, load_plugins
from metaauto.testing import ModelContract

MODEL = load_plugins(
    PluginSettings(only=(), strict=True), objects=[metaauto_xgboost]
).registry.model("xgboost")


class TestXGBoost(ModelContract):
    model = MODEL


def test_targets_with_a_large_mean_lose_no_precision():
    X = np.arange(40.0)[:, None]
    values = np.repeat([0.0, 1.0], 20)
    model = XGBoostRegressor().fit(X, values + 1.7e9)
    np.testing.assert_allclose(model.predict(X) - 1.7e9, values, rtol=0, atol=0.1)
