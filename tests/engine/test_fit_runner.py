from __future__ import annotations

import json
import logging
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest

import metaauto
from metaauto.analysis.evaluation import evaluate
from metaauto.api import Recommendation, Strategy
from metaauto.components import Model
from metaauto.engine.fit_runner import FitRunner
from metaauto.engine.options import FitOptions
from metaauto.errors import Refused, RunError, SettingError, TargetError, UnknownName
from metaauto.metrics import METRICS
from metaauto.plugins.hookspecs import hookimpl
from metaauto.plugins.manager import PluginSettings
from metaauto.run import RunDirectory

HOME = Path(metaauto.__file__).parent.parent
NO_PLUGINS = PluginSettings(only=())
FAULTY = PluginSettings(only=(), modules=("metaauto.testing.faults",))
CHEAP = {
    "binary": ["naive_bayes", "lda", "logistic"],
    "multiclass": ["naive_bayes", "lda", "logistic"],
    "regression": ["ridge", "elastic_net"],
}
TIMEOUT = 120.0
NOISE = 10.0
"""Seconds that a busy machine may add to a budget."""
POSIX = pytest.mark.skipif(os.name != "posix", reason="signals are of POSIX systems")


def table(kind: str = "binary", n_rows: int = 160, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "size": random.normal(size=n_rows),
            "age": np.where(random.random(n_rows) < 0.1, np.nan, random.normal(size=n_rows)),
            "tree": random.choice(["oak", "elm", "ash"], n_rows),
        }
    )
    signal_ = frame["size"] + (frame["tree"] == "oak") + random.normal(size=n_rows) * 0.3
    if kind == "binary":
        frame["y"] = np.where(signal_ > 0.4, "yes", "no")
    elif kind == "multiclass":
        frame["y"] = np.digitize(signal_, [-0.2, 0.9])
    else:
        frame["y"] = signal_ * 10
    return frame


def quick(data=None, kind: str = "binary", **options):
    """A small fit."""
    settings = {
        "trials": 4,
        "cores": 2,
        "cv": 2,
        "memory": 2.0,
        "include": CHEAP[kind],
        "plugins": NO_PLUGINS,
        **options,
    }
    data = table(kind) if data is None else data
    return metaauto.fit(data, settings.pop("target", "y"), **settings)


class Story(list):
    """Keeps the events of a fit."""

    def kinds(self) -> list[str]:
        return [event.kind for event in self]

    def messages(self, kind: str) -> list[str]:
        return [event.message for event in self if event.kind == kind]

    def __call__(self, event) -> None:
        self.append(event)


