from __future__ import annotations

import importlib
import logging
import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import metaauto
from metaauto.api import MetafeatureExtractor, Model, hookimpl
from metaauto.errors import NameClash, PluginLoadError, Refused
from metaauto.plugins.manager import Bundle, PluginSettings, load_plugins, pack_objects

GOOD = """
from metaauto.api import Model, hookimpl

@hookimpl
def register_models(register):
    register.model(Model("{model}", lambda values, context: None))
"""


class Installer:
    """Puts distributions with entry points on sys.path, as pip would."""

    def __init__(self, site) -> None:
        self.site = site
        self.modules: list[str] = []

    def install(self, name: str, code: str, version: str | None = "1.0", **points: str) -> None:
        module = f"fake_{name}_plugin"
        self.modules.append(module)
        (self.site / f"{module}.py").write_text(textwrap.dedent(code))
        info = self.site / f"metaauto_{name}-{version or 0}.dist-info"
        info.mkdir()
        if version is not None:
            (info / "METADATA").write_text(
                f"Metadata-Version: 2.1\nName: metaauto-{name}\nVersion: {version}\n"
            )
        lines = [f"{key} = {value}" for key, value in (points or {name: module}).items()]
        (info / "entry_points.txt").write_text("[metaauto]\n" + "\n".join(lines) + "\n")
        importlib.invalidate_caches()


@pytest.fixture
def site(tmp_path, monkeypatch):
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    for name in ("PLUGINS", "DISABLE_PLUGINS", "PLUGINS_DIR", "STRICT_PLUGINS"):
        monkeypatch.delenv(f"METAAUTO_{name}", raising=False)
    installer = Installer(folder)
    yield installer
    for module in installer.modules:
        sys.modules.pop(module, None)
    for module in [m for m in sys.modules if m.startswith("metaauto_plugin_")]:
        del sys.modules[module]


def only(*names: str, **more) -> PluginSettings:
    return PluginSettings(only=names, **more)


