from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from metaauto.api import Explainer
from metaauto.errors import ComponentError, DataError, Refused, UnknownName
from metaauto.model.explain import default_explainer, explain
from metaauto.plugins.manager import Bundle, PluginSettings, load_plugins


def registry_with(function=None):
    bundle = [Bundle([Explainer("mine", function)])] if function else []
    return load_plugins(PluginSettings(only=()), bundle).registry


def test_contributions_are_by_the_columns_of_the_table(models, new_rows):
    model, rows = models["regression"], new_rows.iloc[3:9]
    found = explain(model, rows, new_rows, registry=registry_with())
    assert list(found.columns) == model.feature_names
    assert found.index.equals(rows.index)
    assert set(found.abs().mean().nlargest(2).index) == {"size", "tree"}
    again = model.explain(rows, new_rows, registry=registry_with())
    pd.testing.assert_frame_equal(again, found)


def test_the_probability_of_the_positive_of_two_classes_is_explained(models, new_rows):
    model, rows = models["binary"], new_rows.iloc[:4]
    given = registry_with()
    second = explain(model, rows, new_rows, registry=given)
    named = explain(model, rows, new_rows, label=model.classes_[1], registry=given)
    first = explain(model, rows, new_rows, label=model.classes_[0], registry=given)
    pd.testing.assert_frame_equal(second, named)
    np.testing.assert_allclose(second, -first, atol=1e-5)
    assert second.abs().to_numpy().sum() > 0.01
    task = dataclasses.replace(model.task, positive=model.task.classes[0])
    positive_first = dataclasses.replace(model, task=task)
    pd.testing.assert_frame_equal(explain(positive_first, rows, new_rows, registry=given), first)
    with pytest.raises(UnknownName, match="no class"):
        explain(model, rows, new_rows, label="nobody", registry=given)


def test_of_many_classes_the_predicted_one_is_explained(models, new_rows):
    model, rows, given = models["multiclass"], new_rows.iloc[:12], registry_with()
    found = explain(model, rows, new_rows, registry=given)
    predicted = model.predict(rows)
    assert len(set(predicted)) > 1
    for label in set(predicted):
        of_label = explain(model, rows, new_rows, label=label, registry=given)
        chosen = predicted == label
        pd.testing.assert_frame_equal(found[chosen], of_label[chosen])
    texts = explain(model, rows, new_rows, label=str(model.classes_[0]), registry=given)
    named = explain(model, rows, new_rows, label=model.classes_[0], registry=given)
    pd.testing.assert_frame_equal(texts, named)


def test_the_rows_are_their_own_background_by_default(models, new_rows):
    model, rows = models["regression"], new_rows.iloc[:9]
    given = registry_with()
    pd.testing.assert_frame_equal(
        explain(model, rows, registry=given), explain(model, rows, rows, registry=given)
    )


def test_shap_is_preferred_where_it_is_installed():
    installed = SimpleNamespace(names=lambda kind: ["mine", "permutation", "shap"])
    assert default_explainer(installed) == "shap"
    assert default_explainer(registry_with()) == "permutation"


def test_regression_has_no_classes(models, new_rows):
    with pytest.raises(Refused, match="no classes"):
        explain(models["regression"], new_rows, new_rows, label=1, registry=registry_with())


def test_unknown_explainers_and_empty_backgrounds_are_errors(models, new_rows):
    model = models["regression"]
    with pytest.raises(UnknownName, match="permutation"):
        explain(model, new_rows, new_rows, explainer="permutaton", registry=registry_with())
    with pytest.raises(DataError, match="background"):
        explain(model, new_rows, new_rows.iloc[:0], registry=registry_with())


def raising(table):
    raise KeyError("oops")


BROKEN = {
    "raises": (raising, "KeyError"),
    "none": (lambda table: None, "returned a NoneType"),
    "narrow": (lambda table: table.X[["age"]], "returned shape"),
    "nan": (lambda table: table.X.notna() * np.nan, "NaN"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_faulty_explainer_is_named_with_its_plugin(case, models, new_rows):
    function, fault = BROKEN[case]
    with pytest.raises(ComponentError, match=fault) as caught:
        explain(
            models["regression"],
            new_rows.iloc[:2],
            new_rows,
            explainer="mine",
            registry=registry_with(function),
        )
    assert "'mine' of plugin 'session'" in str(caught.value)
