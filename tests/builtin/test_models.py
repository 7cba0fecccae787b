"""Every model of metaauto itself keeps the contract that plugins are held to."""

from __future__ import annotations

from metaauto.builtin.models import MODELS
from metaauto.testing import ModelContract

_TRIMMED = {
    "mlp": {"fit_seconds": 0.2},
    "network": {"fit_seconds": 0.2},
    "extra_trees": {"fit_seconds": 0.1},
    "random_forest": {"fit_seconds": 0.1},
    "gaussian_process": {"rows": 30, "draws": 2, "large_rows": 500},
}


def _contract_of(model):
    settings = {"model": model, "rows": 60, "draws": 3, "large_rows": 6_000}
    settings.update(_TRIMMED.get(model.name, {}))
    name = f"Test{model.name.title().replace('_', '')}"
    return type(name, (ModelContract,), {**settings, "__module__": __name__})


for _model in MODELS:
    _class = _contract_of(_model)
    globals()[_class.__name__] = _class
