from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaauto.knowledge.importing.files import Malformed
from metaauto.knowledge.importing.translation import (
    NoCounterpart,
    Settings,
    forest_leaf,
    nearest_features,
    support_vectors,
)


def test_text_and_json_say_the_same():
    for values in ({"n": "13.0", "f": "True", "r": "0.5"}, {"n": 13, "f": True, "r": 0.5}):
        settings = Settings(values)
        assert settings.whole("n", 1) == 13
        assert settings.flag("f", False) is True
        assert settings.number("r", 1.0) == 0.5
        settings.finish()


@pytest.mark.parametrize("nothing", [None, "", "None"])
def test_what_is_not_set_has_its_default(nothing):
    settings = Settings({"n": nothing})
    assert "n" not in settings
    assert settings.whole("n", 7) == 7
    assert settings.number("r", 0.5) == 0.5
    assert settings.flag("f", False) is False
    assert settings.text("t", "gini") == "gini"
    settings.only("n", "usual")
    settings.finish()


@pytest.mark.parametrize(
    ("read", "value"),
    [
        ("number", "many"),
        ("number", "inf"),
        ("number", True),
        ("number", [1]),
        ("whole", 1.5),
        ("whole", "nan"),
        ("flag", 1),
        ("flag", "yes"),
        ("text", 3),
    ],
)
def test_a_value_of_another_form_is_malformed(read, value):
    with pytest.raises(Malformed, match="x is"):
        getattr(Settings({"x": value}), read)("x", 0)


def test_what_nobody_thought_of_ends_the_translation():
    settings = Settings({"booster": "dart", "verbose": 1, "rate_drop": 0.1})
    settings.drop("verbose")
    with pytest.raises(NoCounterpart, match="booster=dart is not ours"):
        settings.only("booster", "gbtree")
    with pytest.raises(NoCounterpart, match="rate_drop is not ours"):
        settings.finish()
    with pytest.raises(NoCounterpart, match="booster=dart is not ours"):
        settings.choice("booster", {"gbtree": "trees"}, "gbtree")


positive = st.floats(0.01, 20.0)


@given(positive, positive, st.integers(2, 4), positive, st.floats(-3.0, 3.0))
def test_a_polynomial_kernel_of_another_constant_is_ours_times_a_number(c, gamma, degree, coef0, t):
    ours = support_vectors("poly", c, gamma, degree, coef0)
    theirs = c * (gamma * t + coef0) ** degree
    assert math.isclose(ours["C"] * (ours["gamma"] * t + 1.0) ** degree, theirs, abs_tol=1e-6)


def test_the_constant_plays_no_part_in_a_radial_kernel():
    assert support_vectors("rbf", 2.0, 0.5, 3, 10.0) == {"kernel": "rbf", "C": 2.0, "gamma": 0.5}
    assert support_vectors("linear", 2.0, 0.5, 3, 0.0) == {"kernel": "linear", "C": 2.0}


@pytest.mark.parametrize(("kernel", "coef0"), [("poly", 0.0), ("poly", -0.5), ("sigmoid", 1.0)])
def test_other_kernels_are_not_ours(kernel, coef0):
    with pytest.raises(NoCounterpart):
        support_vectors(kernel, 1.0, 1.0, 3, coef0)


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
def test_the_nearest_choice_of_columns_is_taken(share, columns, found):
    assert nearest_features(share, columns) == found


def test_a_share_far_from_every_choice_is_refused():
    with pytest.raises(NoCounterpart):
        nearest_features(0.1)
    with pytest.raises(Malformed):
        nearest_features(0.0)


@pytest.mark.parametrize(
    ("leaf", "split", "kept"), [(1, 2, 1), (1, 4, 1), (5, 10, 5), (5, 0.001, 5)]
)
def test_a_bound_on_splits_that_hardly_binds_is_left_out(leaf, split, kept):
    given_values = {"min_samples_leaf": leaf, "min_samples_split": split}
    assert forest_leaf(Settings(given_values)) == kept


@pytest.mark.parametrize(("leaf", "split"), [(1, 5), (5, 11)])
def test_a_bound_on_splits_that_binds_is_not_ours(leaf, split):
    with pytest.raises(NoCounterpart, match="min_samples_split"):
        forest_leaf(Settings({"min_samples_leaf": leaf, "min_samples_split": split}))
