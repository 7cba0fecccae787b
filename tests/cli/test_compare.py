from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Cli, in_process, people


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


def test_a_run_directory_is_no_model(
    quick_cli: Cli, fits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(fits)
    for command in (("predict", "run", "t.csv"), ("report", "run"), ("evaluate", "run", "t.csv")):
        done = quick_cli(*command)
        assert (done.returncode, done.stdout) == (1, "")
        assert "'run' is a directory, not a model file. `metaauto fit --resume" in done.stderr
