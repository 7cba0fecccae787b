"""metaauto-lightgbm fulfils the contract of a model."""

from __future__ import annotations

import metaauto_lightgbm

from metaauto.plugins.manager import PluginSettings, load_plugins
from metaauto.testing import ModelContract

MODEL = load_plugins(
    PluginSettings(only=(), strict=True), objects=[metaauto_lightgbm]
).registry.model("lightgbm")


class TestLightGBM(ModelContract):
    model = MODEL
