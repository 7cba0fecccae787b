from __future__ import annotations

import json
from dataclasses import replace
from random import Random

import pytest
from builders import build, builtin_registry, columns_of
from hypothesis import given, settings
from hypothesis import strategies as st

from metaauto.components import Model, Preprocessor, Tags
from metaauto.components.hyperparameters import Choice, Float, Int
from metaauto.configuration import Configuration
from metaauto.plugins.registry import Plugin, Registered, Registry
from metaauto.space import BASELINE, SearchSpace
from metaauto.task import Role, Task

REGISTRY = builtin_registry()
NUMBER, CATEGORY, DATE, TEXT = Role.NUMERIC, Role.CATEGORICAL, Role.DATETIME, Role.TEXT


def make_task(kind="binary", roles=(NUMBER,) * 3, missing=0.0, rows=500, **more) -> Task:
    columns = columns_of(roles, missing)
    n_classes = {"binary": 2, "multiclass": 4, "regression": 0}[kind]
    classes = tuple(range(n_classes)) if n_classes else None
    return Task(kind, "y", columns, "log_loss", rows, classes, **more)


TASKS = {
    "numbers": make_task(),
    "wide, all roles, holes": make_task(
        "multiclass", (NUMBER, Role.BOOLEAN, CATEGORY, DATE, TEXT) * 3, missing=0.2
    ),
    "categories alone": make_task("regression", (CATEGORY,) * 9),
    "texts alone": make_task("binary", (TEXT,) * 8),
    "dates alone": make_task("regression", (DATE,) * 2, missing=0.5),
    "many numbers with holes": make_task("regression", (NUMBER,) * 30, missing=0.1),
    "weighted": make_task("multiclass", (NUMBER, CATEGORY) * 5, weighted=True),
    "large": make_task("binary", (NUMBER,) * 20, rows=500_000),
}
SPACES = {name: SearchSpace(REGISTRY, task) for name, task in TASKS.items()}
PAIRS = [(name, model) for name, space in SPACES.items() for model in space.models]


def assert_valid(space: SearchSpace, configuration: Configuration) -> None:
    """Every active hyperparameter has a value in its range, and there are no others."""
    ranges = space.ranges[configuration.model]
    values = configuration.values
    for key, value in values.items():
        assert ranges[key].contains(value), (key, value)
    for key, bounds in ranges.items():
        active = all(values.get(p) in ok and p in values for p, ok in bounds.when.items())
        assert (key in values) == active, key
    assert space.repair(configuration).configuration == configuration
    assert space.repair(configuration).changes == ()
    json.dumps(configuration.to_json(), allow_nan=False)


@pytest.mark.parametrize(("name", "model"), PAIRS)
def test_defaults_and_portfolios_are_valid(name, model):
    space = SPACES[name]
    portfolio = space.portfolio(model)
    assert portfolio[0] == space.default(model)
    assert len(set(portfolio)) == len(portfolio)
    for configuration in portfolio:
        assert_valid(space, configuration)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(PAIRS), st.integers(0, 2**32))
def test_samples_and_neighbours_are_valid(pair, seed):
    name, model = pair
    space, random = SPACES[name], Random(seed)
    configuration = space.sample(random, model)
    assert configuration.model == model
    assert_valid(space, configuration)
    for _ in range(5):
        configuration = space.neighbour(configuration, random)
        assert configuration.model == model
        assert_valid(space, configuration)


GARBAGE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=4),
    st.lists(st.integers(), max_size=2),
    st.sampled_from(("pca", "native", "onehot", "keep", "select", "tfidf", "none", "quantile")),
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(PAIRS), st.data())
def test_repair_takes_any_garbage_and_tells_what_it_changed(pair, data):
    name, model = pair
    space = SPACES[name]
    keys = st.one_of(st.sampled_from(sorted(space.ranges[model]) or ["x"]), st.text(max_size=6))
    values = data.draw(st.dictionaries(keys, GARBAGE, max_size=8))
    repaired = space.repair(Configuration(model, values))
    assert_valid(space, repaired.configuration)
    for key, value in values.items():
        kept = key in repaired.configuration.values
        if not kept or repaired.configuration.values[key] != value:
            assert any(change.startswith(f"{key}: ") for change in repaired.changes)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(SPACES)), st.integers(0, 2**32))