def plain(leaderboard) -> list[dict]:
    """What must be equal in two runs: all but the seconds and the memory."""
    measured = ("seconds", "fit_seconds", "predict_seconds", "memory")
    return [{k: v for k, v in row.items() if k not in measured} for row in leaderboard]


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """A folder of its own for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def run_directories(folder: Path) -> list[str]:
    # The folder of a closed socket is removed by another thread.
    names = [p.name for p in folder.iterdir() if p.name.startswith("metaauto")]
    return [name for name in names if not name.startswith("metaauto-socket-")]


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_a_table_becomes_a_model(kind, temporary):
    story = Story()
    model = quick(kind=kind, on_event=story)
    rows = table(kind, 30, seed=1)
    predicted = model.predict(rows.drop(columns="y"))
    assert predicted.shape == (30,)
    if kind == "regression":
        assert np.corrcoef(predicted, rows["y"])[0, 1] > 0.8
    else:
        assert (predicted == rows["y"]).mean() > 0.6
        assert set(predicted) <= set(rows["y"])
        shares = model.predict_proba(rows)
        np.testing.assert_allclose(np.asarray(shares).sum(axis=1), 1.0, rtol=1e-5)
    assert model.task.kind == kind
    record = model.record
    assert record.trials == 5
    better = record.score > record.baseline_score
    assert better is record.greater_is_better
    assert record.failures == {}
    names = [row["name"] for row in model.leaderboard_rows]
    assert names[0] == "ensemble"
    assert "dummy-0" in names
    assert len(names) == 6
    assert story.kinds()[0] == "stage"
    assert story.kinds()[-1] == "finished"
    assert story.kinds().count("trial_started") == story.kinds().count("trial_finished") == 4
    assert [e.seconds for e in story] == sorted(e.seconds for e in story)
    assert run_directories(temporary) == []


def test_scores_of_the_leaderboard_are_out_of_fold(tmp_path):
    frame = table()
    model = quick(frame, metric="log_loss", run_dir=tmp_path / "run")
    y = (frame["y"] == "yes").to_numpy().astype(int)
    by_name = {row["name"]: row for row in model.leaderboard_rows}
    for path in sorted((tmp_path / "run" / "predictions").glob("?????.npy")):
        number = int(path.stem)
        (row,) = [r for n, r in by_name.items() if n.endswith(f"-{number}")]
        score = METRICS["log_loss"].score(y, np.load(path).astype(float))
        assert row["score"] == pytest.approx(score, rel=1e-6)


@pytest.fixture(scope="module")
def ordinary():
    """A regression model whose target has no offset."""
    return quick(kind="regression")


@pytest.mark.parametrize("offset", [1.7e9, -1e12])
def test_scores_of_targets_with_a_large_offset(tmp_path, offset, ordinary):
    frame = table("regression")
    moved = frame.assign(y=frame["y"] + offset)
    run = tmp_path / "run"
    quick(moved, "regression", trials=2, run_dir=run)
    # Resuming reads the stored predictions.
    model = metaauto.fit(moved, resume=run, trials=4, cores=2, memory=2.0, plugins=NO_PLUGINS)
    assert model.record.score == pytest.approx(ordinary.record.score, rel=1e-3)
    model.save(tmp_path / "model")
    loaded = metaauto.load(tmp_path / "model")
    shown = evaluate(loaded, moved).scores["rmse"]
    assert shown == pytest.approx(evaluate(ordinary, frame).scores["rmse"], rel=1e-3)
    error = loaded.predict(moved) - moved["y"].to_numpy()
    assert shown == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-9)


def test_weights_decide_what_is_learned():
    frame = table()
    inverted = frame.assign(y=np.where(frame["y"] == "yes", "no", "yes"))
    both = pd.concat([frame, inverted], ignore_index=True)
    both["weight"] = np.r_[np.full(len(frame), 1.0), np.full(len(frame), 50.0)]
    model = quick(both, weights="weight", include=["naive_bayes", "logistic", "knn"])
    assert "knn" in model.record.skipped
    predicted = model.predict(frame.drop(columns="y"))
    assert (predicted == inverted["y"].to_numpy()).mean() > 0.6


@pytest.mark.parametrize(("size", "for_ensemble"), [(1, False), (2, True)])
def test_the_warm_start_knows_whether_there_will_be_an_ensemble(size, for_ensemble, monkeypatch):
    module, asked = sys.modules["metaauto.engine.setup"], []
    choose = module.select_strategy

    def asking(loaded, space, runtime, n_folds, wanted, *more):
        asked.append(wanted)
        return choose(loaded, space, runtime, n_folds, wanted, *more)

    monkeypatch.setattr(module, "select_strategy", asking)
    quick(trials=1, ensemble_size=size)
    assert asked == [for_ensemble]


@pytest.mark.parametrize(
    ("kind", "size", "weighs"),
    [("binary", 2, True), ("binary", 1, False), ("regression", 2, False)],
)
def test_gains_are_weighed_for_ensembles_of_classification_alone(kind, size, weighs, monkeypatch):
    # The module that fit imports the search from when it starts.
    module, asked = sys.modules["metaauto.search"], []
    search = module.Search

    def asking(**given):
        asked.append(given["gain"] is not None)
        return search(**given)

    monkeypatch.setattr(module, "Search", asking)
    quick(kind=kind, trials=1, ensemble_size=size)
    assert asked == [weighs]


def folds_of(run: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    from metaauto.search import read_folds

    return read_folds(run / "data")


def test_groups_stay_together(tmp_path):
    frame = table()
    frame["patient"] = np.arange(len(frame)) // 8
    quick(frame, groups="patient", cv=4, trials=1, run_dir=tmp_path / "run")
    folds = folds_of(tmp_path / "run")
    assert len(folds) == 4
    for train, validation in folds:
        assert not set(frame["patient"][train]) & set(frame["patient"][validation])


def test_groups_of_one_class_each_are_no_obstacle():
    """A fold may then hold one class alone, on which AUC has no value."""
    frame = table()
    frame["patient"] = np.where(frame["y"] == "yes", "a", "b") + (frame.index % 3).astype(str)
    model = quick(frame, groups="patient", cv=3)
    assert model.record.failures == {}


def test_later_rows_are_predicted_from_earlier_ones(tmp_path):
    frame = table()
    frame["day"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(len(frame)), unit="D")
    frame = frame.sample(frac=1.0, random_state=0).reset_index(drop=True)
    quick(frame, time="day", trials=1, run_dir=tmp_path / "run")
    for train, validation in folds_of(tmp_path / "run"):
        assert frame["day"][train].max() < frame["day"][validation].min()


@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_a_fit_records_what_its_report_shows(kind):
    model = quick(kind=kind, holdout=0.25)
    report = model.record.report
    kept = report.out_of_fold
    assert kept.ensemble.score == pytest.approx(model.record.score)
    assert kept.intervals["baseline"].score == pytest.approx(model.record.baseline_score)
    for line in kept.intervals.values():
        assert line.low <= line.score <= line.high
    assert kept.diagnosis["rows"] == 120
    assert model.record.holdout.diagnosis["rows"] == 40
    ends = [trial.at for trial in report.history]
    assert ends == sorted(ends)
    assert len(ends) == model.record.trials
    assert "--trials" in report.command
    assert len(json.dumps(model.record.to_json()["report"], allow_nan=False)) < 20_000


def test_a_holdout_is_seen_by_nothing_and_scored_at_the_end(tmp_path):
    model = quick(holdout=0.25, run_dir=tmp_path / "run", metric="accuracy")
    assert model.record.holdout_rows == 40
    assert 0.5 < model.record.holdout_score <= 1.0
    used = np.unique(np.concatenate([np.r_[t, v] for t, v in folds_of(tmp_path / "run")]))
    assert len(used) == 120


class TestNotes:
    """Models that watch the rows that score them look better than they are."""

    def test_stopping_early_is_said(self):
        model = quick(trials=2, include=["lda", "hist_gradient_boosting"])
        watching = "hist_gradient_boosting" in {member.model for member in model.members}
        assert watching is bool(model.record.notes)
        alone = quick(trials=1, include=["hist_gradient_boosting"])
        (note,) = alone.record.notes
        assert note.startswith("hist_gradient_boosting")
        assert "early stopping" in note
        assert "optimistic" in note

    def test_others_need_no_note(self):
        assert quick(trials=1).record.notes == ()

    def test_a_holdout_is_honest_without_a_note(self):
        model = quick(trials=1, include=["hist_gradient_boosting"], holdout=0.25)
        assert model.record.notes == ()


REPRODUCIBLE = """
import json, sys
sys.path.insert(0, {here!r})
from test_fit_runner import CHEAP, PluginSettings, plain, table
import metaauto