class TestDiscovery:
    def test_an_installed_plugin_is_found_with_its_origin(self, site):
        site.install("good", GOOD.format(model="mine"), version="3.1")
        loaded = load_plugins(only("good"))
        plugin = loaded.plugin("good")
        assert plugin.version == "3.1"
        assert plugin.distribution == "metaauto-good"
        assert plugin.source == "entry point fake_good_plugin"
        assert plugin.hooks == ["register_models"]
        assert plugin.components == ["model:mine"]
        assert plugin.errors == []
        assert plugin.label == "good 3.1"
        assert loaded.plugin("metaauto-good") is plugin
        assert loaded.plugin("nobody") is None
        assert loaded.registry.entry("model", "mine").plugin is plugin

    def test_metaautos_own_components_are_always_there(self, site):
        loaded = load_plugins(only())
        own = loaded.plugins[0]
        assert own.name == "builtin"
        assert own.is_own
        assert "model:random_forest" in own.components

    def test_without_settings_the_environment_decides(self, site, monkeypatch):
        site.install("one", GOOD.format(model="one"))
        site.install("two", GOOD.format(model="two"))
        assert {"one", "two"} <= set(load_plugins().registry.names("model"))
        monkeypatch.setenv("METAAUTO_PLUGINS", "one, metaauto-two")
        assert {"one", "two"} <= set(load_plugins().registry.names("model"))
        monkeypatch.setenv("METAAUTO_PLUGINS", "two")
        loaded = load_plugins()
        assert "one" not in loaded.registry.names("model")
        assert loaded.plugin("one").disabled
        assert "fake_one_plugin" not in sys.modules or loaded.plugin("one").hooks == []
        monkeypatch.setenv("METAAUTO_PLUGINS", "")
        assert not {"one", "two"} & set(load_plugins().registry.names("model"))

    @pytest.mark.parametrize("name", ["one", "metaauto-one"])
    def test_plugins_can_be_blocked(self, site, monkeypatch, name):
        site.install("one", "raise RuntimeError('imported although it is blocked')")
        monkeypatch.setenv("METAAUTO_DISABLE_PLUGINS", f"other,{name}")
        plugin = load_plugins().plugin("one")
        assert plugin.disabled
        assert plugin.errors == []

    def test_blocking_works_for_folders_modules_and_objects_too(self, site, tmp_path):
        (tmp_path / "filed.py").write_text(GOOD.format(model="filed"))
        site.install("mod", GOOD.format(model="mod"), unused="nowhere")
        settings = only(
            folders=(str(tmp_path),),
            modules=("fake_mod_plugin",),
            disabled=("filed", "fake_mod_plugin", "session"),
        )
        bundle = Bundle([Model("bundled", lambda v, c: None)])
        loaded = load_plugins(settings, [bundle])
        assert not {"filed", "mod", "bundled"} & set(loaded.registry.names("model"))

    def test_files_of_a_folder(self, site, tmp_path, monkeypatch):
        folder = tmp_path / "mine"
        folder.mkdir()
        (folder / "alpha.py").write_text(GOOD.format(model="alpha"))
        (folder / "_hidden.py").write_text("raise RuntimeError")
        (folder / "notes.txt").write_text("no plugin")
        monkeypatch.setenv("METAAUTO_PLUGINS_DIR", str(folder))
        loaded = load_plugins()
        assert loaded.plugin("alpha").source == str(folder / "alpha.py")
        assert "alpha" in loaded.registry.names("model")
        assert loaded.plugin("_hidden") is None
        again = load_plugins()
        assert again.objects["alpha"] is loaded.objects["alpha"]

    def test_two_files_of_one_name_do_not_mix(self, site, tmp_path):
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "same.py").write_text(GOOD.format(model=f"of-{name}"))
        loaded = load_plugins(only(folders=(str(tmp_path / "a"), str(tmp_path / "b"))))
        assert {"of-a", "of-b"} <= set(loaded.registry.names("model"))

    def test_a_folder_that_is_not_there_is_an_error(self, site):
        with pytest.raises(PluginLoadError, match="no/such"):
            load_plugins(only(folders=("no/such",)))

    def test_modules_by_name(self, site):
        site.install("mod", GOOD.format(model="mod"), unused="nowhere")
        loaded = load_plugins(only(modules=("fake_mod_plugin",)))
        assert "mod" in loaded.registry.names("model")

    def test_the_order_of_installation_changes_nothing(self, site, tmp_path, monkeypatch):
        site.install("b", GOOD.format(model="same"))
        site.install("a", GOOD.format(model="same"))
        first = load_plugins(only("a", "b"))
        second_site = tmp_path / "second"
        second_site.mkdir()
        names = [p.name for p in first.plugins]
        monkeypatch.setattr(sys, "path", [str(second_site), *reversed(sys.path)])
        second = load_plugins(only("a", "b"))
        assert [p.name for p in second.plugins] == names
        assert [str(c) for c in second.registry.clashes] == [str(c) for c in first.registry.clashes]
        assert "same" not in second.registry.names("model")

    def test_plugins_of_one_name_are_told_apart(self, site):
        seen = "\n@hookimpl\ndef fit_finished(result):\n    result.append('{0}')\n"
        site.install("x", GOOD.format(model="x") + seen.format("x"), same="fake_x_plugin")
        site.install("y", GOOD.format(model="y") + seen.format("y"), same="fake_y_plugin")
        loaded = load_plugins(only("same"))
        assert {"x", "y"} <= set(loaded.registry.names("model"))
        assert {"same", "same-2"} <= {p.name for p in loaded.plugins}
        told = []
        loaded.notify("fit_finished", result=told)
        assert sorted(told) == ["x", "y"]

    def test_nobody_else_is_builtin(self, site):
        site.install("evil", GOOD.format(model="random_forest"), builtin="fake_evil_plugin")
        loaded = load_plugins(only("builtin"))
        assert loaded.registry.entry("model", "random_forest").plugin.is_own
        assert loaded.plugin("builtin-2").errors

    def test_leftovers_of_an_uninstalled_distribution_do_no_harm(self, site, caplog):
        site.install("ghost", GOOD.format(model="ghost"), version=None)
        loaded = load_plugins(only("ghost"))
        plugin = loaded.plugin("ghost")
        assert (plugin.distribution, plugin.version) == ("", "")
        loaded.registry.select(include=["random_forest"])


