"""Models of plugins are converted in a worker: one that cannot be saved costs its member."""

from __future__ import annotations

import dataclasses
import os
import pickle
import time

import numpy as np
import pytest
from sklearn.pipeline import Pipeline

from metaauto.errors import ModelFileError
from metaauto.model import FinalModel, conversion
from metaauto.model.packing import PackedModel, PackedModels
from metaauto.plugins.manager import PluginSettings
from metaauto.search import LocalExecutor
from metaauto.testing.faults import FaultyEstimator

POSIX = pytest.mark.skipif(os.name != "posix", reason="faults end their process by signals")
FAULTY = PluginSettings(only=(), modules=("metaauto.testing.faults",))
TRUSTED = ("metaauto.testing.faults.FaultyEstimator",)
CAUSES = {
    "saves_slowly": "time limit",
    "save_raises": "fails on purpose",
    "save_segfaults": "SIGSEGV",
    "save_exits": "exit code 3",
}


def packed(models, plugins):
    folds = [PackedModel(pickle.dumps(model)) for model in models]
    return PackedModels(folds, plugins)


@pytest.fixture
def model(models) -> FinalModel:
    """A model of a good member and of one with each fault, packed as after a fit."""
    good = models["regression"]
    found = [
        dataclasses.replace(m, plugin="faults", estimators=packed(m.estimators, FAULTY))
        for m in good.members
    ]
    for fault in ("none", *CAUSES):
        fitted = FaultyEstimator(fault, regression=True).fit(np.zeros((3, 1)), np.arange(3.0))
        folds = [Pipeline([("model", fitted)])]
        estimators = packed(folds, FAULTY)
        member = dataclasses.replace(
            good.members[0], name=fault, model=fault, plugin="faults", trusted=TRUSTED
        )
        found.append(
            dataclasses.replace(member, estimators=estimators, all_rows=packed(folds, FAULTY))
        )
    return dataclasses.replace(good, members=found)


@POSIX
def test_members_that_cannot_be_saved_are_dropped(model, models, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(conversion, "_LEAST_SECONDS", 3.0)
    late = dataclasses.replace(model.members[-4], name="again")
    assert late.model == "saves_slowly"
    started = time.monotonic()
    path = dataclasses.replace(model, members=[*model.members, late]).save(tmp_path / "m.metaauto")
    assert time.monotonic() - started < 60
    assert not any(fold._estimator for m in model.members for fold in m.estimators.folds)
    kept = FinalModel.load(path, trust=True).members
    assert [m.name for m in kept] == [*(m.name for m in models["regression"].members), "none"]
    assert [len(m.all_rows) for m in kept][-1] == 1
    dropped = caplog.messages
    assert len(dropped) == len(CAUSES) + 1
    for fault, cause in CAUSES.items():
        assert sum(f"Member '{fault}'" in text and cause in text for text in dropped) == 1
    assert sum("'again'" in text and "took too long" in text for text in dropped) == 1


def test_the_file_is_that_of_models_converted_here(models, tmp_path, new_rows, monkeypatch):
    good = models["binary"]
    paths = []
    for plugins in (None, FAULTY):
        members = [
            dataclasses.replace(m, estimators=packed(m.estimators, plugins)) for m in good.members
        ]
        model = dataclasses.replace(good, members=members)
        paths.append(model.save(tmp_path / f"{plugins is None}.metaauto"))
    first, second = (FinalModel.load(path).predict_proba(new_rows) for path in paths)
    assert first.tobytes() == second.tobytes() == good.predict_proba(new_rows).tobytes()

    def lost(*_):
        raise conversion.WorkerError("No process can be started.", hint="Free memory.")

    monkeypatch.setattr(LocalExecutor, "set_up", lost)
    assert FinalModel.load(model.save(tmp_path / "m.metaauto")).members


def test_a_type_that_is_not_declared_is_an_error_with_a_hint(model, tmp_path):
    member = dataclasses.replace(model.members[-5], trusted=())
    with pytest.raises(ModelFileError, match="does not declare types as trusted") as error:
        dataclasses.replace(model, members=[member]).save(tmp_path / "m.metaauto")
    assert "trusted=(" in error.value.hint