def test_draws_of_one_space_are_repaired_into_another(name, seed):
    """What was learned on one table is recalled on another."""
    source, goal = SPACES["wide, all roles, holes"], SPACES[name]
    drawn = source.sample(Random(seed))
    if drawn.model in goal.ranges:
        assert_valid(goal, goal.repair(drawn).configuration)


def test_the_same_seed_draws_the_same():
    space = SPACES["wide, all roles, holes"]

    def walk(seed):
        random = Random(seed)
        drawn = [space.sample(random) for _ in range(10)]
        return drawn + [space.neighbour(c, random) for c in drawn]

    assert walk(3) == walk(3)
    assert walk(3) != walk(4)


def test_samples_reach_the_whole_range():
    space, random = SPACES["numbers"], Random(0)
    drawn = [space.sample(random, "logistic").values["C"] for _ in range(300)]
    bounds = space.ranges["logistic"]["C"]
    below = sum(value < (bounds.low * bounds.high) ** 0.5 for value in drawn)
    assert 100 < below < 200
    assert min(drawn) < bounds.low * 5
    assert max(drawn) > bounds.high / 5


def test_neighbours_are_near_and_yet_different():
    space, random = SPACES["numbers"], Random(0)
    start = space.sample(random, "logistic")
    near = [space.neighbour(start, random) for _ in range(50)]
    kept = [set(start.values) & set(n.values) for n in near]
    changed = [sum(start.values[k] != n.values[k] for k in both) for both, n in zip(kept, near)]
    assert sum(count > 0 for count in changed) > 25
    assert max(changed) <= 2


def test_the_baseline_is_not_searched():
    for space in SPACES.values():
        assert BASELINE not in space.models
        assert BASELINE not in space.skipped


@pytest.mark.parametrize(
    ("name", "model", "word"),
    [
        ("large", "gaussian_process", "rows"),
        ("numbers", "ridge", "does not support binary"),
        ("weighted", "knn", "sample weights"),
    ],
)
def test_skipped_models_say_why(name, model, word):
    assert word in SPACES[name].skipped[model]
    assert model not in SPACES[name].ranges


def test_every_model_is_either_tried_or_explained():
    for space in SPACES.values():
        assert set(space.models) | set(space.skipped) | {BASELINE} == set(REGISTRY.names("model"))


def test_slots_are_there_when_the_table_has_a_use_for_them():
    for name, space in SPACES.items():
        task = TASKS[name]
        for model in space.models:
            slots = {k for k in space.ranges[model] if "." not in k} & set(
                ("impute", "categorical", "scale", "datetime", "text", "reduce")
            )
            tags = REGISTRY.model(model).tags
            numbers = bool(task.positions(NUMBER, Role.BOOLEAN, DATE))
            holes = any(c.missing for c in task.features)
            assert ("categorical" in slots) == bool(task.positions(CATEGORY))
            assert ("text" in slots) == bool(task.positions(TEXT))
            assert ("datetime" in slots) == bool(task.positions(DATE))
            assert ("impute" in slots) == (numbers and holes)
            assert ("scale" in slots) == (numbers and tags.needs_scaling)
            assert ("reduce" in slots) == (len(task.features) >= 8)


def test_only_models_that_take_holes_and_codes_get_them():
    for space in SPACES.values():
        for name in space.models:
            tags = REGISTRY.model(name).tags
            options = {k: b.options for k, b in space.ranges[name].items() if isinstance(b, Choice)}
            assert tags.accepts_nan or "keep" not in options.get("impute", ())
            assert tags.accepts_categories or "native" not in options.get("categorical", ())
            assert tags.accepts_sparse or "tfidf" not in options.get("text", ())


