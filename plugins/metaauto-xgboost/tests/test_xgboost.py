"""metaauto-xgboost fulfils the contract of a model."""

from __future__ import annotations

import metaauto_xgboost

from metaauto.plugins.manager import PluginSettings, load_plugins
from metaauto.testing import ModelContract

MODEL = load_plugins(
    PluginSettings(only=(), strict=True), objects=[metaauto_xgboost]
).registry.model("xgboost")


class TestXGBoost(ModelContract):
    model = MODEL
