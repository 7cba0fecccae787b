"""metaauto-catboost fulfils the contract of a model."""

from __future__ import annotations

import metaauto_catboost
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metaauto_catboost.estimator import CatBoostClassifier

from metaauto.plugins.manager import PluginSettings, load_plugins
from metaauto.testing import ModelContract, fit_on, make_problem

MODEL = load_plugins(
    PluginSettings(only=(), strict=True), objects=[metaauto_catboost]
).registry.model("catboost")


class TestCatBoost(ModelContract):
    model = MODEL


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"booster_": b"CBM1"}, "sizes"),
        ({"booster_": b"CBM1\xff\xff\xff\x7f" + bytes(40)}, "size"),
        ({"n_features_in_": 2}, "features"),
        ({"classes_": np.arange(2)}, "loss"),
    ],
)
def test_forged_models_are_found(change, what):
    model = fit_on(MODEL, make_problem("multiclass", n_rows=60), seconds=2.0)
    state = model.__getstate__()
    CatBoostClassifier().__setstate__(state)
    with pytest.raises(ValueError, match=f"{what} of the CatBoost model"):
        CatBoostClassifier().__setstate__({**state, **change})


@given(
    classes=st.integers(1, 5_000),
    rate=st.floats(0.005, 0.5),
    total=st.sampled_from([15, 100]),
)
def test_rounds_bound_the_leaf_values_of_many_classes(classes, rate, total):
    full = round(total / rate)
    model = CatBoostClassifier({"learning_rate": rate})
    model.classes_ = np.arange(classes)
    rounds = model._rounds(total)
    assert 1 <= rounds <= full
    assert rounds * classes <= 10 * full + classes
    if classes <= 10:
        assert rounds == full
