from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from metaauto_importers.files import MalformedValue
from metaauto_importers.translation import (
    NoEquivalent,
    Settings,
    min_samples_leaf,
    nearest_max_features,
    svm_values,
)


def test_settings_read_text_and_json_alike():
    for values in ({"n": "13.0", "f": "True", "r": "0.5"}, {"n": 13, "f": True, "r": 0.5}):
        settings = Settings(values)
        assert settings.integer("n", 1) == 13
        assert settings.boolean("f", False) is True
        assert settings.number("r", 1.0) == 0.5
        settings.check_all_read()


@pytest.mark.parametrize("nothing", [None, "", "None"])
def test_settings_return_the_default_when_not_set(nothing):
    settings = Settings({"n": nothing})
    assert "n" not in settings
    assert settings.integer("n", 7) == 7
    assert settings.number("r", 0.5) == 0.5
    assert settings.boolean("f", False) is False
    assert settings.text("t", "gini") == "gini"
    settings.require("n", "usual")
    settings.check_all_read()


@pytest.mark.parametrize(
    ("read", "value"),
    [
        ("number", "many"),
        ("number", "inf"),
        ("number", True),
        ("number", [1]),
        ("integer", 1.5),
        ("integer", "nan"),
        ("boolean", 1),
        ("boolean", "yes"),
        ("text", 3),
    ],
)
def test_settings_malformed_value(read, value):
    with pytest.raises(MalformedValue, match="x must be"):
        getattr(Settings({"x": value}), read)("x", 0)


def test_settings_reject_unread_hyperparameters():
    settings = Settings({"booster": "dart", "verbose": 1, "rate_drop": 0.1})
    settings.ignore("verbose")
    with pytest.raises(NoEquivalent, match="no equivalent in metaauto: booster=dart"):
        settings.require("booster", "gbtree")
    with pytest.raises(NoEquivalent, match="no equivalent in metaauto: rate_drop"):
        settings.check_all_read()
    with pytest.raises(NoEquivalent, match="no equivalent in metaauto: booster=dart"):
        settings.choice("booster", {"gbtree": "trees"}, "gbtree")


positive = st.floats(0.01, 20.0)


@given(positive, positive, st.integers(2, 4), positive, st.floats(-3.0, 3.0))
def test_svm_values_of_a_polynomial_kernel_are_equivalent(c, gamma, degree, coef0, t):
    ours = svm_values("poly", c, gamma, degree, coef0)
    theirs = c * (gamma * t + coef0) ** degree
    assert math.isclose(ours["C"] * (ours["gamma"] * t + 1.0) ** degree, theirs, abs_tol=1e-6)


def test_svm_values_ignore_coef0_of_rbf():
    assert svm_values("rbf", 2.0, 0.5, 3, 10.0) == {"kernel": "rbf", "C": 2.0, "gamma": 0.5}
    assert svm_values("linear", 2.0, 0.5, 3, 0.0) == {"kernel": "linear", "C": 2.0}


@pytest.mark.parametrize(("kernel", "coef0"), [("poly", 0.0), ("poly", -0.5), ("sigmoid", 1.0)])
def test_svm_values_without_an_equivalent(kernel, coef0):
    with pytest.raises(NoEquivalent):
        svm_values(kernel, 1.0, 1.0, 3, coef0)


@pytest.mark.parametrize(
    ("share", "columns", "found"),
    [
        (0.75, None, 0.75),
        (0.9, None, 1.0),
        (0.2, None, 0.25),
        (0.1, 100, "sqrt"),
        (0.07, 100, "log2"),
    ],
)
def test_nearest_max_features(share, columns, found):
    assert nearest_max_features(share, columns) == found


def test_nearest_max_features_far_from_every_choice():
    with pytest.raises(NoEquivalent):
        nearest_max_features(0.1)
    with pytest.raises(MalformedValue):
        nearest_max_features(0.0)


@pytest.mark.parametrize(
    ("leaf", "split", "kept"), [(1, 2, 1), (1, 4, 1), (5, 10, 5), (5, 0.001, 5)]
)
def test_min_samples_leaf_ignores_a_small_min_samples_split(leaf, split, kept):
    given_values = {"min_samples_leaf": leaf, "min_samples_split": split}
    assert min_samples_leaf(Settings(given_values)) == kept


@pytest.mark.parametrize(("leaf", "split"), [(1, 5), (5, 11)])
def test_min_samples_leaf_rejects_a_limiting_min_samples_split(leaf, split):
    with pytest.raises(NoEquivalent, match="min_samples_split"):
        min_samples_leaf(Settings({"min_samples_leaf": leaf, "min_samples_split": split}))
