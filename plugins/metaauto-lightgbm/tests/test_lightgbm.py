"""metaauto-lightgbm fulfils the contract of a model."""

from __future__ import annotations

import metaauto_lightgbm
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from metaauto_lightgbm.estimator import LightGBMClassifier

from metaauto.plugins.manager import PluginSettings, load_plugins
from metaauto.testing import ModelContract

MODEL = load_plugins(
    PluginSettings(only=(), strict=True), objects=[metaauto_lightgbm]
).registry.model("lightgbm")


class TestLightGBM(ModelContract):
    model = MODEL


@given(
    classes=st.integers(2, 5_000),
    rate=st.floats(0.005, 0.5),
    total=st.sampled_from([15, 100]),
)
def test_rounds_bound_the_trees_of_many_classes(classes, rate, total) -> None:
    full = round(total / rate)
    model = LightGBMClassifier({"learning_rate": rate})
    model.classes_ = np.arange(classes)
    rounds = model._rounds(total)
    assert 1 <= rounds <= full
    assert rounds * classes <= max(10 * full + classes, classes)
    if classes <= 10:
        assert rounds == full


def test_many_classes_with_few_rows_give_a_bounded_model() -> None:
    random = np.random.default_rng(0)
    y = np.repeat(np.arange(100), 4)
    X = np.column_stack([y + random.normal(size=len(y)) * 0.1, random.normal(size=len(y))])
    training = np.arange(len(y)) % 4 > 0
    validation = (X[~training], y[~training], None)
    values = {"learning_rate": 0.2, "min_child_samples": 2}
    found = LightGBMClassifier(values).fit(X[training], y[training], validation=validation)
    assert found.booster_.num_trees() <= 100 * 100 / 0.2 * 10 / 100
    assert (found.predict(X[~training]) == y[~training]).mean() > 0.2
