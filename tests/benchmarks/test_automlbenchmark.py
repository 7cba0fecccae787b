"""The entry for the AutoML Benchmark fits a job and returns what the benchmark expects."""

from __future__ import annotations

import runpy
import sys
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pandas as pd
import pytest

EXEC = Path(__file__).parents[2] / "benchmarks/automlbenchmark/extensions/metaauto/exec.py"


@contextmanager
def timer():
    yield SimpleNamespace(duration=0.0)


@pytest.fixture
def run(monkeypatch):
    """Return `run` of the entry, with modules of the benchmark that are not installed here."""
    callee, timers = ModuleType("frameworks.shared.callee"), ModuleType("frameworks.shared.utils")
    callee.call_run = callee.measure_inference_times = None
    callee.result = dict
    timers.Timer = timer
    for name in ("frameworks", "frameworks.shared"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, callee.__name__, callee)
    monkeypatch.setitem(sys.modules, timers.__name__, timers)
    return runpy.run_path(str(EXEC))["run"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_a_job_returns_predictions_of_all_test_rows(run, kind):
    random = np.random.default_rng(0)
    X = pd.DataFrame(random.normal(size=(200, 3)), columns=["a", "b", "c"])
    signal = X["a"] + 0.1 * random.normal(size=200)
    y = signal.gt(0).map({True: "yes", False: "no"}) if kind == "classification" else signal
    parts = [
        SimpleNamespace(X=X[rows], y=y[rows].rename("target").to_frame())
        for rows in (slice(0, 150), slice(150, 200))
    ]
    config = SimpleNamespace(
        type=kind,
        metric="auc" if kind == "classification" else "rmse",
        max_runtime_seconds=120,
        cores=1,
        max_mem_size_mb=4096,
        seed=1,
        framework_params={"knowledge": False, "trials": 3, "_save_artifacts": []},
        measure_inference_time=False,
        output_predictions_file="predictions.csv",
    )
    found = run(SimpleNamespace(train=parts[0], test=parts[1]), config)
    assert len(found["predictions"]) == len(found["truth"]) == 50
    assert found["models_count"] >= 1
    if kind == "classification":
        assert found["probabilities_labels"] == ["no", "yes"]
        assert found["probabilities"].shape == (50, 2)
        assert (found["predictions"] == found["truth"]).mean() > 0.8
    else:
        assert found["probabilities"] is None
        assert np.corrcoef(found["predictions"], found["truth"])[0, 1] > 0.9
