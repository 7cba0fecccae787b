from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import psutil
import pytest
from search_jobs import PLUGINS, POSIX, TIMEOUT, await_free, job, outcomes_of, run, write_table

import metaauto
from metaauto.errors import WorkerError
from metaauto.plugins.manager import PluginSettings
from metaauto.search.executors import LocalExecutor, Setup, forkserver_pool, local
from metaauto.search.executors.process import kill_tree
from metaauto.search.trial import Status

HOME = Path(metaauto.__file__).parent.parent
SUPPORT = Path(__file__).parents[2] / "support"


def pids(pool: LocalExecutor) -> list[int]:
    return [worker.pid for worker in pool._pool if worker.pid]


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def await_end(which: list[int], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while any(is_running(pid) for pid in which):
        assert time.monotonic() < end, [p for p in which if is_running(p)]
        time.sleep(0.05)


@pytest.fixture(scope="module")
def setup(tmp_path_factory) -> Setup:
    return write_table(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def pool(setup):
    with LocalExecutor(2, memory=600.0) as made:
        made.set_up(setup)
        yield made


@pytest.fixture
def healthy(pool):
    """The shared pool; whatever a test did to it, it works again afterwards."""
    yield pool
    # A worker that a test has ruined may still be dying when it gets the first of these jobs.
    run(pool, job("naive_bayes", 88), job("naive_bayes", 89))
    for outcome in run(pool, job("naive_bayes", 90), job("naive_bayes", 91)):
        assert outcome.status is Status.SUCCESS, outcome.detail
    assert all(is_running(pid) for pid in pids(pool))


@pytest.fixture
def no_fork_server(monkeypatch):
    """Without a fork server that an earlier test has started."""
    monkeypatch.setattr(forkserver_pool, "_servers", {})
    yield
    for server in list(forkserver_pool._servers.values()):
        forkserver_pool.discard(server)


@pytest.mark.slow
def test_jobs_run_side_by_side(healthy, setup):
    found = run(healthy, job("naive_bayes", 1, 0), job("naive_bayes", 1, 1))
    assert sorted(o.fold for o in found) == [0, 1]
    for outcome in found:
        assert outcome.status is Status.SUCCESS, outcome.detail
        assert (Path(setup.folder) / outcome.prediction).is_file()
        assert (Path(setup.folder) / outcome.model).is_file()


def test_a_failing_model_does_not_cost_its_worker(healthy):
    # The workers start with the first jobs of the pool.
    run(healthy, job("naive_bayes", 1, 0), job("naive_bayes", 1, 1))
    before = pids(healthy)
    (outcome,) = run(healthy, job("raises", 2))
    assert outcome.status is Status.FAILED
    assert "on purpose" in outcome.error
    assert pids(healthy) == before


@POSIX
@pytest.mark.parametrize(
    ("fault", "word"),
    [("segfaults", "SIGSEGV"), ("exits", "exit code 3"), ("leaves", "exit code")],
)
def test_a_crash_is_an_outcome_and_its_worker_is_replaced(fault, word, healthy):
    before = set(pids(healthy))
    (outcome,) = run(healthy, job(fault, 3, 1))
    assert (outcome.trial, outcome.fold, outcome.status) == (3, 1, Status.CRASHED)
    assert word in outcome.error
    await_free(healthy, 2)
    assert len(before - set(pids(healthy))) == 1


@pytest.mark.slow
@POSIX
@pytest.mark.parametrize("fault", ["sleeps", "hangs", "ignores_signals", "predicts_slowly"])
def test_what_takes_too_long_is_killed(fault, healthy):
    (outcome,) = run(healthy, job(fault, 4, hard=1.0))
    assert outcome.status is Status.TIMEOUT
    assert "1.0 s" in outcome.error
    assert outcome.seconds >= 1.0


@POSIX
def test_processes_that_a_model_started_end_with_it(healthy):
    await_free(healthy, 2)
    healthy.submit(job("leaves_a_child", 5, hard=4.0))
    busy = next(w.pid for w in healthy._pool if w.job is not None)
    children: list[psutil.Process] = []
    end = time.monotonic() + TIMEOUT
    found: list = []
    while not found:
        assert time.monotonic() < end
        if is_running(busy):
            children = psutil.Process(busy).children(recursive=True) or children
        found += healthy.wait(0.05)
    assert found[0].status is Status.TIMEOUT
    assert children
    await_end([child.pid for child in children])


@POSIX
@pytest.mark.parametrize("ending", ["killed", "stopped"])
def test_processes_in_a_session_of_their_own_end_with_their_worker(ending, healthy):
    """Also those that a dead worker has left behind, which have neither its group nor a parent."""
    (outcome,) = run(healthy, job("starts_a_session", 15))
    assert outcome.status is Status.SUCCESS, outcome.detail
    worker = next(pid for pid in pids(healthy) if psutil.Process(pid).children())
    left = [child.pid for child in psutil.Process(worker).children()]
    if ending == "killed":
        os.kill(worker, signal.SIGKILL)
    else:
        kill_tree(worker)
    await_end(left)


@POSIX
@pytest.mark.parametrize(
    ("fault", "status", "word"),
    [
        ("sends_half_a_message", Status.TIMEOUT, "1.0 s"),
        ("sends_a_wrong_message", Status.CRASHED, "wrong message"),
    ],
)
def test_what_a_model_writes_to_the_connection_fails_its_job_alone(fault, status, word, healthy):
    await_free(healthy, 2)
    healthy.submit(job(fault, 16, hard=1.0))
    healthy.submit(job("naive_bayes", 17))
    found = {outcome.trial: outcome for outcome in outcomes_of(healthy, 2)}
    assert (found[16].status, found[17].status) == (status, Status.SUCCESS)
    assert word in found[16].error


@pytest.mark.slow
@POSIX
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGSTOP])
def test_a_lost_fork_server_is_replaced(sent, setup):
    with LocalExecutor(2) as executor:
        executor.set_up(setup)
        await_free(executor, 2)
        if executor._fork_server is None:
            pytest.skip("workers are not forked on this system")
        os.kill(executor._fork_server.pid, sent)
        for outcome in run(executor, job("segfaults", 18), job("naive_bayes", 19)):
            assert outcome.status is (Status.CRASHED if outcome.trial == 18 else Status.SUCCESS)
        await_free(executor, 2)


