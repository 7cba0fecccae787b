"""``metaauto leaderboard`` on other rows, and the leaderboard and report of run directories."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from command_line import Cli, in_process, people

from metaauto.run.directory import MARKER


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, the run that it comes from, and rows to score."""
    folder = tmp_path_factory.mktemp("fitted")
    people(200).to_csv(folder / "t.csv", index=False)
    test = people(80, seed=4)
    test.loc[:2, "buys"] = None
    test.to_csv(folder / "test.csv", index=False)
    in_process(
        folder,
        *("fit", "t.csv", "--target", "buys", "--trials", "3", "--include", "lda,logistic"),
        *("--cores", "1", "--memory", "2", "--cv", "2", "--quiet", "--run-dir", "run"),
        *("--out", "m.metaauto"),
    )
    return folder


@pytest.fixture
def here(quick_cli: Cli, fitted: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Call the command in the folder of the fixture `fitted`."""
    monkeypatch.chdir(fitted)
    return quick_cli


@pytest.fixture
def killed(fitted: Path, tmp_path: Path) -> Path:
    """A run directory as a killed fit leaves it."""
    folder = shutil.copytree(fitted / "run", tmp_path / "killed")
    with closing(sqlite3.connect(folder / "run.db")) as database, database:
        database.execute("DELETE FROM state WHERE key = 'answer'")
        database.execute("UPDATE state SET value = 'running' WHERE key = 'status'")
        database.execute("UPDATE trials SET status = 'failed', loss = NULL, error = 'oops' "
                         "WHERE number = (SELECT MAX(number) FROM trials)")  # fmt: skip
    return folder


def test_members_are_scored_on_other_rows(here: Cli) -> None:
    told = json.loads(here("leaderboard", "m.metaauto", "--data", "test.csv", "--json").stdout)
    scores = json.loads(here("evaluate", "m.metaauto", "test.csv", "--json").stdout)["scores"]
    fit = json.loads(here("leaderboard", "m.metaauto", "--json").stdout)["leaderboard"]
    by_name = {line["name"]: line for line in told["leaderboard"]}
    members = {line["name"] for line in fit if line["weight"]}
    assert set(by_name) == members
    assert len(members) >= 2
    assert by_name["ensemble"]["score"] == pytest.approx(scores["roc_auc"])
    for line in fit:
        if line["name"] in members:
            found = by_name[line["name"]]
            assert found["out_of_fold_score"] == line["score"]
            assert found["fit_seconds"] == line["fit_seconds"] > 0
            assert found["predict_seconds"] > 0
    assert (told["rows"], told["dropped_rows"], told["metric"]) == (77, 3, "roc_auc")
    ranked = [line["score"] for line in told["leaderboard"]]
    assert ranked == sorted(ranked, reverse=True)


def test_scores_on_other_rows_are_a_table(here: Cli) -> None:
    done = here("leaderboard", "m.metaauto", "--data", "test.csv", "--metric", "log_loss")
    lines = done.stdout.splitlines()
    assert lines[0] == "log_loss, lower is better; target 'buys'; 77 rows of test.csv"
    head = ["Rank", "Model", "Score", "Out-of-fold", "Weight", "Fit (s)", "Predict (s)"]
    assert re.split(r"  +", lines[1]) == head
    assert lines[-1] == "3 rows without a target dropped."


def test_the_default_limits_the_lines_but_not_json(here: Cli, monkeypatch) -> None:
    monkeypatch.setattr("metaauto.cli.leaderboard._LINES", 3)
    assert here("leaderboard", "run").stdout.splitlines()[-1] == "2 more lines: raise --top."
    assert len(json.loads(here("leaderboard", "run", "--json").stdout)["leaderboard"]) == 5


def test_top_limits_the_lines(here: Cli) -> None:
    done = here("leaderboard", "m.metaauto", "--top", "2")
    lines = done.stdout.splitlines()
    assert len(lines) == 5
    assert lines[-1] == "3 more lines: raise --top."
    told = json.loads(here("leaderboard", "run", "--top", "1", "--json").stdout)
    assert len(told["leaderboard"]) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["m.metaauto", "--target", "buys"], "--target requires --data."),
        (["m.metaauto", "--metric", "f1"], "--metric requires --data."),
        (["m.metaauto", "--top", "0"], "0 is not in the range x>=1"),
        (["m.metaauto", "--data", "test.csv", "--metric", "rmse"], "rmse"),
        (["m.metaauto", "--data", "test.csv", "--target", "bought"], "Name the target column with"),
        (["run", "--data", "test.csv"], "'run' is a directory, not a model file."),
        (["m.metaauto", "--data", "none.csv"], "File not found: 'none.csv'."),
    ],
)
def test_errors_are_one_line(here: Cli, arguments, words: str) -> None:
    done = here("leaderboard", *arguments)
    assert done.returncode in (1, 2)
    assert (done.stdout, len(done.stderr.splitlines())) == ("", 1)
    assert words in done.stderr
    assert "None" not in done.stderr


def test_a_table_without_the_target_is_told_the_option(here: Cli, tmp_path: Path) -> None:
    people(10).drop(columns="buys").to_csv(tmp_path / "blind.csv", index=False)
    done = here("leaderboard", "m.metaauto", "--data", str(tmp_path / "blind.csv"))
    assert done.returncode == 1
    assert "Target column not found: 'buys'. Name the target column with --target." in done.stderr


def test_a_finished_run_has_the_report_of_its_model(here: Cli, tmp_path: Path) -> None:
    pages = []
    for place in ("m.metaauto", "run"):
        done = here("report", place, "-o", str(tmp_path / f"{place}.html"))
        assert done.returncode == 0, done.stderr
        pages.append((tmp_path / f"{place}.html").read_text("utf-8"))
    for words in ("ROC curve", "logistic-", "metaauto fit t.csv --target buys", "200 rows"):
        assert all(words in page for page in pages), words
    score, of_run = (page.partition('class="headline">')[2][:12] for page in pages)
    assert score == of_run


def test_a_killed_run_has_a_report_and_a_leaderboard(here: Cli, killed: Path) -> None:
    done = here("report", str(killed), "-o", "-")
    assert (done.returncode, done.stderr) == (0, "")
    assert "The run is not finished" in done.stdout
    assert "metaauto fit t.csv --target buys" in done.stdout
    assert str(killed) not in done.stdout
    told = here("leaderboard", str(killed), "--top", "1").stdout
    best = told.splitlines()[2].split()[2]
    assert f'class="headline">{best}<' in done.stdout
    assert "The run is not finished" in told


def test_a_report_of_a_run_is_named_after_it(
    quick_cli: Cli, killed: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(killed)
    done = quick_cli("report", ".")
    assert done.returncode == 0, done.stderr
    assert "Saved killed.html" in done.stderr
    assert "--data" not in done.stderr
    assert (killed / "killed.html").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda settings: settings.pop("task_record"), "is of an earlier metaauto"),
        (lambda settings: settings.update(task_record={"kind": 3}), "is damaged"),
        (lambda settings: settings.update(task_record=[1]), "is damaged"),
        (lambda settings: settings.update(versions=[1]), "is damaged"),
    ],
)
def test_a_run_without_a_usable_task_has_no_report(
    quick_cli: Cli, killed: Path, change, words: str
) -> None:
    record = json.loads((killed / MARKER).read_text("utf-8"))
    change(record["settings"])
    (killed / MARKER).write_text(json.dumps(record))
    done = quick_cli("report", str(killed), "-o", "-")
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_rows_need_a_model_file(here: Cli) -> None:
    done = here("report", "run", "--data", "test.csv")
    assert done.returncode == 2
    assert "--data requires a model file." in done.stderr
