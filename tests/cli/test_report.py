from __future__ import annotations

import shutil

import pytest


@pytest.fixture
def here(trained, tmp_path):
    """Models and tables in the folder of the command."""
    for name in ("buys.metaauto", "income.metaauto", "people.csv", "new.csv"):
        shutil.copy(trained / name, tmp_path / name)
    return tmp_path


def test_a_report_is_one_file(quick_cli, here):
    done = quick_cli("report", "buys.metaauto")
    assert done.returncode == 0, done.stderr
    text = (here / "buys.html").read_text("utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert "out-of-fold" in text
    assert "--data TEST" in done.stderr
    # What the fit recorded: pictures, history, the command.
    assert "ROC curve" in text
    assert "Calibration" in text
    assert "logistic-1" in text
    assert "metaauto fit people.csv --target buys" in text
    assert str(here) not in text


@pytest.mark.parametrize("model", ["buys", "income"])
def test_with_rows_it_says_which_columns_matter(quick_cli, here, model):
    done = quick_cli("report", f"{model}.metaauto", "--data", "new.csv", "-o", "out.html")
    assert done.returncode == 0, done.stderr
    text = (here / "out.html").read_text("utf-8")
    assert "given rows" in text
    assert "Partial dependence on age" in text
    assert "Permutation importance" in text
    assert "subgroups compared" in text or "The threshold is corrected" in text
    assert list(here.glob(".out*")) == []


def test_the_standard_output_takes_the_file_alone(quick_cli, here):
    done = quick_cli("report", "income.metaauto", "-o", "-")
    assert done.returncode == 0
    assert done.stdout.startswith("<!DOCTYPE html>")
    assert done.stdout.rstrip().endswith("</html>")
    assert done.stderr == ""


def test_training_rows_are_recognised(quick_cli, here):
    quick_cli("report", "buys.metaauto", "--data", "people.csv", "-o", "out.html")
    assert "are the training rows" in (here / "out.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-o", "buys.metaauto"], "replace the model"),
        (["--data", "new.csv", "-o", "new.csv"], "replace the table"),
        (["-o", "nowhere/report.html"], "does not exist"),
        (["--target", "buys"], "requires --data"),
        (["--data", "absent.csv"], "absent.csv"),
        (["--data", "new.csv", "--target", "bys"], "Target column not found: 'bys'"),
        (["--data", "new.csv", "--budget", "soon"], "soon"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(quick_cli, here, arguments, words):
    before = sorted(here.iterdir())
    done = quick_cli("report", "buys.metaauto", *arguments)
    assert done.returncode in (1, 2)
    assert words in done.stderr
    assert done.stderr.startswith("Error: ")
    assert sorted(here.iterdir()) == before


def test_facts_for_pictures_do_not_crowd_the_json_of_a_fit(trained):
    from metaauto.cli.save_model import _PLOTS
    from metaauto.model import read_manifest

    facts = read_manifest(trained / "buys.metaauto")["facts"]
    assert "report" in facts
    assert "report" in _PLOTS
