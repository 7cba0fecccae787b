"""Workers check the best member first, then the heaviest, as far as time goes."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from search_jobs import POSIX, job, run, write_table

from metaauto.components import Deadline
from metaauto.configuration import Configuration
from metaauto.ensemble import Selection
from metaauto.model import pack_members
from metaauto.model.build import Packing
from metaauto.model.packing import CheckedTrial
from metaauto.plugins.manager import PluginSettings, load_plugins
from metaauto.search import LocalExecutor, Trial
from metaauto.search.dataset_io import read_inputs
from metaauto.search.trial import CallJob, CallResult, Outcome, Status

SELECTION = Selection({4: 0.2, 7: 0.5, 9: 0.3}, 0.1, 0.2)
REGISTRY = load_plugins(PluginSettings(only=(), modules=("metaauto.testing.faults",))).registry


class Fake:
    """An executor that answers each job after some seconds, or not before its time limit."""

    def __init__(self, workers: int = 1, seconds: dict[int, float] | None = None) -> None:
        self.workers = workers
        self.seconds = seconds or {}
        self.jobs: list[CallJob] = []
        self._running: list[tuple[float, CallResult]] = []

    def free(self) -> int:
        return self.workers - len(self._running)

    def submit(self, given: CallJob) -> None:
        self.jobs.append(given)
        seconds = self.seconds.get(given.trial, 0.0)
        result = CallResult(given.trial, CheckedTrial())
        if seconds > given.hard_seconds:
            seconds, result = given.hard_seconds, CallResult(given.trial, error="too late")
        self._running.append((time.monotonic() + seconds, result))

    def wait(self, seconds: float) -> list[CallResult]:
        time.sleep(0.005)
        ended = [entry for entry in self._running if entry[0] <= time.monotonic()]
        self._running = [entry for entry in self._running if entry not in ended]
        return [result for _, result in ended]


def trials_of(losses: dict[int, float]) -> list[Trial]:
    found = [Trial(number, Configuration("lda", {}), "knowledge") for number in range(10)]
    for number, loss in losses.items():
        found[number].loss = loss
    return found


def packed(executor: Fake, trials: list[Trial], deadline: Deadline) -> Packing:
    return pack_members(trials, SELECTION, REGISTRY, Path(), executor, None, deadline)


@pytest.mark.parametrize("workers", [1, 2])
def test_all_members_are_packed_where_there_is_time(workers):
    executor = Fake(workers)
    found = packed(executor, trials_of({4: 0.3, 7: 0.2, 9: 0.4}), Deadline())
    assert [made.trial for made in executor.jobs] == [7, 9, 4]
    assert {number: member.weight for number, member in found.members.items()} == SELECTION.weights
    assert found.failures == {}


@pytest.mark.parametrize(("losses", "first"), [({4: 0.2, 7: 0.9}, 4), ({7: 0.2, 9: 0.2}, 7)])
def test_the_best_member_alone_is_packed_in_any_case(losses, first):
    """However heavy others are: without it they may be of no use."""
    executor = Fake()
    found = packed(executor, trials_of(losses), Deadline.after(-0.1))
    assert list(found.members) == [first]
    assert [made.trial for made in executor.jobs] == [first]
    assert found.failures == {}


@pytest.mark.parametrize("hanging", [4, 7, 9])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_member_that_hangs_costs_itself_and_not_the_deadline(hanging, workers):
    executor = Fake(workers, {hanging: 1000.0})
    started = time.monotonic()
    found = packed(executor, trials_of({7: 0.2}), Deadline.after(0.5))
    assert time.monotonic() - started < 2.6
    assert found.failures == {hanging: "too late"}
    assert hanging not in found.members
    assert found.members


def test_a_member_whose_file_vanishes_after_its_check_costs_itself(tmp_path):
    trials = trials_of({7: 0.2})
    trials[4].outcomes[0] = Outcome(4, 0, Status.SUCCESS, model="models/gone.pkl")
    found = pack_members(trials, SELECTION, REGISTRY, tmp_path, Fake(), None, Deadline())
    assert sorted(found.members) == [7, 9]
    assert "gone.pkl" in found.failures[4]


def test_the_time_of_a_job_is_limited_also_far_from_the_deadline():
    executor = Fake()
    packed(executor, trials_of({7: 0.2}), Deadline.after(3600.0))
    assert all(made.hard_seconds <= 60.0 for made in executor.jobs)


LOAD_FAULTS = ["loads_slowly", "load_raises", "load_segfaults", "load_exits", "load_leaves"]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return write_table(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def pool(table):
    with LocalExecutor(2, memory=600.0) as made:
        made.set_up(table)
        yield made


def fitted(pool: LocalExecutor, *faults: str, **values: float) -> list[Trial]:
    """Return successful trials whose models were written and not checked."""
    trials = []
    for number, fault in enumerate(faults):
        jobs = [job(fault, number, fold, **values) for fold in (0, 1)]
        trial = Trial(number, jobs[0].configuration, "knowledge", loss=1.0 + number)
        trial.outcomes = {outcome.fold: outcome for outcome in run(pool, *jobs)}
        assert all(o.status is Status.SUCCESS for o in trial.outcomes.values())
        trials.append(trial)
    return trials


@pytest.mark.slow
@POSIX
@pytest.mark.parametrize("fault", [*LOAD_FAULTS, "predicts_one_row_slowly"])
def test_a_faulty_member_costs_itself_alone(fault, pool, table):
    trials = fitted(pool, fault, "naive_bayes")
    folder = Path(table.folder)
    X = read_inputs(folder / "data").X
    selection = Selection({0: 0.7, 1: 0.3}, 0.1, 0.2)
    found = pack_members(
        trials, selection, REGISTRY, folder, pool, X.iloc[:1], Deadline.after(4.0), [np.arange(5)]
    )
    assert list(found.members) == [1]
    assert list(found.failures) == [0]
    member = found.members[1]
    assert member.estimators[0].predict_proba(X).shape == (60, 2)
    assert found.holdout[1].value.shape == (5, 2)
