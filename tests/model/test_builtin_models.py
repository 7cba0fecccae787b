from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import issparse

from metaauto.components import SLOTS
from metaauto.model import FinalModel
from metaauto.plugins.manager import PluginSettings, load_plugins

REGISTRY = load_plugins(PluginSettings(only=())).registry
# The contract of models saves each kind of task.
CASES = [(m.name, m.tasks[0]) for m in REGISTRY.models()]
STEPS = [(slot, step.name) for slot in SLOTS for step in REGISTRY.preprocessors(slot)]


def check(model, new_rows, folder, registry):
    path = model.save(folder / "model", on_unsavable="raise")
    loaded = FinalModel.load(path, registry=registry)
    np.testing.assert_array_equal(loaded.predict_raw(new_rows), model.predict_raw(new_rows))


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_every_builtin_model_is_saved_and_loaded(makers, new_rows, registry, tmp_path, name, kind):
    maker = makers[kind]
    check(maker.model(maker.member(name)), new_rows, tmp_path, registry)


@pytest.mark.parametrize(("slot", "step"), STEPS)
def test_every_builtin_preprocessor_is_saved_and_loaded(
    makers, new_rows, registry, tmp_path, slot, step
):
    preprocessor = registry.preprocessor(slot, step)
    maker = makers["binary"]
    # Only models that take missing values or category codes can have what leaves them so.
    model = "logistic"
    if preprocessor.outputs_categories or (preprocessor.passes_nan and slot == "impute"):
        model = "hist_gradient_boosting"
    check(maker.model(maker.member(model, **{slot: step})), new_rows, tmp_path, registry)


@pytest.mark.parametrize(
    "name",
    [m.name for m in REGISTRY.models() if m.tags.accepts_sparse and not m.tags.accepts_dataframe],
)
def test_models_fitted_on_sparse_rows_are_saved_and_loaded(maker_of, registry, tmp_path, name):
    random = np.random.default_rng(0)
    cells = random.choice([f"c{i}" for i in range(60)], (240, 3))
    frame = pd.DataFrame(cells, columns=["a", "b", "c"])
    kind = registry.model(name).tasks[0]
    classes = random.integers(0, 2 if kind == "binary" else 3, 240)
    frame["target"] = classes if kind != "regression" else random.normal(size=240)
    roles = dict.fromkeys("abc", "categorical")
    maker = maker_of(frame, roles=roles)
    model = maker.model(maker.member(name, categorical="onehot"))
    steps = model.members[0].estimators[0]
    assert issparse(steps[:-1].transform(model.schema.encode(frame)))
    check(model, frame, tmp_path, registry)
