"""The command ``metaauto knowledge import``."""

from __future__ import annotations

import json

import pytest

from metaauto.api import KnowledgeStore
from metaauto.cli import command
from metaauto.cli.terminal import run

KNN = '{"r1": {"model_type": "KNN", "hyperparameters": {"n_neighbors": 9, "p": 1}}}'


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Call ``metaauto`` in an empty folder; return status, output and errors."""
    monkeypatch.chdir(tmp_path)
    for name in ("PLUGINS", "DISABLE_PLUGINS", "PLUGINS_DIR", "STRICT_PLUGINS"):
        monkeypatch.delenv(f"METAAUTO_{name}", raising=False)

    def call_metaauto(*arguments):
        status = run(command, arguments)
        return status, *capsys.readouterr()

    return call_metaauto


def test_import_adds_configurations_to_the_store(call, tmp_path):
    (tmp_path / "configs_knn.json").write_text(KNN)
    arguments = ("knowledge", "import", "portfolio", "configs_knn.json", "--store", "p.db")
    status, out, err = call(*arguments)
    assert (status, err) == (0, "")
    assert "configurations 1 of 1 imported" in out
    assert "1 fact in " in out
    with KnowledgeStore.open(tmp_path / "p.db") as store:
        assert [fact.model for fact in store.configurations()] == ["knn"]
    status, out, err = call(*arguments, "--json")
    record = json.loads(out)
    assert (status, err, record["changed"]) == (0, "", 0)
    assert record["configurations"]["imported"] == 1


def test_import_uses_the_own_store_by_default(call, tmp_path, monkeypatch):
    monkeypatch.setenv("METAAUTO_KNOWLEDGE", str(tmp_path / "own.db"))
    (tmp_path / "configs_knn.json").write_text(KNN)
    assert call("knowledge", "import", "portfolio", "configs_knn.json")[0] == 0
    assert (tmp_path / "own.db").is_file()


def test_import_prints_the_reasons_of_skipped_entries(call, tmp_path):
    (tmp_path / "configs.json").write_text('{"FOREST": [{}, {}]}')
    status, out, _ = call("knowledge", "import", "portfolio", "configs.json", "--store", "p.db")
    assert status == 0
    assert "2 skipped: no equivalent in metaauto: FOREST" in out


def test_import_that_fails_leaves_no_store(call, tmp_path):
    status, _, err = call("knowledge", "import", "obo", ".", "--store", "p.db")
    assert status == 1
    assert "Did you mean 'oboe'?" in err
    status, _, err = call("knowledge", "import", "oboe", ".", "--store", "p.db")
    assert status == 1
    assert err.count("\n") == 1
    assert not list(tmp_path.glob("p.db*"))


def test_help_names_the_sources(call):
    status, out, _ = call("knowledge", "import", "--help")
    assert status == 0
    assert "Usage: metaauto knowledge import" in out
    assert "autosklearn, oboe or portfolio" in out


def test_plugins_lists_the_command(call):
    status, out, _ = call("plugins", "show", "importers")
    assert status == 0
    assert "command knowledge import" in out
    assert "ERROR" not in out
