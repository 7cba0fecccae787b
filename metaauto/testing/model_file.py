"""Save a model file, load it in a new process and predict, for the contract of models."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from metaauto.components import Deadline, Model
from metaauto.plugins.hookspecs import hookimpl
from metaauto.plugins.manager import PluginSettings, load_plugins
from metaauto.plugins.registry import Registry
from metaauto.testing.problems import Problem
from metaauto.testing.sampling import default_values

__all__ = ["check_model_file"]

_TIMEOUT = 300.0


def check_model_file(model: Model, problem: Problem, seconds: float) -> None:
    """Assert that a model file predicts in a new process what the fitted model predicts here.

    Parameters
    ----------
    model : Model
        The component.
    problem : Problem
        The training and validation rows; the default configuration is fitted.
    seconds : float
        Deadline of the fit.

    Raises
    ------
    ModelFileError
        The model cannot be saved.
    """
    final, rows = _final_model(model, problem, seconds)
    predict = final.predict if problem.kind == "regression" else final.predict_proba
    expected = np.asarray(predict(rows), dtype=float)
    with tempfile.TemporaryDirectory(prefix="metaauto-check-") as folder:
        final.save(Path(folder, "model.metaauto"), on_unsavable="raise")
        rows.to_pickle(Path(folder, "rows.pkl"))
        request = {"folder": folder, "name": model.name, "trusted": list(model.trusted)}
        request["files"] = _plugin_folders(model)
        done = subprocess.run(
            _command(json.dumps(request)),
            env={**os.environ, "PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)},
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
        lines = done.stderr.strip().splitlines() or ["no message"]
        assert done.returncode == 0, f"In a new process the model file fails: {lines[-1]}"
        found = np.load(Path(folder, "prediction.npy"))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-8)


def _command(request: str) -> list[str]:
    """Return the command that calls `_predict` in a new process."""
    return [sys.executable, "-m", __name__, request]


def _final_model(model: Model, problem: Problem, seconds: float) -> tuple[Any, Any]:
    """Fit the model on one fold as the search does; return the final model and new rows."""
    import pandas as pd

    from metaauto.configuration import Configuration
    from metaauto.data import prepare
    from metaauto.model import FinalModel, Member
    from metaauto.model.serialization import declared_types
    from metaauto.search.dataset_io import Inputs
    from metaauto.search.evaluate import Evaluator

    rows, new = (
        X if hasattr(X, "columns") else pd.DataFrame(X).add_prefix("x")
        for X in (problem.X, problem.X_validation)
    )
    table = pd.concat([rows, new], ignore_index=True)
    y = np.concatenate([problem.y, problem.y_validation])
    data = prepare(table, y, task=problem.kind, metric_name="check")
    places = np.arange(len(y))
    fold = (places[: len(problem.y)], places[len(problem.y) :])
    registry = _registry_with(model)
    with tempfile.TemporaryDirectory(prefix="metaauto-check-") as folder:
        inputs = Inputs(data.task, data.X, data.y, None, [fold])
        values = default_values(registry.model(model.name).space_for(problem.kind))
        pipeline, _ = Evaluator(inputs, registry, Path(folder)).fit(
            Configuration(model.name, values), 0, 0, Deadline.after(seconds)
        )
    plugin = registry.entry("model", model.name).plugin.name
    trusted = declared_types(registry)
    member = Member(model.name, model.name, values, 1.0, [pipeline], plugin, trusted=trusted)
    return FinalModel(data.task, data.schema, [member], "check", fallback=0.0), new


def _registry_with(model: Model, folders: tuple[str, ...] = ()) -> Registry:
    """Return metaauto's own components and this model."""
    settings = PluginSettings(only=(), folders=folders)
    registry = load_plugins(settings).registry
    if model.name in registry.names("model"):
        return registry
    return load_plugins(settings, [_Plugin(model)]).registry


class _Plugin:
    """A plugin of one model."""

    def __init__(self, model: Model) -> None:
        self.__name__ = f"check-{model.name}"
        self._model = model

    @hookimpl
    def register_models(self, register: Any) -> None:
        """Register the model."""
        register.model(self._model)


def _plugin_folders(model: Model) -> list[str]:
    """Return the folder of the model's plugin file; empty if its module is imported by name."""
    module = sys.modules[model.build.__module__]
    is_file = module.__name__.startswith("metaauto_plugin_") and module.__file__
    return [str(Path(str(module.__file__)).parent)] if is_file else []


def _predict(request: dict[str, Any]) -> None:
    """Load the model file and write its predictions."""
    import pandas as pd

    from metaauto.model import FinalModel

    # Loading requires the name and the trusted types of the model only.
    model = Model(request["name"], _build_nothing, trusted=tuple(request["trusted"]))
    registry = _registry_with(model, tuple(request["files"]))
    final = FinalModel.load(Path(request["folder"], "model.metaauto"), registry=registry)
    rows = pd.read_pickle(Path(request["folder"], "rows.pkl"))
    predict = final.predict_proba if final.task.is_classification else final.predict
    np.save(Path(request["folder"], "prediction.npy"), np.asarray(predict(rows), dtype=float))


def _build_nothing(values: Any, context: Any) -> None:
    raise AssertionError("a model is loaded, not built")


if __name__ == "__main__":
    _predict(json.loads(sys.argv[1]))
