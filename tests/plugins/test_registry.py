from __future__ import annotations

import importlib.util
import random
import re

import pytest
from builders import build
from click import Command
from hypothesis import given
from hypothesis import strategies as st

from metaauto.components import MetafeatureExtractor, Model, Preprocessor, Reader
from metaauto.components.hyperparameters import Choice, Float
from metaauto.errors import ComponentError, UnknownName
from metaauto.metrics import Metric
from metaauto.plugins.manager import PluginSettings, load_plugins
from metaauto.plugins.registry import Plugin, Register, Registered, Registry


def entries(plugin: Plugin, *names: str) -> list[Registered]:
    return [Registered("model", name, Model(name, build), plugin) for name in names]


OWN = Plugin("builtin", "1.0", "metaauto", "metaauto itself")


def fresh(name: str) -> Plugin:
    return Plugin(name, "2.0", f"metaauto-{name}", f"entry point {name}")


def test_names_are_sorted_and_unique():
    registry = Registry([*entries(fresh("z"), "b", "a"), *entries(fresh("y"), "c")])
    assert registry.names("model") == ["a", "b", "c"]
    assert [m.name for m in registry.models()] == ["a", "b", "c"]
    assert registry.names("metric") == []


def test_metaautos_own_component_wins_a_clash():
    other = fresh("other")
    registry = Registry([*entries(other, "knn", "mine"), *entries(OWN, "knn")])
    assert registry.entry("model", "knn").plugin is OWN
    assert registry.names("model") == ["knn", "mine"]
    (clash,) = registry.clashes
    for part in ("'knn'", "other 2.0", "builtin 1.0", "metaauto's own is used"):
        assert part in str(clash)
    assert "METAAUTO_DISABLE_PLUGINS" in clash.hint
    assert other.errors == [str(clash)]
    assert OWN.errors == []


def test_a_plugin_that_calls_itself_builtin_is_not_metaautos_own():
    impostor = Plugin("builtin", "9.9", "evil", "entry point evil")
    registry = Registry([*entries(impostor, "knn"), *entries(OWN, "knn")])
    assert registry.entry("model", "knn").plugin is OWN
    alone = Registry([*entries(impostor, "a"), *entries(fresh("x"), "a")])
    assert alone.names("model") == []


def test_of_two_third_parties_neither_is_used():
    one, two = fresh("one"), fresh("two")
    registry = Registry([*entries(one, "mine"), *entries(two, "mine", "yours")])
    assert registry.names("model") == ["yours"]
    (clash,) = registry.clashes
    assert "one 2.0" in str(clash)
    assert "two 2.0" in str(clash)
    assert "neither is used" in str(clash)
    assert one.errors == two.errors == [str(clash)]


def test_one_name_for_two_kinds_is_no_clash():
    plugin = fresh("p")
    registry = Registry(
        [
            *entries(plugin, "same"),
            Registered("metafeature", "same", MetafeatureExtractor("same", build, ("a",)), plugin),
        ]
    )
    assert registry.clashes == []
    assert registry.model("same").name == registry.metafeatures()[0].name


@given(st.randoms(use_true_random=False))
def test_the_order_of_installation_changes_nothing(shuffle):
    def plugins():
        return [
            *entries(Plugin("builtin", source="metaauto itself"), "knn", "svm"),
            *entries(fresh("one"), "mine", "knn", "one"),
            *entries(fresh("two"), "mine", "two"),
            *entries(fresh("three"), "three", "mine"),
        ]

    expected = Registry(plugins())
    made = plugins()
    shuffle.shuffle(made)
    registry = Registry(made)
    assert (
        registry.names("model") == expected.names("model") == ["knn", "one", "svm", "three", "two"]
    )
    assert [str(c) for c in registry.clashes] == [str(c) for c in expected.clashes]
    for name in registry.names("model"):
        assert registry.entry("model", name).plugin == expected.entry("model", name).plugin


def test_a_misspelt_name_gets_a_suggestion():
    registry = Registry(entries(OWN, "random_forest", "ridge"))
    with pytest.raises(UnknownName, match="Did you mean 'random_forest'"):
        registry.model("randomforest")
    with pytest.raises(UnknownName, match="model"):
        registry.entry("model", "xyz")
    with pytest.raises(UnknownName):
        registry.preprocessor("scale", "standart")


def test_preprocessors_come_with_the_default_of_their_slot_first():
    plugin = fresh("p")
    steps = [
        Preprocessor("z", "scale", build, default=True),
        Preprocessor("a", "scale", build),
        Preprocessor("a", "reduce", build),
    ]
    registry = Registry(Registered("preprocessor", f"{s.slot}.{s.name}", s, plugin) for s in steps)
    assert [s.name for s in registry.preprocessors("scale")] == ["z", "a"]
    assert registry.preprocessor("reduce", "a").slot == "reduce"


def test_readers_of_plugins_are_asked_first():
    made = [
        Registered("reader", name, Reader(name, bool, build), plugin)
        for name, plugin in (("b", OWN), ("z", fresh("p")), ("c", fresh("q")))
    ]
    assert [r.name for r in Registry(made).readers()] == ["c", "z", "b"]


