from __future__ import annotations

import inspect
import json
import math
from dataclasses import MISSING, fields, replace

import numpy as np
import pytest
from builders import builtin_registry
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import Ridge

import metaauto
from metaauto.api import hookimpl
from metaauto.budget import available_cores
from metaauto.components import Model, Reader
from metaauto.engine.options import FitOptions, included_of
from metaauto.engine.setup import check_options
from metaauto.errors import MetaautoError, SettingError
from metaauto.plugins.manager import PluginSettings


def test_without_budget_and_trials_five_minutes_are_taken():
    assert FitOptions().seconds == 300.0


def test_trials_alone_are_not_timed():
    options = FitOptions(trials=5)
    assert options.seconds == math.inf
    clock = options.clock()
    assert clock.trials == 5
    assert not clock.is_timed
    assert clock.reserve == 0.0


class Hooks:
    @hookimpl
    def fit_finished(self, result):
        pass


@pytest.mark.parametrize("item", [object(), Ridge(), Ridge, "ridge", 3])
def test_an_object_without_hooks_is_refused_by_its_type(item):
    options = FitOptions(components=[Model("mine", lambda values, context: None), item])
    name = item.__name__ if isinstance(item, type) else type(item).__name__
    with pytest.raises(SettingError, match=f"{name}.* is not a component") as caught:
        options.plugin_objects  # noqa: B018
    assert "Model(" in caught.value.hint


def test_included_of_single_objects() -> None:
    model = GradientBoostingClassifier()  # unfitted ensembles have a length and raise an error
    assert included_of(model) == ((), (model,))
    assert included_of(3) == ((), (3,))
    assert included_of({"lda"}) == (("lda",), ())
    assert included_of(None) == ((), ())


def test_components_may_be_included():
    mine, hooks = Model("mine", lambda values, context: None), Hooks()
    options = FitOptions(include=[mine, "lda"], components=[hooks])
    assert (options.include, options.components) == (("mine", "lda"), (hooks, mine))
    assert replace(options, seed=1).components == options.components
    with pytest.raises(SettingError, match="GradientBoostingClassifier object is not a component"):
        FitOptions(include=GradientBoostingClassifier()).plugin_objects  # noqa: B018
    with pytest.raises(SettingError, match="^GradientBoostingClassifier is not a component"):
        FitOptions(include=GradientBoostingClassifier).plugin_objects  # noqa: B018


def test_bare_components_become_one_plugin_beside_the_others():
    model, plugin = Model("mine", lambda values, context: None), Hooks()
    reader = Reader("r", bool, lambda source: None)
    objects = FitOptions(components=[model, plugin, reader]).plugin_objects
    assert objects[0] is plugin
    (bundle,) = objects[1:]
    assert bundle.components == [model, reader]
    assert FitOptions(components=[plugin]).plugin_objects == [plugin]
    assert FitOptions().plugin_objects == []


def test_trials_and_budget_both_hold():
    clock = FitOptions(trials=5, budget="2m").clock()
    assert (clock.trials, clock.seconds) == (5, 120.0)


def test_the_reserve_grows_with_the_budget_within_bounds():
    reserves = [FitOptions(budget=budget).clock().reserve for budget in (1, 5, 60, 600, 10_000)]
    assert reserves == sorted(reserves)
    assert 0 < reserves[0] <= 0.5
    assert reserves[2] <= 0.05 * 60
    assert reserves[-1] <= 10.0


def test_cores_and_memory_have_defaults_from_the_machine():
    clock = FitOptions().clock()
    assert clock.cores == available_cores()
    assert 0 < clock.memory < math.inf
    clock = FitOptions(cores=3, memory=2).clock()
    assert (clock.cores, clock.memory) == (3, 2048)


def test_numbers_of_numpy_are_numbers():
    options = FitOptions(trials=np.int64(4), seed=np.int32(7), memory=np.float64(1.5))
    assert (options.trials, options.seed) == (4, 7)
    assert type(options.trials) is int
    json.dumps(options.to_json())


