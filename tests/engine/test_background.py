from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import pytest
from command_line import environment, people
from sklearn.datasets import load_iris

import metaauto
from metaauto.engine.background import Best
from metaauto.errors import SettingError, TargetError

pytestmark = pytest.mark.slow

TINY = {"trials": 3, "cores": 1, "cv": 2, "memory": 2, "include": ["logistic", "lda"]}


def test_a_run_tells_its_events_and_gives_its_model() -> None:
    table = people()
    run = metaauto.start(table, "buys", **TINY)
    kinds = [event.kind for event in run]
    model = run.result()
    assert kinds[:2] == ["stage", "table"]
    assert kinds[-1] == "finished"
    assert kinds.count("trial_finished") == 3
    assert [event.kind for event in run] == kinds, "iterating again starts from the first event"
    assert [event.kind for event in run.events] == kinds
    assert [event.seconds for event in run] == sorted(event.seconds for event in run)
    assert not run.is_running
    assert model.predict(table).shape == (120,)
    assert run.result() is model
    assert run.best_model() is model


def test_the_best_so_far_can_be_looked_at() -> None:
    run = metaauto.start(people(), "buys", **TINY)
    seen: list[Best] = [run.best for event in run if event.kind == "trial_finished" and run.best]
    assert seen
    last = run.best
    assert last is not None
    assert last.score == pytest.approx(run.result().record.score)
    assert set(last.members) == {member.name for member in run.result().members}
    assert last.trials == 3


def test_a_model_can_be_had_while_the_fit_goes_on() -> None:
    table = people()
    with metaauto.start(table, "buys", **{**TINY, "trials": None, "budget": "5m"}) as run:
        early = run.best_model(60)
        assert run.is_running
        assert early.predict_proba(table).shape == (120, 2)
        later = run.best_model(60)
        assert later is not early
        run.stop()
        final = run.result(60)
    assert final.record.trials >= later.record.trials
    assert "Assembling the model" in [event.message for event in run]
    assert [event.kind for event in run].count("stage") == 3, "snapshots are no stages"


def test_a_run_is_stopped_with_the_best_so_far() -> None:
    X, y = load_iris(return_X_y=True)
    run = metaauto.start(X, y, budget="10m", cores=1, memory=2, include=["lda"])
    for event in run:
        if event.kind == "trial_finished":
            run.stop()
    model = run.result(1)
    assert model.predict(X).shape == (150,)
    assert model.record.seconds < 120


def test_leaving_the_block_ends_the_fit() -> None:
    before = set(threading.enumerate())
    with metaauto.start(people(), "buys", **{**TINY, "trials": None, "budget": "10m"}) as run:
        next(iter(run))
    assert not run.is_running
    assert run.result().task.target == "buys"
    named = {thread.name for thread in set(threading.enumerate()) - before}
    assert "metaauto-run" not in named


def test_errors_are_raised_where_the_result_is_asked_for() -> None:
    run = metaauto.start(people(), "bus", **TINY)
    for take in (run.result, run.best_model):
        with pytest.raises(TargetError, match="'buys'"):
            take()
    assert run.best is None
    with pytest.raises(SettingError, match="duration"):
        metaauto.start(people(), "buys", budget="soon")


def test_waiting_has_an_end() -> None:
    with metaauto.start(people(), "buys", **{**TINY, "trials": None, "budget": "10m"}) as run:
        with pytest.raises(TimeoutError, match="continues"):
            run.result(0.01)
        with pytest.raises(SettingError, match=r"timeout must be >= 0 seconds \(got -1\)"):
            run.result(-1)
        assert run.is_running


def test_two_runs_at_once_do_not_disturb_each_other() -> None:
    table = people()
    runs = [metaauto.start(table, "buys", seed=1, **TINY) for _ in range(2)]
    one, two = (run.result().predict_proba(table) for run in runs)
    np.testing.assert_array_equal(one, two)


SCRIPT = """
import metaauto
run = metaauto.start("people.csv", "buys", budget="10m", cores=1, memory=2, include=["lda"])
for event in run:
    if event.kind == "trial_finished":
        break
print(run.best.score > 0.5)
"""


def test_a_program_may_end_without_waiting(tmp_path) -> None:
    people().to_csv(tmp_path / "people.csv", index=False)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")
    left = [path.name for path in (tmp_path / "temporary").iterdir()]
    assert left == []


def test_the_table_is_not_changed() -> None:
    table = people()
    before = table.copy()
    metaauto.start(table, "buys", **{**TINY, "trials": 1}).result()
    pd.testing.assert_frame_equal(table, before)
