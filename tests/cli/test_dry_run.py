from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Cli, people


@pytest.fixture
def table(tmp_path: Path) -> Path:
    random = people().assign(number=[f"A-{i:05d}" for i in range(120)])
    random.to_csv(tmp_path / "t.csv", index=False)
    return tmp_path


FIT = ("fit", "t.csv", "--target", "buys", "--dry-run", "--no-knowledge", "--cores", "2")


def test_a_plan_is_shown_and_nothing_is_left_behind(quick_cli: Cli, table: Path) -> None:
    (table / "model.metaauto").write_text("precious")
    done = quick_cli(*FIT, "--cv", "3", "--budget", "40s")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("120 rows; target 'buys': 2 classes")
    assert "Validation: 3 stratified folds" in lines
    assert any(line.startswith("Budget: 40 s on 2 cores with") for line in lines)
    (number,) = [line.split() for line in lines if line.startswith("number ")]
    assert number[1] == "identifier"
    assert any(line.split()[:3] == ["1", "lda", "default"] for line in lines)
    assert lines[-1] == "No model was fitted."
    assert {path.name for path in table.iterdir()} == {"t.csv", "temporary", "model.metaauto"}
    assert (table / "model.metaauto").read_text() == "precious"
    assert not list((table / "temporary").iterdir())


def test_a_plan_names_the_positive_class(quick_cli: Cli, table: Path) -> None:
    options = ("--metric", "f1", "--include", "lda")
    assert "Metric: f1 of 'yes'" in quick_cli(*FIT, *options).stdout.splitlines()
    done = quick_cli(*FIT, *options, "--positive", "no", "--json")
    assert json.loads(done.stdout)["positive"] == "no"
    assert "'maybe'" in quick_cli(*FIT, "--positive", "maybe").stderr


def test_a_plan_for_programs(quick_cli: Cli, table: Path) -> None:
    done = quick_cli(*FIT, "--holdout", "0.2", "--trials", "7", "--include", "lda,svm", "--json")
    plan = json.loads(done.stdout)
    assert plan["holdout_rows"] == 24
    assert (plan["budget"], plan["trials"], plan["cores"]) == (None, 7, 2)
    assert {entry["model"] for entry in plan["configurations"]} == {"lda", "svm"}
    roles = {column["name"]: column["role"] for column in plan["columns"]}
    assert roles["number"] == "identifier"
    assert "dropped-identifier" in [finding["code"] for finding in plan["findings"]]


def test_it_refuses_what_the_fit_would_refuse(quick_cli: Cli, table: Path) -> None:
    assert "no metric" in quick_cli(*FIT, "--metric", "roc_acu").stderr
    done = quick_cli("fit", "--resume", "run", "--dry-run")
    assert done.returncode == 2
    assert "--resume and --dry-run" in done.stderr


def test_many_columns_are_cut_short(quick_cli: Cli, tmp_path: Path) -> None:
    wide = people(60).assign(**{f"c{n}": range(60) for n in range(40)})
    wide.to_csv(tmp_path / "t.csv", index=False)
    assert "and 14 more; --json shows all" in quick_cli(*FIT).stdout


STRATEGY = """
from metaauto.api import Recommendation, Strategy, hookimpl

class Backwards:
    def __init__(self, given):
        self.waiting = [given.space.default(model) for model in given.space.models]
    def inform(self, metafeatures):
        pass
    def recommend(self, seconds):
        return Recommendation(self.waiting.pop(), "back", "the last") if self.waiting else None
    def observe(self, observation):
        pass

@hookimpl
def register_strategies(register):
    register.strategy(Strategy("backwards", Backwards))
"""


def test_the_strategy_of_a_plugin_is_asked(quick_cli: Cli, table: Path) -> None:
    (table / "mine").mkdir()
    (table / "mine" / "back.py").write_text(STRATEGY)
    few = ("--include", "lda,logistic,naive_bayes", "--plugins", "mine")
    for command in (FIT, ("suggest", *FIT[1:4])):
        done = quick_cli(*command, *few, "--strategy", "backwards")
        assert done.returncode == 0, done.stderr
        rows = [line.split() for line in done.stdout.splitlines()]
        tried = [(row[1], row[2]) for row in rows if row and row[0].isdecimal() and len(row) > 3]
        tried = [one for one in tried if one[1] == "default"]
        assert tried == [(name, "default") for name in ("naive_bayes", "logistic", "lda")]
        assert "strategy 'backwards'" in done.stdout
        assert "model defaults" not in done.stdout
    excluded = quick_cli(*FIT, "--plugins", "mine", "--exclude", "back", "--strategy", "backwards")
    assert "strategy 'backwards' of the plugin 'back' is excluded" in excluded.stderr
    gone = quick_cli(*FIT, "--strategy", "backwards")
    assert gone.returncode == 1
    assert gone.stderr.startswith("Error: There is no strategy named 'backwards'")