BOOST = fresh("boost")


class TestSelect:
    registry = Registry(
        [
            *entries(OWN, "knn", "svm", "dummy"),
            *entries(BOOST, "lightgbm", "goss"),
            Registered("preprocessor", "scale.rank", Preprocessor("rank", "scale", build), OWN),
            Registered("reader", "csv", Reader("csv", bool, build), OWN),
            Registered("reader", "goss", Reader("goss", bool, build), BOOST),
            Registered("metric", "gain", Metric("gain", ("binary",), "labels", build), BOOST),
        ]
    )

    def names(self, **how):
        return self.registry.select(**how).names("model")

    def test_nothing_named_keeps_all(self):
        assert self.names() == self.registry.names("model")

    def test_models_by_name(self):
        assert self.names(include=["knn"]) == ["knn"]
        assert self.names(exclude=["knn", "dummy"]) == ["goss", "lightgbm", "svm"]

    @pytest.mark.parametrize("name", ["boost", "metaauto-boost"])
    def test_models_by_plugin(self, name):
        assert self.names(include=[name]) == ["goss", "lightgbm"]
        assert self.names(exclude=[name]) == ["dummy", "knn", "svm"]

    def test_an_excluded_plugin_is_left_out_with_all_its_components(self):
        selected = self.registry.select(exclude=["boost"])
        assert selected.names("metric") == []
        assert selected.names("reader") == ["csv"]

    def test_an_excluded_model_leaves_components_of_other_kinds(self):
        selected = self.registry.select(exclude=["goss"])
        assert selected.names("reader") == ["csv", "goss"]
        assert selected.names("metric") == ["gain"]

    def test_metaauto_itself_keeps_its_readers(self):
        selected = self.registry.select(exclude=["builtin"])
        assert selected.names("model") == ["goss", "lightgbm"]
        assert selected.names("preprocessor") == []
        assert selected.names("reader") == ["csv", "goss"]

    def test_both_together(self):
        assert self.names(include=["boost", "knn"], exclude=["goss"]) == ["knn", "lightgbm"]

    def test_what_is_included_is_about_models_alone(self):
        selected = self.registry.select(include=["lightgbm"])
        assert selected.names("preprocessor") == ["scale.rank"]
        assert selected.names("reader") == ["csv", "goss"]

    def test_steps_may_be_excluded(self):
        assert self.registry.select(exclude=["scale.rank"]).names("preprocessor") == []
        with pytest.raises(UnknownName):
            self.registry.select(include=["scale.rank"])

    def test_the_registry_itself_stays(self):
        before = self.registry.names("model")
        self.registry.select(exclude=["knn"])
        assert self.registry.names("model") == before

    @pytest.mark.parametrize("how", [{"include": ["lightgbmm"]}, {"exclude": ["lightgbmm"]}])
    def test_misspelt_names_are_refused(self, how):
        with pytest.raises(UnknownName, match="'lightgbm'"):
            self.registry.select(**how)

    @pytest.mark.parametrize(
        ("how", "message"),
        [
            ({"include": ["rank"]}, "'rank' is a preprocessor.*exclude='scale.rank'"),
            ({"exclude": ["rank"]}, "'rank' is a preprocessor"),
            ({"include": ["csv"]}, "'csv' is a reader.*Expected a model or plugin"),
        ],
    )
    def test_a_name_of_another_kind_is_told(self, how, message):
        with pytest.raises(UnknownName, match=message):
            self.registry.select(**how)

    def test_an_excluded_component_is_told(self):
        selected = self.registry.select(exclude=["boost"])
        with pytest.raises(UnknownName, match="metric 'gain' of the plugin 'boost' is excluded"):
            selected.entry("metric", "gain")


