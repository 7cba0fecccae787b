from __future__ import annotations

from functools import cache
from random import Random

import numpy as np
import pytest
from builders import builtin_registry, columns_of, frame_model, registry_of
from hypothesis import given, settings
from hypothesis import strategies as st

from metaauto.components.hyperparameters import Choice, Float, Int
from metaauto.configuration import Configuration
from metaauto.search.configspace import Translation, translate
from metaauto.space import SearchSpace
from metaauto.task import Role, Task

REGISTRY = builtin_registry()


def task_of(kind: str, roles, missing: float) -> Task:
    columns = columns_of(roles, missing)
    classes = {"binary": (0, 1), "multiclass": (0, 1, 2), "regression": None}[kind]
    return Task(kind, "y", columns, "log_loss", 300, classes)


ALL = (Role.NUMERIC, Role.BOOLEAN, Role.CATEGORICAL, Role.DATETIME, Role.TEXT) * 2
SPACES = {
    "everything": SearchSpace(REGISTRY, task_of("multiclass", ALL, 0.1)),
    "numbers": SearchSpace(REGISTRY, task_of("binary", (Role.NUMERIC,) * 3, 0.0)),
    "regression": SearchSpace(REGISTRY, task_of("regression", ALL, 0.1)),
}
PAIRS = [(name, model) for name, space in SPACES.items() for model in space.models]


@cache
def translation_of(name: str) -> Translation:
    return translate(SPACES[name], seed=1)


def assert_same(one: Configuration, other: Configuration) -> None:
    """ConfigSpace keeps 13 decimals of a real number; all else comes back as it was."""
    assert one.model == other.model
    assert list(one.values) == list(other.values)
    for key, value in one.values.items():
        assert type(value) is type(other.values[key])
        if type(value) is float:
            assert value == pytest.approx(other.values[key], rel=1e-9, abs=1e-12)
        else:
            assert value == other.values[key]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(PAIRS), st.integers(0, 2**32))
def test_a_configuration_comes_back_from_configspace(pair, seed):
    name, model = pair
    space, translation = SPACES[name], translation_of(name)
    configuration = space.sample(Random(seed), model)
    assert_same(translation.from_space(translation.to_space(configuration)), configuration)


@pytest.mark.parametrize(("name", "model"), PAIRS)
def test_defaults_come_back(name, model):
    space, translation = SPACES[name], translation_of(name)
    for configuration in space.portfolio(model):
        point = translation.to_space(configuration)
        point.check_valid_configuration()
        assert translation.from_space(point) == configuration


@pytest.mark.parametrize("name", SPACES)
def test_draws_of_configspace_are_valid_here(name):
    space, translation = SPACES[name], translation_of(name)
    models = set()
    for point in translation.space.sample_configuration(200):
        configuration = translation.from_space(point)
        models.add(configuration.model)
        repaired = space.repair(configuration)
        told = [change for change in repaired.changes if not change.startswith("reduce: ")]
        kept = {k: v for k, v in configuration.values.items() if not k.startswith("reduce")}
        assert all(change.startswith("reduce") for change in told), told
        assert kept.items() <= repaired.configuration.values.items()
    assert len(models) > len(space.models) / 2


def test_what_is_missing_or_inactive_is_put_right():
    space, translation = SPACES["everything"], translation_of("everything")
    given = Configuration("logistic", {"C": 3.0, "penalty": "l2", "l1_ratio": 0.5, "odd": 1})
    point = translation.to_space(given)
    point.check_valid_configuration()
    configuration = translation.from_space(point)
    assert_same(configuration, space.repair(given).configuration)


def test_values_of_inactive_hyperparameters_are_left_out():
    space, translation = SPACES["numbers"], translation_of("numbers")
    ridgelike = space.repair(Configuration("logistic", {"penalty": "l2"})).configuration
    point = translation.to_space(ridgelike)
    point.check_valid_configuration()
    assert "logistic:l1_ratio" not in dict(point)
    assert not any(name.startswith("knn:") for name in dict(point))


def test_the_same_seed_draws_the_same_points():
    draws = [
        [dict(p) for p in translate(SPACES["numbers"], seed).space.sample_configuration(10)]
        for seed in (4, 4, 5)
    ]
    assert draws[0] == draws[1]
    assert draws[0] != draws[2]


def test_ranges_are_plain_data_that_can_travel():
    import pickle

    ranges = pickle.loads(pickle.dumps(SPACES["everything"].ranges))
    translation = Translation(ranges, 1)
    configuration = SPACES["everything"].default("logistic")
    assert translation.from_space(translation.to_space(configuration)) == configuration


def space_of(**space) -> SearchSpace:
    registry = registry_of(frame_model("mine", space))
    return SearchSpace(registry, task_of("binary", (Role.NUMERIC,), 0.0))


@pytest.mark.parametrize(
    "ranges",
    [
        {},
        {"one": Choice(("only",))},
        {"none": Choice((None,))},
        {"mixed": Choice((1, True, "1", None, 1.0, "True"), default="1")},
        {"point": Int(3, 3, 3), "value": Float(0.5, 0.5, 0.5)},
        {"wide": Float(1e-12, 1e12, 1.0, log=True), "many": Int(1, 10**9, 7, log=True)},
        {"negative": Float(-1e6, -1e-6, -3.3), "below": Int(-9, 0, -4)},
        {
            "fixed": Choice(("only",)),
            "child": Int(1, 5, 2, when={"fixed": ("only",)}),
            "grandchild": Float(0.0, 1.0, 0.1, when={"child": (2, 3)}),
        },
        {
            "a": Choice(("x", "y", "z")),
            "b": Choice((True, False)),
            "both": Float(0.0, 1.0, 0.1, when={"a": ("y", "z"), "b": (True,)}),
        },
        {
            "a": Choice((1, True), 1),
            "b": Int(0, 9, 5, when={"a": (True,)}),
            "c": Int(0, 9, 5, when={"a": (1,)}),
        },
        {"size": Int(1, 4, 2), "third": Float(0.0, 1.0, 0.5, when={"size": (3, 4)})},
    ],
    ids=lambda ranges: ",".join(ranges) or "nothing",
)
def test_odd_spaces_come_back_too(ranges):
    space = space_of(**ranges)
    translation = translate(space)
    random = Random(0)
    drawn = [space.default("mine"), *(space.sample(random) for _ in range(40))]
    for configuration in drawn:
        point = translation.to_space(configuration)
        point.check_valid_configuration()
        assert_same(translation.from_space(point), configuration)
    for point in translation.space.sample_configuration(20):
        configuration = translation.from_space(point)
        assert space.repair(configuration).configuration == configuration


def test_values_have_the_types_that_json_knows():
    translation = translation_of("everything")
    for point in translation.space.sample_configuration(50):
        for value in translation.from_space(point).values.values():
            assert type(value) in (int, float, str, bool, type(None))
            assert not isinstance(value, np.generic)
