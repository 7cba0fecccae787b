"""A model that cannot be loaded, and lost workers or disks, cost no more than themselves."""

from __future__ import annotations

import dataclasses
import os
import time

import numpy as np
import pandas as pd
import pytest

import metaauto
from metaauto.configuration import Configuration
from metaauto.engine import members
from metaauto.engine.fit_runner import FitRunner
from metaauto.engine.options import FitOptions
from metaauto.errors import ModelFileError, NoModelFitted, RunError, WorkerError
from metaauto.plugins.manager import PluginSettings
from metaauto.run import RunDirectory
from metaauto.search import LocalExecutor, Outcome, Status, Trial
from metaauto.search.out_of_fold import OutOfFold

FAULTY = PluginSettings(only=(), modules=("metaauto.testing.faults",))
NOISE = 10.0
"""Seconds that a busy machine may add to a budget."""
POSIX = pytest.mark.skipif(os.name != "posix", reason="faults end their process by signals")


def table() -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"a": random.normal(size=120), "b": random.normal(size=120)})
    frame["y"] = np.where(frame["a"] + 0.3 * random.normal(size=120) > 0, "yes", "no")
    return frame


def fit(**options):
    """Return the model of a small fit and its warnings."""
    events = []
    settings = {"trials": 3, "cores": 2, "cv": 2, "memory": 2.0, "include": ["naive_bayes", "lda"]}
    settings |= {"plugins": FAULTY, **options}
    model = metaauto.fit(table(), "y", on_event=events.append, **settings)
    return model, [event.message for event in events if event.kind == "warning"]


@POSIX
@pytest.mark.parametrize("fault", ["load_raises", "load_segfaults", "load_exits"])
def test_a_model_that_cannot_be_loaded_fails_its_trial(fault):
    model, _ = fit(include=[f"fault_{fault}", "naive_bayes"])
    assert {member.model for member in model.members} == {"naive_bayes"}
    statuses = {row["name"].rpartition("-")[0]: row["status"] for row in model.leaderboard_rows}
    assert statuses[f"fault_{fault}"] in ("failed", "crashed")


@POSIX
def test_a_model_that_never_loads_does_not_hold_the_fit(tmp_path):
    started = time.monotonic()
    model, _ = fit(include=["fault_loads_slowly"], trials=None, budget=4, knowledge=False)
    assert time.monotonic() - started < 4 + NOISE
    path = model.save(tmp_path / "m.metaauto")
    assert [member.model for member in model.members] == ["dummy"]
    assert metaauto.load(path).predict(table()).shape == (120,)


@pytest.fixture
def rejecting(monkeypatch):
    """Let the check of members fail for some models, whatever their trials gave."""

    def reject(*names: str) -> None:
        original = members.pack_members

        def pack(trials, selection, *rest):
            found = original(trials, selection, *rest)
            for number in list(found.members):
                if trials[number].configuration.model in names:
                    del found.members[number]
                    found.failures[number] = "It does not load."
            return found

        monkeypatch.setattr(members, "pack_members", pack)

    return reject


def test_a_member_that_fails_is_replaced(rejecting):
    rejecting("lda")
    model, warnings = fit(trials=4)
    assert {member.model for member in model.members} == {"naive_bayes"}
    dropped = [text for text in warnings if "is dropped" in text]
    assert dropped
    assert all(text.startswith("lda-") and "does not load" in text for text in dropped)
    weights = {row["name"]: row["weight"] for row in model.leaderboard_rows if row["weight"]}
    assert {m.name for m in model.members} == set(weights) - {"ensemble"}


def test_the_baseline_remains_if_no_member_can_be_loaded(rejecting):
    rejecting("naive_bayes", "lda", "dummy")
    model, warnings = fit()
    assert [member.model for member in model.members] == ["dummy"]
    assert sum("the final model is the baseline" in text for text in warnings) == 1
    assert model.predict(table()).shape == (120,)