class TestRegister:
    def test_it_notes_who_registered_what(self):
        plugin = fresh("p")
        register = Register(plugin)
        register.model(Model("m", build))
        register.preprocessor(Preprocessor("s", "scale", build))
        register.metafeature(MetafeatureExtractor("e", build, ("a",)))
        register.metric(Metric("hits", ("binary",), "labels", build))
        register.reader(Reader("r", bool, build))
        register.knowledge("pack.db")
        assert [(e.kind, e.name) for e in register.entries] == [
            ("model", "m"),
            ("preprocessor", "scale.s"),
            ("metafeature", "e"),
            ("metric", "hits"),
            ("reader", "r"),
            ("knowledge", "pack.db"),
        ]
        assert {id(e.plugin) for e in register.entries} == {id(plugin)}
        assert plugin.errors == []

    @pytest.mark.parametrize("kind", ["model", "preprocessor", "metafeature", "metric", "reader"])
    @pytest.mark.parametrize("wrong", [None, "knn", Model, 3])
    def test_wrong_types_are_refused_by_plugin(self, kind, wrong):
        register = Register(fresh("odd"))
        name = type(wrong).__name__
        with pytest.raises(ComponentError, match=f"registers a {name} as a {kind}"):
            getattr(register, kind)(wrong)
        assert register.entries == []

    def test_a_model_is_no_preprocessor(self):
        with pytest.raises(ComponentError, match="Pass a Preprocessor"):
            Register(fresh("odd")).preprocessor(Model("m", build))

    def test_components_of_any_kind_go_by_their_type(self):
        register = Register(fresh("p"))
        register.component(Model("m", build))
        register.component(Reader("r", bool, build))
        assert [e.kind for e in register.entries] == ["model", "reader"]
        with pytest.raises(ComponentError, match="registers a object"):
            register.component(object())

    def test_a_command_must_look_like_one(self):
        with pytest.raises(ComponentError, match=r"click\.Command"):
            Register(fresh("p")).command(print)

    def test_a_command_can_be_added_to_a_group(self):
        register = Register(fresh("p"))
        register.command(Command("import"), group="knowledge")
        register.command(Command("import"))
        registry = Registry(register.entries)
        assert registry.names("command") == ["import", "knowledge import"]

    @pytest.mark.parametrize("group", ["knowlege", "knowledge import", "fit", 3])
    def test_a_command_cannot_be_added_to_an_unknown_group(self, group):
        register = Register(fresh("p"))
        with pytest.raises(ComponentError, match=re.escape(repr(group))) as caught:
            register.command(Command("import"), group=group)
        assert "Groups: knowledge." in caught.value.hint
        assert register.entries == []

    def test_an_impossible_space_is_noted_and_the_rest_stays(self):
        plugin = fresh("p")
        register = Register(plugin)
        register.model(Model("bad", build, space=lambda kind: {"a": 3}))
        register.model(Model("worse", build, space=lambda kind: 1 / 0))
        register.model(Model("good", build))
        assert [e.name for e in register.entries] == ["good"]
        assert "bad" in plugin.errors[0]
        assert "ZeroDivisionError" in plugin.errors[1]

    def test_a_missing_module_is_noted_by_name(self):
        plugin = fresh("p")
        register = Register(plugin)
        register.model(Model("m", build, requires=("no_such_module",)))
        register.model(Model("n", build, requires=("no_such.module",)))
        assert register.entries == []
        assert "'no_such_module'" in plugin.errors[0]
        assert "'no_such.module'" in plugin.errors[1]

    def test_readers_are_registered_without_their_modules(self):
        plugin = fresh("p")
        register = Register(plugin)
        register.reader(Reader("r", str.isalpha, print, requires=("no_such_module",)))
        assert [entry.name for entry in register.entries] == ["r"]
        assert plugin.errors == []

    def test_metaauto_has_no_errors_without_the_modules_of_its_extras(self, monkeypatch):
        find_spec = importlib.util.find_spec

        def without_extras(name, package=None):
            return None if name in ("openpyxl", "sqlalchemy") else find_spec(name, package)

        monkeypatch.setattr("importlib.util.find_spec", without_extras)
        loaded = load_plugins(PluginSettings(only=()))
        assert [error for plugin in loaded.plugins for error in plugin.errors] == []
        assert {"excel", "sql"} <= set(loaded.registry.names("reader"))

    @pytest.mark.parametrize(
        ("entry", "word"),
        [
            ({"d": 1.0}, "'d'"),
            ({"c": 7.0}, "7.0"),
            ({"kind": "z"}, "'z'"),
            ({"sclae": "standard"}, "'sclae'"),
            (3, "int"),
        ],
    )
    def test_a_portfolio_that_does_not_fit_the_space_is_noted(self, entry, word):
        plugin = fresh("p")
        space = {"c": Float(0.0, 1.0, 0.5), "kind": Choice(("x", "y"))}
        Register(plugin).model(Model("m", build, space=space, portfolio=(entry,)))
        assert word in plugin.errors[0]

    def test_a_portfolio_may_set_slots(self):
        plugin = fresh("p")
        entry = {"c": 0.25, "scale": "quantile", "categorical.onehot.min_frequency": 0.1}
        model = Model("m", build, space={"c": Float(0.0, 1.0, 0.5)}, portfolio=(entry,))
        Register(plugin).model(model)
        assert plugin.errors == []


def test_the_installed_components_do_not_clash():
    loaded = load_plugins(PluginSettings(only=()))
    assert loaded.registry.clashes == []
    assert not any(p.errors for p in loaded.plugins)
    again = load_plugins(PluginSettings(only=())).registry
    for kind in ("model", "preprocessor", "metafeature", "reader"):
        assert loaded.registry.names(kind) == again.names(kind)
        assert loaded.registry.names(kind)


def test_each_slot_has_exactly_one_default():
    registry = load_plugins(PluginSettings(only=())).registry
    from metaauto.components import SLOTS

    for slot in SLOTS:
        assert [s.default for s in registry.preprocessors(slot)].count(True) == 1, slot


def test_shuffling_is_really_shuffling():
    """The property test above would pass if nothing were shuffled."""
    made = entries(OWN, *"abcdefgh")
    shuffled = list(made)
    random.Random(1).shuffle(shuffled)
    assert shuffled != made
