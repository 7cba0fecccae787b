"""Ten broken plugins in one folder: every command works, each fault is named, the fit is good."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from command_line import run_plain

import metaauto
from metaauto.cli import main

HOME = Path(metaauto.__file__).parent.parent
BUDGET = 20.0
HOOK = "from metaauto.api import Float, Model, Tags, hookimpl\n\n@hookimpl\ndef register_models(register):\n"
ESTIMATOR = """
import numpy as np
import time
from sklearn.base import BaseEstimator, ClassifierMixin
from metaauto.api import Model, hookimpl

class Faulty(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        {fit}
        return self

    def predict_proba(self, X):
        return np.full((len(X), len(self.classes_)), {probability})

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

def build(values, context):
    return Faulty()

@hookimpl
def register_models(register):
    register.model(Model("{name}", build, cost=0.001))
"""

AT_LOADING = {
    "import_error": ("import no_such_module_anywhere\n", "no_such_module_anywhere"),
    "syntax_error": ("def register_models(:\n", "SyntaxError"),
    "misspelt": (
        "from metaauto.api import hookimpl\n\n@hookimpl\ndef register_modles(register):\n    pass\n",
        "Did you mean register_models?",
    ),
    "raising": (HOOK + "    raise KeyError('oops')\n", "register_models raised KeyError: 'oops'"),
    "wrong_type": (HOOK + "    register.model('knn')\n", "registers a str as a model"),
    "clashing": (
        HOOK + "    register.model(Model('random_forest', lambda values, context: None))\n",
        "The model name 'random_forest' is registered by",
    ),
    "impossible": (
        HOOK + "    register.model(Model('x', print, {'a': Float(1.0, 0.0, 0.5)}))\n",
        "The range 1.0 to 0.0 is empty",
    ),
}
"""Plugins whose fault shows when they are loaded, with a part of the error."""

AT_FITTING = {
    "build_raises": (
        HOOK
        + "    def build(values, context):\n        raise ZeroDivisionError('in build')\n"
        + "    register.model(Model('builds_badly', build, cost=0.001))\n",
        "builds_badly",
        "ZeroDivisionError: in build",
    ),
    "predicts_nan": (
        ESTIMATOR.format(fit="pass", probability="np.nan", name="nan_model"),
        "nan_model",
        "predicted NaN",
    ),
    "never_returns": (
        ESTIMATOR.format(fit="time.sleep(3600)", probability="0.5", name="endless"),
        "endless",
        "exceeded the time limit",
    ),
}
"""Plugins whose fault shows when they are used: their model, and a part of the error."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("broken")
    for name, (code, *_) in {**AT_LOADING, **AT_FITTING}.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(code))
    return folder


@pytest.fixture(scope="module")
def call(imported, folder):
    """A function that calls ``metaauto`` in a process of its own."""

    def call(*arguments):
        command = imported.command(*arguments)
        return run_plain(command, timeout=180, METAAUTO_PLUGINS_DIR=str(folder))

    return call


@pytest.fixture(scope="module")
def fitted(call, tmp_path_factory):
    """A fit with all ten installed: what it said, the model and how long it took.

    Only one good model takes part, so that there is time for each faulty one on a slow machine.
    """
    models = ("logistic", *(model for _, model, _ in AT_FITTING.values()))
    model = tmp_path_factory.mktemp("models") / "cancer.metaauto"
    began = time.monotonic()
    done = call(
        *("fit", "sklearn:breast_cancer", "--budget", f"{BUDGET:g}s", "--cores", "2"),
        *("--out", str(model), "--json"),
        *(word for name in models for word in ("--include", name)),
    )
    return done, model, time.monotonic() - began


def test_there_are_ten():
    assert len(AT_LOADING) + len(AT_FITTING) == 10


@pytest.mark.slow
def test_the_list_names_each_plugin_and_its_fault(call):
    done = call("plugins", "--json")
    assert done.returncode == 0
    plugins = {plugin["name"]: plugin for plugin in json.loads(done.stdout)}
    for name, (_, fault) in AT_LOADING.items():
        assert any(fault in error for error in plugins[name]["errors"]), name
        assert plugins[name]["components"] == []
    for name, (_, model, _) in AT_FITTING.items():
        assert plugins[name]["errors"] == []
        assert plugins[name]["components"] == [f"model:{model}"]
    assert plugins["builtin"]["errors"] == []


@pytest.mark.parametrize("name", AT_LOADING)
def test_a_faulty_plugin_can_be_shown(folder, name, monkeypatch, capsys):
    monkeypatch.setenv("METAAUTO_PLUGINS_DIR", str(folder))
    with pytest.raises(SystemExit) as ending:
        main(["plugins", "show", name])
    assert ending.value.code == 0
    shown = capsys.readouterr().out
    assert AT_LOADING[name][1] in shown
    assert f"METAAUTO_DISABLE_PLUGINS={name}" in shown


@pytest.mark.slow
def test_the_fit_ends_in_time_with_a_good_model(fitted):
    done, _, seconds = fitted
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["score"] > 0.97
    assert {name.rpartition("-")[0] for name in record["members"]} == {"logistic"}
    assert seconds < BUDGET + 60.0, "starting an interpreter is slow, waiting for a model endless"


@pytest.mark.slow
def test_the_fit_names_each_plugin_that_could_not_be_loaded(fitted):
    done, _, _ = fitted
    warnings = [line for line in done.stderr.splitlines() if line.startswith("Warning:")]
    for name, (_, fault) in AT_LOADING.items():
        assert any(name in line and fault in line for line in warnings), name


@pytest.mark.slow
def test_the_fit_names_each_plugin_whose_model_failed(fitted):
    done, _, _ = fitted
    warnings = [line for line in done.stderr.splitlines() if line.startswith("Warning:")]
    for plugin, (_, model, fault) in AT_FITTING.items():
        named = [line for line in warnings if f"Plugin {plugin!r}: model {model!r}" in line]
        assert named, f"{plugin} in {warnings}"
        assert fault in named[0]


@pytest.mark.slow
def test_the_leaderboard_names_each_model_that_failed_and_why(fitted, call):
    _, model, _ = fitted
    rows = metaauto.load(model).leaderboard_rows
    for _, name, fault in AT_FITTING.values():
        own = [row for row in rows if row["name"].startswith(f"{name}-")]
        assert own, f"{name} was not tried"
        assert all(row["status"] != "success" for row in own)
        assert any(fault in (row["error"] or "") for row in own)
    assert call("leaderboard", str(model)).returncode == 0


@pytest.mark.slow
def test_the_model_predicts_and_is_evaluated_with_all_of_them_installed(fitted, call, tmp_path):
    _, model, _ = fitted
    out = tmp_path / "predictions.csv"
    predicted = call("predict", str(model), "sklearn:breast_cancer", "-o", str(out))
    assert predicted.returncode == 0, predicted.stderr
    assert len(out.read_text().splitlines()) == 570
    evaluated = call("evaluate", str(model), "sklearn:breast_cancer")
    assert evaluated.returncode == 0, evaluated.stderr


def test_strict_mode_ends_at_the_first_fault(folder, monkeypatch):
    monkeypatch.setitem(os.environ, "METAAUTO_STRICT_PLUGINS", "1")
    done = subprocess.run(
        [sys.executable, "-m", "metaauto", "plugins", "--plugins", str(folder)],
        env={**os.environ, "PYTHONPATH": str(HOME)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "Plugin 'import_error'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