@POSIX
def test_fits_in_other_directories_share_a_fork_server(setup, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [place for place in sys.path if os.path.isabs(place)])
    servers = []
    for folder in (Path.cwd(), tmp_path):
        monkeypatch.chdir(folder)
        # scikit-learn sets it when it is imported.
        monkeypatch.setenv("KMP_INIT_AT_FORK", str(len(servers)))
        with LocalExecutor(1) as executor:
            executor.set_up(setup)
            await_free(executor, 1)
            if executor._fork_server is None:
                pytest.skip("workers are not forked on this system")
            servers.append(executor._fork_server)
            (worker,) = pids(executor)
            assert psutil.Process(worker).cwd() == str(folder)
    assert servers[0] is servers[1]


@POSIX
def test_what_takes_too_much_memory_is_stopped(healthy):
    (outcome,) = run(healthy, job("eats_memory", 6, gigabytes=8.0))
    assert outcome.status is Status.MEMORY
    assert outcome.error


@POSIX
def test_memory_is_watched_from_outside_too(setup):
    """Where a process cannot be limited from inside, or its children take the memory."""
    # A separate pool: workers that start after the limit has changed also apply it inside.
    with LocalExecutor(1) as unlimited:
        unlimited.set_up(setup)
        await_free(unlimited, 1)
        unlimited.memory = 0.01
        (outcome,) = run(unlimited, job("sleeps", 7))
    assert outcome.status is Status.MEMORY
    assert "the limit is 0 MiB per worker" in outcome.error
    assert "raise memory" in outcome.error


