"""Whatever is wrong with what people give: one clear line, a status, and nothing half-written."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from command_line import QUICK, Cli, people


def _write(name: str, content: str | bytes):
    def make(folder: Path) -> None:
        data = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(data)

    return make


def _table(name: str, **columns: object):
    def make(folder: Path) -> None:
        frame = people().assign(**columns)
        if name.endswith(".csv"):
            frame.to_csv(folder / name, index=False)
        else:
            frame.to_parquet(folder / name)

    return make


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
    _table("t.csv")(folder)
    (folder / "run").mkdir()
    (folder / "run" / "notes.txt").write_text("mine")


def _folder(folder: Path) -> None:
    _table("t.csv")(folder)
    (folder / "there").mkdir()


def _broken_plugins(folder: Path) -> None:
    _table("t.csv")(folder)
    (folder / "plugins").write_text("no folder")


FIT = ("fit", "t.csv", "--target", "buys")
SOME_INFINITE = np.r_[np.inf, np.linspace(0, 1, 119)]
WORDS = np.where(np.arange(120) == 7, "many", "3")

# Name, what is prepared, the call, the status, and a part of the one line.
FITS = [
    ("empty file", _write("t.csv", ""), FIT, 1, "empty"),
    ("binary file", _write("t.csv", bytes(range(256)) * 40), FIT, 1, "t.csv"),
    ("only a header", _write("t.csv", "age,buys\n"), FIT, 1, "only a header"),
    ("ragged rows", _write("t.csv", "age,buys\n1,yes\n2,no,3,4\n5,yes\n"), FIT, 1, "t.csv"),
    (
        "wrong encoding",
        _write("t.csv", b"age,buys\n" + "1,\u00e4\n2,\u20ac\n".encode("utf-32-be")),
        FIT,
        1,
        "t.csv",
    ),
    ("missing file", lambda folder: None, FIT, 1, "no file"),
    ("a directory", lambda folder: (folder / "t.csv").mkdir(), FIT, 1, "directory"),
    ("unknown format", _write("t.docx", "x"), ("fit", "t.docx", "--target", "x"), 1, "t.docx"),
    (
        "half a parquet file",
        _truncated_parquet,
        ("fit", "t.parquet", "--target", "buys"),
        1,
        "parquet",
    ),
    (
        "broken json lines",
        _write("t.jsonl", '{"a": 1, "b": 2}\n{"a": 1,\n'),
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
    ("no target", _table("t.csv"), ("fit", "t.csv"), 1, "--target"),
    ("a misspelt target", _table("t.csv"), ("fit", "t.csv", "--target", "buy"), 1, "'buys'"),
    ("an empty target", _table("t.csv", buys=np.nan), FIT, 1, "empty in all"),
    ("one class", _table("t.csv", buys="yes"), FIT, 1, "one class"),
    ("every row a class", _table("t.csv", buys=[f"w{i}" for i in range(120)]), FIT, 1, "own class"),
    ("infinite values", _table("t.csv", age=SOME_INFINITE), FIT, 1, "infinite"),
    (
        "an infinite target",
        _table("t.csv", age=SOME_INFINITE),
        ("fit", "t.csv", "--target", "age"),
        1,
        "infinite",
    ),
    ("duplicated columns", _write("t.csv", "a,a,buys\n1,2,yes\n3,4,no\n"), FIT, 1, "'a'"),
    ("only the target", _write("t.csv", "buys\n" + "yes\nno\n" * 9), FIT, 1, "feature"),
    (
        "only constants",
        _write("t.csv", "a,b,buys\n" + "1,,yes\n1,,no\n" * 9),
        FIT,
        1,
        "No usable feature",
    ),
    ("words for regression", _table("t.csv"), (*FIT, "--task", "regression"), 1, "no number"),
    ("an unknown metric", _table("t.csv"), (*FIT, "--metric", "rocauc"), 1, "roc_auc"),
    ("a metric of another task", _table("t.csv"), (*FIT, "--metric", "rmse"), 1, "binary"),
    ("an unknown model", _table("t.csv"), (*FIT, "--include", "forest"), 1, "random_forest"),
    ("everything excluded", _table("t.csv"), (*FIT, "--exclude", "builtin"), 1, ""),
    ("a budget of words", _table("t.csv"), (*FIT, "--budget", "soon"), 1, "5m"),
    ("a budget of nothing", _table("t.csv"), (*FIT, "--budget", "0s"), 1, "above zero"),
    ("no trials", _table("t.csv"), (*FIT, "--trials", "0"), 1, "trials"),
    ("no cores", _table("t.csv"), (*FIT, "--cores", "0"), 1, "cores"),
    ("negative memory", _table("t.csv"), (*FIT, "--memory", "-1"), 1, "memory"),
    ("a seed below zero", _table("t.csv"), (*FIT, "--seed", "-3"), 1, "seed"),
    ("more folds than rows", _table("t.csv"), (*FIT, "--cv", "500"), 1, "folds"),
    ("folds of words", _table("t.csv"), (*FIT, "--cv", "often"), 1, "often"),
    ("everything held out", _table("t.csv"), (*FIT, "--holdout", "1.5"), 1, "holdout"),
    ("unknown groups", _table("t.csv"), (*FIT, "--groups", "cty"), 1, "'city'"),
    ("weights of words", _table("t.csv", w=WORDS), (*FIT, "--weights", "w"), 1, "'many'"),
    ("negative weights", _table("t.csv", w=-1.0), (*FIT, "--weights", "w"), 1, "negative"),
    (
        "weights for one class",
        lambda f: people().assign(w=lambda t: t["buys"] == "yes").to_csv(f / "t.csv", index=False),
        (*FIT, "--weights", "w"),
        1,
        "Only the class 'yes'",
    ),
    ("time of words", _table("t.csv"), (*FIT, "--time", "city"), 1, "'city'"),
    ("half a role", _table("t.csv"), (*FIT, "--role", "age"), 1, "COLUMN=ROLE"),
    ("an unknown role", _table("t.csv"), (*FIT, "--role", "age=number"), 1, "numeric"),
    ("a role of no column", _table("t.csv"), (*FIT, "--role", "aeg=text"), 1, "'age'"),
    ("--out is a directory", _folder, (*FIT, "--out", "there"), 1, "directory"),
    ("--out in no directory", _table("t.csv"), (*FIT, "--out", "no/m"), 1, "does not exist"),
    ("--out below a file", _table("t.csv"), (*FIT, "--out", "t.csv/m"), 1, "t.csv"),
    ("--out is the table", _table("t.csv"), (*FIT, "--out", "t.csv"), 1, "replace the table"),
    ("--run-dir is in use", _full_folder, (*FIT, "--run-dir", "run"), 1, "not empty"),
    ("--resume of no run", _folder, ("fit", "--resume", "there"), 1, "no run directory"),
    ("no folder of plugins", _broken_plugins, (*FIT, "--plugins", "plugins"), 1, "plugin folder"),
    ("an unknown option", _table("t.csv"), (*FIT, "--targets", "x"), 2, "--target"),
    ("an unknown task", _table("t.csv"), (*FIT, "--task", "ranking"), 2, "regression"),
    ("trials of words", _table("t.csv"), (*FIT, "--trials", "ten"), 2, "ten"),
    ("no table", lambda folder: None, ("fit", "--target", "x"), 2, "metaauto fit DATA"),
    ("an unknown command", lambda folder: None, ("fti",), 2, "'fit'"),
]


def _listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def _check(done, status: int, part: str) -> None:
    lines = done.stderr.strip().splitlines()
    assert done.returncode == status, done.stderr
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("Error: ")
    assert part in lines[0]
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("prepare", "call", "status", "part"),
    [case[1:] for case in FITS],
    ids=[case[0] for case in FITS],
)
def test_a_fit_that_cannot_be_is_refused_in_one_line(
    prepare, call: tuple[str, ...], status: int, part: str, quick_cli: Cli, tmp_path: Path
) -> None:
    prepare(tmp_path)
    before = _listing(tmp_path)
    done = quick_cli(*_whole(call, status))
    _check(done, status, part)
    assert _listing(tmp_path) == before


def _whole(call: tuple[str, ...], status: int) -> list[str]:
    """The call with what makes a fit small, unless it says otherwise; and quiet, if it can be."""
    if call[0] != "fit":
        return [*call]
    given = {argument for argument in call if argument.startswith("--")}
    options = [
        item
        for name, value in zip(QUICK[::2], QUICK[1::2], strict=True)
        if name not in given and not ({name, *given} >= {"--trials", "--budget"})
        for item in (name, value)
    ]
    return [*call, *options, *(["--quiet"] if status == 1 else [])]


@pytest.mark.parametrize("name", ["empty file", "one class", "no cores", "an unknown option"])
def test_a_process_of_its_own_says_the_same(name: str, cli: Cli, tmp_path: Path) -> None:
    _, prepare, call, status, part = next(case for case in FITS if case[0] == name)
    prepare(tmp_path)
    _check(cli(*_whole(call, status)), status, part)
    assert not list((tmp_path / "temporary").iterdir())


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read everything"
)
def test_a_table_without_permission_is_refused_in_one_line(cli: Cli, tmp_path: Path) -> None:
    _forbidden(tmp_path)
    _check(cli(*FIT, "--quiet"), 1, "permission")


def _other_words(folder: Path) -> None:
    people(20).assign(age="old").to_csv(folder / "t.csv", index=False)


def _other_columns(folder: Path) -> None:
    people(20).rename(columns={"age": "Age "}).to_csv(folder / "t.csv", index=False)


def _damaged(folder: Path) -> None:
    whole = bytearray((folder / "buys.metaauto").read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    (folder / "bad.metaauto").write_bytes(bytes(whole))


def _half(folder: Path) -> None:
    whole = (folder / "buys.metaauto").read_bytes()
    (folder / "bad.metaauto").write_bytes(whole[: len(whole) // 2])


def _table_instead(folder: Path) -> None:
    shutil.copy(folder / "people.csv", folder / "bad.metaauto")


MODELS = [
    ("no model", lambda f: None, ("predict", "no.metaauto", "new.csv"), 1, "no.metaauto"),
    ("a table as model", _table_instead, ("predict", "bad.metaauto", "new.csv"), 1, "bad.metaauto"),
    ("half a model", _half, ("predict", "bad.metaauto", "new.csv"), 1, "damaged"),
    ("a damaged model", _damaged, ("predict", "bad.metaauto", "new.csv"), 1, "damaged"),
    ("leaderboard of a table", _table_instead, ("leaderboard", "bad.metaauto"), 1, "damaged"),
    ("leaderboard of nothing", lambda f: None, ("leaderboard", "no.metaauto"), 1, "no.metaauto"),
    ("evaluate half a model", _half, ("evaluate", "bad.metaauto", "new.csv"), 1, "damaged"),
    ("no table", lambda f: None, ("predict", "buys.metaauto", "nwe.csv"), 1, "new.csv"),
    ("a missing column", _other_columns, ("predict", "buys.metaauto", "t.csv"), 1, "'age'"),
    ("words for numbers", _other_words, ("predict", "buys.metaauto", "t.csv"), 1, "'old'"),
    (
        "infinite values",
        _table("t.csv", age=np.inf),
        ("predict", "buys.metaauto", "t.csv"),
        1,
        "infinite",
    ),
    (
        "an unknown kind of output",
        lambda f: None,
        ("predict", "buys.metaauto", "new.csv", "-o", "p.xlsx"),
        1,
        ".parquet",
    ),
    (
        "a directory as output",
        lambda f: (f / "there").mkdir(),
        ("predict", "buys.metaauto", "new.csv", "-o", "there"),
        1,
        "directory",
    ),
    (
        "output in no directory",
        lambda f: None,
        ("predict", "buys.metaauto", "new.csv", "-o", "no/p.csv"),
        1,
        "does not exist",
    ),
    (
        "output over the table",
        lambda f: None,
        ("predict", "buys.metaauto", "new.csv", "-o", "new.csv"),
        1,
        "replace the table",
    ),
    (
        "probabilities of amounts",
        lambda f: None,
        ("predict", "income.metaauto", "new.csv", "--proba"),
        1,
        "--proba",
    ),
    (
        "no target to compare with",
        lambda f: people(20).drop(columns="buys").to_csv(f / "t.csv", index=False),
        ("evaluate", "buys.metaauto", "t.csv"),
        1,
        "'buys'",
    ),
    (
        "a class that the model does not know",
        _table("t.csv", buys="perhaps"),
        ("evaluate", "buys.metaauto", "t.csv"),
        1,
        "'perhaps'",
    ),
    (
        "an unknown metric",
        lambda f: None,
        ("evaluate", "buys.metaauto", "new.csv", "--metric", "acuracy"),
        1,
        "accuracy",
    ),
    ("no arguments", lambda f: None, ("predict",), 2, "MODEL"),
]


@pytest.mark.parametrize(
    ("prepare", "call", "status", "part"),
    [case[1:] for case in MODELS],
    ids=[case[0] for case in MODELS],
)
def test_a_model_that_cannot_be_used_is_refused_in_one_line(
    prepare,
    call: tuple[str, ...],
    status: int,
    part: str,
    trained: Path,
    quick_cli: Cli,
    tmp_path: Path,
) -> None:
    for name in ("buys.metaauto", "income.metaauto", "people.csv", "new.csv"):
        shutil.copy(trained / name, tmp_path)
    prepare(tmp_path)
    before = {name: _bytes(tmp_path / name) for name in _listing(tmp_path)}
    _check(quick_cli(*call), status, part)
    assert {name: _bytes(tmp_path / name) for name in _listing(tmp_path)} == before


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


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
    _check(done, 70, "ZeroDivisionError: oops")
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


assert len(FITS) + len(MODELS) >= 25, "the table of malformed inputs has shrunk"
