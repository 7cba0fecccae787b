"""A fit that starts from the configurations of an earlier model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import metaauto
from metaauto.engine.dry_run import plan_fit
from metaauto.engine.options import FitOptions
from metaauto.errors import ReadError, RunError, SettingError
from metaauto.model import FinalModel
from metaauto.plugins.manager import PluginSettings
from metaauto.warmstart.earlier import EARLIER_MODEL

SETTINGS = {
    "cores": 1,
    "memory": 2.0,
    "cv": 2,
    "seed": 0,
    "remember": False,
    "knowledge": False,
    "plugins": PluginSettings(only=()),
}


MODELS = ["logistic", "naive_bayes", "hist_gradient_boosting"]


def table(rows: int = 240, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(random.normal(size=(rows, 3)), columns=["a", "b", "c"])
    signal = frame["a"] + np.abs(frame["b"]) + random.normal(size=rows) * 0.7
    frame["y"] = np.where(signal > 0.8, "yes", "no")
    return frame


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("earlier") / "run"


@pytest.fixture(scope="module")
def earlier(run: Path) -> FinalModel:
    settings = {**SETTINGS, "metric": "log_loss", "include": MODELS}
    model = metaauto.fit(table(), "y", trials=6, run_dir=run, **settings)
    assert len(model.members) > 1
    return model


def members_of(model: FinalModel) -> list[tuple[str, dict]]:
    ordered = sorted(model.members, key=lambda member: -member.weight)
    return [(member.model, member.values) for member in ordered]


def first_of(model: FinalModel) -> list[tuple[str, dict]]:
    rows = [row for row in model.leaderboard_rows if row["source"] == EARLIER_MODEL]
    rows.sort(key=lambda row: int(row["name"].rpartition("-")[2]))
    return [(row["configuration"]["model"], row["configuration"]["values"]) for row in rows]


@pytest.mark.parametrize("form", ["model", "file", "run"])
def test_the_members_are_tried_first(
    form: str, earlier: FinalModel, run: Path, tmp_path: Path
) -> None:
    given = {"model": earlier, "run": run}.get(form) or earlier.save(tmp_path / "m.metaauto")
    trials = len(earlier.members) + 1
    events = []
    model = metaauto.fit(
        table(seed=1),
        "y",
        trials=trials,
        start_from=given,
        include=[*MODELS, "lda"],
        on_event=events.append,
        **SETTINGS,
    )
    assert first_of(model) == members_of(earlier)
    others = [row["source"] for row in model.leaderboard_rows[1:]]
    assert sorted(others) == sorted(
        ["baseline", "portfolio", *[EARLIER_MODEL] * len(earlier.members)]
    )
    notes = [event.message for event in events if event.data.get("code") == "earlier-model"]
    count = len(earlier.members)
    assert notes == [
        f"{count} configuration{'s' * (count > 1)} of the earlier model will be tried first."
    ]
    if form == "file":
        assert model.record.options["start_from"] == "m.metaauto"
        assert "--from m.metaauto" in model.record.report.command


def test_models_that_are_left_out_are_named(earlier: FinalModel) -> None:
    events = []
    metaauto.fit(
        table(),
        "y",
        trials=1,
        start_from=earlier,
        include=["lda"],
        on_event=events.append,
        **SETTINGS,
    )
    note = next(e.message for e in events if e.data.get("code") == "earlier-model")
    for member in earlier.members:
        assert f"{member.model} is excluded" in note
    assert note.startswith("No configuration of the earlier model")


def test_the_plan_shows_them(earlier: FinalModel) -> None:
    options = FitOptions(start_from=earlier, include=MODELS, **SETTINGS)
    plan = plan_fit(table(), "y", options)
    planned = [c for c in plan.suggestion.configurations if c.source == EARLIER_MODEL]
    shown = [(c.configuration.model, dict(c.configuration.values)) for c in planned]
    assert shown == members_of(earlier)
    assert plan.suggestion.configurations[: len(planned)] == tuple(planned)
    assert "in the earlier model" in planned[0].why


def test_a_resumed_fit_goes_on_from_it_and_without_it_if_it_is_lost(
    earlier: FinalModel, tmp_path: Path
) -> None:
    path = earlier.save(tmp_path / "m.metaauto")
    kept = {**SETTINGS, "include": [*MODELS, "lda"]}
    metaauto.fit(table(), "y", trials=1, start_from=path, run_dir=tmp_path / "run", **kept)
    trials = len(earlier.members)
    resumed = metaauto.fit(table(), "y", resume=tmp_path / "run", trials=trials)
    assert first_of(resumed) == members_of(earlier)
    path.unlink()
    events = []
    again = metaauto.fit(
        table(), "y", resume=tmp_path / "run", trials=trials + 1, on_event=events.append
    )
    assert first_of(again) == members_of(earlier)
    warnings = [event.message for event in events if event.kind == "warning"]
    assert any("The earlier model is not used: Model file" in text for text in warnings)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("none.metaauto", ReadError, "not found: 'none.metaauto'"),
        (".", RunError, "is not a run directory"),
        (3, SettingError, "Invalid start_from: expected a model, its file .* got int"),
    ],
)
def test_what_is_no_model_is_refused(given, error, message, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        metaauto.fit(table(), "y", trials=1, start_from=given, **SETTINGS)


def test_a_run_without_an_ensemble_is_refused(run: Path, earlier: FinalModel, tmp_path) -> None:
    import shutil
    import sqlite3

    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    with sqlite3.connect(copy / "run.db") as database:
        database.execute("DELETE FROM state WHERE key = 'answer'")
    with pytest.raises(RunError, match="is not finished: it has no ensemble"):
        metaauto.fit(table(), "y", trials=1, start_from=copy, **SETTINGS)
    with sqlite3.connect(copy / "run.db") as database:
        database.execute("INSERT INTO state VALUES ('answer', '{\"members\": {\"x-9\": 1.0}}')")
    with pytest.raises(RunError, match="damaged: there is no trial 'x-9'"):
        metaauto.fit(table(), "y", trials=1, start_from=copy, **SETTINGS)
