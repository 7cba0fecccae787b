from __future__ import annotations

import socket
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from search_jobs import POSIX, TIMEOUT, await_free, job, outcomes_of, run, write_table

from metaauto.errors import SettingError, WorkerError
from metaauto.search.executors import DaskExecutor, LocalExecutor, cluster, dask_worker
from metaauto.search.trial import DescribeJob, Description, Status

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def dask():
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50
    ) as made:
        yield made


@pytest.fixture(scope="module")
def setup(tmp_path_factory):
    return write_table(tmp_path_factory.mktemp("run"))


@pytest.fixture
def pool(dask, setup):
    with DaskExecutor(dask.scheduler_address, memory=600.0) as made:
        made.set_up(setup)
        yield made


def test_a_job_gives_what_it_gives_on_this_machine(pool, setup, tmp_path):
    here = write_table(tmp_path)
    with LocalExecutor(1) as local:
        local.set_up(here)
        expected = run(local, job("naive_bayes", 1, 0)) + run(local, job("naive_bayes", 1, 1))
    assert pool.free() == pool.workers == 2
    found = sorted(
        run(pool, job("naive_bayes", 1, 0), job("naive_bayes", 1, 1)), key=lambda o: o.fold
    )
    for outcome, other in zip(found, expected, strict=True):
        assert outcome.status is Status.SUCCESS, outcome.detail
        assert (outcome.prediction, outcome.model) == (other.prediction, other.model)
        prediction = np.load(Path(setup.folder) / outcome.prediction)
        assert np.array_equal(prediction, np.load(tmp_path / other.prediction))
        assert (Path(setup.folder) / outcome.model).stat().st_size > 0


def test_the_table_is_described(pool):
    await_free(pool, 1)
    pool.submit(DescribeJob(20.0, 0))
    (found,) = outcomes_of(pool, 1)
    assert isinstance(found, Description)
    assert found.metafeatures.values


@POSIX
@pytest.mark.parametrize(
    ("fault", "status"),
    [("raises", Status.FAILED), ("segfaults", Status.CRASHED), ("sleeps", Status.TIMEOUT)],
)
def test_what_a_job_does_harms_no_worker(pool, dask, fault, status):
    before = set(dask.scheduler_info["workers"])
    (outcome,) = run(pool, job(fault, 2, hard=1.0 if fault == "sleeps" else TIMEOUT))
    assert outcome.status is status
    (healthy,) = run(pool, job("naive_bayes", 3))
    assert healthy.status is Status.SUCCESS, healthy.detail
    assert set(dask.scheduler_info["workers"]) == before


def test_another_table_takes_the_place_of_the_first(pool, tmp_path):
    run(pool, job("naive_bayes", 4))
    other = write_table(tmp_path)
    pool.set_up(other)
    (outcome,) = run(pool, job("naive_bayes", 5))
    assert outcome.status is Status.SUCCESS, outcome.detail
    assert (tmp_path / outcome.prediction).is_file()


def test_a_cancelled_trial_yields_nothing_and_frees_its_workers(pool):
    await_free(pool, 2)
    pool.submit(job("sleeps", 6, 0))
    pool.submit(job("sleeps", 6, 1))
    assert pool.free() == 0
    assert pool.wait(1.0) == []
    pool.cancel(6)
    await_free(pool, 2)
    (outcome,) = run(pool, job("naive_bayes", 7))
    assert (outcome.trial, outcome.status) == (7, Status.SUCCESS)


def test_nothing_of_a_search_is_left_on_the_workers(dask, setup):
    before = folders_of_tables()
    with DaskExecutor(dask.scheduler_address) as pool:
        pool.set_up(setup)
        run(pool, job("naive_bayes", 8), job("naive_bayes", 9))
        new = folders_of_tables() - before
        assert new
    # Idle processes that start workers faster are kept for a minute, as on this machine.
    await_true(lambda: not folders_of_tables() & new)


def test_closing_ends_what_runs_and_leaves_the_workers_free(dask, setup):
    with DaskExecutor(dask.scheduler_address) as pool:
        pool.set_up(setup)
        await_free(pool, 2)
        pool.submit(job("sleeps", 20, 0))
        pool.submit(job("sleeps", 20, 1))
        assert pool.wait(2.0) == []
    with DaskExecutor(dask.scheduler_address) as pool:
        pool.set_up(setup)
        for outcome in run(pool, job("naive_bayes", 21, 0), job("naive_bayes", 21, 1)):
            assert outcome.status is Status.SUCCESS, outcome.detail


def folders_of_tables() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("metaauto-table-*"))


def await_true(condition, seconds: float = TIMEOUT) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.fixture
def frail(setup):
    """A pool of one worker that comes back when it is killed, and how to kill it."""
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address=":0", silence_logs=50
        ) as made,
        DaskExecutor(made.scheduler_address) as pool,
    ):
        pool.set_up(setup)
        await_free(pool, 1)

        def strike() -> None:
            for worker in made.workers.values():
                psutil.Process(worker.pid).kill()

        yield pool, strike