def own(model: Model | None = None, steps=(), keep=lambda entry: True) -> Registry:
    """The installed components, with a model or steps of this test's own."""
    plugin = Plugin("tests", source="object")
    entries = [e for k in ("model", "preprocessor") for e in REGISTRY.entries(k) if keep(e)]
    if model is not None:
        entries.append(Registered("model", model.name, model, plugin))
    entries += [Registered("preprocessor", f"{s.slot}.{s.name}", s, plugin) for s in steps]
    return Registry(entries)


WIDE = make_task("binary", (NUMBER,) * 6 + (CATEGORY,) * 3 + (TEXT,), missing=0.3)


class TestUntangling:
    """Reductions of the whole matrix that cannot follow the chosen encoding are left out."""

    def repaired(self, tags: Tags, task: Task = WIDE, **values):
        space = SearchSpace(own(Model("mine", build, tags=tags)), task)
        found = space.repair(Configuration("mine", values))
        assert_valid(space, found.configuration)
        return found.configuration.values, found.changes

    def test_codes_cannot_be_reduced(self):
        values, changes = self.repaired(
            Tags(accepts_categories=True, accepts_nan=True),
            categorical="native",
            reduce="pca",
            impute="median",
        )
        assert values["reduce"] == "none"
        assert not any(key.startswith("reduce.") for key in values)
        assert any("codes" in change for change in changes)

    def test_sparse_text_cannot_be_centred(self):
        values, changes = self.repaired(Tags(accepts_sparse=True), text="tfidf", reduce="pca")
        assert values["reduce"] == "none"
        assert any("sparse" in change for change in changes)

    def test_sparse_text_can_be_selected_from(self):
        values, _ = self.repaired(Tags(accepts_sparse=True), text="tfidf", reduce="select")
        assert values["reduce"] == "select"

    def test_holes_left_in_cannot_be_reduced(self):
        values, _ = self.repaired(Tags(accepts_nan=True), impute="keep", reduce="select")
        assert values["reduce"] == "none"
        values, _ = self.repaired(Tags(accepts_nan=True), impute="median", reduce="select")
        assert values["reduce"] == "select"

    def test_holes_may_come_at_predict_even_if_there_are_none_now(self):
        whole = make_task("binary", (NUMBER,) * 9)
        values, _ = self.repaired(Tags(accepts_nan=True), whole, reduce="select")
        assert values["reduce"] == "none"

    def test_dense_matrices_are_reduced(self):
        values, changes = self.repaired(Tags(), text="tfidf_svd", reduce="pca")
        assert values["reduce"] == "pca"
        assert "reduce.pca.variance" in values
        assert changes == ()

    def test_without_the_step_that_leaves_it_as_it_is_the_slot_stays_empty(self):
        registry = own(
            Model("mine", build, tags=Tags(accepts_nan=True)),
            keep=lambda e: e.name != "reduce.none",
        )
        space = SearchSpace(registry, WIDE)
        found = space.repair(Configuration("mine", {"impute": "keep", "reduce": "select"}))
        assert "reduce" not in found.configuration.values
        assert space.repair(found.configuration).configuration == found.configuration


