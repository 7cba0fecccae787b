"""metaauto-catboost fulfils the contract of a model."""

from __future__ import annotations

import metaauto_catboost

from metaauto.plugins.manager import PluginSettings, load_plugins
from metaauto.testing import ModelContract

MODEL = load_plugins(
    PluginSettings(only=(), strict=True), objects=[metaauto_catboost]
).registry.model("catboost")


class TestCatBoost(ModelContract):
    model = MODEL
