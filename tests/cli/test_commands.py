"""The commands end to end."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import QUICK, Cli, command_line, environment, people
from imported import ImportedProgram
from sklearn.metrics import accuracy_score, roc_auc_score

import metaauto

MEASURED = ("seconds", "fit_seconds", "predict_seconds", "memory")


def test_a_fit_tells_what_it_does_and_how_to_go_on(cli: Cli, tmp_path: Path) -> None:
    table = people().assign(number=[f"A-{i:05d}" for i in range(120)], country="D")
    table.to_csv(tmp_path / "t.csv", index=False)
    done = cli(
        "fit", "t.csv", "--target", "buys", *QUICK, "--include", "lda", "--out", "m.metaauto"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    for words in (
        "120 rows; target 'buys': 2 classes (no ",
        "4 features: 3 numeric, 1 categorical",
        "'number'",
        "'country'",
        "Metric: roc_auc",
        "Validation: 2 stratified folds",
        "lda-1",
        "Score        roc_auc 0.",
        "Baseline     roc_auc",
        "Ensemble     lda-",
        "Trials       3",
        "metaauto predict m.metaauto NEW.csv -o predictions.csv",
        "metaauto evaluate m.metaauto TEST.csv",
    ):
        assert words in done.stderr, words
    assert not list((tmp_path / "temporary").glob("metaauto-*"))
    assert {path.name for path in tmp_path.iterdir()} == {"t.csv", "m.metaauto", "temporary"}


def test_quiet_and_json_are_for_programs(quick_cli: Cli, tmp_path: Path) -> None:
    people().to_csv(tmp_path / "t.csv", index=False)
    arguments = ("--include", "lda", "--holdout", "0.2", "--out", "m.metaauto", "--quiet", "--json")
    done = quick_cli("fit", "t.csv", "--target", "buys", *QUICK, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["metric"] == "roc_auc"
    assert told["task"] == "binary"
    assert told["model"] == "m.metaauto"
    assert 0.5 < told["score"] <= 1.0
    assert told["holdout_rows"] == 24
    assert sum(told["members"].values()) == pytest.approx(1.0)


def test_options_reach_the_fit(quick_cli: Cli, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    table = people().assign(w=random.random(120), g=np.arange(120) // 3)
    table.to_parquet(tmp_path / "t.parquet")
    arguments = "--metric f1 --weights w --groups g --role house=categorical --include logistic"
    done = quick_cli(
        *(
            "fit",
            "t.parquet",
            "--target",
            "buys",
            *QUICK,
            *arguments.split(),
            "--out",
            "m.metaauto",
        ),
        "--json",
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["metric"] == "f1"
    assert "groups kept together" in done.stderr
    model = metaauto.load(tmp_path / "m.metaauto")
    assert model.task.weighted
    roles = {column.name: str(column.role) for column in model.task.columns}
    assert roles == {
        "age": "numeric", "income": "numeric", "city": "categorical", "house": "categorical",
    }  # fmt: skip


@pytest.mark.slow
def test_the_same_trials_and_seed_give_the_same_model_twice(
    imported_cli: Cli, quick_cli: Cli, tmp_path: Path
) -> None:
    people().to_csv(tmp_path / "t.csv", index=False)
    told = []
    for name in ("one", "two"):
        arguments = ("--trials", "4", "--cores", "2", "--memory", "2", "--cv", "2", "--seed", "0")
        models = ("--include", "extra_trees", "--include", "lda", "--out", f"{name}.metaauto")
        done = imported_cli("fit", "t.csv", "--target", "buys", *arguments, *models)
        assert done.returncode == 0, done.stderr
        board = json.loads(quick_cli("leaderboard", f"{name}.metaauto", "--json").stdout)[
            "leaderboard"
        ]
        predicted = quick_cli("predict", f"{name}.metaauto", "t.csv", "--proba").stdout
        plain = [{k: v for k, v in row.items() if k not in MEASURED} for row in board]
        told.append((plain, predicted))
    assert told[0] == told[1]


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet", "jsonl"])
def test_predictions_are_written_in_the_order_of_the_rows(
    kind: str, quick_cli: Cli, trained: Path, tmp_path: Path
) -> None:
    file = tmp_path / f"p.{kind}"
    model, data = trained / "buys.metaauto", trained / "new.csv"
    done = quick_cli("predict", str(model), str(data), "-o", file.name)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    read = {
        "csv": pd.read_csv,
        "tsv": lambda path: pd.read_csv(path, sep="\t"),
        "parquet": pd.read_parquet,
        "jsonl": lambda path: pd.read_json(path, lines=True),
    }[kind]
    frame = read(file)
    expected = metaauto.load(model).predict(pd.read_csv(data))
    assert list(frame.columns) == ["buys"]
    assert frame["buys"].tolist() == expected.tolist()
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [file.name]


def test_number_names_are_known_by_target_and_model(quick_cli: Cli, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.integers(0, 99, size=(60, 3)), columns=["3", "1", "0.5"])
    frame["label"] = frame["3"] + 0.5
    frame.to_csv(tmp_path / "train.csv", index=False)
    frame[["3", "1", "0.5"]].to_csv(tmp_path / "new.csv", index=False)
    arguments = (*QUICK, "--include", "ridge", "--out", "m.metaauto")
    done = quick_cli("fit", "train.csv", "--target", "label", *arguments)
    assert done.returncode == 0, done.stderr
    done = quick_cli("predict", "m.metaauto", "new.csv", "-o", "predictions.csv")
    assert done.returncode == 0, done.stderr
    assert len(pd.read_csv(tmp_path / "predictions.csv")) == 60
    (tmp_path / "values.csv").write_text("5,7,9\n1,2,3\n")
    done = quick_cli("predict", "m.metaauto", "values.csv", "-o", "predictions.csv")
    assert done.returncode == 1
    assert "its first line, '5, 7, 9', was read as values" in " ".join(done.stderr.split())


@pytest.mark.slow
def test_probabilities_and_standard_streams(cli: Cli, trained: Path) -> None:
    text = (trained / "new.csv").read_text()
    done = cli("predict", str(trained / "buys.metaauto"), "-", "--proba", stdin=text)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "buys,no,yes"
    assert len(lines) == 41
    assert sum(float(cell) for cell in lines[1].split(",")[1:]) == pytest.approx(1.0)


def test_amounts_are_predicted(quick_cli: Cli, trained: Path, tmp_path: Path) -> None:
    done = quick_cli("predict", str(trained / "income.metaauto"), str(trained / "new.csv"))
    values = [float(line) for line in done.stdout.splitlines()[1:]]
    assert done.stdout.startswith("income\n")
    assert 1000 < np.mean(values) < 5000


def test_unseen_categories_are_a_warning(quick_cli: Cli, trained: Path, tmp_path: Path) -> None:
    people(20).assign(city="Rome").to_csv(tmp_path / "t.csv", index=False)
    done = quick_cli("predict", str(trained / "buys.metaauto"), "t.csv", "-o", "p.csv")
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        "Warning: Column 'city': 20 cells have values not seen at training; they are treated as "
        "missing."
    ]


def test_scores_are_those_of_scikit_learn(quick_cli: Cli, trained: Path, tmp_path: Path) -> None:
    model, data = trained / "buys.metaauto", trained / "new.csv"
    done = quick_cli("evaluate", str(model), str(data), "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    frame = pd.read_csv(data)
    loaded = metaauto.load(model)
    proba = loaded.predict_proba(frame)[:, 1]
    assert told["scores"]["roc_auc"] == pytest.approx(roc_auc_score(frame["buys"] == "yes", proba))
    accuracy = accuracy_score(frame["buys"], loaded.predict(frame))
    assert told["scores"]["accuracy"] == pytest.approx(accuracy)
    assert (told["rows"], told["metric"]) == (40, "roc_auc")
    assert told["greater_is_better"]["log_loss"] is False
    assert {"log_loss", "brier", "f1", "mcc", "balanced_accuracy"} <= set(told["scores"])


def test_scores_for_people(quick_cli: Cli, trained: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(trained / "new.csv").rename(columns={"buys": "truth"})
    frame.loc[:2, "truth"] = None
    frame.to_csv(tmp_path / "t.csv", index=False)
    arguments = ("--target", "truth", "--metric", "f1", "--metric", "log_loss")
    done = quick_cli("evaluate", str(trained / "buys.metaauto"), "t.csv", *arguments)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "37 rows; 3 without a target dropped"
    cells = [re.split(r" {2,}", line.strip()) for line in lines[2:]]
    assert [line[0] for line in cells] == ["f1 of 'yes'", "log_loss"]
    assert [line[2] for line in cells] == ["higher", "lower"]
    amounts = quick_cli("evaluate", str(trained / "income.metaauto"), str(trained / "new.csv"))
    assert {line.split()[0] for line in amounts.stdout.splitlines()[2:]} == {
        "rmse", "mae", "median_ae", "r2",
    }  # fmt: skip


def test_one_class_leaves_a_score_open(quick_cli: Cli, trained: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(trained / "new.csv")
    frame[frame["buys"] == "yes"].to_csv(tmp_path / "t.csv", index=False)
    done = quick_cli("evaluate", str(trained / "buys.metaauto"), "t.csv", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["scores"]["roc_auc"] is None


def test_the_leaderboard_is_a_table(quick_cli: Cli, trained: Path, tmp_path: Path) -> None:
    done = quick_cli("leaderboard", str(trained / "buys.metaauto"))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "roc_auc, higher is better; target 'buys'"
    head = ["Rank", "Model", "Score", "Weight", "Fit (s)", "Predict (s)", "Source", "Status"]
    assert re.split(r"  +", lines[1]) == head
    names = {line.split()[1] for line in lines[2:]}
    assert names == {"ensemble", "logistic-1", "logistic-2", "dummy-0"}


def test_a_note_on_the_scores_is_told_by_fit_and_leaderboard(
    quick_cli: Cli, tmp_path: Path
) -> None:
    people().to_csv(tmp_path / "t.csv", index=False)
    arguments = ("--include", "hist_gradient_boosting", "--out", "m.metaauto", "--json")
    done = quick_cli("fit", "t.csv", "--target", "buys", *QUICK, *arguments)
    assert done.returncode == 0, done.stderr
    (note,) = json.loads(done.stdout)["notes"]
    assert note.startswith("hist_gradient_boosting used the validation folds for early stopping")
    assert done.stderr.count(note) == 1
    assert quick_cli("leaderboard", "m.metaauto").stdout.splitlines()[-1] == note
    assert json.loads(quick_cli("leaderboard", "m.metaauto", "--json").stdout)["notes"] == [note]


def test_help_is_quick_and_teaches(cli: Cli, tmp_path: Path) -> None:
    for command in ("fit", "predict", "evaluate", "leaderboard", "plugins"):
        done = cli(command, "--help")
        assert done.returncode == 0, done.stderr
        assert f"metaauto {command}" in done.stdout.split("Options:")[0].split("\n", 1)[1]
    script = (
        "import sys\n"
        "from metaauto.cli.terminal import run\n"
        "from metaauto.cli import command\n"
        "assert run(command, ['--help']) == 0\n"
        "heavy = {'numpy', 'pandas', 'sklearn', 'scipy', 'smac', 'pluggy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for words in (
        "Exit status:",
        "130",
        "fit ",
        "predict ",
        "evaluate ",
        "leaderboard ",
        "plugins ",
    ):
        assert words in done.stdout


def test_the_version_is_told(cli: Cli) -> None:
    assert cli("--version").stdout == f"metaauto {metaauto.__version__}\n"


PLUGIN = """
import click
from metaauto.api import hookimpl