BROKEN = {
    "import": ("import no_such_module_anywhere", "ModuleNotFoundError"),
    "syntax": ("def register_models(:", "SyntaxError"),
    "raises": ("raise ValueError('at import')", "ValueError: at import"),
    "exits": ("import sys; sys.exit('bye')", "SystemExit: bye"),
    "no hook": ("x = 1", "implements no hook"),
    "unmarked": ("def register_models(register): pass", "implements no hook"),
    "arguments": (
        """
        from metaauto.api import hookimpl
        @hookimpl
        def register_models(register, extra): pass
        """,
        "hook signature mismatch",
    ),
    "misspelt": (
        """
        from metaauto.api import hookimpl
        @hookimpl
        def register_model(register): pass
        """,
        "Did you mean register_models?",
    ),
    "raising hook": (
        """
        from metaauto.api import hookimpl
        @hookimpl
        def register_models(register): raise KeyError('oops')
        """,
        "register_models raised KeyError: 'oops'",
    ),
    "exiting hook": (
        """
        from metaauto.api import hookimpl
        @hookimpl
        def register_models(register): raise SystemExit(3)
        """,
        "register_models raised SystemExit: 3",
    ),
    "wrong type": (
        """
        from metaauto.api import hookimpl
        @hookimpl
        def register_models(register): register.model("knn")
        """,
        "registers a str as a model",
    ),
    "impossible space": (
        """
        from metaauto.api import Model, hookimpl
        @hookimpl
        def register_models(register):
            register.model(Model("odd", lambda v, c: None, space={"a": 3}))
        """,
        "'a' in the space of 'odd'",
    ),
    "impossible range": (
        """
        from metaauto.api import Float, Model, hookimpl
        @hookimpl
        def register_models(register):
            register.model(Model("odd", lambda v, c: None, space={"a": Float(1.0, 0.0, 0.5)}))
        """,
        "The range 1.0 to 0.0 is empty",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_is_named_and_the_others_go_on(case, site, caplog):
    code, complaint = BROKEN[case]
    site.install("broken", code)
    site.install("good", GOOD.format(model="mine"))
    with caplog.at_level(logging.WARNING, logger="metaauto"):
        loaded = load_plugins(only("broken", "good"))
    assert any(complaint in error for error in loaded.plugin("broken").errors)
    assert loaded.plugin("broken").components == []
    assert "mine" in loaded.registry.names("model")
    assert "random_forest" in loaded.registry.names("model")
    assert loaded.plugin("good").errors == []
    (said,) = [r.getMessage() for r in caplog.records if complaint in r.getMessage()]
    assert said.startswith("Plugin 'broken 1.0': ")
    assert said.count("'broken") == 1


@pytest.mark.parametrize("case", BROKEN)
def test_strict_mode_raises_instead(case, site, monkeypatch):
    code, complaint = BROKEN[case]
    site.install("broken", code)
    monkeypatch.setenv("METAAUTO_STRICT_PLUGINS", "1")
    monkeypatch.setenv("METAAUTO_PLUGINS", "broken")
    with pytest.raises(PluginLoadError) as caught:
        load_plugins()
    assert str(caught.value).startswith("Plugin 'broken 1.0': ")
    assert complaint in str(caught.value)


def test_a_missing_attribute_of_an_entry_point_is_named(site):
    site.install("attr", "x = 1", attr="fake_attr_plugin:nothing")
    assert any("AttributeError" in e for e in load_plugins(only("attr")).plugin("attr").errors)


def test_ctrl_c_at_import_is_for_the_user(site):
    site.install("slow", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        load_plugins(only("slow"))


def test_one_bad_component_leaves_the_others_of_its_plugin(site):
    site.install(
        "mixed",
        """
        from metaauto.api import Model, hookimpl
        @hookimpl
        def register_models(register):
            register.model(Model("odd", lambda v, c: None, requires=("nowhere_to_be_found",)))
            register.model(Model("fine", lambda v, c: None))
        """,
    )
    loaded = load_plugins(only("mixed"))
    assert loaded.plugin("mixed").components == ["model:fine"]
    assert "nowhere_to_be_found" in loaded.plugin("mixed").errors[0]


BAD_HOOKS = {
    "another argument": ("def register_metrics(register, extra): pass", "hook signature mismatch"),
    "an error": ("def register_metrics(register): raise KeyError('oops')", "KeyError: 'oops'"),
    "half": (
        "def register_metrics(register):\n"
        "    register.component(Model('half', lambda v, c: None))\n"
        "    raise KeyError('oops')",
        "KeyError: 'oops'",
    ),
    "a misspelt name": ("def register_metric(register): pass", "Did you mean register_metrics?"),
}


@pytest.mark.parametrize("case", BAD_HOOKS)
def test_a_bad_hook_loses_its_own_registrations_alone(case, site):
    hook, problem = BAD_HOOKS[case]
    site.install("mixed", f"{GOOD.format(model='mine')}\n@hookimpl\n{hook}\n")
    loaded = load_plugins(only("mixed"))
    plugin = loaded.plugin("mixed")
    assert plugin.components == ["model:mine"]
    assert "register_models" in plugin.hooks
    assert len(plugin.errors) == 1
    assert problem in plugin.errors[0]
    loaded.notify("fit_finished", result=None)
    assert len(plugin.errors) == 1


def test_a_misspelt_hook_beside_a_good_one_is_reported(site):
    site.install(
        "typo",
        GOOD.format(model="mine") + "\n@hookimpl\ndef trial_finnished(trial):\n    pass\n",
    )
    loaded = load_plugins(only("typo"))
    assert loaded.plugin("typo").components == ["model:mine"]
    assert "Did you mean trial_finished?" in loaded.plugin("typo").errors[0]


def test_a_clash_is_reported_on_both_and_raised_in_strict_mode(site):
    site.install("one", GOOD.format(model="mine"))
    site.install("two", GOOD.format(model="mine"))
    loaded = load_plugins(only("one", "two"))
    for name in ("one", "two"):
        assert "'mine'" in loaded.plugin(name).errors[0]
        assert loaded.plugin(name).components == []
    with pytest.raises(NameClash):
        load_plugins(only("one", "two", strict=True))


class TestNotify:
    class Seeing:
        __name__ = "seeing"

        def __init__(self) -> None:
            self.seen: list = []

        @hookimpl
        def trial_finished(self, trial):
            self.seen.append(trial)

    class Raising:
        __name__ = "raising"

        @hookimpl
        def trial_finished(self):
            raise RuntimeError("observer")

    def test_one_observer_that_raises_does_not_stop_the_others(self, caplog):
        seeing, raising = self.Seeing(), self.Raising()
        loaded = load_plugins(only(), [raising, seeing])
        loaded.notify("trial_finished", trial="t1")
        loaded.notify("trial_finished", trial="t2")
        assert seeing.seen == ["t1", "t2"]
        assert "trial_finished raised RuntimeError: observer" in loaded.plugin("raising").errors[0]
        assert len(loaded.plugin("raising").errors) == 1
        assert sum("observer" in record.getMessage() for record in caplog.records) == 1
        assert set(loaded.hook_seconds) == {"raising", "seeing"}

    def test_strict_mode_raises(self):
        loaded = load_plugins(only(strict=True), [self.Raising()])
        with pytest.raises(PluginLoadError, match="observer"):
            loaded.notify("trial_finished", trial=None)

    def test_hooks_that_nobody_implements_cost_nothing(self):
        load_plugins(only(), [self.Seeing()]).notify("fit_finished", result=None)


class TestSession:
    def test_a_bundle_registers_components_of_any_kind(self):
        bundle = Bundle(
            [
                Model("mine", lambda v, c: None),
                MetafeatureExtractor("facts", lambda i: {"a": 1.0}, ("a",)),
            ]
        )
        loaded = load_plugins(only(), [bundle])
        assert set(loaded.plugin("session").components) == {"model:mine", "metafeature:facts"}

    def test_a_bundle_with_something_else_is_reported(self):
        loaded = load_plugins(only(), [Bundle([42])])
        assert "registers a int" in loaded.plugin("session").errors[0]

    def test_nothing_packs_to_nothing(self):
        assert pack_objects([]) == b""

    def test_what_cannot_travel_is_refused_in_one_sentence(self):
        import threading

        lock = threading.Lock()
        with pytest.raises(Refused, match="cannot be sent to worker processes") as caught:
            pack_objects([Bundle([Model("mine", lambda v, c: lock)])])
        assert caught.value.hint

    def test_definitions_of_main_travel_by_value(self, tmp_path):
        script = tmp_path / "notebook.py"
        script.write_text(
            textwrap.dedent(
                """
                import sys
                from metaauto.api import Model
                from metaauto.plugins.manager import Bundle, pack_objects

                class Mine:
                    def predict(self, X):
                        return "mine"

                def build(values, context):
                    return Mine()

                sys.stdout.buffer.write(pack_objects([Bundle([Model("mine", build)])]))
                """
            )
        )
        home = Path(metaauto.__file__).parent.parent
        packed = subprocess.run(
            [sys.executable, str(script)],
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(home)},
        )
        (bundle,) = pickle.loads(packed.stdout)
        registry = load_plugins(only(), [bundle]).registry
        assert registry.model("mine").build({}, None).predict(None) == "mine"


class TestSettings:
    def test_they_can_be_sent_to_a_worker(self):
        settings = PluginSettings(("a",), ("b",), ("c",), ("d",), True)
        assert pickle.loads(pickle.dumps(settings)) == settings

    def test_the_environment_is_read_and_overridden(self, monkeypatch, tmp_path):
        monkeypatch.setenv("METAAUTO_PLUGINS", " a, b ,,")
        monkeypatch.setenv("METAAUTO_DISABLE_PLUGINS", "c")
        monkeypatch.setenv("METAAUTO_PLUGINS_DIR", os.pathsep.join(["x", "", "y"]))
        monkeypatch.setenv("METAAUTO_STRICT_PLUGINS", "0")
        settings = PluginSettings.from_environment(disabled=("z",))
        assert settings == PluginSettings(("a", "b"), ("z",), ("x", "y"))
        monkeypatch.setenv("METAAUTO_STRICT_PLUGINS", "1")
        assert PluginSettings.from_environment().strict

    def test_an_empty_environment_loads_everything(self, monkeypatch):
        for name in ("PLUGINS", "DISABLE_PLUGINS", "PLUGINS_DIR", "STRICT_PLUGINS"):
            monkeypatch.delenv(f"METAAUTO_{name}", raising=False)
        assert PluginSettings.from_environment() == PluginSettings()
