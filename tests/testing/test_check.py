from __future__ import annotations

import textwrap

import pytest

from metaauto.errors import PluginLoadError, UnknownName
from metaauto.knowledge import KnowledgeStore
from metaauto.testing.check import check_component, find_target, plugins_of

PLUGIN = """
from metaauto.api import MetafeatureExtractor, Metric, Reader, hookimpl

def facts(table):
    {facts}
    return {{"rows": float(table.n_rows)}}

def hits(y, labels, sample_weight=None):
    import numpy as np
    return float(np.average(y == labels, weights=sample_weight))

@hookimpl
def register_metafeatures(register):
    register.metafeature(MetafeatureExtractor("mine", facts, keys=("rows",), tasks=("regression",)))

@hookimpl
def register_metrics(register):
    register.metric(Metric("hits", ("binary",), "labels", hits, {metric}))

@hookimpl
def register_readers(register):
    register.reader(Reader("nothing", lambda source: False, print))
"""


STORE = """
from metaauto.api import hookimpl

@hookimpl
def register_knowledge(register):
    register.knowledge({path!r})
"""


@pytest.fixture
def write(tmp_path):
    def write(name="mine", facts="pass", metric="description=''"):
        file = tmp_path / f"{name}.py"
        file.write_text(PLUGIN.format(facts=facts, metric=metric))
        return file

    return write


def failures(result):
    return {failure.check: failure.message for failure in result.failures}


class TestFindTarget:
    def test_a_file_is_checked_without_its_neighbours(self, write):
        write("broken").write_text("import nothing_of_this_name")
        plugins = plugins_of(find_target(str(write())))
        assert [p.name for p in plugins] == ["mine"]
        assert plugins[0].components == ["metafeature:mine", "metric:hits", "reader:nothing"]

    def test_a_folder_is_checked_with_all_its_files(self, write, tmp_path):
        write("one")
        write("broken").write_text("import nothing_of_this_name")
        plugins = plugins_of(find_target(str(tmp_path)))
        assert [p.name for p in plugins] == ["broken", "one"]
        assert "nothing_of_this_name" in plugins[0].errors[0]

    @pytest.mark.parametrize("root", [".", "src"])
    def test_a_project_is_found_by_its_entry_points(self, tmp_path, root):
        (tmp_path / root).mkdir(exist_ok=True)
        (tmp_path / root / f"fake_project_{root.strip('.')}x.py").write_text(
            PLUGIN.format(facts="pass", metric="")
        )
        (tmp_path / "pyproject.toml").write_text(
            f"[project.entry-points.metaauto]\nmine = 'fake_project_{root.strip('.')}x'\n"
        )
        (plugin,) = plugins_of(find_target(str(tmp_path)))
        assert "metafeature:mine" in plugin.components

    @pytest.mark.parametrize("text", ["[project]\nname = 'x'\n", "[project", "project = 3\n"])
    def test_a_project_without_entry_points_is_an_error(self, tmp_path, text):
        (tmp_path / "pyproject.toml").write_text(text)
        with pytest.raises(PluginLoadError, match="pyproject"):
            find_target(str(tmp_path))

    def test_what_is_not_installed_is_an_error(self):
        with pytest.raises(UnknownName, match="no installed plugin named 'metaauto-nowhere'"):
            find_target("metaauto-nowhere")


class TestCheckComponent:
    def test_a_good_component_passes(self, write):
        result = check_component(find_target(str(write())), "metafeature:mine")
        assert result.is_good
        assert result.failures == []
        assert result.passed >= 5

    def test_faults_are_told_by_check(self, write):
        file = write(metric="greater_is_better=False")
        result = check_component(find_target(str(file)), "metric:hits")
        assert not result.is_good
        assert result.passed > 0
        assert (
            "losses of better predictions"
            in failures(result)["test_better_predictions_have_less_loss[binary]"]
        )

    def test_one_that_crashes_is_named_with_the_check(self, write):
        file = write(facts="import os; os._exit(7)")
        found = failures(check_component(find_target(str(file)), "metafeature:mine"))
        assert found == {"test_extracts_values[regression]": "the process exited with status 7"}

    @pytest.mark.slow
    def test_one_that_never_returns_is_ended_and_named(self, write):
        file = write(facts="import time; time.sleep(600)")
        result = check_component(find_target(str(file)), "metafeature:mine", timeout=8.0)
        ((check, message),) = failures(result).items()
        assert check in ("test_extracts_values[regression]", "loading")
        assert message == "not finished within 8 s"

    def test_a_component_that_is_gone_does_not_pass(self, write):
        result = check_component(find_target(str(write())), "metric:gone")
        assert "gone" in failures(result)["loading"]

    def test_kinds_that_need_more_than_the_component_are_not_checked(self, write):
        result = check_component(find_target(str(write())), "reader:nothing")
        assert result.is_good
        assert result.passed == 0
        assert "ReaderContract" in result.remark


def test_a_knowledge_store_is_checked(tmp_path):
    store = tmp_path / "team.db"
    KnowledgeStore.create(store).close()
    (tmp_path / "pack.py").write_text(STORE.format(path=str(store)))
    target = find_target(str(tmp_path / "pack.py"))
    (component,) = (c for plugin in plugins_of(target) for c in plugin.components)
    assert (check_component(target, component).passed, component) == (1, f"knowledge:{store}")
    store.write_bytes(b"damaged")
    result = check_component(target, component)
    assert not result.is_good
    assert "team.db" in failures(result)["integrity"]


def test_without_pytest_there_is_one_clear_error(write, monkeypatch):
    import importlib.util

    from metaauto.errors import SettingError

    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "pytest" else real(name)
    )
    with pytest.raises(SettingError, match="pip install pytest"):
        check_component(find_target(str(write())), "metafeature:mine")


def test_the_suite_has_a_contract_for_every_kind_it_names():
    import metaauto.testing
    from metaauto.testing.pytest_plugin import CONTRACTS

    for kind, name in CONTRACTS.items():
        assert kind in textwrap.dedent(getattr(metaauto.testing, name).__doc__)