class TestModelsOfPlugins:
    def test_a_model_may_name_the_steps_that_suit_it(self):
        model = Model(
            "mine", build, space={"categorical": Choice(("target", "ordinal"), "ordinal")}
        )
        space = SearchSpace(own(model), WIDE)
        bounds = space.ranges["mine"]["categorical"]
        assert set(bounds.options) == {"target", "ordinal"}
        assert bounds.default == "ordinal"
        assert not any(key.startswith("categorical.onehot") for key in space.ranges["mine"])

    def test_steps_that_are_not_installed_fall_back_to_one_that_is(self):
        model = Model("mine", build, space={"categorical": Choice(("hashing",))})
        space = SearchSpace(own(model), WIDE)
        assert len(space.ranges["mine"]["categorical"].options) == 1
        assert_valid(space, space.default("mine"))

    def test_a_condition_on_a_slot_counts_where_the_slot_is_needed(self):
        model = Model(
            "mine",
            build,
            space={
                "categorical": Choice(("onehot", "target")),
                "drop": Choice((True, False), when={"categorical": ("onehot",)}),
                "deep": Int(1, 3, 2, when={"drop": (True,)}),
                "c": Float(0.0, 1.0, 0.5),
            },
        )
        space = SearchSpace(own(model), WIDE)
        assert {"drop", "deep"} <= set(space.ranges["mine"])
        chosen = space.repair(Configuration("mine", {"categorical": "target", "drop": True}))
        assert not {"drop", "deep"} & set(chosen.configuration.values)
        assert "drop: inactive, dropped" in chosen.changes
        plain = SearchSpace(own(model), make_task())
        assert set(plain.ranges["mine"]) == {"c"}

    def test_true_is_not_one(self):
        model = Model(
            "mine",
            build,
            space={"a": Choice((1, True), 1), "b": Int(0, 3, 1, when={"a": (True,)})},
        )
        space = SearchSpace(own(model), make_task())
        assert set(space.default("mine").values) == {"a"}
        given_true = space.repair(Configuration("mine", {"a": True})).configuration
        assert set(given_true.values) == {"a", "b"}

    def test_the_default_of_generated_features_is_that_of_the_author(self):
        for default in ("none", "arithmetic"):
            choice = Choice(("none", "arithmetic"), default)
            model = Model("mine", build, space={"generate": choice})
            space = SearchSpace(own(model), WIDE)
            assert space.default("mine").values["generate"] == default

    def test_a_raw_model_gets_no_slots(self):
        model = Model("mine", build, space={"c": Int(1, 3, 2)}, tags=Tags(accepts_dataframe=True))
        space = SearchSpace(own(model), WIDE)
        assert set(space.ranges["mine"]) == {"c"}

    def test_without_class_probabilities_a_model_is_skipped(self):
        model = Model("mine", build, tags=Tags(outputs_probabilities=False))
        assert "probabilities" in SearchSpace(own(model), WIDE).skipped["mine"]
        assert "mine" in SearchSpace(own(model), make_task("regression")).models

    def test_a_slot_that_nothing_fills_is_said(self):
        registry = own(Model("mine", build), keep=lambda e: not e.name.startswith("text."))
        assert "'text'" in SearchSpace(registry, WIDE).skipped["mine"]

    def test_a_step_of_a_plugin_joins_the_choice(self):
        step = Preprocessor("rank", "scale", build, space={"n": Int(1, 9, 3)}, max_rows=1000)
        registry = own(Model("mine", build, tags=Tags(needs_scaling=True)), [step])
        ranges = SearchSpace(registry, make_task()).ranges["mine"]
        assert "rank" in ranges["scale"].options
        assert ranges["scale.rank.n"].when == {"scale": ("rank",)}
        large = SearchSpace(registry, replace(make_task(), n_rows=5000)).ranges["mine"]
        assert "rank" not in large["scale"].options

    def test_conditions_inside_a_step_keep_their_meaning(self):
        step = Preprocessor(
            "rank",
            "scale",
            build,
            space={"how": Choice(("a", "b")), "n": Int(1, 9, 3, when={"how": ("b",)})},
        )
        space = SearchSpace(
            own(Model("mine", build, tags=Tags(needs_scaling=True)), [step]), make_task()
        )
        values = {"scale": "rank", "scale.rank.how": "b", "scale.rank.n": 5}
        assert space.repair(Configuration("mine", values)).configuration.values == values
        values["scale.rank.how"] = "a"
        assert (
            "scale.rank.n" not in space.repair(Configuration("mine", values)).configuration.values
        )


def test_an_unknown_model_is_a_key_error():
    with pytest.raises(KeyError):
        SPACES["numbers"].repair(Configuration("xgboost", {}))
