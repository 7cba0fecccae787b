from __future__ import annotations

import json

import pandas as pd
import pytest


@pytest.fixture
def given(trained):
    return [str(trained / "buys.metaauto"), str(trained / "new.csv")]


@pytest.fixture
def income(trained):
    return [str(trained / "income.metaauto"), str(trained / "new.csv")]


def test_columns_are_listed_by_importance(quick_cli, given):
    done = quick_cli("explain", *given)
    assert done.returncode == 0, done.stderr
    first, head, best, *_ = done.stdout.splitlines()
    assert "roc_auc" in first
    assert head.split()[:2] == ["column", "importance"]
    assert best.split()[0] == "age"


def test_all_of_it_as_json(quick_cli, given):
    found = json.loads(quick_cli("explain", *given, "--json").stdout)
    assert found["measure"] == "roc_auc"
    assert found["has_target"] is True
    assert found["rows"] == 40
    assert {column["column"] for column in found["columns"]} == {"age", "income", "city", "house"}


def test_without_a_target_it_is_said_what_needs_one(quick_cli, given, tmp_path):
    pd.read_csv(given[1]).drop(columns="buys").to_csv(tmp_path / "blind.csv", index=False)
    done = quick_cli("explain", given[0], "blind.csv")
    assert done.returncode == 0, done.stderr
    assert "Mean change of the probabilities" in done.stdout
    assert "no target 'buys'" in done.stdout
    found = json.loads(quick_cli("explain", given[0], "blind.csv", "--json").stdout)
    assert found["measure"] == ""
    assert found["has_target"] is False


@pytest.mark.parametrize("named", [["--explainer", "permutation"], []])
def test_a_row_is_explained_by_its_cells(quick_cli, income, monkeypatch, named):
    monkeypatch.setenv("METAAUTO_PLUGINS", "")
    done = quick_cli("explain", *income, "--row", "3", *named)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Row 3: income = ")
    assert lines[2].split()[0] == "age"
    assert float(lines[2].split()[2]) != 0.0


SLOW = """
import pandas as pd
from metaauto.api import Explainer, hookimpl

def explain(table):
    return pd.DataFrame(1.0, index=table.X.index, columns=table.X.columns)

@hookimpl
def register_explainers(register):
    register.explainer(Explainer("slow", explain, "Ones."))
"""


def test_another_explainer_is_preceded_by_a_fast_estimate(quick_cli, income, tmp_path):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "slow.py").write_text(SLOW)
    ask = ("explain", *income, "--row", "3", "--plugins", "plugins", "--explainer")
    done = quick_cli(*ask, "slow")
    assert done.returncode == 0, done.stderr
    first = quick_cli(*ask, "permutation")
    column, _, contribution = first.stdout.splitlines()[2].split()
    assert done.stderr.startswith(f"First estimate, row 3 by permutation: {column} ")
    assert f"{float(contribution):+.2g}" in done.stderr
    assert done.stderr.endswith("Computing by slow.\n")
    assert first.stderr == ""


def test_every_row_becomes_a_table(quick_cli, income, tmp_path):
    done = quick_cli("explain", *income, "--rows", "--explainer", "permutation", "-o", "why.csv")
    assert done.returncode == 0, done.stderr
    found = pd.read_csv(tmp_path / "why.csv")
    assert found["row"].nunique() == 40
    assert len(found) == 40 * 4
    assert set(found["column"]) == {"age", "buys", "city", "house"}
    ages = found[found["column"] == "age"]
    assert ages["contribution"].corr(ages["value"].astype(float)) > 0.9


def test_the_class_that_is_explained_can_be_named(quick_cli, given):
    ask = ("explain", *given, "--row", "0", "--explainer", "permutation", "--json")
    cells = {}
    for label in ("yes", "no"):
        (row,) = json.loads(quick_cli(*ask, "--label", label).stdout)["rows"]
        assert row["explained"] == label
        cells[label] = {cell["column"]: cell["contribution"] for cell in row["cells"]}
    for column, adds in cells["yes"].items():
        assert adds == pytest.approx(-cells["no"][column], abs=1e-5)


def test_importance_becomes_a_table(quick_cli, given, tmp_path):
    done = quick_cli("explain", *given, "-o", "importance.csv")
    assert done.returncode == 0, done.stderr
    found = pd.read_csv(tmp_path / "importance.csv")
    assert list(found.columns) == ["column", "importance", "low", "high"]
    assert found["importance"].is_monotonic_decreasing


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--row", "40"], "no row 40"),
        (["--row", "1", "--rows"], "mutually exclusive"),
        (["--label", "yes"], "--label requires --row"),
        (["--row", "1", "--label", "yess"], "yess"),
        (["--row", "1", "--explainer", "shapp"], "shapp"),
        (["--json", "-o", "-"], "standard output"),
        (["-o", "why.xls"], "xls"),
        (["--target", "absent"], "Target column not found: 'absent'"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(quick_cli, given, arguments, words):
    done = quick_cli("explain", *given, *arguments)
    assert done.returncode in (1, 2)
    assert words in done.stderr
    assert done.stderr.startswith("Error: ")


def test_a_regression_has_no_classes(quick_cli, income):
    done = quick_cli("explain", *income, "--row", "1", "--label", "yes")
    assert done.returncode == 1
    assert "no classes" in done.stderr
