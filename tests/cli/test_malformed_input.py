"""Whatever is wrong with what people give: one clear line, a status, and nothing half-written."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from command_line import Cli, people
from malformed import check, listing, table, with_quick_options, write


def _truncated_parquet(folder: Path) -> None:
    people().to_parquet(folder / "t.parquet")
    whole = (folder / "t.parquet").read_bytes()
    (folder / "t.parquet").write_bytes(whole[: len(whole) // 2])


def _database(folder: Path) -> None:
    connection = sqlite3.connect(folder / "shop.db")
    people().to_sql("orders", connection, index=False)
    connection.close()


def _forbidden(folder: Path) -> None:
    people().to_csv(folder / "t.csv", index=False)
    (folder / "t.csv").chmod(0)


def _full_folder(folder: Path) -> None:
    table("t.csv")(folder)
    (folder / "run").mkdir()
    (folder / "run" / "notes.txt").write_text("mine")


def _folder(folder: Path) -> None:
    table("t.csv")(folder)
    (folder / "there").mkdir()


def _broken_plugins(folder: Path) -> None:
    table("t.csv")(folder)
    (folder / "plugins").write_text("no folder")


def _broken_store(folder: Path) -> None:
    table("t.csv")(folder)
    (folder / "s.db").write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 20)


FIT = ("fit", "t.csv", "--target", "buys")
SOME_INFINITE = np.r_[np.inf, np.linspace(0, 1, 119)]
GAPS = np.r_[np.nan, np.arange(119) % 9]
WORDS = np.where(np.arange(120) == 7, "many", "3")

# Name, what is prepared, the call, the status, and a part of the one line.
FITS = [
    ("empty file", write("t.csv", ""), FIT, 1, "empty"),
    ("binary file", write("t.csv", bytes(range(256)) * 40), FIT, 1, "t.csv"),
    ("only a header", write("t.csv", "age,buys\n"), FIT, 1, "only a header"),
    ("ragged rows", write("t.csv", "age,buys\n1,yes\n2,no,3,4\n5,yes\n"), FIT, 1, "t.csv"),
    (
        "wrong encoding",
        write("t.csv", b"age,buys\n" + "1,\u00e4\n2,\u20ac\n".encode("utf-32-be")),
        FIT,
        1,
        "t.csv",
    ),
    ("missing file", lambda folder: None, FIT, 1, "not found"),
    ("a directory", lambda folder: (folder / "t.csv").mkdir(), FIT, 1, "directory"),
    ("unknown format", write("t.docx", "x"), ("fit", "t.docx", "--target", "x"), 1, "t.docx"),
    (
        "half a parquet file",
        _truncated_parquet,
        ("fit", "t.parquet", "--target", "buys"),
        1,
        "parquet",
    ),
    (
        "broken json lines",
        write("t.jsonl", '{"a": 1, "b": 2}\n{"a": 1,\n'),
        ("fit", "t.jsonl", "--target", "b"),
        1,
        "line 2",
    ),
    (
        "no such table in a database",
        _database,
        ("fit", "sqlite:shop.db?table=sales", "--target", "buys"),
        1,
        "orders",
    ),
    (
        "no such table of scikit-learn",
        lambda folder: None,
        ("fit", "sklearn:irises"),
        1,
        "iris, wine",
    ),
    ("no target", table("t.csv"), ("fit", "t.csv"), 1, "--target"),
    ("a misspelt target", table("t.csv"), ("fit", "t.csv", "--target", "buy"), 1, "'buys'"),
    ("an empty target", table("t.csv", buys=np.nan), FIT, 1, "empty in every row"),
    ("one class", table("t.csv", buys="yes"), FIT, 1, "one class"),
    ("every row a class", table("t.csv", buys=[f"w{i}" for i in range(120)]), FIT, 1, "own class"),
    (
        "an infinite target",
        table("t.csv", age=SOME_INFINITE),
        ("fit", "t.csv", "--target", "age"),
        1,
        "infinite",
    ),
    ("duplicated columns", write("t.csv", "a,a,buys\n1,2,yes\n3,4,no\n"), FIT, 1, "'a'"),
    ("only the target", write("t.csv", "buys\n" + "yes\nno\n" * 9), FIT, 1, "feature"),
    (
        "only constants",
        write("t.csv", "a,b,buys\n" + "1,,yes\n1,,no\n" * 9),
        FIT,
        1,
        "no usable feature",
    ),
    ("words for regression", table("t.csv"), (*FIT, "--task", "regression"), 1, "not a number"),
    ("an unknown metric", table("t.csv"), (*FIT, "--metric", "rocauc"), 1, "roc_auc"),
    ("a metric of another task", table("t.csv"), (*FIT, "--metric", "rmse"), 1, "binary"),
    ("an unknown model", table("t.csv"), (*FIT, "--include", "forest"), 1, "random_forest"),
    ("everything excluded", table("t.csv"), (*FIT, "--exclude", "builtin"), 1, ""),
    ("a budget of words", table("t.csv"), (*FIT, "--budget", "soon"), 1, "5m"),
    ("a budget of nothing", table("t.csv"), (*FIT, "--budget", "0s"), 1, "> 0 seconds"),
    ("no trials", table("t.csv"), (*FIT, "--trials", "0"), 1, "trials"),
    ("no cores", table("t.csv"), (*FIT, "--cores", "0"), 1, "cores"),
    ("negative memory", table("t.csv"), (*FIT, "--memory", "-1"), 1, "memory"),
    ("a seed below zero", table("t.csv"), (*FIT, "--seed", "-3"), 1, "seed"),
    ("more folds than rows", table("t.csv"), (*FIT, "--cv", "500"), 1, "folds"),
    ("folds of words", table("t.csv"), (*FIT, "--cv", "often"), 1, "often"),
    ("everything held out", table("t.csv"), (*FIT, "--holdout", "1.5"), 1, "holdout"),
    ("unknown groups", table("t.csv"), (*FIT, "--groups", "cty"), 1, "'city'"),
    ("weights of words", table("t.csv", w=WORDS), (*FIT, "--weights", "w"), 1, "'many'"),
    ("negative weights", table("t.csv", w=-1.0), (*FIT, "--weights", "w"), 1, "negative"),
    (
        "weights for one class",
        lambda f: people().assign(w=lambda t: t["buys"] == "yes").to_csv(f / "t.csv", index=False),
        (*FIT, "--weights", "w"),
        1,
        "Only the class 'yes'",
    ),
    (
        "weights that are infinite",
        table("t.csv", w=np.inf),
        (*FIT, "--weights", "w"),
        1,
        "infinite",
    ),
    ("weights of nothing", table("t.csv", w=0), (*FIT, "--weights", "w"), 1, "zero in every"),
    ("missing groups", table("t.csv", g=GAPS), (*FIT, "--groups", "g"), 1, "missing in 1 row"),
    ("a single group", table("t.csv", g=1), (*FIT, "--groups", "g"), 1, "from 1 group"),
    ("the target as groups", table("t.csv"), (*FIT, "--groups", "buys"), 1, "every class"),
    ("missing times", table("t.csv", t=GAPS), (*FIT, "--time", "t"), 1, "missing in 1 row"),
    ("a single time", table("t.csv", t=1), (*FIT, "--time", "t"), 1, "from 1 distinct time"),
    ("one row", lambda f: people(1).to_csv(f / "t.csv", index=False), FIT, 1, "only one class"),
    ("one row of each class", write("t.csv", "a,buys\n1,yes\n2,no\n"), FIT, 1, "own class"),
    ("text with zero bytes", write("t.csv", b"a,buys\n1,yes\0\n2,no\n" * 9), FIT, 1, "binary"),
    ("a store of nothing", table("t.csv"), (*FIT, "--knowledge", "no.db"), 1, "no.db'"),
    ("a broken store", _broken_store, (*FIT, "--knowledge", "s.db"), 1, "s.db"),
    ("time of words", table("t.csv"), (*FIT, "--time", "city"), 1, "'city'"),
    ("half a role", table("t.csv"), (*FIT, "--role", "age"), 1, "COLUMN=ROLE"),
    ("an unknown role", table("t.csv"), (*FIT, "--role", "age=number"), 1, "numeric"),
    ("a role of no column", table("t.csv"), (*FIT, "--role", "aeg=text"), 1, "'age'"),
    ("--out is a directory", _folder, (*FIT, "--out", "there"), 1, "directory"),
    ("--out in no directory", table("t.csv"), (*FIT, "--out", "no/m"), 1, "does not exist"),
    ("--out below a file", table("t.csv"), (*FIT, "--out", "t.csv/m"), 1, "t.csv"),
    ("--out is the table", table("t.csv"), (*FIT, "--out", "t.csv"), 1, "replace the table"),
    ("--run-dir is in use", _full_folder, (*FIT, "--run-dir", "run"), 1, "not empty"),
    ("--resume of no run", _folder, ("fit", "--resume", "there"), 1, "not a run directory"),
    ("no folder of plugins", _broken_plugins, (*FIT, "--plugins", "plugins"), 1, "plugin folder"),
    ("an unknown option", table("t.csv"), (*FIT, "--targets", "x"), 2, "--target"),
    ("an unknown task", table("t.csv"), (*FIT, "--task", "ranking"), 2, "regression"),
    ("trials of words", table("t.csv"), (*FIT, "--trials", "ten"), 2, "ten"),
    ("no table", lambda folder: None, ("fit", "--target", "x"), 2, "metaauto fit DATA"),
    ("an unknown command", lambda folder: None, ("fti",), 2, "'fit'"),
]


@pytest.mark.parametrize(
    ("prepare", "call", "status", "part"),
    [case[1:] for case in FITS],
    ids=[case[0] for case in FITS],
)
def test_a_fit_that_cannot_be_is_refused_in_one_line(
    prepare, call: tuple[str, ...], status: int, part: str, quick_cli: Cli, tmp_path: Path
) -> None:
    prepare(tmp_path)
    before = listing(tmp_path)
    done = quick_cli(*with_quick_options(call, status))
    check(done, status, part)
    assert listing(tmp_path) == before


@pytest.mark.slow
@pytest.mark.parametrize("name", ["empty file", "one class", "no cores", "an unknown option"])
def test_a_process_of_its_own_says_the_same(name: str, cli: Cli, tmp_path: Path) -> None:
    _, prepare, call, status, part = next(case for case in FITS if case[0] == name)
    prepare(tmp_path)
    check(cli(*with_quick_options(call, status)), status, part)
    assert not list((tmp_path / "temporary").iterdir())


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read everything"
)
def test_a_table_without_permission_is_refused_in_one_line(cli: Cli, tmp_path: Path) -> None:
    _forbidden(tmp_path)
    check(cli(*FIT, "--quiet"), 1, "permission")


def test_a_defect_is_one_line_and_a_traceback_on_request(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "faulty.py").write_text(
        "import click\n"
        "from metaauto.api import hookimpl\n"
        "@click.command()\n"
        "def stumble():\n"
        "    raise ZeroDivisionError('oops')\n"
        "@hookimpl\n"
        "def register_commands(register):\n"
        "    register.command(stumble)\n"
    )
    folders = {"METAAUTO_PLUGINS_DIR": str(tmp_path / "plugins")}
    done = cli("stumble", **folders)
    check(done, 70, "ZeroDivisionError: oops")
    assert "--traceback" in done.stderr
    for arguments in (("--traceback", "stumble"), ("stumble", "--traceback")):
        told = cli(*arguments, **folders)
        assert told.returncode == 70
        assert "Traceback (most recent call last)" in told.stderr


def test_json_stays_empty_on_an_error(cli: Cli) -> None:
    done = cli("fit", "no.csv", "--target", "y", "--json", "--quiet")
    assert (done.returncode, done.stdout) == (1, "")
    with pytest.raises(json.JSONDecodeError):
        json.loads(done.stdout)


assert len(FITS) >= 25, "the table of malformed inputs has shrunk"
