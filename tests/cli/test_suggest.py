"""``metaauto suggest``: what to try first."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import Cli, environment, people
from stores import RECOMMENDED, make_store

from metaauto.warmstart.suggest import suggest

BASE = ("suggest", "t.csv", "--target", "buys")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    people().assign(nothing=1).to_csv(tmp_path / "t.csv", index=False)
    make_store(tmp_path / "k.db", loss=lambda table, column: 0.1 + 0.1 * column)
    return tmp_path


def test_it_tells_the_table_its_like_and_what_to_try(quick_cli: Cli, folder: Path) -> None:
    models = [option for one in RECOMMENDED for option in ("--include", one.model)]
    done = quick_cli(*BASE, "--knowledge", "k.db", "--cores", "1", *models)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == (
        "Table             binary target 'buys', 2 classes; 120 rows, 5 columns: 3 numeric, 1 categorical, "
        "1 unused"
    )
    assert lines[1] == "Metric            roc_auc"
    assert lines[2].startswith("Validation        8 stratified folds")
    assert lines[3] == "Knowledge         4 configurations on 12 binary datasets"
    assert lines[4] == f"                  12 datasets in {folder / 'k.db'}"
    assert lines[5].startswith("Similar datasets  table ")
    assert lines[6].split() == ["model", "values", "seconds", "roc_auc", "reason"]
    rows = {line.split()[1]: line for line in lines[7:] if re.search(r" 0\.\d{4} ", line)}
    assert set(rows) == {one.model for one in RECOMMENDED}
    assert "n_neighbors=9" in rows["knn"]
    assert " 0.9000  near the best on table " in rows["knn"]
    assert " 0.6000  " in rows["extra_trees"]


def test_what_is_not_tried_is_told_why(quick_cli: Cli, folder: Path) -> None:
    done = quick_cli(*BASE, "--knowledge", "k.db", "--exclude", "knn", "--top", "2", "--json")
    told = json.loads(done.stdout)
    assert len(told["configurations"]) == 2
    assert sum(told["skipped"].values()) == 1
    assert told["known_tables"] == 12
    assert told["metric"] == told["known_metric"] == "roc_auc"
    assert told["configurations"][0]["seconds"] >= 0
    words = quick_cli(*BASE, "--knowledge", "k.db", "--exclude", "knn").stdout
    assert "\nSkipped           1 stored configuration: 1 knn " in words
    assert "does not support" not in words


@pytest.mark.usefixtures("only_own_knowledge")
def test_without_knowledge_defaults_are_told(quick_cli: Cli, folder: Path) -> None:
    done = quick_cli("suggest", "t.csv", "--target", "income", "--top", "3")
    assert done.returncode == 0, done.stderr
    assert "Knowledge         none for this task type" in done.stdout
    assert "roc_auc" not in done.stdout
    assert len(done.stdout.splitlines()) >= 7


def test_a_store_of_others_that_is_damaged_only_warns(
    quick_cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "own.db").write_bytes(b"SQLite format 3\0" + b"?" * 5000)
    monkeypatch.setenv("METAAUTO_KNOWLEDGE", str(folder / "own.db"))
    done = quick_cli(*BASE, "--top", "1")
    assert done.returncode == 0
    assert done.stderr.startswith("Warning: The knowledge store")
    assert done.stderr.rstrip().endswith("This store is ignored.")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("suggest", "t.csv"), "There is no target column. Name it with --target."),
        (("suggest", "no.csv", "--target", "buys"), "File not found: 'no.csv'."),
        ((*BASE, "--knowledge", "no.db"), "There is no knowledge store 'no.db'."),
        ((*BASE, "--knowledge", "t.csv"), "is not an SQLite database"),
        ((*BASE, "--metric", "rmse"), "rmse"),
        (
            (*BASE, "--include", "ridge"),
            "No model can do this task: ridge does not support binary.",
        ),
        ((*BASE, "--strategy", "knowlege"), "There is no strategy named 'knowlege'"),
    ],
)
def test_an_error_is_one_line(
    quick_cli: Cli, folder: Path, arguments: tuple[str, ...], words: str
) -> None:
    done = quick_cli(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1


def test_no_library_of_the_search_is_imported(folder: Path) -> None:
    script = (
        "import sys\n"
        "from metaauto.cli import command\n"
        "from metaauto.cli.terminal import run\n"
        "assert run(command, sys.argv[1:]) == 0\n"
        "heavy = [n for n in sys.modules if n.startswith(('smac', 'ConfigSpace', 'openml'))]\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *BASE, "--knowledge", "k.db", "--top", "1"],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "near the best on" in done.stdout


def test_one_is_not_said_as_if_it_were_many(
    quick_cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def little(*arguments, **options):
        found = suggest(*arguments, **options)
        stores = dict.fromkeys(found.stores, 1)
        return replace(found, known=1, datasets=1, stores=stores, skipped={"of knn": 1})

    monkeypatch.setattr("metaauto.engine.dry_run.suggest", little)
    done = quick_cli(*BASE, "--knowledge", "k.db")
    assert done.returncode == 0, done.stderr
    assert "\nKnowledge         1 configuration on 1 binary dataset\n" in done.stdout
    assert f"\n                  1 dataset in {folder / 'k.db'}\n" in done.stdout
    assert "\nSkipped           1 stored configuration: " in done.stdout
    make_store(folder / "one.db", RECOMMENDED[:1], tables=1)
    merged = quick_cli("knowledge", "merge", "one.db", "--store", "fresh.db").stdout
    assert merged.startswith("1 dataset, 1 configuration and 2 evaluations of ")
