"""Fits on a Dask cluster, whose scheduler and workers are processes of their own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from command_line import Cli, command_line, environment, finished_trials, people

import metaauto
from metaauto.plugins.manager import PluginSettings
from metaauto.search import Job, LocalExecutor
from metaauto.search.trial import WorkerJob

distributed = pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX systems"),
]
TIMEOUT = 600.0
BUDGET = 20.0
NOISE = 20.0
"""Seconds that a busy machine may add to a budget."""


class Cluster:
    """A scheduler and workers of one thread without nannies, which a signal ends for good."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[str]] = []
        file = folder / "scheduler.json"
        self.scheduler = self._start(
            "scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)
        )
        await_true(file.exists)
        with distributed.Client(scheduler_file=str(file), set_as_default=False) as client:
            self.address = client.scheduler.address

    def _start(self, *arguments: str) -> subprocess.Popen[str]:
        started = subprocess.Popen(
            [sys.executable, "-m", "dask", *arguments],
            cwd=self.folder,
            env=environment(self.folder),
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.processes.append(started)
        return started

    def start_worker(self) -> subprocess.Popen[str]:
        options = ("--nthreads", "1", "--no-nanny", "--no-dashboard")
        return self._start("worker", self.address, *options)

    def close(self) -> None:
        for process in reversed(self.processes):
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path)
    yield made
    made.close()


def await_true(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def tables(cluster: Cluster) -> list[Path]:
    """Return the tables that workers keep."""
    return list((cluster.folder / "temporary").glob("metaauto-table-*"))


def record_jobs(monkeypatch: pytest.MonkeyPatch) -> list[WorkerJob]:
    """Return the list of the jobs that workers of this machine get from now on."""
    jobs: list[WorkerJob] = []
    submit = LocalExecutor.submit

    def record(executor: LocalExecutor, job: WorkerJob) -> None:
        jobs.append(job)
        submit(executor, job)

    monkeypatch.setattr(LocalExecutor, "submit", record)
    return jobs


class Fit:
    """A running ``metaauto fit`` and what it has written to the standard error."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.folder, self.run = cluster.folder, cluster.folder / name
        people().to_csv(self.folder / "t.csv", index=False)
        self._errors = self.folder / f"{name}.txt"
        arguments = (
            *("fit", "t.csv", "--target", "buys", "--budget", "20m", "--include", "logistic"),
            *("--dask", cluster.address, "--run-dir", name, "--out", f"{name}.metaauto"),
            "--no-remember",
        )
        with self._errors.open("w") as errors:
            self.process = subprocess.Popen(
                command_line(*arguments),
                cwd=self.folder,
                env=environment(self.folder),
                stderr=errors,
                text=True,
            )
        cluster.processes.append(self.process)

    @property
    def errors(self) -> str:
        return self._errors.read_text()

    def await_trials(self, count: int) -> None:
        await_true(lambda: finished_trials(self.run) >= count or self.process.poll() is not None)
        assert self.process.poll() is None, self.errors

    def check_saved(self) -> None:
        assert self.process.wait(TIMEOUT) == 0, self.errors
        assert "Traceback" not in self.errors
        assert "distributed" not in self.errors
        model = metaauto.load(self.run.with_suffix(".metaauto"))
        assert model.predict(people(5)).shape == (5,)
        assert [member.model for member in model.members] != ["dummy"]


def test_two_fits_at_once_give_the_model_of_a_local_fit(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.start_worker()
    options = {
        "trials": 3, "seed": 3, "cv": 2, "include": ["lda", "logistic"], "knowledge": False,
        "remember": False, "plugins": PluginSettings(only=()),
    }  # fmt: skip
    local = metaauto.fit(people(), "buys", cores=1, memory=2.0, **options)
    here = record_jobs(monkeypatch)
    with distributed.Client(cluster.address, set_as_default=False) as client:
        runs = [
            metaauto.start(people(), "buys", dask=dask, **options)
            for dask in (client, cluster.address)
        ]
        models = [run.result(TIMEOUT) for run in runs]
        await_true(lambda: not any(client.has_what().values()))
    assert here, "the members are checked here"
    assert not any(isinstance(job, Job) for job in here), "a model was trained here"
    for model in models:
        assert all(member.all_rows for member in model.members)
        assert [(m.name, m.weight) for m in model.members] == [
            (m.name, m.weight) for m in local.members
        ]
        assert np.array_equal(model.predict_proba(people()), local.predict_proba(people()))
        assert "dask" not in model.record.options


def test_a_fit_survives_lost_workers_and_ctrl_c_frees_new_ones(cluster: Cluster) -> None:
    worker = cluster.start_worker()
    fit = Fit(cluster, "first")
    fit.await_trials(1)
    worker.kill()
    of_lost = tables(cluster)
    await_true(lambda: "has no usable worker; waiting for one to join" in fit.errors)
    cluster.start_worker()
    fit.await_trials(finished_trials(fit.run) + 2)
    assert fit.errors.count("has no usable worker") == 1
    fit.process.send_signal(2)
    fit.check_saved()
    with distributed.Client(cluster.address, set_as_default=False) as client:
        await_true(lambda: not any(client.processing().values()))
        await_true(lambda: not tables(cluster))
    assert of_lost


def test_a_lost_scheduler_ends_a_fit_with_the_best_model(cluster: Cluster) -> None:
    cluster.start_worker()
    fit = Fit(cluster, "run")
    fit.await_trials(1)
    cluster.scheduler.kill()
    fit.check_saved()
    assert "The search ended early, with the best model so far: The Dask scheduler" in fit.errors


def test_a_budget_ends_on_time_and_its_run_goes_on_with_and_without_the_cluster(
    cluster: Cluster,
) -> None:
    people().to_csv(cluster.folder / "t.csv", index=False)
    run = cluster.folder / "run"
    options = {
        "include": ["fault_sleeps", "naive_bayes"], "knowledge": False, "remember": False,
        "plugins": PluginSettings(only=(), modules=("metaauto.testing.faults",)),
    }  # fmt: skip
    # One of them is held by the model that sleeps.
    cluster.start_worker()
    cluster.start_worker()
    with distributed.Client(cluster.address, set_as_default=False) as client:
        await_true(lambda: len(client.nthreads()) == 2)
        first = metaauto.fit(
            cluster.folder / "t.csv", "buys", budget=BUDGET, cv=0.2, dask=client, run_dir=run,
            **options,
        )  # fmt: skip
        await_true(lambda: not any(client.processing().values()))
    trials = finished_trials(run)
    plugins = options["plugins"]
    again = metaauto.fit(None, resume=run, budget=2 * BUDGET, dask=cluster.address, plugins=plugins)
    here = metaauto.fit(None, resume=run, budget=3 * BUDGET, cores=1, plugins=plugins)
    assert finished_trials(run) >= trials
    assert first.record.seconds < BUDGET + NOISE
    for model in (again, here):
        assert {member.model for member in model.members} == {"naive_bayes"}


def test_options_that_do_not_go_with_a_cluster(quick_cli: Cli) -> None:
    people().to_csv("t.csv", index=False)
    fit = ("fit", "t.csv", "--target", "buys", "--dask", "tcp://127.0.0.1:9")
    found = quick_cli(*fit, "--memory", "2")
    assert "--dask and --memory are mutually exclusive" in found.stderr
    found = quick_cli(*fit, "--dry-run")
    assert "--dry-run runs on this machine; leave out --dask." in found.stderr
    found = quick_cli(*fit[:-1], "smoke://signals")
    assert found.returncode == 1
    assert "Error: No Dask scheduler responds at 'smoke://signals'" in found.stderr