if __name__ == "__main__":
    model = metaauto.fit(
        table("multiclass", 200), "y", trials=12, seed=0, cores=int(sys.argv[1]), memory=2.0,
        plugins=PluginSettings(only=()), include=CHEAP["multiclass"], cv=3,
    )
    proba = model.predict_proba(table("multiclass", 50, seed=9))
    print(json.dumps([plain(model.leaderboard_rows), proba.tolist()]))
"""


def in_a_process(code: str, tmp_path: Path, *arguments: str, **more) -> subprocess.Popen:
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(code).format(here=str(Path(__file__).parent)))
    return subprocess.Popen(
        [sys.executable, str(script), *arguments],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(HOME), **more},
        text=True,
    )


@pytest.mark.slow
def test_trials_and_a_seed_give_the_same_model_in_every_process(tmp_path):
    """Whatever the number of workers, and the order of hashes."""
    found = []
    for cores, hashing in (("1", "1"), ("2", "2")):
        process = in_a_process(REPRODUCIBLE, tmp_path, cores, PYTHONHASHSEED=hashing)
        output, _ = process.communicate(timeout=2 * TIMEOUT)
        assert process.returncode == 0
        found.append(json.loads(output))
    assert found[0][0] == found[1][0]
    assert found[0][1] == found[1][1]
    origins = {row["source"] for row in found[0][0]}
    assert "smac" in origins
    assert origins & {"knowledge", "portfolio"}


def test_little_memory_is_enough_for_a_small_table():
    """What workers need before their first job does not count."""
    model = quick(memory=0.25)
    assert model.record.failures == {}


def test_another_seed_gives_other_folds(tmp_path):
    quick(seed=1, trials=1, run_dir=tmp_path / "one")
    quick(seed=2, trials=1, run_dir=tmp_path / "two")
    one, two = folds_of(tmp_path / "one"), folds_of(tmp_path / "two")
    assert any(not np.array_equal(a[1], b[1]) for a, b in zip(one, two, strict=True))


@pytest.fixture(scope="module")
def fork_server():
    """Start the fork server, so that its imports take nothing of short budgets."""
    quick(trials=1, include=["naive_bayes"])


@pytest.mark.usefixtures("fork_server")
class TestBudget:
    def timed(self, seconds: float, **options):
        began = time.monotonic()
        model = quick(trials=None, budget=seconds, plugins=FAULTY, **options)
        took = time.monotonic() - began
        assert took <= seconds * 1.02 + 1.0 + NOISE
        return model

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "fault",
        [
            "sleeps",
            pytest.param("hangs", marks=POSIX),
            pytest.param("segfaults", marks=POSIX),
            "exits",
            "eats_memory",
            "predicts_nan",
        ],
    )
    def test_it_is_kept_whatever_a_model_does(self, fault):
        model = self.timed(2.0, include=[f"fault_{fault}", "naive_bayes"])
        assert model.predict(table(n_rows=5)).shape == (5,)
        assert not any(member.model.startswith("fault") for member in model.members)

    @pytest.mark.slow
    @POSIX
    def test_it_is_kept_if_everything_goes_wrong_at_once(self):
        faults = [
            f"fault_{fault}"
            for fault in (
                "sleeps",
                "hangs",
                "segfaults",
                "exits",
                "leaves",
                "raises",
                "eats_memory",
                "ignores_signals",
                "leaves_a_child",
                "cannot_be_pickled",
                "predicts_slowly",
                "predicts_wrong_shape",
            )
        ]
        before = set(psutil.Process().children(recursive=True))
        model = self.timed(8.0, include=[*faults, "naive_bayes", "lda"])
        assert {member.model for member in model.members} <= {"naive_bayes", "lda", "dummy"}
        assert model.record.score >= model.record.baseline_score
        # How many trials fit into the budget is a matter of the machine.
        assert len(model.record.failures) >= 1
        end = time.monotonic() + TIMEOUT
        while left := set(psutil.Process().children(recursive=True)) - before:
            # The process that forks workers is kept a while for a next fit.
            if len(left) <= 1:
                break
            assert time.monotonic() < end, left
            time.sleep(0.1)

    def test_a_budget_too_short_for_any_model_gives_the_baseline(self):
        model = self.timed(0.2, include=["fault_sleeps"])
        assert [member.model for member in model.members] == ["dummy"]

    @pytest.mark.slow
    def test_time_is_used(self):
        story = Story()
        model = self.timed(5.0, include=CHEAP["binary"], on_event=story)
        assert model.record.trials > 1
        assert model.record.seconds > 2.5


@pytest.mark.slow
class TestEverythingFails:
    def test_the_baseline_is_the_answer_and_the_causes_are_said(self, caplog):
        story = Story()
        with caplog.at_level(logging.WARNING, logger="metaauto"):
            # More trials than models would start SMAC, which imports for seconds.
            model = quick(
                plugins=FAULTY,
                trials=2,
                include=["fault_raises", "fault_predicts_nan"],
                on_event=story,
            )
        assert [member.model for member in model.members] == ["dummy"]
        assert set(model.predict(table(n_rows=9))) == {model.predict(table(n_rows=1))[0]}
        assert len(model.record.failures) == 2
        warnings = [text for text in story.messages("warning") if "baseline" in text]
        assert len(warnings) == 1
        assert "this model fails on purpose" in warnings[0]
        assert not any("baseline" in record.getMessage() for record in caplog.records)

    def test_without_a_listener_the_log_says_the_causes(self, caplog):
        with caplog.at_level(logging.WARNING, logger="metaauto"):
            quick(plugins=FAULTY, trials=2, include=["fault_raises", "fault_predicts_nan"])
        assert any("baseline" in record.getMessage() for record in caplog.records)

    def test_a_model_that_is_no_better_than_the_baseline_is_no_failure(self):
        story = Story()
        model = quick(plugins=FAULTY, include=["fault_none"], trials=1, on_event=story)
        assert not [text for text in story.messages("warning") if "baseline" in text]
        assert model.record.failures == {}


@pytest.mark.slow
class TestEnding:
    def test_stop_from_another_thread_gives_the_best_so_far(self):
        runner: list[FitRunner] = []
        stopped = threading.Event()

        def on_event(event):
            if event.kind == "trial_finished" and not stopped.is_set():
                stopped.set()
                threading.Thread(target=runner[0].stop).start()

        options = FitOptions(
            budget=600, cores=2, cv=2, memory=2.0, include=CHEAP["binary"], plugins=NO_PLUGINS
        )
        runner.append(FitRunner(options, on_event))
        began = time.monotonic()
        model = runner[0].run(table(), "y")
        assert time.monotonic() - began < 120
        assert model.record.trials >= 2
        assert {row["status"] for row in model.leaderboard_rows} <= {
            "success",
            "stopped",
            "dropped",
        }

    def test_stop_before_the_search_gives_the_baseline(self):
        runner = FitRunner(FitOptions(trials=50, cores=1, cv=2, memory=2.0, plugins=NO_PLUGINS))
        runner.stop()
        model = runner.run(table(), "y")
        assert [member.model for member in model.members] == ["dummy"]

    def test_ctrl_c_gives_the_best_so_far(self):
        story = Story()

        def interrupt(event):
            story(event)
            if event.kind == "trial_finished" and event.data["number"] == 2:
                raise KeyboardInterrupt

        model = quick(trials=1000, on_event=interrupt)
        assert model.record.trials < 20
        assert any("Interrupted" in text for text in story.messages("warning"))
        assert "running" not in {row["status"] for row in model.leaderboard_rows}

    @pytest.mark.parametrize(
        ("stage", "kind"),
        [
            ("run_trials", "SIGINT"),
            ("assemble", "SIGINT"),
            ("remember", "SIGINT"),
            ("run_trials", "SIGTERM"),
            ("assemble", "SIGHUP"),
        ],
    )
    def test_a_signal_in_any_stage_after_the_first_model_gives_a_model(
        self, stage, kind, monkeypatch
    ):
        original = getattr(FitRunner, stage)

        def interrupted(self, *arguments):
            signal.raise_signal(getattr(signal, kind))
            return original(self, *arguments)

        monkeypatch.setattr(FitRunner, stage, interrupted)
        before = signal.getsignal(getattr(signal, kind))
        model = quick(trials=1, cores=1)
        assert model.predict(table(n_rows=3)).shape == (3,)
        assert signal.getsignal(getattr(signal, kind)) is before

    def test_a_second_ctrl_c_while_assembling_ends_the_fit(self, monkeypatch, temporary):
        def interrupted(self, *_):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

        monkeypatch.setattr(FitRunner, "assemble", interrupted)
        with pytest.raises(KeyboardInterrupt):
            quick(trials=1, cores=1)
        assert run_directories(temporary) == []

    def test_an_error_of_the_caller_leaves_nothing_behind(self, temporary):
        workers: list[psutil.Process] = []

        def fail(event):
            if event.kind == "trial_finished":
                workers.extend(psutil.Process().children(recursive=True))
                raise ZeroDivisionError("in the caller's own code")

        with pytest.raises(ZeroDivisionError):
            quick(on_event=fail)
        assert run_directories(temporary) == []
        end = time.monotonic() + TIMEOUT
        while [p for p in workers if p.is_running() and p.ppid() != os.getpid()]:
            assert time.monotonic() < end
            time.sleep(0.1)


KILLED = """
import os, sys
sys.path.insert(0, {here!r})
from test_fit_runner import CHEAP, PluginSettings, table
import metaauto

