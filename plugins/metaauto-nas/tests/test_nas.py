"""metaauto-nas fulfils the contract of a model where torch is installed."""

from __future__ import annotations

import metaauto_nas
import pytest

from metaauto.plugins.manager import PluginSettings, load_plugins
from metaauto.testing import ModelContract

pytest.importorskip("torch", reason="trains with torch: tox -e nas")

MODEL = load_plugins(PluginSettings(only=(), strict=True), objects=[metaauto_nas]).registry.model(
    "nas"
)


class TestNas(ModelContract):
    model = MODEL
    fit_seconds = 2.0
    draws = 2