@click.command()
@click.argument("name")
def greet(name):
    "Greet."
    click.echo(f"Hello {name}")

@hookimpl
def register_commands(register):
    register.command(greet)
"""


@pytest.mark.slow
def test_plugins_are_listed_and_add_commands(imported_cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "greeter.py").write_text(PLUGIN)
    (folder / "broken.py").write_text("import no_such_module\n")
    done = imported_cli("plugins", "--plugins", "mine", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    plugins = {plugin["name"]: plugin for plugin in json.loads(done.stdout)}
    assert "model:random_forest" in plugins["builtin"]["components"]
    assert plugins["greeter"]["components"] == ["command:greet"]
    assert "no_such_module" in plugins["broken"]["errors"][0]
    listed = imported_cli("plugins", "--plugins", "mine")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "greet" in listed.stdout
    assert "no_such_module" in listed.stdout
    greeted = imported_cli("greet", "Ada", METAAUTO_PLUGINS_DIR="mine")
    assert (greeted.returncode, greeted.stdout) == (0, "Hello Ada\n")
    assert "no_such_module" in greeted.stderr


@pytest.mark.slow
def test_nobody_reading_is_no_error(
    imported: ImportedProgram, trained: Path, tmp_path: Path
) -> None:
    big = pd.concat([people(2000)] * 20)
    big.to_csv(tmp_path / "big.csv", index=False)
    line = imported.command("predict", str(trained / "buys.metaauto"), "big.csv", "--proba")
    process = subprocess.Popen(
        line,
        cwd=tmp_path,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "buys,no,yes\n"
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(60) == 0


@pytest.mark.slow
def test_a_fit_goes_on_when_nobody_reads_its_progress(tmp_path: Path) -> None:
    people().to_csv(tmp_path / "t.csv", index=False)
    arguments = ("--target", "buys", *QUICK, "--include", "lda", "--out", "m.metaauto")
    process = subprocess.Popen(
        command_line("fit", "t.csv", *arguments),
        cwd=tmp_path,
        env=environment(tmp_path),
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    process.stderr.readline()
    process.stderr.close()
    assert process.wait(120) == 0
    assert (tmp_path / "m.metaauto").is_file()


def test_a_model_is_not_replaced_unasked(quick_cli: Cli, trained: Path, tmp_path: Path) -> None:
    people().to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "model.metaauto").write_text("precious")
    arguments = ("fit", "t.csv", "--target", "buys", *QUICK, "--include", "lda", "--quiet")
    done = quick_cli(*arguments)
    assert done.returncode == 1
    assert "exists already" in done.stderr
    assert (tmp_path / "model.metaauto").read_text() == "precious"
    assert quick_cli(*arguments, "--out", "model.metaauto").returncode == 0
    assert metaauto.load(tmp_path / "model.metaauto").task.target == "buys"
