"""Fits are logged to a real store of MLflow, from Python and from the command line."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed (tox -e mlflow)")
pytest.importorskip("alembic", reason="a local store needs alembic (tox -e mlflow)")
import metaauto_mlflow  # noqa: E402

import metaauto  # noqa: E402
from metaauto.api import PluginSettings  # noqa: E402
from metaauto.errors import NoModelFitted  # noqa: E402

pytestmark = [pytest.mark.filterwarnings("default")]
OPTIONS = {
    "include": ["lda"],
    "trials": 2,
    "cores": 1,
    "cv": 2,
    "knowledge": False,
    "remember": False,
    "plugins": PluginSettings(only=(), modules=("metaauto_mlflow",)),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store, whose tables are made once."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'store.db'}"


@pytest.fixture(autouse=True)
def _tracked(store: str, request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", request.node.name)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(store)
    mlflow.create_experiment(request.node.name, artifact_location=(tmp_path / "a").as_uri())
    mlflow.set_experiment(request.node.name)


def runs(name: str) -> tuple[pd.Series, pd.DataFrame]:
    """The only run of a fit, and the nested ones."""
    found = mlflow.search_runs(experiment_names=[name])
    parent = "tags.mlflow.parentRunId"
    nested = found[parent].notna() if parent in found else pd.Series(False, index=found.index)
    (run,) = [row for _, row in found[~nested].iterrows()]
    return run, found[nested]


def test_a_fit_is_a_run_with_nested_trials_and_artifacts(request, tmp_path: Path) -> None:
    model = metaauto.fit("sklearn:iris", **OPTIONS)
    run, nested = runs(request.node.name)
    assert run["status"] == "FINISHED"
    assert run["metrics.log_loss"] == model.record.score
    assert run["metrics.log_loss_low"] == model.record.interval.low
    assert run["params.data"] == "sklearn:iris"
    assert run["params.rows"] == "150"
    assert run["params.trials"] == "2"
    assert set(nested["tags.mlflow.runName"]) == {"lda-1", "lda-2"}
    assert set(nested["params.model"]) == {"lda"}
    scores = {row["name"]: row["score"] for row in model.leaderboard_rows}
    for _, trial in nested.iterrows():
        assert trial["metrics.log_loss"] == scores[trial["tags.mlflow.runName"]]
    series = mlflow.MlflowClient().get_metric_history(run["run_id"], "best_log_loss")
    assert [point.step for point in series] == [1, 2]
    assert {path.name for path in tmp_path.rglob("*.*")} == {
        "model.metaauto",
        "report.html",
        "leaderboard.json",
    }
    loaded = metaauto.load(next(tmp_path.rglob("model.metaauto")))
    assert loaded.predict(dict.fromkeys(loaded.feature_names, 1.0))[0] in loaded.classes_


def test_a_fit_in_an_active_run_is_its_child(request) -> None:
    with mlflow.start_run() as outer:
        metaauto.fit("sklearn:iris", **{**OPTIONS, "trials": 1})
        assert mlflow.active_run().info.run_id == outer.info.run_id
    found = mlflow.search_runs(experiment_names=[request.node.name])
    parents = found.set_index("run_id")["tags.mlflow.parentRunId"]
    (fit,) = parents.index[parents == outer.info.run_id]
    assert list(parents).count(fit) == 1


def test_a_failed_fit_is_a_failed_run(request) -> None:
    # The first event after the start of the run ends the fit.
    def interrupt(event) -> None:
        if event.kind == "incumbent":
            raise NoModelFitted("ended by the test")

    with pytest.raises(NoModelFitted):
        metaauto.fit("sklearn:iris", on_event=interrupt, **OPTIONS)
    run, _ = runs(request.node.name)
    assert run["status"] == "FAILED"
    assert run["tags.error"] == "NoModelFitted: ended by the test"


def test_the_file_of_the_command_line_is_logged(request, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "tracker.py").write_text("from metaauto_mlflow import *\n", "utf-8")
    monkeypatch.setenv("METAAUTO_PLUGINS", "")
    arguments = "--include lda --trials 1 --cores 1 --cv 2 --no-knowledge --no-remember --quiet"
    arguments += " --out iris.metaauto --plugins plugins"
    command = [sys.executable, "-m", "metaauto", "fit", "sklearn:iris", *arguments.split()]
    subprocess.run(command, check=True, timeout=300)
    run, nested = runs(request.node.name)
    files = mlflow.MlflowClient().list_artifacts(run["run_id"])
    assert {file.path for file in files} >= {"iris.metaauto", "report.html"}
    assert len(nested) == 1


def test_a_store_that_fails_is_one_warning(monkeypatch, caplog) -> None:
    def fail(*_, **__) -> None:
        raise OSError("no such server")

    monkeypatch.setattr(mlflow, "start_run", fail)
    with caplog.at_level(logging.WARNING, logger="metaauto.plugins"):
        model = metaauto.fit("sklearn:iris", **OPTIONS)
    assert model.record.trials
    told = [record.getMessage() for record in caplog.records if "mlflow" in record.getMessage()]
    assert len(told) == 1
    assert "fit_finished raised OSError: no such server" in told[0]


def test_without_mlflow_in_use_nothing_is_logged(request, monkeypatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    monkeypatch.delitem(sys.modules, "mlflow")
    metaauto.fit("sklearn:iris", **{**OPTIONS, "trials": 1})
    assert metaauto_mlflow._FITS == {}
    assert mlflow.search_runs(experiment_names=[request.node.name]).empty
