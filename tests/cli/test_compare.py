from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from command_line import Cli, in_process, people

from metaauto.run import MARKER


@pytest.fixture(scope="module")
def fits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models, and the run of the second."""
    folder = tmp_path_factory.mktemp("fits")
    people(200).to_csv(folder / "t.csv", index=False)
    people(200, seed=4).to_csv(folder / "other.csv", index=False)
    common = ("--cores", "1", "--memory", "2", "--cv", "2", "--quiet", "--target", "buys")
    for name, *more in (
        ("one", "t.csv", "--trials", "1", "--include", "lda"),
        ("two", "t.csv", "--trials", "2", "--include", "lda,logistic", "--run-dir", "run"),
        ("loss", "t.csv", "--trials", "1", "--include", "lda", "--metric", "log_loss"),
        ("other", "other.csv", "--trials", "1", "--include", "lda"),
    ):
        in_process(folder, "fit", *more, *common, "--out", f"{name}.metaauto")
    return folder


@pytest.fixture
def compare(quick_cli: Cli, fits: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.chdir(fits)
    return lambda *runs: quick_cli("compare", *runs)


def test_two_models_stand_side_by_side(compare: Cli) -> None:
    done = compare("one.metaauto", "two.metaauto")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["one.metaauto", "two.metaauto"]
    cells = {line[:14].strip(): line[14:].split() for line in lines[1:-1]}
    assert cells["trials"] == ["2", "3"]
    assert cells["option trials"] == ["1", "2"]
    assert "option seed" not in done.stdout
    assert "score" in done.stdout
    assert lines[-1].endswith(("due to chance.", "is best.", "the same score."))


def test_a_run_tells_what_its_model_tells(compare: Cli) -> None:
    done = compare("run", "two.metaauto", "--json")
    told = json.loads(done.stdout)
    run, model = told["runs"]
    assert (run["kind"], model["kind"]) == ("run", "model")
    for name in ("score", "single_score", "baseline_score", "interval", "members", "metric",
                 "trials", "status", "fingerprint"):  # fmt: skip
        assert run[name] == model[name], name
    assert run["seconds"] == pytest.approx(model["seconds"], abs=1.0)
    assert told["differing_options"] == {}
    assert told["result"] == "The best fits have the same score."


def test_what_cannot_be_compared_is_said(compare: Cli) -> None:
    assert "The metrics differ" in compare("one.metaauto", "loss.metaauto").stdout
    assert "The tables differ" in compare("one.metaauto", "other.metaauto").stdout


def test_two_are_needed_and_must_be_there(compare: Cli, fits: Path) -> None:
    assert compare("one.metaauto").returncode == 2
    done = compare("one.metaauto", "tow.metaauto")
    assert done.returncode == 1
    assert "Model file or run directory not found: 'tow.metaauto'" in done.stderr
    assert "is not a run directory" in compare("one.metaauto", str(fits)).stderr
    assert compare("one.metaauto", "t.csv").returncode == 1


def test_a_run_directory_has_the_leaderboard_of_its_model(
    quick_cli: Cli, fits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(fits)
    run, model = (
        json.loads(quick_cli("leaderboard", name, "--json").stdout)
        for name in ("run", "two.metaauto")
    )
    for one, other in zip(run.pop("leaderboard"), model.pop("leaderboard"), strict=True):
        assert one == pytest.approx(other) if other["configuration"] is None else one == other
    assert {**run, "model": "two.metaauto"} == model
    assert quick_cli("leaderboard", "run").stdout == quick_cli("leaderboard", "two.metaauto").stdout


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE state SET value = '{\"score\": \"high\"}' WHERE key = 'answer'",
         "result.score must be a number (got 'high')"),
        ("UPDATE state SET value = '{\"members\": [1]}' WHERE key = 'answer'",
         "result.members must be an object (got a list)"),
        ("UPDATE state SET value = '{\"interval\": {\"low\": 0.1}}' WHERE key = 'answer'",
         "result.interval.high is missing"),
        ("UPDATE state SET value = NULL WHERE key = 'status'", "status must be a text (got null)"),
        ("UPDATE trials SET loss = 'low' WHERE number = 1",
         "trials[1].loss must be a number (got 'low')"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", [("compare", "run"), ("leaderboard",)])
def test_a_damaged_record_of_a_run(
    quick_cli: Cli, fits: Path, tmp_path: Path, command: tuple, statement: str, words: str
) -> None:
    folder = shutil.copytree(fits / "run", tmp_path / "damaged")
    with closing(sqlite3.connect(folder / "run.db")) as database, database:
        database.execute(statement)
    others = [str(fits / name) for name in command[1:]]
    done = quick_cli(command[0], str(folder), *others)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"damaged' is damaged: {words}. Leave this run out" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_damaged_setting_of_a_run(compare: Cli, fits: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(fits / "run", tmp_path / "damaged")
    record = json.loads((folder / MARKER).read_text())
    record["settings"]["seed"] = [1]
    (folder / MARKER).write_text(json.dumps(record))
    done = compare(str(folder), "run")
    assert done.returncode == 1
    assert "settings.seed must be an integer (got a list)" in done.stderr


def test_a_run_directory_is_no_model(
    quick_cli: Cli, fits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(fits)
    for command in (
        ("predict", "run", "t.csv"),
        ("explain", "run", "t.csv"),
        ("evaluate", "run", "t.csv"),
        ("compare", "one.metaauto", "run", "--data", "t.csv"),
    ):
        done = quick_cli(*command)
        assert (done.returncode, done.stdout) == (1, "")
        assert "'run' is a directory, not a model file. `metaauto fit --resume" in done.stderr


def test_models_are_scored_on_the_same_rows(compare: Cli, tmp_path: Path) -> None:
    test = tmp_path / "test.csv"
    people(120, seed=9).to_csv(test, index=False)
    done = compare("one.metaauto", "two.metaauto", "--data", str(test))
    assert (done.returncode, done.stderr) == (0, "")
    assert "120 rows of" in done.stdout
    assert done.stdout.splitlines()[-1].startswith(("one.metaauto", "two.metaauto"))
    told = json.loads(compare("one.metaauto", "two.metaauto", "--data", str(test), "--json").stdout)
    best, other = told["data"]["scores"]
    assert best["score"] >= other["score"]
    assert other["difference"] == pytest.approx(other["score"] - best["score"])
    assert other["low"] <= other["difference"] <= other["high"]
    assert told["result"] in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("one.metaauto", "two.metaauto", "--metric", "f1"), "--metric requires --data"),
        (("one.metaauto", "run", "--data", "t.csv"), "run"),
        (("one.metaauto", "two.metaauto", "--data", "nothing.csv"), "nothing.csv"),
        (("one.metaauto", "two.metaauto", "--data", "t.csv", "--target", "no"), "'no'"),
    ],
)
def test_rows_that_cannot_be_scored_are_refused(compare: Cli, words, message) -> None:
    done = compare(*words)
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
