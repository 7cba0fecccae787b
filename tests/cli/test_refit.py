"""``metaauto refit``: the result is smaller and works in every command; errors are one line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from command_line import QUICK, Cli

from metaauto import load

REFIT = ("--cores", "1", "--memory", "2")


@pytest.mark.parametrize("target", ["buys", "income"])
def test_every_command_works_on_the_result(
    quick_cli: Cli, trained: Path, tmp_path: Path, target: str
) -> None:
    table, new = f"{trained}/people.csv", f"{trained}/new.csv"
    model = f"{trained}/{target}.metaauto"
    done = quick_cli("refit", model, table, "-o", "small.metaauto", *REFIT)
    assert done.returncode == 0, done.stderr
    assert "Refitting 1 model on" in done.stderr
    assert "the refitted models were not scored" in " ".join(done.stderr.split())
    small, large = (Path(p).stat().st_size for p in ("small.metaauto", model))
    assert small < large
    assert [len(member.estimators) for member in load("small.metaauto").members] == [1]
    for arguments in (
        ("predict", "small.metaauto", new, "-o", "predicted.csv"),
        ("evaluate", "small.metaauto", new),
        ("leaderboard", "small.metaauto"),
        ("leaderboard", "small.metaauto", "--data", new),
        ("explain", "small.metaauto", new, "--budget", "5s"),
        ("report", "small.metaauto", "-o", "report.html"),
        ("report", "small.metaauto", "--data", new, "--budget", "5s", "-o", "rows.html"),
        ("compare", model, "small.metaauto"),
        ("export", "small.metaauto", "--to", "python", "-o", "train.py"),
    ):
        ran = quick_cli(*arguments)
        assert ran.returncode == 0, ran.stderr
        if arguments in (("leaderboard", "small.metaauto"), ("compare", model, "small.metaauto")):
            assert "Refitted on all" in ran.stdout
    assert len(pd.read_csv("predicted.csv")) == 40
    for report in ("report.html", "rows.html"):
        assert "Refitted on all" in (tmp_path / report).read_text("utf-8")


def test_new_rows_and_json(quick_cli: Cli, trained: Path) -> None:
    model, new = f"{trained}/buys.metaauto", f"{trained}/new.csv"
    shutil.copy(new, "new.out")
    source = ("new.out", "--format", "csv")
    done = quick_cli("refit", model, *source, "-o", "new.metaauto", "--json", "-q", *REFIT)
    record = json.loads(done.stdout)
    assert not record["refit"]["is_training"]
    assert record["refit"]["rows"] == 40
    assert "not estimated on these rows" in record["refit_note"]
    assert done.stderr == ""


def test_a_run_directory_needs_no_table(quick_cli: Cli, trained: Path, tmp_path: Path) -> None:
    table = f"{trained}/people.csv"
    options = (*QUICK, "--target", "buys", "--include", "logistic", "--run-dir", "run", "-q")
    assert quick_cli("fit", table, *options, "--out", "m.metaauto").returncode == 0
    assert quick_cli("refit", "run", *REFIT, "-q").returncode == 0
    assert quick_cli("refit", "m.metaauto", table, *REFIT, "-q").returncode == 0
    stored, given = load("run-refit.metaauto"), load("m-refit.metaauto")
    new = pd.read_csv(trained / "new.csv")
    assert stored.predict_proba(new).tolist() == given.predict_proba(new).tolist()
    again = quick_cli("refit", "run", *REFIT)
    assert again.returncode == 2
    assert "'run-refit.metaauto' exists already" in again.stderr
    shutil.rmtree(tmp_path / "run" / "data")
    without = quick_cli("refit", "run", "-o", "x.metaauto", *REFIT)
    assert without.returncode == 1
    assert "holds no training rows. Give the training table after it." in without.stderr
    assert quick_cli("refit", "run", table, "-o", "x.metaauto", *REFIT, "-q").returncode == 0


def test_errors_are_one_line_and_write_nothing(
    quick_cli: Cli, trained: Path, tmp_path: Path
) -> None:
    model, table = f"{trained}/buys.metaauto", f"{trained}/people.csv"
    people = pd.read_csv(table)
    people[people["buys"] == "yes"].to_csv("one_class.csv", index=False)
    people.rename(columns={"age": "years"}).to_csv("renamed.csv", index=False)
    people.drop(columns="buys").to_csv("no_target.csv", index=False)
    for arguments, message in (
        ((model,), "A model file holds no rows."),
        ((table, table), "is damaged or not a metaauto model"),
        ((str(trained), table), "is not a run directory of metaauto"),
        (("none.metaauto", table), "not found: 'none.metaauto'"),
        ((model, "none.csv"), "none.csv"),
        ((model, "one_class.csv"), "Class 'no' of the model has no row"),
        ((model, "renamed.csv"), "The column 'age' of the training table is missing."),
        ((model, "no_target.csv"), "Target column not found: 'buys'"),
        ((model, table, "--weights", "none"), "'none'"),
        ((model, table, "--budget", "soon"), "Invalid budget 'soon'"),
        ((model, table, "--cores", "0"), "--cores must be an integer >= 1"),
        ((model, "--target", "buys"), "--target requires DATA."),
        ((model, "--format", "csv"), "--format requires DATA."),
    ):
        done = quick_cli("refit", *arguments, "-o", "x.metaauto")
        assert done.returncode != 0, arguments
        assert message in done.stderr
        assert "Traceback" not in done.stderr
    for output, message in ((table, "would replace the table"), (model, "would replace the model")):
        done = quick_cli("refit", model, table, "-o", output)
        assert done.returncode == 1
        assert message in done.stderr
    assert not (tmp_path / "x.metaauto").exists()


def test_a_fit_starts_from_a_model(quick_cli: Cli, trained: Path) -> None:
    model, table = f"{trained}/buys.metaauto", f"{trained}/people.csv"
    fit = ("fit", table, "--target", "buys", "--no-knowledge", *QUICK, "--from", model)
    planned = json.loads(quick_cli(*fit, "--dry-run", "--json").stdout)["configurations"]
    assert (planned[0]["model"], planned[0]["source"]) == ("logistic", "earlier model")
    shown = quick_cli(*fit, "--dry-run").stdout
    assert "in the earlier model" in next(line for line in shown.splitlines() if "logistic" in line)
    done = quick_cli(*fit, "--include", "logistic,lda", "--out", "next.metaauto")
    assert done.returncode == 0, done.stderr
    assert "of the earlier model will be tried first" in done.stderr
    board = json.loads(quick_cli("leaderboard", "next.metaauto", "--json").stdout)["leaderboard"]
    sources = {row["name"]: row["source"] for row in board}
    assert sources["logistic-1"] == "earlier model"
    excluded = quick_cli(*fit, "--include", "lda", "--out", "other.metaauto")
    assert "Left out: logistic is excluded." in excluded.stderr
    for wrong, message in (("none", "not found:"), (table, "not a metaauto model")):
        refused = quick_cli(*fit[:-1], wrong, "--out", "no.metaauto")
        assert refused.returncode == 1
        assert message in refused.stderr