@pytest.mark.parametrize(
    "wrong",
    [
        {"trials": 0},
        {"trials": 2.5},
        {"trials": True},
        {"trials": "5"},
        {"cores": 0},
        {"cores": -1},
        {"seed": -1},
        {"seed": 1.5},
        {"ensemble_size": 0},
        {"budget": "soon"},
        {"budget": 0},
        {"memory": 0},
        {"memory": -1},
        {"memory": math.nan},
        {"memory": math.inf},
        {"memory": "4"},
        {"memory": True},
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_by_name(wrong):
    with pytest.raises(SettingError) as caught:
        FitOptions(**wrong)
    assert next(iter(wrong)) in str(caught.value)
    assert caught.value.hint


def test_a_single_name_needs_no_list():
    options = FitOptions(include="knn", exclude="svm")
    assert (options.include, options.exclude) == (("knn",), ("svm",))


def test_every_option_is_documented():
    for item in fields(FitOptions):
        assert item.name in FitOptions.__doc__, item.name


def test_plain_options_are_written_and_others_left_out():
    options = FitOptions(
        metric=lambda y, p: 0.0,
        cv=[(np.arange(2), np.arange(2))],
        weights=np.ones(3),
        groups="patient",
        components=[object()],
        plugins=PluginSettings(),
        roles={"a": "text"},
        include=["knn"],
        budget="30s",
    )
    record = json.loads(json.dumps(options.to_json()))
    assert record["groups"] == "patient"
    assert record["roles"] == {"a": "text"}
    assert record["include"] == ["knn"]
    assert record["budget"] == 30.0
    for name in ("metric", "weights", "components", "plugins"):
        assert record.get(name) is None


def test_resuming_keeps_what_shapes_the_trials():
    stored = FitOptions(
        metric="accuracy", seed=3, cv=4, trials=8, exclude=["svm"], groups="g", holdout=0.2
    ).to_json()
    options = FitOptions(seed=9, cores=2).resumed_from(stored)
    assert options.seed == 3
    assert options.cv == 4
    assert options.trials == 8
    assert options.budget is None
    assert list(options.exclude) == ["svm"]
    assert options.metric == "accuracy"
    assert options.groups == "g"
    assert options.holdout == 0.2
    assert options.cores == 2


VALUES = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3)),
    *(st.lists(st.integers(), max_size=2), st.dictionaries(st.text(max_size=2), st.integers())),
)


@given(st.dictionaries(st.sampled_from(sorted(FitOptions().to_json())), VALUES))
def test_resuming_with_any_stored_value_gives_options_or_one_error(stored):
    registry = builtin_registry()
    try:
        check_options(FitOptions(memory=1).resumed_from(stored), registry)
    except MetaautoError as error:
        assert error.hint


def test_resuming_with_another_budget_takes_it():
    stored = FitOptions(budget="1m").to_json()
    assert FitOptions(budget="2m").resumed_from(stored).budget == 120.0
    assert FitOptions(trials=9).resumed_from(stored).trials == 9
    assert FitOptions(trials=9).resumed_from(stored).budget is None
    assert FitOptions().resumed_from(stored).budget == 60.0


@pytest.mark.parametrize("function", [metaauto.fit, metaauto.start])
def test_help_names_every_option(function):
    named = inspect.signature(function).parameters
    assert "options" not in named
    for option in fields(FitOptions):
        assert named[option.name].kind is inspect.Parameter.KEYWORD_ONLY
        if option.default is not MISSING:
            assert named[option.name].default == option.default
    assert named["roles"].default == {}


KINDS = (np.float16, np.float32, np.float64, np.longdouble, np.int8, np.int64, np.uint32, np.array)
NUMBERS = {
    "budget": (0.5, 100),
    "trials": (1, 100),
    "cores": (1, 100),
    "memory": (0.5, 100),
    "seed": (0, 100),
    "cv": (2, 100),
    "holdout": (0, 0.5),
    "ensemble_size": (1, 100),
}
INTEGERS = ("trials", "cores", "seed", "ensemble_size")


@given(
    name=st.sampled_from(sorted(NUMBERS)),
    kind=st.sampled_from(KINDS),
    data=st.data(),
)
def test_numbers_of_numpy_are_stored_as_plain_numbers(name, kind, data):
    low, high = NUMBERS[name]
    is_integer = name in INTEGERS or (kind is not np.array and issubclass(kind, np.integer))
    bounds = (math.ceil(low), math.floor(high))
    numbers = st.integers(*bounds) if is_integer else st.floats(low, high, width=16)
    number = data.draw(numbers)
    if name in INTEGERS and kind is not np.array and not issubclass(kind, np.integer):
        kind = np.int32
    options = FitOptions(**{name: kind(number)})
    assert type(getattr(options, name)) in (int, float)
    assert json.loads(json.dumps(options.to_json()))[name] == number
    assert options == FitOptions(**{name: number})


def test_every_numeric_option_is_tested_with_numbers_of_numpy():
    numeric = {item.name for item in fields(FitOptions) if {"int", "float"} & {*item.type.split()}}
    assert numeric <= {*NUMBERS}
