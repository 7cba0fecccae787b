"""``metaauto knowledge``: shown, built, merged, exported, checked, judged, forgotten."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import QUICK, Cli, command_line, environment, people
from stores import make_store, neighbours

from metaauto.collect import PredictionFile
from metaauto.knowledge import KnowledgeStore, check, own_store
from metaauto.plugins.registry import COMMAND_GROUPS

TIMEOUT = 120.0


def counts(path: Path) -> dict[str, int]:
    with KnowledgeStore.open(path) as store:
        info = store.info()
    return {
        "tables": sum(info.datasets.values()),
        "evaluations": sum(info.evaluations.values()),
        "configurations": sum(info.models.values()),
    }


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return make_store(tmp_path / "k.db")


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    path = make_store(tmp_path / "damaged.db")
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    return path


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """A folder of two small tables."""
    folder = tmp_path / "tables"
    folder.mkdir()
    people(60).to_csv(folder / "a.csv", index=False)
    people(50, seed=1).to_csv(folder / "b.csv", index=False)
    return folder


# info


def test_a_store_is_shown_in_numbers(quick_cli: Cli, store: Path) -> None:
    done = quick_cli("knowledge", "info", "k.db")
    assert (done.returncode, done.stderr) == (0, "")
    for words in ("datasets       binary 12", "evaluations    binary 96", "extra_trees 1, knn 1"):
        assert words in done.stdout
    (told,) = json.loads(quick_cli("knowledge", "info", "k.db", "--json").stdout)
    assert (told["origin"], told["datasets"], told["statuses"]) == (
        "named", {"binary": 12}, {"success": 96},
    )  # fmt: skip


def test_without_a_name_all_stores_in_use_are_shown(
    quick_cli: Cli, tmp_path: Path, damaged: Path
) -> None:
    empty = quick_cli("knowledge")
    assert empty.returncode == 0
    assert empty.stdout.splitlines()[-2:] == [f"own      {own_store()}", "  does not exist yet"]
    assert not own_store().exists()
    pack = make_store(tmp_path / "pack.db", tables=3)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "packs.py").write_text(
        "from metaauto.api import hookimpl\n\n\n"
        "@hookimpl\n"
        "def register_knowledge(register):\n"
        f"    register.knowledge({str(pack)!r})\n"
        f"    register.knowledge({str(damaged)!r})\n"
    )
    make_store(own_store(), tables=2)
    done = quick_cli("knowledge", "info", "--plugins", "mine", "--json")
    told = {Path(entry["path"]).name: entry for entry in json.loads(done.stdout)}
    assert told["pack.db"]["datasets"] == {"binary": 3}
    assert told["pack.db"]["origin"] == "pack"
    assert told["own.db"]["datasets"] == {"binary": 2}
    assert told["own.db"]["origin"] == "own"
    assert told["damaged.db"]["error"].startswith("ERROR")


@pytest.mark.parametrize("name", ["gone.db", "foreign.db", "other.db", "damaged.db"])
@pytest.mark.parametrize("what", ["info", "verify", "merge", "export"])
def test_what_is_no_store_is_one_line(
    quick_cli: Cli, tmp_path: Path, damaged: Path, what: str, name: str
) -> None:
    (tmp_path / "foreign.db").write_text("a,b\n1,2\n")
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE t (a)")
    other.close()
    arguments = ("out", "--store", name) if what == "export" else (name,)
    done = quick_cli("knowledge", what, *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert name in done.stderr
    assert done.stderr.count("\n") == 1
    assert not own_store().exists(), "a store that nothing came into is not left behind"


def test_a_misspelt_command_is_guessed(quick_cli: Cli) -> None:
    done = quick_cli("knowledge", "verfy")
    assert done.returncode == 2
    assert "Did you mean 'verify'?" in done.stderr


def test_help_teaches(quick_cli: Cli) -> None:
    shown = quick_cli("knowledge", "--help").stdout
    for name in ("info", "build", "merge", "export", "check", "verify", "forget"):
        assert f"\n  {name} " in shown
        done = quick_cli("knowledge", name, "--help")
        assert done.returncode == 0
        assert f"metaauto knowledge {name}" in done.stdout.split("Options:")[0].split("\n", 1)[1]


# merge, export, check


def test_stores_are_merged_once(quick_cli: Cli, tmp_path: Path, store: Path) -> None:
    make_store(tmp_path / "more.db", neighbours(2), kind="regression", tables=3)
    first = quick_cli("knowledge", "merge", "k.db")
    assert first.stdout.startswith("12 datasets, 4 configurations and 96 evaluations of")
    assert quick_cli("knowledge", "merge", "k.db").stdout.startswith("0 datasets, 0 config")
    assert quick_cli("knowledge", "merge", "more.db").returncode == 0
    assert counts(own_store()) == {"tables": 15, "evaluations": 108, "configurations": 6}
    into = quick_cli("knowledge", "merge", str(own_store()), "--store", "k.db")
    assert into.stdout.startswith("3 datasets, 2 configurations and 12 evaluations of")


def test_an_export_is_merged_again(quick_cli: Cli, tmp_path: Path, store: Path) -> None:
    done = quick_cli("knowledge", "export", "text", "--store", "k.db")
    assert done.stdout.startswith("15 files, 0.0 MB, in text: 15 written.")
    again = quick_cli("knowledge", "export", "text", "--store", "k.db")
    assert "in text: 0 written." in again.stdout
    merged = quick_cli("knowledge", "merge", "text", "--store", "copy.db")
    assert merged.stdout.startswith("96 evaluations of ")
    assert counts(tmp_path / "copy.db") == counts(store)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("expensive")
    refused = quick_cli("knowledge", "export", "full", "--store", "k.db")
    assert refused.returncode == 1
    assert "is not an export of a knowledge store" in refused.stderr


def test_a_pack_is_what_was_built_in_one_small_file(
    quick_cli: Cli, tmp_path: Path, store: Path
) -> None:
    done = quick_cli(
        "knowledge", "merge", "k.db", "--store", "pack.db", "--source", "build", "--compact"
    )
    assert done.stdout.startswith("12 datasets, 4 configurations and 96 evaluations of ")
    assert done.stdout.endswith("MB.\n")
    assert sorted(path.name for path in tmp_path.glob("pack.db*")) == ["pack.db"]
    assert quick_cli("knowledge", "check", "pack.db").stdout == "pack.db: intact\n"
    wrong = quick_cli("knowledge", "merge", "k.db", "--store", "other.db", "--source", "rumour")
    assert wrong.returncode == 1
    assert "has no facts of source 'rumour'" in wrong.stderr
    assert not (tmp_path / "other.db").exists()


def test_a_store_is_not_merged_into_itself(quick_cli: Cli, store: Path) -> None:
    done = quick_cli("knowledge", "merge", "k.db", "--store", str(store))
    assert done.returncode == 1
    assert "is the store itself" in done.stderr


@pytest.mark.slow
def test_a_damaged_store_is_found(quick_cli: Cli, store: Path, damaged: Path) -> None:
    good = quick_cli("knowledge", "check", "k.db")
    assert (good.returncode, good.stdout) == (0, "k.db: intact\n")
    bad = quick_cli("knowledge", "check", "damaged.db")
    assert bad.returncode == 1
    assert bad.stdout.startswith("damaged.db: damaged\n  ")
    none = quick_cli("knowledge", "check")
    assert none.returncode == 0
    damaged.rename(make_store(own_store()))
    mine = quick_cli("knowledge", "check")
    assert mine.returncode == 1
    assert f"{own_store()}: damaged" in mine.stdout
    gone = quick_cli("knowledge", "check", "gone.db")
    assert (gone.returncode, gone.stdout) == (1, "")


# verify


@pytest.mark.usefixtures("only_own_knowledge")
def test_a_warm_start_is_praised_only_where_it_wins(quick_cli: Cli, tmp_path: Path) -> None:
    many = neighbours(24)
    make_store(tmp_path / "good.db", many, loss=lambda _, column: 0.1 + 0.01 * (23 - column))
    make_store(tmp_path / "bad.db", many, loss=lambda _, column: 0.1 + 0.01 * column)
    make_store(tmp_path / "few.db", many, tables=9)
    good = quick_cli("knowledge", "verify", "good.db")
    assert (good.returncode, good.stderr) == (0, "")
    assert "Result: metaauto beats cheapest first" in good.stdout
    for policy in ("random", "cheapest first", "global portfolio", "metaauto", "oracle", "gain"):
        assert f"\n{policy} " in good.stdout
    bad = quick_cli("knowledge", "verify", "bad.db", "--json")
    assert bad.returncode == 1
    told = json.loads(bad.stdout)
    assert told["good"] is False
    assert [(kind["kind"], kind["better"]) for kind in told["kinds"]] == [("binary", False)]
    assert len(told["kinds"][0]["points"]) == 10
    assert "is not shown to beat" in told["kinds"][0]["result"]
    few = quick_cli("knowledge", "verify", "few.db")
    assert few.returncode == 1
    assert "too few datasets" in few.stdout
    assert "beats" not in few.stdout
    none = quick_cli("knowledge", "verify")
    assert none.returncode == 1
    assert "too few datasets" in none.stdout


# import


def test_import_without_its_plugin_names_the_package(
    quick_cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METAAUTO_PLUGINS", "none")
    assert "metaauto-importers" in quick_cli("knowledge", "--help").stdout
    for arguments in ((), ("--help",), ("oboe", ".", "--store", "p.db")):
        done = quick_cli("knowledge", "import", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert "pip install metaauto-importers" in done.stderr
        assert done.stderr.count("\n") == 1
    assert "Did you mean 'import'?" in quick_cli("knowledge", "inport").stderr


COMMANDS = """
import click
from metaauto.api import hookimpl

