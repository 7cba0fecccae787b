"""Without torch a model predicts from its arrays; nothing is trained."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from metaauto_nas.estimator import NetworkSearchClassifier, NetworkSearchRegressor

from metaauto.api import NetworkInputs
from metaauto.model.serialization import dump_estimator, load_estimator

TYPES = {
    "metaauto_nas.estimator.NetworkSearchClassifier",
    "metaauto_nas.estimator.NetworkSearchRegressor",
    "metaauto.builtin.models.network_inputs.NetworkInputs",
}
ABSENT = """
import sys
sys.modules["torch"] = None
from metaauto.api import PluginSettings, load_plugins
from metaauto.model.serialization import declared_types
import metaauto_nas
loaded = load_plugins(PluginSettings(only=(), strict=True), objects=[metaauto_nas])
assert loaded.registry.names("saved-model") == ["nas"], loaded.registry.names("saved-model")
assert "nas" not in loaded.registry.names("model")
assert "metaauto_nas.estimator.NetworkSearchRegressor" in declared_types(loaded.registry)
assert not loaded.plugins[-1].errors
"""


def by_hand(n_outputs: int, residual: bool = False):
    """Two inputs, one embedded category, two members, two hidden layers, with arrays by hand."""
    random = np.random.default_rng(0)
    X = np.column_stack([random.normal(size=(40, 2)), np.arange(40) % 12])
    kind = NetworkSearchRegressor if n_outputs == 1 else NetworkSearchClassifier
    made = kind(layers=2, width=3, members=2, residual=residual, categorical=(2,), encoding="none")
    made.inputs_ = NetworkInputs((2,), "none").fit(X)
    made.n_features_in_ = 3
    made.set_target(np.arange(40) % max(n_outputs, 2), np.ones(40))
    shapes = {"scale_": (2, 10), "head_": (2, 3, n_outputs), "head_bias_": (2, 1, n_outputs)}
    for name, shape in shapes.items():
        setattr(made, name, random.normal(size=shape).astype(np.float32))
    made.table_ = random.normal(size=(13, 8)).astype(np.float32)
    made.hidden_ = [
        (random.normal(size=(rows, 3)).astype(np.float32), np.ones((1, 3), np.float32))
        for rows in (10, 3)
    ]
    return made, X


@pytest.mark.parametrize("residual", [False, True])
def test_the_outputs_are_those_of_the_formula(residual):
    made, X = by_hand(1, residual)
    rows, codes = made.inputs_.transform(X)
    x = np.hstack([made.inputs_.encode(rows), made.table_[codes[:, 0]]]).astype(float)
    expected = []
    for scale, head, bias in zip(made.scale_, made.head_, made.head_bias_, strict=True):
        h = x * scale
        for number, (weights, offset) in enumerate(made.hidden_):
            z = h @ weights + offset
            value = z * np.tanh(np.log1p(np.exp(z)))
            h = h + value if residual and number else value
        expected.append((h @ head + bias)[:, 0])
    expected = np.clip(np.mean(expected, axis=0), *made.range_)
    np.testing.assert_allclose(
        made.predict(X), made.mean_ + made.deviation_ * expected, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("n_outputs", [1, 4])
def test_saved_and_loaded_it_predicts_alike(n_outputs):
    made, X = by_hand(n_outputs)
    again = load_estimator(dump_estimator(made), TYPES)
    np.testing.assert_array_equal(again.predict(X), made.predict(X))
    if n_outputs > 1:
        np.testing.assert_allclose(again.predict_proba(X).sum(axis=1), 1.0)


@pytest.mark.parametrize("name", ["scale_", "head_", "head_bias_"])
def test_arrays_that_do_not_fit_together_are_refused(name):
    made, _ = by_hand(4)
    setattr(made, name, getattr(made, name)[..., :1, :1])
    with pytest.raises(Exception, match="not fit"):
        load_estimator(dump_estimator(made), TYPES)


def test_the_plugin_registers_no_model_but_its_types():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", ABSENT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
