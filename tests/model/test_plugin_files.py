"""Models with classes of plugin files: saved, loaded elsewhere, and refused clearly without them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from command_line import run_plain

import metaauto
from metaauto.model import read_manifest

pytestmark = pytest.mark.slow

HOME = Path(metaauto.__file__).parent.parent
PLUGIN = """
import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from metaauto.api import Model, hookimpl

class Plane(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        self.slope_ = np.linalg.lstsq(np.column_stack([X, np.ones(len(X))]), y, rcond=None)[0]
        return self

    def predict(self, X):
        return np.asarray(X) @ self.slope_[:-1] + self.slope_[-1]

@hookimpl
def register_models(register):
    register.model(
        Model("plane", lambda values, context: Plane(), tasks=("regression",),
              trusted=(f"{__name__}.Plane",))
    )
"""


@pytest.fixture(scope="module")
def call(imported):
    """A function that calls ``metaauto`` in a folder, in a process without the plugin."""

    def call(folder, *arguments):
        store = os.environ["METAAUTO_KNOWLEDGE"]
        return run_plain(imported.command(*arguments), folder, METAAUTO_KNOWLEDGE=store)

    return call


@pytest.fixture(scope="module")
def place(tmp_path_factory, call):
    """A folder with a plugin file, and a model that was made with it."""
    place = tmp_path_factory.mktemp("place")
    (place / "mine").mkdir()
    (place / "mine" / "my-plane.py").write_text(PLUGIN)
    done = call(
        place,
        *("fit", "sklearn:diabetes", "--trials", 1, "--cores", 1, "--include", "plane"),
        *("--plugins", "mine", "--out", "m.metaauto", "--quiet", "--json"),
    )
    assert done.returncode == 0, done.stderr
    assert list(json.loads(done.stdout)["members"]) == ["plane-1"]
    return place


def test_the_file_says_which_plugin_it_needs(place):
    (member,) = read_manifest(place / "m.metaauto")["members"]
    assert (member["model"], member["plugin"]) == ("plane", "my-plane")


def test_it_is_loaded_with_the_folder(place, call):
    done = call(place, "predict", "m.metaauto", "sklearn:diabetes", "--plugins", "mine")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 443


def test_without_the_folder_the_plugin_is_named(place, call):
    done = call(place, "predict", "m.metaauto", "sklearn:diabetes")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: The model file requires plugin my-plane (model 'plane').")
    assert "--plugins FOLDER" in done.stderr


def test_the_folder_may_lie_elsewhere(place, tmp_path, call):
    shutil.copytree(place / "mine", tmp_path / "other")
    shutil.copy(place / "m.metaauto", tmp_path)
    done = call(tmp_path, "predict", "m.metaauto", "sklearn:diabetes", "--plugins", "other")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def undeclared(tmp_path_factory):
    """A folder with a plugin file that does not declare its class."""
    folder = tmp_path_factory.mktemp("undeclared")
    (folder / "mine").mkdir()
    text = PLUGIN.replace('trusted=(f"{__name__}.Plane",)', "")
    assert text != PLUGIN
    (folder / "mine" / "my-plane.py").write_text(text)
    return folder


def test_the_baseline_is_saved_if_no_file_of_the_model_could_be_loaded(undeclared, call):
    done = call(
        undeclared,
        *("fit", "sklearn:diabetes", "--trials", 1, "--cores", 1, "--include", "plane"),
        *("--plugins", "mine", "--out", "m.metaauto", "--json"),
    )
    assert done.returncode == 0
    first, second = (line for line in done.stderr.splitlines() if line.startswith("Warning: "))
    assert "Member 'plane-1' cannot be saved: plugin 'my-plane' does not" in first
    assert "trusted=('metaauto_plugin_my_plane.Plane',)" in first
    assert "the saved model is the baseline" in second
    manifest = read_manifest(undeclared / "m.metaauto")
    assert [member["model"] for member in manifest["members"]] == ["dummy"]
    predicted = call(undeclared, "predict", "m.metaauto", "sklearn:diabetes")
    assert len(predicted.stdout.splitlines()) == 443


def test_the_ensemble_is_saved_without_undeclared_types(undeclared):
    code = """
        import metaauto
        from metaauto.model import FinalModel
        both = [
            metaauto.fit("sklearn:diabetes", include=[name], trials=1, cores=1)
            for name in ("plane", "ridge")
        ]
        members = [member for model in both for member in model.members]
        model = FinalModel(both[1].task, both[1].schema, members, both[1].metric_name)
        print([m.model for m in metaauto.load(model.save("b.metaauto")).members])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=undeclared,
        env={**os.environ, "PYTHONPATH": str(HOME), "METAAUTO_PLUGINS_DIR": "mine"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "['ridge']\n"
    assert "metaauto_plugin_my_plane.Plane" in done.stderr
    assert "It is dropped" in done.stderr
