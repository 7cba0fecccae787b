from __future__ import annotations

import pytest

from metaauto.components.hyperparameters import Choice, Float, Int
from metaauto.knowledge.importing.nearness import far_values, is_near, near_kinds, own_models
from metaauto.knowledge.importing.proposals import Proposal, configuration_fact, near
from metaauto.knowledge.importing.translation import NoCounterpart

RATE = Float(0.01, 0.3, 0.1, log=True)
SHARE = Float(0.5, 1.0, 0.8)


@pytest.mark.parametrize(
    ("bounds", "value", "expected"),
    [
        (RATE, 0.1, True),
        (RATE, 0.006, True),
        (RATE, 0.004, False),
        (RATE, 0.6, True),
        (RATE, 0.7, False),
        (RATE, 0.0, False),
        (RATE, -1.0, False),
        (SHARE, 0.46, True),
        (SHARE, 0.44, False),
        (Int(1, 4, 2), 5, True),
        (Int(1, 4, 2), 6, False),
        (Int(4, 255, 31, log=True), 2, True),
        (Int(4, 255, 31, log=True), 600, False),
        (Choice((1, 2)), 2, True),
        (Choice((1, 2)), 3, False),
        (RATE, "auto", False),
        (RATE, None, False),
        (RATE, True, False),
        (RATE, float("inf"), False),
    ],
)
def test_little_is_a_factor_of_two_a_tenth_or_one_step(bounds, value, expected):
    assert is_near(bounds, value) is expected


def test_values_that_are_not_in_the_space_are_not_looked_at():
    assert far_values({"rate": RATE}, {"rate": 5.0, "other": 5.0}) == ["rate"]


def test_own_models_are_checked_whatever_is_installed_and_others_are_not():
    kinds = ("binary", "regression")
    assert near_kinds("logistic", {"C": 1.0}, kinds) == ("binary",)
    assert near_kinds("knn", {"n_neighbors": 9}, kinds) == kinds
    assert near_kinds("knn", {"n_neighbors": 9000}, kinds) == ()
    assert near_kinds("catboost", {"depth": 9000}, kinds) == kinds
    with pytest.raises(NoCounterpart, match="n_neighbors lies far outside of our range"):
        near(Proposal("knn", {"n_neighbors": 9000, "p": 2}, kinds))


def test_translations_are_written_for_the_installed_version_of_every_space():
    """A model whose space gets another version needs its translation looked at."""
    for model in own_models().models():
        fact = configuration_fact(Proposal(model.name, {}, ()).configuration, "0" * 16)
        assert fact.space_version == model.space_version
        assert fact.plugin == "metaauto"