if __name__ == "__main__":
    finished = 0

    def on_event(event):
        global finished
        finished += event.kind == "trial_finished"
        if finished == int(sys.argv[2]):
            os.kill(os.getpid(), 9)

    frame = table()
    frame.to_csv(sys.argv[1] + ".csv", index=False)
    metaauto.fit(
        sys.argv[1] + ".csv", "y", trials=8, cv=3, cores=2, memory=2.0, include=CHEAP["binary"],
        plugins=PluginSettings(only=()), run_dir=sys.argv[1], on_event=on_event, metric="log_loss",
    )
    print("finished")
"""


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> Path:
    """The directory of a run that was killed when three of eight trials had finished."""
    folder = tmp_path_factory.mktemp("killed")
    process = in_a_process(KILLED, folder, str(folder / "run"), "3")
    assert process.communicate(timeout=2 * TIMEOUT)[0] == ""
    assert process.returncode == -signal.SIGKILL
    return folder / "run"


def copy_of(run: Path, tmp_path: Path) -> Path:
    import shutil

    # Workers of a killed run may still write or remove their partial files.
    ignored = shutil.ignore_patterns("*.partial-*")
    return Path(shutil.copytree(run, tmp_path / "run", ignore=ignored))


@pytest.fixture(scope="module")
def finished(killed, tmp_path_factory) -> tuple:
    """The directory of the killed run after it was resumed; its model, and the events."""
    run, story = copy_of(killed, tmp_path_factory.mktemp("finished")), Story()
    model = metaauto.fit(None, resume=run, on_event=story, memory=2.0, cores=2, plugins=NO_PLUGINS)
    return run, model, story


class Attack:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.slow
@POSIX
class TestResume:
    def test_a_killed_run_goes_on_and_comes_to_the_same_end(self, killed, finished, tmp_path):
        _, model, story = finished
        assert model.record.trials == 9
        assert story.kinds().count("trial_started") <= 5
        assert story.kinds().count("trial_finished") <= 5
        assert {row["status"] for row in model.leaderboard_rows} <= {"success", "dropped"}
        fresh = quick(
            pd.read_csv(f"{killed}.csv"), trials=8, cv=3, metric="log_loss", run_dir=tmp_path / "f"
        )
        assert plain(model.leaderboard_rows) == plain(fresh.leaderboard_rows)
        rows = table(n_rows=20, seed=5)
        np.testing.assert_allclose(model.predict_proba(rows), fresh.predict_proba(rows))

    def test_a_finished_run_can_be_taken_up_with_more_trials(self, killed, tmp_path):
        run = copy_of(killed, tmp_path)
        options = {"memory": 2.0, "cores": 1, "plugins": NO_PLUGINS}
        metaauto.fit(None, resume=run, trials=4, **options)
        story = Story()
        model = metaauto.fit(None, resume=run, trials=6, on_event=story, **options)
        assert model.record.trials == 7
        assert story.kinds().count("trial_started") <= 2

    def test_a_run_in_which_everything_is_done_gives_its_model_again(self, finished, tmp_path):
        run, first, _ = finished
        run = copy_of(run, tmp_path)
        options = {"memory": 2.0, "cores": 2, "plugins": NO_PLUGINS}
        story = Story()
        again = metaauto.fit(None, resume=run, on_event=story, **options)
        assert "trial_started" not in story.kinds()
        assert plain(again.leaderboard_rows) == plain(first.leaderboard_rows)

    def test_a_run_whose_time_is_used_up_gives_its_whole_ensemble(self, killed, tmp_path):
        run = copy_of(killed, tmp_path)
        with RunDirectory.open(run) as opened:
            opened.record_status("running", 1e6)
        story = Story()
        options = {"memory": 2.0, "cores": 1, "plugins": NO_PLUGINS, "budget": "60s"}
        model = metaauto.fit(None, resume=run, on_event=story, **options)
        assert "trial_started" not in story.kinds()
        assert "dummy-0" not in [member.name for member in model.members]
        assert not [text for text in story.messages("warning") if "dropped" in text]

    def test_lost_files_are_made_again(self, killed, tmp_path):
        run = copy_of(killed, tmp_path)
        for path in (run / "predictions").glob("*.npy"):
            path.unlink()
        options = {"memory": 2.0, "cores": 2, "plugins": NO_PLUGINS}
        model = metaauto.fit(None, resume=run, **options)
        assert model.record.failures == {}
        assert model.predict(table(n_rows=3)).shape == (3,)

    def test_truncated_predictions_are_made_again(self, killed, tmp_path):
        run = copy_of(killed, tmp_path)
        for path in (run / "predictions").glob("*.npy"):
            path.write_bytes(path.read_bytes()[:-9])
        options = {"memory": 2.0, "cores": 2, "plugins": NO_PLUGINS}
        model = metaauto.fit(None, resume=run, **options)
        assert model.record.failures == {}
        assert model.predict(table(n_rows=3)).shape == (3,)

    def test_a_damaged_fold_model_is_named_and_costs_its_member_alone(self, finished, tmp_path):
        run, model, _ = finished
        run = copy_of(run, tmp_path)
        options = {"memory": 2.0, "cores": 2, "plugins": NO_PLUGINS}
        number = int(model.members[0].name.rpartition("-")[2])
        damaged = run / "models" / f"{number:05d}-00.pkl"
        damaged.write_bytes(b"garbage")
        story = Story()
        without = metaauto.fit(None, resume=run, on_event=story, **options)
        assert model.members[0].name not in [member.name for member in without.members]
        named = [text for text in story.messages("warning") if damaged.name in text]
        assert len(named) == 1
        assert named[0].startswith(f"{model.members[0].name} is dropped: ")
        damaged.unlink()
        again = metaauto.fit(None, resume=run, **options)
        assert model.members[0].name not in [member.name for member in again.members]

    def test_a_foreign_fold_model_is_not_unpickled(self, killed, tmp_path):
        run = copy_of(killed, tmp_path)
        trace = tmp_path / "trace"
        for path in (run / "models").glob("*.pkl"):
            path.write_bytes(pickle.dumps(Attack(trace)))
        with pytest.raises(RunError, match="not written by metaauto for this user"):
            metaauto.fit(None, resume=run, memory=2.0, cores=2, plugins=NO_PLUGINS)
        assert not trace.exists()

    def test_a_fit_stopped_within_a_trial_resumes_to_a_model(self, tmp_path, monkeypatch):
        record, runner = RunDirectory.record_outcome, FitRunner(
            FitOptions(
                trials=1, cores=1, cv=2, memory=2.0, include=["logistic"], plugins=NO_PLUGINS,
                run_dir=str(tmp_path / "run"),
            )
        )  # fmt: skip

        def record_and_stop(self, outcome):
            record(self, outcome)
            if outcome.trial == 1:
                runner.stop()

        table().to_csv(tmp_path / "t.csv", index=False)
        with monkeypatch.context() as patch:
            patch.setattr(RunDirectory, "record_outcome", record_and_stop)
            stopped = runner.run(str(tmp_path / "t.csv"), "y")
        assert [
            row["status"] for row in stopped.leaderboard_rows if row["name"] == "logistic-1"
        ] == ["stopped"]
        assert (tmp_path / "run" / "models" / "00001-00.pkl").is_file()
        model = metaauto.fit(None, resume=tmp_path / "run", cores=1, memory=2.0, plugins=NO_PLUGINS)
        model.save(tmp_path / "m.metaauto")
        loaded = metaauto.load(tmp_path / "m.metaauto")
        assert [member.name for member in loaded.members] == ["logistic-1"]
        assert loaded.predict(table(n_rows=3)).shape == (3,)

    def test_the_folds_stay_whatever_the_new_budget(self, killed, tmp_path):
        run = copy_of(killed, tmp_path)
        before = folds_of(run)
        metaauto.fit(None, resume=run, budget=1.0, cores=1, memory=2.0, plugins=NO_PLUGINS)
        for old, new in zip(before, folds_of(run), strict=True):
            np.testing.assert_array_equal(old[1], new[1])

    def test_a_run_goes_on_from_another_directory(self, tmp_path, monkeypatch):
        """Its table was named by a relative path."""
        (tmp_path / "there").mkdir()
        monkeypatch.chdir(tmp_path / "there")
        table().to_csv("t.csv", index=False)
        quick("t.csv", trials=1, run_dir="run")
        monkeypatch.chdir(tmp_path)
        model = metaauto.fit(
            None, resume="there/run", trials=2, cores=1, memory=2.0, plugins=NO_PLUGINS
        )
        assert model.record.trials == 3

    def test_another_table_is_refused(self, killed, tmp_path):
        run = copy_of(killed, tmp_path)
        before = sorted(p.name for p in run.rglob("*") if "run.db-" not in p.name)
        with pytest.raises(RunError, match="table"):
            metaauto.fit(table(seed=7), resume=run, trials=8, plugins=NO_PLUGINS)
        assert sorted(p.name for p in run.rglob("*") if "run.db-" not in p.name) == before

    def test_another_metric_is_refused(self, killed, tmp_path):
        run = copy_of(killed, tmp_path)
        with pytest.raises(RunError, match="log_loss"):
            metaauto.fit(None, resume=run, metric="accuracy", plugins=NO_PLUGINS)

    def test_no_run_is_no_run(self, tmp_path):
        with pytest.raises(RunError, match="not a run directory"):
            metaauto.fit(table(), "y", resume=tmp_path, plugins=NO_PLUGINS)


class TestRefusals:
    """What cannot be is said before any model is fitted, and leaves no directory behind."""

    @pytest.mark.parametrize(
        ("options", "error", "word"),
        [
            ({"include": ["logistik"]}, SettingError, "'logistic'"),
            ({"include": ["ridge"]}, Refused, "ridge"),
            ({"include": ["dummy"]}, Refused, "dummy"),
            ({"metric": "acuracy"}, SettingError, "accuracy"),
            ({"metric": "rmse"}, SettingError, "rmse"),
            ({"target": "nothing"}, TargetError, "nothing"),
            ({"trials": 0}, SettingError, "trials"),
            ({"task": "regression"}, TargetError, "y"),
            ({"no_such_option": 1}, TypeError, "no_such_option"),
        ],
        ids=str,
    )
    def test_it_is_named(self, options, error, word, temporary):
        with pytest.raises(error, match=word):
            quick(**options)
        assert run_directories(temporary) == []

    def test_nothing_to_fit_is_said(self):
        with pytest.raises(RunError, match="No data given"):
            metaauto.fit(None, "y", plugins=NO_PLUGINS, cores=1)


class TestObservers:
    class Watching:
        __name__ = "watching"

        def __init__(self) -> None:
            self.starts: list = []
            self.trials: list = []
            self.results: list = []
            self.failures: list = []

        @hookimpl
        def fit_started(self, start):
            self.starts.append(start)
            raise RuntimeError("an observer that raises")

        @hookimpl
        def trial_finished(self, trial):
            self.trials.append(trial)

        @hookimpl
        def fit_finished(self, result):
            self.results.append(result)

        @hookimpl
        def fit_failed(self, failure):
            self.failures.append(failure)

    def test_plugins_are_told_and_cannot_stop_a_fit(self, monkeypatch, caplog):
        watching = self.Watching()
        monkeypatch.setattr("metaauto.engine.fit_runner.pack_objects", lambda objects: b"")
        groups = list(range(160))
        model = quick(components=[watching], holdout=0.2, groups=groups)
        (start,), (result,) = watching.starts, watching.results
        assert {start.fit_id} == {one.fit_id for one in (*watching.trials, result)}
        assert (start.task.kind, start.metric, start.folds) == ("binary", "roc_auc", 2)
        assert (start.data, start.holdout_rows) == (None, 32)
        assert start.options["trials"] == 4
        assert "groups" not in start.options, "values of rows"
        assert sorted(trial.number for trial in watching.trials) == [1, 2, 3, 4]
        board = {row["name"]: row["score"] for row in result.leaderboard}
        assert all(trial.score == board[trial.name] for trial in watching.trials)
        assert watching.trials[-1].best_score is not None
        assert result.model is model
        assert (result.score, result.path) == (model.record.score, None)
        assert result.members == {member.name: member.weight for member in model.members}
        assert watching.failures == []
        assert model.record.stages["hooks"] >= 0
        told = [r.getMessage() for r in caplog.records if "observer" in r.getMessage()]
        assert told == [
            "Plugin 'watching': fit_started raised RuntimeError: an observer that raises"
        ]

    def test_the_error_that_ends_a_fit_is_told(self, monkeypatch):
        watching = self.Watching()
        monkeypatch.setattr("metaauto.engine.fit_runner.pack_objects", lambda objects: b"")

        def refuse(event):
            if event.kind == "incumbent":
                raise RunError("ended by the caller")

        with pytest.raises(RunError):
            quick(components=[watching], on_event=refuse)
        assert [f.error for f in watching.failures] == ["RunError: ended by the caller"]
        assert watching.results == []

    def test_a_slow_hook_is_named_once(self, monkeypatch, caplog):
        class Slow:
            __name__ = "slow"

            @hookimpl
            def trial_finished(self, trial):
                time.sleep(0.05)

        monkeypatch.setattr("metaauto.engine.fit_runner.pack_objects", lambda objects: b"")
        monkeypatch.setattr("metaauto.engine.tracking._SLOW_SECONDS", 0.08)
        monkeypatch.setattr("metaauto.engine.tracking._SLOW_SHARE", 0.0)
        model = quick(components=[Slow()])
        told = [r.getMessage() for r in caplog.records if "'slow'" in r.getMessage()]
        assert len(told) == 1
        assert "the fit waits for them" in told[0]
        assert model.record.stages["hooks"] > 0.15


def test_a_run_directory_tells_the_whole_story(tmp_path):
    from metaauto.run import RunDirectory

    model = quick(run_dir=tmp_path / "run", groups=None)
    with RunDirectory.open(tmp_path / "run") as run:
        stored = run.stored()
        assert stored.status == "finished"
        assert stored.seconds > 0
        assert len(stored.trials) == 5
        assert {o["trial"] for o in stored.outcomes} == set(range(5))
        assert stored.settings["target"] == "y"
        assert stored.settings["trials"] == 4
    for member in model.members:
        number = int(member.name.rsplit("-", 1)[1])
        assert list((tmp_path / "run" / "models").glob(f"{number:05d}-*.pkl"))
    with pytest.raises(RunError, match="not empty"):
        quick(run_dir=tmp_path / "run")


def test_a_model_that_needs_what_is_not_installed_is_said(caplog):
    missing = Model("missing", lambda values, context: None, requires=("no_such_module",))
    with caplog.at_level(logging.WARNING, logger="metaauto.plugins"):
        quick(components=[missing], trials=1)
    assert any("no_such_module" in record.getMessage() for record in caplog.records)


class Late(FitRunner):
    """A fit whose time is up, by many seconds, when the search is over."""

    def run_trials(self, search, work):
        super().run_trials(search, work)
        self.clock.started -= 1000.0


def late(**options):
    story = Story()
    settings = {"include": CHEAP["binary"], "plugins": NO_PLUGINS, "memory": 2.0, "cores": 2}
    frame = table(n_rows=4_000)
    frame.loc[frame.index % 5 == 0, "y"] = "no"
    given = FitOptions(budget=60, trials=4, cv=2, metric="f1_macro", **settings, **options)
    return Late(given, story).run(frame, "y"), story


def test_a_fit_whose_time_is_up_does_the_least_it_must():
    model, story = late(holdout=0.75)
    weights = {row["name"]: row["weight"] for row in model.leaderboard_rows if row["weight"]}
    assert weights == {"ensemble": 1.0, model.members[0].name: 1.0}
    assert len(model.members) == 1
    assert (model.calibrator.kind, model.decision.kind) == ("identity", "argmax")
    assert model.record.holdout_rows == 1_500, "one part of the rows held out"
    assert "This fit is not added to the knowledge store: time limit reached." in story.messages(
        "warning"
    )
    assert model.predict(table(n_rows=9)).shape == (9,)


class LastModelFirst:
    """A strategy of this session: the defaults, in the reverse of their usual order."""

    def __init__(self, given) -> None:
        self.waiting = [given.space.default(model) for model in sorted(given.space.models)]

    def inform(self, metafeatures) -> None:
        """Nothing of the table matters."""

    def recommend(self, seconds):
        if not self.waiting:
            raise RuntimeError("no model is left")
        return Recommendation(self.waiting.pop(), "backwards", "the next from behind")

    def observe(self, observation) -> None:
        """No result matters."""


def test_a_strategy_chooses_what_is_tried_first():
    events = []
    mine = Strategy("backwards", LastModelFirst)
    model = quick(trials=5, strategy="backwards", components=[mine], on_event=events.append)
    rows = {row["name"]: row["source"] for row in model.leaderboard_rows}
    names = [name for name, source in rows.items() if source == "backwards"]
    names.sort(key=lambda name: int(name.rpartition("-")[2]))
    tried = [name.rpartition("-")[0] for name in names]
    assert tried == sorted(CHEAP["binary"], reverse=True)
    assert {"knowledge", "portfolio"} & set(rows.values())
    told = [event.message for event in events if event.kind in ("warm_start", "warning")]
    assert any("the strategy 'backwards'" in message for message in told)
    assert sum("no model is left" in message for message in told) == 1


def test_without_a_strategy_of_that_name_there_is_no_fit():
    with pytest.raises(UnknownName, match="backwards"):
        quick(strategy="backwards")
    origins = {row["source"] for row in quick(strategy="portfolio").leaderboard_rows}
    assert "portfolio" in origins
    assert "knowledge" not in origins
