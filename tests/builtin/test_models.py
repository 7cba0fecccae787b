"""Every model of metaauto itself keeps the contract that plugins are held to."""

from __future__ import annotations

import pytest

from metaauto.builtin.models import MODELS
from metaauto.testing import ModelContract

_TRIMMED = {"gaussian_process": {"rows": 40, "draws": 2}}


def _contract_of(model):
    settings = {"model": model, "rows": 80, "draws": 3, "draw_seconds": 0.3, "large_rows": 6_000}
    settings.update(_TRIMMED.get(model.name, {}))
    name = f"Test{model.name.title().replace('_', '')}"
    return type(name, (ModelContract,), {**settings, "__module__": __name__})


for _model in MODELS:
    _class = _contract_of(_model)
    globals()[_class.__name__] = _class