def test_what_a_model_prints_is_not_in_the_way(healthy, capfd):
    (outcome,) = run(healthy, job("chatters", 8))
    assert outcome.status is Status.SUCCESS, outcome.detail
    assert capfd.readouterr() == ("", "")


def test_cancelled_jobs_yield_no_outcome(healthy):
    await_free(healthy, 2)
    healthy.submit(job("sleeps", 10))
    healthy.submit(job("naive_bayes", 11))
    assert healthy.free() == 0
    healthy.cancel(10)
    healthy.cancel(12)
    assert [o.trial for o in outcomes_of(healthy, 1)] == [11]
    await_free(healthy, 2)
    assert healthy.wait(0.2) == []


def test_a_job_without_a_free_worker_is_an_error(healthy):
    await_free(healthy, 2)
    healthy.submit(job("sleeps", 13))
    healthy.submit(job("sleeps", 13, 1))
    with pytest.raises(WorkerError, match="free"):
        healthy.submit(job("naive_bayes", 14))
    healthy.cancel(13)


def test_waiting_without_jobs_ends_in_time(healthy):
    await_free(healthy, 2)
    began = time.monotonic()
    assert healthy.wait(0.3) == []
    assert 0.2 < time.monotonic() - began < 10.0


def test_workers_can_be_told_of_another_table(healthy, setup, tmp_path):
    await_free(healthy, 2)
    healthy.set_up(write_table(tmp_path))
    assert healthy.free() == 0
    (outcome,) = run(healthy, job("naive_bayes", 15))
    assert (tmp_path / outcome.prediction).is_file()
    healthy.set_up(setup)


@pytest.mark.slow
@POSIX
@pytest.mark.parametrize("fork", [True, False])
def test_closing_ends_every_process(fork, setup):
    executor = LocalExecutor(2, fork=fork)
    executor.set_up(setup)
    await_free(executor, 2)
    executor.submit(job("ignores_signals", 20))
    executor.submit(job("hangs", 20, 1))
    workers = pids(executor)
    assert len(workers) == 2
    began = time.monotonic()
    executor.close()
    executor.close()
    assert time.monotonic() - began < 10.0
    await_end(workers)
    end = time.monotonic() + TIMEOUT
    while any(psutil.pid_exists(pid) for pid in workers):
        assert time.monotonic() < end, "a zombie was left behind"
        time.sleep(0.05)


@pytest.mark.usefixtures("no_fork_server")
def test_closing_before_the_workers_have_started_ends_them_too(setup):
    before = set(psutil.Process().children(recursive=True))
    executor = LocalExecutor(3)
    executor.start()
    executor.close()
    end = time.monotonic() + TIMEOUT
    while True:
        new = set(psutil.Process().children(recursive=True)) - before
        # The process that forks workers is kept for the next fit; only workers count here.
        if not [p for p in new if p.ppid() != os.getpid()]:
            break
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.slow
def test_without_forking_all_works_alike(setup):
    with LocalExecutor(1, fork=False) as executor:
        executor.set_up(setup)
        (good,) = run(executor, job("naive_bayes", 30))
        assert good.status is Status.SUCCESS, good.detail
        (crash,) = run(executor, job("exits", 31))
        assert crash.status is Status.CRASHED
        assert "exit code 3" in crash.error
        (again,) = run(executor, job("naive_bayes", 32, hard=5.0))
        assert again.status is Status.SUCCESS, "starting a worker counted as its job's time"
        (late,) = run(executor, job("sleeps", 33, hard=0.5))
        assert late.status is Status.TIMEOUT


def test_a_table_that_is_not_there_is_said_with_its_cause(tmp_path):
    with LocalExecutor(1) as executor:
        executor.set_up(Setup(str(tmp_path), PLUGINS))
        with pytest.raises(WorkerError, match="FileNotFoundError"):
            await_free(executor, 1)