@POSIX
@pytest.mark.parametrize("fault", ["save_raises", "save_segfaults", "save_exits"])
def test_the_baseline_is_saved_if_no_member_can_be_saved(fault, tmp_path, caplog):
    model, _ = fit(include=[f"fault_{fault}"], trials=2, knowledge=False)
    with pytest.raises(ModelFileError, match="cannot be saved"):
        model.save(tmp_path / "m.metaauto")
    assert os.listdir(tmp_path) == []
    path = model.save(tmp_path / "m.metaauto", on_unsavable="baseline")
    loaded = metaauto.load(path)
    assert [member.model for member in loaded.members] == ["dummy"]
    assert loaded.predict(table()).shape == (120,)
    # The file has no curves or intervals of the lost members.
    record = loaded.record
    assert record.score == record.baseline_score == model.record.baseline_score
    assert (record.interval, record.holdout_score, record.report.out_of_fold) == (None, None, None)
    assert record.warnings[0].code == "no-model"
    assert len(record.dropped_members) == len(model.members)
    assert sum("the saved model is the baseline" in text for text in caplog.messages) == 1
    rows = {row["name"]: row for row in loaded.leaderboard_rows}
    assert {name for name, row in rows.items() if row["weight"]} == {"ensemble", "dummy-0"}
    assert rows["ensemble"]["score"] == rows["dummy-0"]["score"] == record.score
    ranked = [row for row in loaded.leaderboard_rows if row["score"] is not None]
    assert [row["rank"] for row in ranked] == [*range(1, len(ranked) + 1)]
    assert sorted(ranked, key=lambda row: -row["score"]) == ranked


def test_the_baseline_is_not_saved_if_a_member_is_left(tmp_path):
    model, _ = fit()
    path = model.save(tmp_path / "m.metaauto", on_unsavable="baseline")
    assert metaauto.load(path).members[0].model != "dummy"


class Lost:
    """Raises an error once, after some calls of a method."""

    def __init__(self, monkeypatch, owner, name: str, error: Exception, calls: int) -> None:
        original = getattr(owner, name)
        self.calls = calls

        def method(*arguments):
            self.calls -= 1
            if self.calls == -1:
                raise error
            return original(*arguments)

        monkeypatch.setattr(owner, name, method)


@pytest.mark.parametrize(
    ("owner", "name", "error"),
    [
        (RunDirectory, "record_outcome", RunError("The disk is full.", hint="Free it.")),
        (RunDirectory, "record_status", RunError("The disk is full.", hint="Free it.")),
        (OutOfFold, "all_rows", OSError(28, "No space left on device")),
    ],
)
def test_a_lost_run_directory_ends_with_the_best_model_so_far(owner, name, error, monkeypatch):
    calls = {"record_outcome": 2 + 2 * 2, "record_status": 2, "all_rows": 4}[name]
    Lost(monkeypatch, owner, name, error, calls)
    found, warnings = fit(trials=12)
    assert found.record.trials < 12
    assert sum("ended early, with the best model so far" in text for text in warnings) == 1
    assert found.members[0].model in ("naive_bayes", "lda")
    assert found.predict(table()).shape == (120,)


def test_lost_workers_end_with_the_best_model_so_far(monkeypatch):
    events, lost = [], []
    original = LocalExecutor.wait

    def wait(self, seconds):
        # Two trials may finish in one wait, so that the count may pass over any number.
        if not lost and sum(event.kind == "trial_finished" for event in events) >= 2:
            lost.append(True)
            raise WorkerError("Worker processes do not start.", hint="Check the memory.")
        return original(self, seconds)

    monkeypatch.setattr(LocalExecutor, "wait", wait)
    model = metaauto.fit(
        table(),
        "y",
        trials=12,
        cores=2,
        cv=2,
        memory=2.0,
        include=["naive_bayes", "lda"],
        plugins=FAULTY,
        on_event=events.append,
    )
    assert sum("ended early, with the best model so far" in event.message for event in events) == 1
    assert {member.model for member in model.members} <= {"naive_bayes", "lda"}


def test_lost_workers_before_the_first_model_are_an_error(monkeypatch):
    error = WorkerError("Worker processes do not start.", hint="Check the memory.")
    Lost(monkeypatch, LocalExecutor, "wait", error, 0)
    with pytest.raises((WorkerError, NoModelFitted)):
        fit()