@click.command("import")
@click.argument("name")
@click.option("--store", default="own")
def import_(name, store):
    "Import."
    click.echo(f"{name} into {store}")

@click.command("info")
def info():
    "Never called: metaauto's own commands cannot be replaced."
    click.echo("replaced")

@hookimpl
def register_commands(register):
    register.command(import_, group="knowledge")
    register.command(info, group="knowledge")
"""


def test_a_plugin_adds_a_command_to_the_group(
    quick_cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "commands.py").write_text(COMMANDS)
    monkeypatch.setenv("METAAUTO_PLUGINS", "none")
    monkeypatch.setenv("METAAUTO_PLUGINS_DIR", "mine")
    done = quick_cli("knowledge", "import", "oboe")
    assert (done.returncode, done.stdout, done.stderr) == (0, "oboe into own\n", "")
    assert "replaced" not in quick_cli("knowledge", "info").stdout
    assert quick_cli("import", "oboe").returncode == 2, "it is not a top-level command"
    (tmp_path / "metaauto.toml").write_text('[knowledge.import]\nstore = "team.db"\n')
    assert quick_cli("knowledge", "import", "oboe").stdout == "oboe into team.db\n"


def test_the_groups_open_to_plugins_are_those_of_the_registry() -> None:
    from metaauto.cli import COMMANDS as MODULES
    from metaauto.cli.group import LazyGroup

    commands = {name: importlib.import_module(module).command for name, module in MODULES.items()}
    groups = [name for name, c in commands.items() if isinstance(c, LazyGroup) and c.takes_plugins]
    assert tuple(groups) == COMMAND_GROUPS


# forget


def test_a_table_is_forgotten(quick_cli: Cli, tables: Path) -> None:
    table = ("tables/a.csv", "--target", "buys")
    fit = ("--include", "lda", "--out", "m.metaauto", "--quiet")
    assert quick_cli("fit", *table, *QUICK, *fit).returncode == 0
    assert counts(own_store())["tables"] == 1
    assert quick_cli("knowledge", "forget", "--data", "tables/b.csv", *table[1:]).returncode == 1
    done = quick_cli("knowledge", "forget", "--data", *table)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Deleted the dataset ")
    assert counts(own_store()) == {"tables": 0, "evaluations": 0, "configurations": 2}
    again = quick_cli("knowledge", "forget", "--data", *table)
    assert again.returncode == 1
    assert "has no dataset with the fingerprint" in again.stderr


def test_a_table_is_forgotten_by_its_fingerprint(quick_cli: Cli, store: Path) -> None:
    with KnowledgeStore.open(store) as opened:
        digest = opened.datasets()[0].fingerprint
    assert quick_cli("knowledge", "forget", digest, "--store", "k.db").returncode == 0
    assert counts(store)["tables"] == 11
    wrong = quick_cli("knowledge", "forget", digest[:9], "--store", "k.db")
    assert wrong.returncode == 1
    assert "Invalid fingerprint" in wrong.stderr
    for arguments in ((), (digest, "--data", "t.csv"), (digest, "--target", "a")):
        done = quick_cli("knowledge", "forget", *arguments, "--store", "k.db")
        assert done.returncode == 2


# build


def test_a_folder_is_measured(quick_cli: Cli, tmp_path: Path, tables: Path) -> None:
    people(40)[["age"]].to_csv(tables / "odd.csv", index=False)
    build = ("knowledge", "build", "--folder", "tables", "--target", "buys", "--store", "b.db")
    more = ("--include", "lda", "--cores", "1", "--waves", "1")
    done = quick_cli(*build, *more)
    assert (done.returncode, done.stdout) == (0, "")
    assert "3 datasets for " in done.stderr
    assert "Warning: odd is left out: " in done.stderr
    assert done.stderr.splitlines()[-1].startswith("Done. 6 new evaluations; ")
    assert counts(tmp_path / "b.db") == {"tables": 2, "evaluations": 6, "configurations": 1}
    assert quick_cli(*build, *more).stderr.splitlines()[-1].startswith("Done. 0 new evaluations")
    kept = quick_cli(*build, *more, "--predictions", "p.db", "--first-folds")
    assert kept.stderr.splitlines()[-1].startswith("Done. 6 new evaluations")
    with PredictionFile(tmp_path / "p.db") as file:
        assert [len(file.predictions(dataset)) for dataset in file.datasets()] == [1, 1]
    described = quick_cli(*build, "--metafeatures-only")
    assert described.stderr.splitlines()[-1].startswith("Done. Metafeatures of 0 datasets added; ")
    spent = quick_cli(*build, *more[:4], "--configurations", "3", "--budget", "0.001s")
    assert spent.returncode == 0
    assert "Budget exhausted; the same command resumes the build. " in spent.stderr


@pytest.mark.slow
def test_a_folder_is_measured_on_a_cluster(quick_cli: Cli, tmp_path: Path, tables: Path) -> None:
    distributed = pytest.importorskip("distributed")
    build = ("knowledge", "build", "--folder", "tables", "--target", "buys", "--store", "b.db")
    more = ("--include", "lda", "--waves", "1", "--budget-per-dataset", "10m")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=":0", silence_logs=50
    ) as cluster:
        done = quick_cli(*build, *more, "--dask", cluster.scheduler_address)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines()[-1].startswith("Done. 6 new evaluations; ")
    assert counts(tmp_path / "b.db") == {"tables": 2, "evaluations": 6, "configurations": 1}
    gone = quick_cli(*build, "--dask", "smoke://signals")
    assert gone.returncode == 1
    assert gone.stderr.splitlines()[-1].startswith(
        "Error: No Dask scheduler responds at 'smoke://signals'"
    )
    both = quick_cli(*build, "--dask", "tcp://a:1", "--cores", "1")
    assert both.returncode == 2
    assert "--dask is mutually exclusive" in both.stderr


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX systems")
def test_a_build_that_is_interrupted_and_killed_goes_on(
    quick_cli: Cli, tmp_path: Path, tables: Path
) -> None:
    (tables / "catalog.csv").write_text("name,task\na,binary\nb,binary\n")
    path = tmp_path / "b.db"
    arguments = (
        *("knowledge", "build", "--folder", "tables", "--target", "buys", "--store", "b.db"),
        *("--include", "lda", "--cores", "1", "--configurations", "5"),
    )

    def broken_off(how: int, after: int) -> tuple[int, str]:
        process = subprocess.Popen(
            command_line(*arguments),
            cwd=tmp_path,
            env=environment(tmp_path),
            stderr=subprocess.PIPE,
            text=True,
        )
        end = time.monotonic() + TIMEOUT
        while not (path.exists() and _evaluations(path) >= after):
            assert process.poll() is None, process.stderr and process.stderr.read()
            assert time.monotonic() < end
            time.sleep(0.02)
        os.kill(process.pid, how)
        _, err = process.communicate(timeout=TIMEOUT)
        return process.returncode, err

    status, said = broken_off(signal.SIGINT, 1)
    assert status == 130
    assert said.splitlines()[-1] == (
        f"Interrupted. The results so far are in {path}; the same command resumes the build."
    )
    assert "Traceback" not in said
    first = _evaluations(path)
    status, _ = broken_off(signal.SIGKILL, first + 1)
    assert status == -signal.SIGKILL
    with KnowledgeStore.open(path) as store:
        assert check(store) == []
    second = _evaluations(path)
    assert second > first

    done = quick_cli(*arguments)
    assert done.returncode == 0, done.stderr
    whole = _evaluations(path)
    assert f"Done. {whole - second} new evaluations" in done.stderr
    assert whole > second
    with KnowledgeStore.open(path) as store:
        assert whole == 2 * 3 * len(store.configurations("binary"))


def _evaluations(path: Path) -> int:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return int(connection.execute("SELECT count(*) FROM evaluation").fetchone()[0])
    except sqlite3.OperationalError:
        return 0
    finally:
        connection.close()


def test_tasks_of_openml_are_measured(quick_cli: Cli, tmp_path: Path) -> None:
    pytest.importorskip("openml")
    from openml_server import OpenmlServer

    with OpenmlServer() as server:
        data = server.add_dataset(people(60), name="people", target="buys")
        task = server.add_task(data, folds=3)
        done = quick_cli(
            *("knowledge", "build", "--tasks", f"{task},999", "--store", "b.db"),
            *("--include", "lda", "--cores", "1", "--waves", "1"),
        )
    assert done.returncode == 0, done.stderr
    assert "Fetched the descriptions of 1 of 2 OpenML tasks" in done.stderr
    assert "Warning: openml task 999 is left out: " in done.stderr
    with KnowledgeStore.open(tmp_path / "b.db") as store:
        (dataset,) = store.datasets()
        assert dataset.openml_id == data
        assert store.info().evaluations == {"binary": 3}


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ((), 2, "Exactly one of"),
        (("--folder", "tables", "--tasks", "3"), 2, "Exactly one of"),
        (("--tasks", "3", "--target", "y"), 2, "--target requires --folder"),
        (("--folder", "tables", "--rows", "0"), 2, "--rows"),
        (("--folder", "none"), 1, "Folder not found: 'none'."),
        (("--folder", "."), 1, "There is no table in"),
        (("--folder", "tables"), 1, "None of the datasets can be used."),
        (("--folder", "tables", "--budget", "soon"), 1, "expected a duration"),
        (("--folder", "tables", "--memory", "0"), 1, "--memory must be > 0 (got 0)."),
        (
            ("--folder", "tables", "--seconds-per-fit", "nan"),
            1,
            "--seconds-per-fit must be > 0 (got nan)",
        ),
        (("--folder", "tables", "--include", "ldaa"), 1, "Did you mean 'lda'"),
        (("--folder", "tables", "--store", "tables"), 1, "tables"),
        (("--tasks", "3,x"), 1, "expected task ids, got 'x'"),
        (("--tasks", ","), 1, "--tasks must name at least one task"),
    ],
)
def test_a_build_that_cannot_be_is_one_error(
    quick_cli: Cli, tables: Path, arguments: tuple[str, ...], status: int, words: str
) -> None:
    done = quick_cli("knowledge", "build", "--cores", "1", *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.splitlines()[-1].startswith("Error: ")
    assert words in done.stderr


# fit


@pytest.mark.slow
def test_a_fit_starts_from_a_named_store_or_cold(quick_cli: Cli, tmp_path: Path) -> None:
    people().to_csv(tmp_path / "t.csv", index=False)
    make_store(tmp_path / "k.db", neighbours(3))
    fit = ("fit", "t.csv", "--target", "buys", *QUICK, "--include", "knn", "--quiet")

    def origins(out: str, *arguments: str) -> set[str]:
        done = quick_cli(*fit, "--out", out, *arguments)
        assert done.returncode == 0, done.stderr
        board = json.loads(quick_cli("leaderboard", out, "--json").stdout)["leaderboard"]
        return {row["source"] for row in board} - {"ensemble", "baseline"}

    assert origins("warm.metaauto", "--knowledge", "k.db", "--no-remember") == {"knowledge"}
    assert not own_store().exists()
    assert "knowledge" not in origins("cold.metaauto", "--no-knowledge")
    assert counts(own_store())["tables"] == 1

    both = quick_cli(*fit, "--knowledge", "k.db", "--no-knowledge", "--out", "n.metaauto")
    assert both.returncode == 2
    assert "--knowledge and --no-knowledge are mutually exclusive" in both.stderr
    gone = quick_cli(*fit, "--knowledge", "gone.db", "--out", "n.metaauto")
    assert gone.returncode == 1
    assert f"There is no knowledge store {str(tmp_path / 'gone.db')!r}." in gone.stderr


def test_the_environment_says_that_fits_are_not_remembered(
    quick_cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people().to_csv(tmp_path / "t.csv", index=False)
    monkeypatch.setenv("METAAUTO_REMEMBER", "0")
    fit = ("fit", "t.csv", "--target", "buys", *QUICK, "--include", "lda", "--quiet")
    assert quick_cli(*fit, "--out", "m.metaauto").returncode == 0
    assert not own_store().exists()
