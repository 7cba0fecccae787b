"""metaauto-nas fulfils the contract of a model where torch is installed."""

from __future__ import annotations

import metaauto_nas
import numpy as np
import pandas as pd
import pytest

import metaauto
from metaauto.model import read_manifest
from metaauto.plugins.manager import PluginSettings, load_plugins
from metaauto.report.html import report_html
from metaauto.testing import ModelContract

pytest.importorskip("torch", reason="trains with torch: tox -e nas")

MODEL = load_plugins(PluginSettings(only=(), strict=True), objects=[metaauto_nas]).registry.model(
    "nas"
)


class TestNas(ModelContract):
    model = MODEL
    fit_seconds = 2.0
    draws = 2


def test_a_fit_finds_networks_together_and_its_report_shows_them(tmp_path):
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(160, 3)), columns=list("abc"))
    frame["y"] = np.where(frame["a"] * frame["b"] > 0, "same", "other")
    model = metaauto.fit(
        frame, "y", include=["nas"], budget=90, trials=6, cores=1, cv=2, seed=0,
        knowledge=False, remember=False,
    )  # fmt: skip
    statuses = [trial.status for trial in model.record.report.history[1:]]
    assert "success" in statuses
    assert statuses.count("dropped") >= 4
    training = next(iter(model.record.training.values()))
    assert training["networks"] >= 8
    assert len(training["rungs"]) >= 1
    path = model.save(tmp_path / "model.metaauto")
    np.testing.assert_array_equal(metaauto.load(path).predict(frame), model.predict(frame))
    text = report_html(read_manifest(path))
    assert "Neural networks" in text
    assert "2 outputs" in text
    assert "Rungs of the searches" in text