@pytest.mark.slow
@pytest.mark.parametrize("fork", [True, False])
def test_a_plugin_that_kills_every_worker_comes_to_an_end(fork, setup, tmp_path, monkeypatch):
    # Without forking, each start imports for seconds.
    monkeypatch.setattr(local, "_MAX_FAILED_STARTS", 3 if fork else 2)
    (tmp_path / "deadly.py").write_text("import os\nos._exit(7)\n")
    settings = PluginSettings(only=(), folders=(str(tmp_path),))
    with LocalExecutor(1, fork=fork) as executor:
        executor.set_up(Setup(setup.folder, settings))
        with pytest.raises(WorkerError, match="exit code 7"):
            await_free(executor, 1)


@pytest.mark.usefixtures("no_fork_server")
def test_workers_that_cannot_start_are_reported(monkeypatch, setup):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    for fork in (False, True):
        executor = LocalExecutor(1, fork=fork)
        with pytest.raises(WorkerError, match="do not start|has ended"), executor:
            executor.set_up(setup)
            await_free(executor, 1)
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(WorkerError, match="executable"):
        LocalExecutor(1, fork=False).start()


PARENT = """
import json, sys, time
from pathlib import Path
sys.path.insert(0, {here!r})
import test_local as t

if __name__ == "__main__":
    setup = t.write_table(Path(sys.argv[1]))
    executor = t.LocalExecutor(2, fork=sys.argv[2] == "fork")
    executor.set_up(setup)
    t.await_free(executor, 2)
    executor.submit(t.job("ignores_signals", 1))
    print(json.dumps(t.pids(executor)), flush=True)
    if sys.argv[3] == "sleep":
        time.sleep(600)
    if sys.argv[3] == "close":
        executor.close()
"""


def start_parent(tmp_path: Path, how: str, ending: str) -> tuple[subprocess.Popen, list[int], Path]:
    script, run_folder, temporary = (tmp_path / n for n in ("parent.py", "run", "tmp"))
    script.write_text(textwrap.dedent(PARENT).format(here=str(Path(__file__).parent)))
    run_folder.mkdir()
    temporary.mkdir()
    path = os.pathsep.join([str(HOME), str(SUPPORT)])
    environment = {**os.environ, "PYTHONPATH": path, "TMPDIR": str(temporary)}
    process = subprocess.Popen(
        [sys.executable, str(script), str(run_folder), how, ending],
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )
    line = process.stdout.readline()
    assert line, "the parent died early"
    return process, json.loads(line), temporary


@pytest.mark.slow
@POSIX
@pytest.mark.parametrize("how", ["fork", "no fork"])
def test_workers_end_when_their_parent_is_killed(how, tmp_path):
    process, workers, _ = start_parent(tmp_path, how, "sleep")
    descendants = [p.pid for p in psutil.Process(process.pid).children(recursive=True)]
    assert set(workers) <= set(descendants)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    await_end(descendants)


@pytest.mark.slow
@POSIX
@pytest.mark.parametrize("ending", ["close", "forget to close"])
def test_nothing_is_left_when_the_parent_ends(ending, tmp_path):
    process, workers, temporary = start_parent(tmp_path, "fork", ending)
    assert process.wait(timeout=TIMEOUT) == 0
    process.stdout.close()
    await_end(workers)
    assert list(temporary.iterdir()) == []


@POSIX
def test_a_long_path_for_temporary_files_is_no_hindrance(setup, tmp_path, monkeypatch):
    folder = tmp_path / ("x" * 90) / ("y" * 90)
    folder.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr("multiprocessing.util.get_temp_dir", lambda: str(folder))
    with LocalExecutor(1) as executor:
        executor.set_up(setup)
        (outcome,) = run(executor, job("naive_bayes", 40))
        assert outcome.status is Status.SUCCESS
