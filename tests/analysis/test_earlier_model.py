"""Read the result of an earlier fit: the same from a file and from a run; damage is named."""

from __future__ import annotations

import json
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import metaauto
from metaauto.analysis.earlier_model import EarlierModel, read_earlier, stored_rows
from metaauto.errors import MetaautoError, ModelFileError, ReadError, RunError
from metaauto.model import FinalModel
from metaauto.model.archive import ModelArchive, write_archive
from metaauto.plugins.manager import PluginSettings


def table() -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"a": random.normal(size=150), "b": random.choice(["p", "q", "-"], 150)})
    noise = random.normal(size=150) * 0.3
    return frame.assign(y=np.where(frame["a"] + noise > 0.3, "yes", "no"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("earlier")


@pytest.fixture(scope="module")
def model(folder: Path) -> FinalModel:
    found = metaauto.fit(
        table(),
        "y",
        trials=3,
        include=["logistic", "hist_gradient_boosting"],
        missing=["-"],
        run_dir=folder / "run",
        cores=1,
        memory=2.0,
        cv=2,
        holdout=0.2,
        remember=False,
        plugins=PluginSettings(only=()),
    )
    found.save(folder / "m.metaauto")
    return found


@pytest.mark.parametrize("name", ["m.metaauto", "run"])
def test_a_file_and_a_run_give_the_same(name: str, folder: Path, model: FinalModel) -> None:
    found = read_earlier(folder / name)
    assert isinstance(found, EarlierModel)
    for attribute in ("task", "schema", "metric_name", "calibrator", "decision", "record"):
        assert getattr(found, attribute) == getattr(model, attribute), attribute
    assert [replace(m, plugin="", distribution="", version="") for m in found.members] == [
        replace(m, estimators=[], all_rows=(), plugin="", distribution="", version="", trusted=None)
        for m in model.members
    ]
    shown = [(row["name"], row["score"], row["rank"]) for row in found.leaderboard_rows]
    assert shown == [(r["name"], r["score"], r["rank"]) for r in model.leaderboard_rows]


def test_the_rows_of_a_run_are_those_of_the_fit(folder: Path, model: FinalModel) -> None:
    dataset, inputs = stored_rows(folder / "run", model)
    pd.testing.assert_frame_equal(dataset.X, model.schema.encode(table()))
    assert np.array_equal(dataset.y == 1, table()["y"] == "yes")
    assert dataset.task == model.task
    assert dataset.fingerprint == model.record.fingerprint
    assert len(inputs.folds) == 2


def test_what_is_not_there_is_named(folder: Path, model: FinalModel, tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="Model file or run directory not found"):
        read_earlier(tmp_path / "none")
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ModelFileError, match="not a metaauto model"):
        read_earlier(tmp_path / "t.csv")
    with pytest.raises(RunError, match="holds no training rows"):
        stored_rows(tmp_path, model)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.pop("members"), "is not finished: it has no ensemble"),
        (lambda r: r.update(members={"lda-99": 1.0}), "damaged: there is no trial 'lda-99'"),
        (lambda r: r.update(members="all"), "damaged: result.members must be an object"),
        (lambda r: r.update(rounds={"x": "many"}), "damaged: result.rounds.x must be an integer"),
        (lambda r: r.update(calibrator={"kind": 3, "values": []}), "damaged"),
        (lambda r: r.update(decision={"kind": "threshold", "values": [1, 2, 3]}), "damaged"),
        (lambda r: r.update(members=dict.fromkeys(r["members"], -1.0)), "Invalid ensemble weights"),
        (lambda r: r.update(score="high"), "damaged: result.score must be a number"),
    ],
)
def test_a_damaged_record_is_named(
    change, message: str, folder: Path, model: FinalModel, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(folder / "run", run)
    with sqlite3.connect(run / "run.db") as database:
        (text,) = database.execute("SELECT value FROM state WHERE key = 'answer'").fetchone()
        record = json.loads(text)
        change(record)
        database.execute("UPDATE state SET value = ? WHERE key = 'answer'", (json.dumps(record),))
    with pytest.raises(MetaautoError, match=message):
        read_earlier(run)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("y", np.full(150, 7)),
        ("y", np.full(150, 0.5)),
        ("y", np.zeros(10, dtype=np.int64)),
        ("y", np.zeros((150, 2), dtype=np.int64)),
        ("weights", np.full(150, -1.0)),
        ("weights", np.full(3, 1.0)),
        ("numbers", np.zeros((3, 1))),
        ("y", np.array([None] * 150)),
    ],
)
def test_damaged_rows_are_named(
    name: str, array: np.ndarray, folder: Path, model: FinalModel, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(folder / "run", run)
    np.save(run / "data" / f"{name}.npy", array, allow_pickle=True)
    with pytest.raises(RunError, match="The training rows in .* are damaged"):
        stored_rows(run, model)


def test_a_model_file_without_a_positive_weight_is_refused(
    folder: Path, model: FinalModel, tmp_path: Path
) -> None:
    with ModelArchive(folder / "m.metaauto") as archive:
        manifest = json.loads(json.dumps(archive.manifest))
        for member in manifest["members"]:
            member["weight"] = 0.0
            member["entries"] = []
    path = write_archive(tmp_path / "forged.metaauto", manifest, {})
    with pytest.raises(MetaautoError, match="Invalid ensemble weights"):
        read_earlier(path)