def test_members_are_also_trained_on_all_rows(tmp_path):
    model, _ = fit(include=["lda", "knn"], trials=3, holdout=0.25)
    assert all(len(member.estimators) == 2 for member in model.members)
    assert all(len(member.all_rows) == 1 for member in model.members)
    whole = [part for member in model.members for part in member.all_rows[0].steps[-1:]]
    assert all(step[1].n_features_in_ == 2 for step in whole)
    rows = table().drop(columns="y")
    by_hand = sum(
        member.weight
        * (
            np.mean([fold.predict_proba(rows) for fold in member.estimators], axis=0)
            + member.all_rows[0].predict_proba(rows)
        )
        / 2
        for member in model.members
    ) / sum(member.weight for member in model.members)
    alone = dataclasses.replace(model, calibrator=None, decision=None)
    np.testing.assert_allclose(alone.predict_proba(rows), by_hand, atol=1e-6)
    loaded = metaauto.load(model.save(tmp_path / "m.metaauto"))
    np.testing.assert_array_equal(loaded.predict_proba(rows), model.predict_proba(rows))
    np.testing.assert_allclose(model.to_sklearn().predict_proba(rows), model.predict_proba(rows))
    small = model.prune(folds=1)
    assert [(len(m.estimators), len(m.all_rows)) for m in small.members] == [(1, 0)] * len(
        model.members
    )


@pytest.mark.parametrize(("include", "cv"), [("mlp", 2), ("lda", 0.3)])
def test_no_model_on_all_rows_without_rounds_or_folds(include, cv):
    """A model that needs validation rows to stop, and a search with one validation part."""
    model, _ = fit(include=[include], trials=1, cv=cv)
    assert [len(member.all_rows) for member in model.members] == [0]


@pytest.mark.parametrize(("most", "rounds"), [(60, 60), (13, 39), (12, 36)])
def test_a_model_on_all_rows_goes_on_where_the_folds_reached_the_limit(most, rounds):
    """The folds train 12, 11 or more rounds of at most 60, 13 or 12."""
    trial = Trial(1, Configuration("m", {}), "test")
    for fold, done in enumerate((12, 11)):
        trial.outcomes[fold] = Outcome(1, fold, Status.SUCCESS, rounds=done, max_rounds=most)
    assert trial.fold_rounds == 12
    assert trial.rounds == (trial.fold_rounds if most == 60 else rounds)


def test_boosting_on_all_rows_has_the_rounds_of_the_fold_models():
    model, _ = fit(include=["hist_gradient_boosting"], trials=1, plugins=PluginSettings(only=()))
    (member,) = model.members
    rounds = [fold.steps[-1][1].n_iter_ for fold in member.estimators]
    assert member.all_rows[0].steps[-1][1].n_iter_ == round(sum(rounds) / 2) == member.rounds


def test_no_model_on_all_rows_has_seen_the_holdout():
    frame = table()
    model, _ = fit(include=["knn"], trials=1, holdout=0.25, plugins=PluginSettings(only=()))
    (member,) = model.members
    assert member.all_rows[0].steps[-1][1].n_samples_fit_ == len(frame) * 3 // 4
    assert model.record.holdout_rows == len(frame) // 4


def test_workers_that_are_lost_at_the_end_cost_the_models_on_all_rows_alone(monkeypatch):
    def lost(executor, jobs, is_stopped):
        raise WorkerError("all workers are gone")

    monkeypatch.setattr(members, "run_jobs", lost)
    model, warned = fit()
    assert [member.all_rows for member in model.members] == [()] * len(model.members)
    assert any("all workers are gone" in text for text in warned)


def test_a_stopped_fit_trains_nothing_more():
    stopped = []

    def stop(event):
        if event.kind == "trial_finished":
            stopped.append(event)
            raise KeyboardInterrupt

    model = metaauto.fit(
        table(), "y", plugins=FAULTY, on_event=stop, trials=3, cores=1, cv=2, include=["lda"]
    )
    assert stopped
    assert [member.all_rows for member in model.members] == [()]


def test_a_fit_that_is_stopped_while_it_trains_on_all_rows_ends(monkeypatch):
    original, runner = (
        members.run_jobs,
        FitRunner(
            FitOptions(trials=1, cores=1, cv=2, include=["lda"], plugins=FAULTY, knowledge=False)
        ),
    )

    def stop(executor, jobs, is_stopped):
        runner.stop()
        return original(executor, jobs, is_stopped)

    monkeypatch.setattr(members, "run_jobs", stop)
    model = runner.run(table(), "y")
    assert [(member.model, member.all_rows) for member in model.members] == [("lda", ())]