def test_what_a_lost_worker_was_doing_is_done_again(frail):
    pool, strike = frail
    pool.submit(job("sleeps", 10, hard=3.0))
    assert pool.wait(0.5) == []
    strike()
    (outcome,) = outcomes_of(pool, 1)
    assert (outcome.trial, outcome.status) == (10, Status.TIMEOUT)
    (healthy,) = run(pool, job("naive_bayes", 11))
    assert healthy.status is Status.SUCCESS, healthy.detail


def test_what_loses_worker_after_worker_is_given_up(frail, monkeypatch):
    monkeypatch.setattr(cluster, "_MAX_ATTEMPTS", 1)
    pool, strike = frail
    pool.submit(job("sleeps", 12))
    assert pool.wait(0.5) == []
    strike()
    (outcome,) = outcomes_of(pool, 1)
    assert (outcome.trial, outcome.status) == (12, Status.CRASHED)
    assert "Dask worker" in outcome.error


def test_nobody_at_the_address(monkeypatch):
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 1.0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    scheduler = f"No Dask scheduler responds at 'tcp://127.0.0.1:{port}'"
    with pytest.raises(WorkerError, match=scheduler):
        DaskExecutor(f"tcp://127.0.0.1:{port}").start()
    with pytest.raises(WorkerError, match="No Dask scheduler responds at 'nonsense://x'"):
        DaskExecutor("nonsense://x").start()


def test_another_version_of_metaauto_on_the_workers(dask, monkeypatch):
    monkeypatch.setattr(dask_worker, "versions", lambda settings: {"metaauto": "9.9", "x": "1"})
    with pytest.raises(WorkerError, match=r"has metaauto 0\S+, expected 9.9; lacks x 1\."):
        DaskExecutor(dask.scheduler_address).start()


def test_a_cluster_without_workers_is_reported_once_and_new_workers_are_used(setup):
    said: list[str] = []
    with (
        distributed.LocalCluster(n_workers=0, dashboard_address=":0", silence_logs=50) as made,
        DaskExecutor(made, warn=said.append) as pool,
    ):
        pool.set_up(setup)
        assert (pool.free(), pool.workers, pool.speed) == (0, 0, None)
        assert pool.wait(1.0) == []
        assert len(said) == 1
        assert "has no usable worker; waiting for one to join" in said[0]
        made.scale(1)
        (outcome,) = run(pool, job("naive_bayes", 30))
        assert outcome.status is Status.SUCCESS, outcome.detail
        assert pool.speed is not None


def test_a_worker_that_joins_during_a_search_gets_jobs(setup):
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address=":0", silence_logs=50
        ) as made,
        DaskExecutor(made) as pool,
    ):
        pool.set_up(setup)
        await_free(pool, 1)
        pool.submit(job("sleeps", 31))
        assert (pool.free(), pool.workers) == (0, 1)
        made.scale(2)
        await_free(pool, 1)
        assert pool.workers == 2
        pool.submit(job("naive_bayes", 32))
        (outcome,) = outcomes_of(pool, 1)
        assert (outcome.trial, outcome.status) == (32, Status.SUCCESS), outcome.detail
        assert pool.free() == 1


def _end_fork_servers() -> None:
    from metaauto.search.executors import forkserver_pool

    forkserver_pool._end_idle()


def _fork_servers() -> int:
    from metaauto.search.executors import forkserver_pool

    return sum(server.is_alive() for server in forkserver_pool._servers.values())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="fork servers are for Linux")
def test_workers_import_before_they_get_the_table(dask):
    with distributed.Client(dask.scheduler_address, set_as_default=False) as client:
        client.run(_end_fork_servers)
        assert set(client.run(_fork_servers).values()) == {0}
        with DaskExecutor(dask.scheduler_address):
            assert set(client.run(_fork_servers).values()) == {1}


def test_cores_limit_the_jobs_at_once(dask, setup):
    with DaskExecutor(dask.scheduler_address, cores=1) as pool:
        assert pool.workers == 1


@pytest.mark.parametrize("name", ["SLURMCluster", "PBSCluster"])
def test_the_job_script_of_a_queue_starts_workers_of_one_thread(name):
    jobqueue = pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed")
    options = {"queue": "batch", "cores": 8, "processes": 8, "memory": "32GB"}
    prologue = ["source venv/bin/activate"]
    with getattr(jobqueue, name)(
        **options,
        walltime="02:00:00",
        job_script_prologue=prologue,
        scheduler_options={"dashboard_address": ":0"},
    ) as made:
        script = made.job_script()
        assert DaskExecutor(made).address == made.scheduler_address
        assert made.scheduler_address in script
    for words in ("--nthreads 1", "--nworkers 8", "batch", "02:00:00", *prologue):
        assert words in script


def test_a_cluster_is_an_address_a_client_or_a_cluster():
    with pytest.raises(SettingError, match="Invalid dask: expected the address .* got int"):
        DaskExecutor(7)
