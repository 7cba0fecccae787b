from __future__ import annotations

import doctest
import inspect

import pluggy
import pytest

from metaauto.components import MetafeatureExtractor, Preprocessor, Reader
from metaauto.components.explainer import Explainer
from metaauto.components.report_section import ReportSection
from metaauto.components.search_engine import SearchEngine
from metaauto.components.splitter import Splitter
from metaauto.components.strategy import Strategy
from metaauto.metrics import Metric
from metaauto.plugins import hookspecs
from metaauto.plugins.manager import PluginSettings, load_plugins
from metaauto.plugins.registry import Register

HOOKS = {
    name: item
    for name, item in vars(hookspecs).items()
    if inspect.isfunction(item) and hasattr(item, "metaauto_spec")
}


def test_the_hooks_are_those_of_the_contract():
    assert sorted(HOOKS) == [
        "fit_failed",
        "fit_finished",
        "fit_started",
        "register_commands",
        "register_explainers",
        "register_knowledge",
        "register_metafeatures",
        "register_metrics",
        "register_models",
        "register_preprocessors",
        "register_readers",
        "register_report_sections",
        "register_search_engines",
        "register_splitters",
        "register_strategies",
        "trial_finished",
    ]


def example(name: str) -> doctest.DocTest:
    found = doctest.DocTestFinder(recurse=False).find(HOOKS[name], name, globs={})
    return found[0]


def implemented(name: str):
    """The function that the example of a hook defines, run as it stands."""
    test = example(name)
    runner = doctest.DocTestRunner(verbose=False)
    runner.run(test, clear_globs=False)
    assert runner.failures == 0
    return test.globs[name]


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_says_when_it_is_called_and_shows_an_example(name):
    text = inspect.getdoc(HOOKS[name])
    assert text.splitlines()[0].endswith(".") or ":" in text.splitlines()[0]
    assert "Called" in text
    assert "Examples\n--------" in text
    assert example(name).examples


@pytest.mark.parametrize("name", HOOKS)
def test_the_example_implements_the_hook_with_its_arguments(name):
    function = implemented(name)
    assert hasattr(function, "metaauto_impl")
    assert set(inspect.signature(function).parameters) == set(
        inspect.signature(HOOKS[name]).parameters
    )


@pytest.mark.parametrize("name", [n for n in HOOKS if n.startswith("register_")])
def test_the_example_registers_what_it_says(name):
    plugin = type("Plugin", (), {"__name__": "docstring", name: staticmethod(implemented(name))})()
    loaded = load_plugins(PluginSettings(only=()), [plugin])
    found = loaded.plugin("docstring")
    assert found.errors == []
    assert found.hooks == [name]
    assert len(found.components) == 1


@pytest.mark.parametrize("name", [n for n in HOOKS if n.startswith("register_")])
def test_the_manual_names_a_method_that_register_has(name):
    text = inspect.getdoc(HOOKS[name])
    method = text.split("register.", 1)[1].split("(", 1)[0]
    assert callable(getattr(Register, method))


def test_a_hook_may_leave_out_arguments():
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    called = []

    class Plugin:
        @hookspecs.hookimpl
        def trial_finished(self):
            called.append(True)

    manager.register(Plugin())
    manager.hook.trial_finished(trial=None)
    assert called == [True]


def test_components_of_the_examples_have_distinct_kinds():
    kinds = {
        "register_preprocessors": Preprocessor,
        "register_metafeatures": MetafeatureExtractor,
        "register_metrics": Metric,
        "register_readers": Reader,
        "register_explainers": Explainer,
        "register_strategies": Strategy,
        "register_search_engines": SearchEngine,
        "register_splitters": Splitter,
        "register_report_sections": ReportSection,
    }
    for name, kind in kinds.items():
        plugin = type(
            "Plugin", (), {"__name__": "docstring", name: staticmethod(implemented(name))}
        )()
        registry = load_plugins(PluginSettings(only=()), [plugin]).registry
        word = {"register_strategies": "strategy"}.get(name, name[len("register_") : -1])
        mine = [e for e in registry.entries(word) if e.plugin.name == "docstring"]
        assert [type(e.component) for e in mine] == [kind]
