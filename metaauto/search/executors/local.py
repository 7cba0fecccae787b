"""Worker processes on this machine, with hard limits of time and memory from outside."""

from __future__ import annotations

import contextlib
import itertools
import signal
import sys
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from metaauto.errors import WorkerError
from metaauto.search.executors.environment import thread_environment
from metaauto.search.executors.forkserver_pool import ForkServer, lease
from metaauto.search.executors.process import Child, ConnectionListener, kill_tree
from metaauto.search.executors.worker import Ready, Setup, SetupFailure
from metaauto.search.trial import DescribeJob, Description, Job, Outcome, Status

__all__ = ["LocalExecutor"]

_MEMORY_CHECK = 0.2
_START_TIMEOUT = 120.0
_MAX_FAILED_STARTS = 3


@dataclass
class _Worker:
    token: str
    started: float
    child: Child | None = None
    connection: Connection | None = None
    pid: int = 0
    job: Job | DescribeJob | None = None
    job_started: float = 0.0
    set_up_at: float | None = None
    is_ready: bool = False
    memory: float = 0.0


class LocalExecutor:
    """A pool of worker processes that a job can crash, hang or bloat without harm.

    Parameters
    ----------
    workers : int
        Number of processes.
    threads : int
        Threads each may use.
    memory : float
        MiB each may use above what it starts with; infinite for no limit.
    fork : bool, optional
        Fork workers from a process that has imported everything; by default on Linux.
    """

    def __init__(
        self,
        workers: int,
        threads: int = 1,
        memory: float = float("inf"),
        fork: bool | None = None,
    ) -> None:
        self.workers = workers
        self.threads = threads
        self.memory = memory
        self._fork = sys.platform.startswith("linux") if fork is None else fork
        self._numbers = itertools.count()
        self._pool: list[_Worker] = []
        self._setup: Setup | None = None
        self._switchboard: ConnectionListener | None = None
        self._nursery: ForkServer | None = None
        self._lease = contextlib.ExitStack()
        self._failed_starts = 0
        self._next_memory_check = 0.0
        self._is_newly_ready = False

    def start(self) -> None:
        """Start the workers; they import while the caller goes on."""
        if self._switchboard is not None:
            return
        self._switchboard = ConnectionListener()
        try:
            if self._fork:
                line = self._line("nursery")
                self._nursery = self._lease.enter_context(lease(line, self.threads))
            while len(self._pool) < self.workers:
                self._pool.append(self._hire())
        except BaseException:
            self.close()
            raise

    def set_up(self, setup: Setup) -> None:
        """Tell the workers what they will work on; idle ones can be told anew."""
        self.start()
        self._setup = setup
        for worker in self._pool:
            worker.set_up_at, worker.is_ready = None, False

    def free(self) -> int:
        """Number of workers ready for a job."""
        self._greet()
        return sum(1 for worker in self._pool if worker.is_ready and worker.job is None)

    def submit(self, job: Job | DescribeJob) -> None:
        """Give a job to a ready worker."""
        for worker in self._pool:
            if worker.is_ready and worker.job is None and worker.connection is not None:
                worker.job = job
                worker.job_started = time.monotonic()
                try:
                    worker.connection.send(job)
                except (OSError, EOFError):
                    # Its death is noticed, and the job failed, at the next wait.
                    return
                return
        raise WorkerError("No worker is free.", hint="Ask free() before submit().")

    def wait(self, seconds: float) -> list[Outcome | Description]:
        """Wait for outcomes, at most this long; kill what is over its limits."""
        end = time.monotonic() + max(seconds, 0.0)
        while True:
            outcomes = self._collect()
            if outcomes or self._greet() or self._has_news():
                return outcomes
            left = min(end, self._next_check()) - time.monotonic()
            self._listen(max(left, 0.0))
            outcomes = self._collect() + self._enforce_limits()
            if outcomes or time.monotonic() >= end or self._greet() or self._has_news():
                return outcomes

    def cancel(self, trial: int) -> None:
        """Stop the jobs of a trial; they yield no outcome."""
        for worker in list(self._pool):
            if worker.job is not None and worker.job.trial == trial:
                self._replace(worker)

    def close(self) -> None:
        """Stop everything at once."""
        for worker in self._pool:
            self._dismiss(worker)
        self._pool = []
        if self._nursery is not None:
            self._lease.close()
            self._nursery = None
        if self._switchboard is not None:
            self._switchboard.close()
            self._switchboard = None

    def __enter__(self) -> LocalExecutor:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _line(self, token: str) -> dict[str, Any]:
        if self._switchboard is None:
            raise WorkerError("The executor is closed.", hint="Start a new one.")
        limit = None if self.memory == float("inf") else self.memory
        return {**self._switchboard.line(token), "memory": limit}

    def _hire(self) -> _Worker:
        token = f"worker-{next(self._numbers)}"
        worker = _Worker(token, time.monotonic())
        if self._nursery is not None:
            if not self._nursery.hire(self._line(token)):
                complaint = self._nursery.complaint()
                raise WorkerError(
                    f"The process that starts workers is gone: {complaint or 'no reason given'}.",
                    hint="Check memory and the installation of scikit-learn.",
                )
        else:
            worker.child = Child(
                "metaauto.search.executors.worker:main",
                self._line(token),
                thread_environment(self.threads),
            )
        return worker

    def _greet(self) -> bool:
        """Set up workers that have called; whether there was one."""
        if self._switchboard is None:
            return False
        greeted = False
        for worker in list(self._pool):
            if worker.connection is None:
                answer = self._switchboard.answered(worker.token)
                if answer is None:
                    self._check_start(worker)
                    continue
                worker.connection, worker.pid = answer
            if self._setup is not None and worker.set_up_at is None:
                worker.set_up_at = time.monotonic()
                # If it is dead, that is noticed when its connection is read.
                with contextlib.suppress(OSError):
                    worker.connection.send(self._setup)
                greeted = True
        return greeted

    def _has_news(self) -> bool:
        """Whether a worker has become ready since the last question."""
        news, self._is_newly_ready = self._is_newly_ready, False
        return news

    def _check_start(self, worker: _Worker) -> None:
        carrier = worker.child or self._nursery
        late = time.monotonic() - worker.started > _START_TIMEOUT
        if carrier is not None and carrier.is_alive() and not late:
            return
        self._fail_to_start(worker, carrier.complaint() if carrier is not None else "")

    def _fail_to_start(self, worker: _Worker, complaint: str) -> None:
        """Try another worker, unless nothing speaks for its faring better."""
        self._failed_starts += 1
        gone = self._nursery is not None and not self._nursery.is_alive()
        if gone or self._failed_starts >= _MAX_FAILED_STARTS:
            raise WorkerError(
                f"Worker processes do not start: {complaint or 'no reason given'}.",
                hint="Check memory and the installation of scikit-learn and plugins.",
            )
        self._replace(worker)

    def _listen(self, seconds: float) -> None:
        if self._switchboard is None:
            return
        lines: list[Any] = [w.connection for w in self._pool if w.connection is not None]
        ready = wait([*lines, self._switchboard.wake], min(seconds, 1.0))
        if self._switchboard.wake in ready:
            self._switchboard.hush()

    def _collect(self) -> list[Outcome | Description]:
        outcomes: list[Outcome | Description] = []
        for worker in list(self._pool):
            connection = worker.connection
            if connection is None:
                continue
            try:
                if not connection.poll():
                    continue
                outcome = connection.recv()
            except (EOFError, OSError):
                if worker.job is not None:
                    outcomes.append(self._obituary(worker))
                if worker.is_ready or worker.set_up_at is None:
                    self._replace(worker)
                else:
                    self._fail_to_start(worker, self._last_words(worker))
                continue
            if isinstance(outcome, SetupFailure):
                raise WorkerError(
                    f"Workers cannot be set up: {outcome.cause}",
                    hint="If a plugin or a component of yours is named, mend or exclude it.",
                )
            if isinstance(outcome, Ready):
                worker.is_ready, worker.memory = True, outcome.memory
                self._is_newly_ready = True
                self._failed_starts = 0
                continue
            worker.job = None
            outcomes.append(outcome)
        return outcomes

    def _obituary(self, worker: _Worker) -> Outcome | Description:
        """The outcome of a job whose worker died."""
        cause = self._last_words(worker)
        if "SIGKILL" in cause:
            cause += ", as systems do when memory runs out"
            return self._ended(worker, Status.MEMORY, f"{cause}.")
        return self._ended(worker, Status.CRASHED, f"{cause}.")

    def _last_words(self, worker: _Worker) -> str:
        """How a worker ended."""
        code = self._exit_code(worker)
        if code is not None and code < 0:
            return f"The worker was ended by {signal.Signals(-code).name}"
        return "The worker ended" + ("" if code is None else f" with exit code {code}")

    def _exit_code(self, worker: _Worker) -> int | None:
        if worker.child is not None:
            try:
                return worker.child.process.wait(timeout=1.0)
            except Exception:  # a process that closed its line but still runs has no code yet
                return None
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            if self._nursery is not None and worker.pid in self._nursery.endings:
                return self._nursery.endings.pop(worker.pid)
            time.sleep(0.005)
        return None

    def _ended(self, worker: _Worker, status: Status, error: str) -> Outcome | Description:
        if worker.job is None:
            raise WorkerError("A worker without a job cannot fail one.", hint="Report this.")
        return worker.job.failed(status, time.monotonic() - worker.job_started, error)

    def _next_check(self) -> float:
        """When limits must be looked at again."""
        now = time.monotonic()
        ends = [w.job_started + w.job.hard_seconds for w in self._pool if w.job is not None]
        if ends and self.memory != float("inf"):
            ends.append(now + _MEMORY_CHECK)
        return min(ends, default=float("inf"))

    def _enforce_limits(self) -> list[Outcome | Description]:
        outcomes: list[Outcome | Description] = []
        now = time.monotonic()
        check_memory = self.memory != float("inf") and now >= self._next_memory_check
        if check_memory:
            self._next_memory_check = now + _MEMORY_CHECK
        for worker in list(self._pool):
            if worker.job is None:
                continue
            if now - worker.job_started >= worker.job.hard_seconds:
                limit = worker.job.hard_seconds
                cause = f"It took longer than its {limit:.1f} s and was stopped."
                outcomes.append(self._ended(worker, Status.TIMEOUT, cause))
                self._replace(worker)
            elif check_memory and (used := _resident(worker.pid) - worker.memory) > self.memory:
                cause = (
                    f"It used {used:.0f} MiB; {self.memory:.0f} MiB are allowed a worker "
                    f"(raise --memory or lower --cores)."
                )
                outcomes.append(self._ended(worker, Status.MEMORY, cause))
                self._replace(worker)
        return outcomes

    def _dismiss(self, worker: _Worker) -> None:
        if worker.child is not None:
            worker.child.kill()
        elif worker.pid:
            kill_tree(worker.pid)
        if worker.connection is not None:
            worker.connection.close()

    def _replace(self, worker: _Worker) -> None:
        self._dismiss(worker)
        self._pool[self._pool.index(worker)] = self._hire()


def _resident(pid: int) -> float:
    """Resident memory of a process and what it started, MiB."""
    import psutil

    total = 0
    try:
        process = psutil.Process(pid)
        for member in [process, *process.children(recursive=True)]:
            total += member.memory_info().rss
    except psutil.Error:
        return total / 2**20
    return total / 2**20
