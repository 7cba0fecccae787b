"""Worker processes on this machine, with time and memory limits enforced by the parent."""

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
from metaauto.search.executors.forkserver_pool import ForkServer, discard, lease
from metaauto.search.executors.messages import DEFAULT_LIMIT, MessageReader, WrongMessage
from metaauto.search.executors.process import Child, ConnectionListener, kill_tree
from metaauto.search.executors.worker import Ready, Setup, SetupFailure
from metaauto.search.trial import Result, Status, WorkerJob
from metaauto.text import argument

__all__ = ["LocalExecutor"]

_MEMORY_CHECK = 0.2
_START_TIMEOUT = 120.0
_MAX_FAILED_STARTS = 3


@dataclass
class _Worker:
    token: str
    started: float
    child: Child | ForkServer | None = None
    connection: Connection | None = None
    reader: MessageReader | None = None
    pid: int = 0
    job: WorkerJob | None = None
    job_started: float = 0.0
    set_up_at: float | None = None
    is_ready: bool = False
    memory: float = 0.0


class LocalExecutor:
    """A pool of worker processes; a job that crashes, hangs or exceeds memory ends only its worker.

    Parameters
    ----------
    workers : int
        Number of processes.
    threads : int
        Number of threads of each process.
    memory : float
        MiB that each process may use in addition to its memory at start; infinite for no limit.
    fork : bool, optional
        Fork workers from a fork server; by default on Linux.
    memory_advice : str, optional
        What to do when a job exceeds the memory limit.
    """

    def __init__(
        self,
        workers: int,
        threads: int = 1,
        memory: float = float("inf"),
        fork: bool | None = None,
        memory_advice: str = "",
    ) -> None:
        self.workers = workers
        self.threads = threads
        self.memory = memory
        self.setup_seconds = 0.0
        self._memory_advice = memory_advice
        self._fork = sys.platform.startswith("linux") if fork is None else fork
        self._numbers = itertools.count()
        self._pool: list[_Worker] = []
        self._setup: Setup | None = None
        self._listener: ConnectionListener | None = None
        self._fork_server: ForkServer | None = None
        self._lease = contextlib.ExitStack()
        self._failed_starts = 0
        self._next_memory_check = 0.0
        self._is_newly_ready = False

    def start(self) -> None:
        """Start the workers; they import modules in the background."""
        if self._listener is not None:
            return
        self._listener = ConnectionListener()
        self._failed_starts = 0
        try:
            if self._fork:
                connect_info = self._connect_info("fork-server")
                self._fork_server = self._lease.enter_context(lease(connect_info, self.threads))
            while len(self._pool) < self.workers:
                self._pool.append(self._start_worker())
        except BaseException:
            self.close()
            raise

    def set_up(self, setup: Setup) -> None:
        """Send the workers the setup of a fit; idle workers can be set up again."""
        self.start()
        self._setup = setup
        for worker in self._pool:
            worker.set_up_at, worker.is_ready = None, False

    def free(self) -> int:
        """Return the number of workers that are ready for a job."""
        self._set_up_connected()
        return sum(1 for worker in self._pool if worker.is_ready and worker.job is None)

    def submit(self, job: WorkerJob) -> None:
        """Give a job to a ready worker."""
        for worker in self._pool:
            if worker.is_ready and worker.job is None and worker.connection is not None:
                worker.job = job
                worker.job_started = time.monotonic()
                try:
                    worker.connection.send(job)
                except (OSError, EOFError):
                    # The next wait detects that the worker has ended, and fails the job.
                    return
                return
        raise WorkerError("No worker is free.", hint="Ask free() before submit().")

    def wait(self, seconds: float) -> list[Result]:
        """Wait for outcomes, at most this long; kill jobs that exceed their limits."""
        end = time.monotonic() + max(seconds, 0.0)
        while True:
            outcomes = self._collect()
            if outcomes or self._set_up_connected() or self._take_newly_ready():
                return outcomes
            left = min(end, self._next_check()) - time.monotonic()
            self._wait_for_messages(max(left, 0.0))
            outcomes = self._collect() + self._enforce_limits()
            if (
                outcomes
                or time.monotonic() >= end
                or self._set_up_connected()
                or self._take_newly_ready()
            ):
                return outcomes

    def cancel(self, trial: int) -> None:
        """Stop the jobs of a trial; they give no outcome."""
        for worker in list(self._pool):
            if worker.job is not None and worker.job.trial == trial:
                self._replace(worker)

    def close(self) -> None:
        """Stop all workers immediately."""
        for worker in self._pool:
            self._stop_worker(worker)
        self._pool = []
        if self._fork_server is not None:
            self._lease.close()
            self._fork_server = None
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def __enter__(self) -> LocalExecutor:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _connect_info(self, token: str) -> dict[str, Any]:
        if self._listener is None:
            raise WorkerError("The executor is closed.", hint="Start a new one.")
        limit = None if self.memory == float("inf") else self.memory
        return {**self._listener.connect_info(token), "memory": limit}

    def _start_worker(self) -> _Worker:
        token = f"worker-{next(self._numbers)}"
        worker = _Worker(token, time.monotonic())
        if self._fork_server is not None:
            worker.child = self._request_fork(self._fork_server, token)
        else:
            worker.child = Child(
                "metaauto.search.executors.worker:main",
                self._connect_info(token),
                thread_environment(self.threads),
            )
        return worker

    def _request_fork(self, server: ForkServer, token: str) -> ForkServer:
        """Request a worker; return the fork server, which is a new one if the given one is lost."""
        if server.start_worker(self._connect_info(token)):
            return server
        reason = server.last_stderr_line() or "no reason given"
        self._lease.close()
        discard(server)
        self._fork_server = server = self._lease.enter_context(
            lease(self._connect_info("fork-server"), self.threads)
        )
        if not server.start_worker(self._connect_info(token)):
            raise WorkerError(
                f"The fork server of the workers has ended: {reason}.",
                hint="Check the free memory and the installation of scikit-learn.",
            )
        return server

    def _set_up_connected(self) -> bool:
        """Set up workers that have connected; return whether there was one."""
        if self._listener is None:
            return False
        has_set_up = False
        for worker in list(self._pool):
            if worker.connection is None:
                accepted = self._listener.accepted(worker.token)
                if accepted is None:
                    self._check_start(worker)
                    continue
                worker.connection, worker.pid = accepted
                worker.reader = MessageReader(worker.connection)
            elif worker.set_up_at is not None and not worker.is_ready:
                self._check_set_up(worker)
            if self._setup is not None and worker.set_up_at is None:
                worker.set_up_at = time.monotonic()
                # Reading from the connection detects a worker that has ended.
                with contextlib.suppress(OSError):
                    worker.connection.send(self._setup)
                has_set_up = True
        return has_set_up

    def _take_newly_ready(self) -> bool:
        """Return whether a worker has become ready since the last call."""
        is_newly_ready, self._is_newly_ready = self._is_newly_ready, False
        return is_newly_ready

    def _check_start(self, worker: _Worker) -> None:
        """Replace a worker that has not connected in time."""
        process = worker.child
        is_late = time.monotonic() - worker.started > _START_TIMEOUT
        if process is not None and process.is_alive() and not is_late:
            return
        self._handle_failed_start(worker, process.last_stderr_line() if process is not None else "")

    def _check_set_up(self, worker: _Worker) -> None:
        """Replace a worker that does not become ready in time."""
        if time.monotonic() - (worker.set_up_at or worker.started) > _START_TIMEOUT:
            self._handle_failed_start(worker, f"no response within {_START_TIMEOUT:.0f} s")

    def _handle_failed_start(self, worker: _Worker, reason: str) -> None:
        """Replace the worker; raise after repeated failures."""
        self._failed_starts += 1
        if self._failed_starts >= _MAX_FAILED_STARTS:
            raise WorkerError(
                f"Worker processes do not start: {reason or 'no reason given'}.",
                hint="Check the free memory and the installation of scikit-learn and plugins.",
            )
        self._replace(worker)

    def _wait_for_messages(self, seconds: float) -> None:
        if self._listener is None:
            return
        connections: list[Any] = [w.connection for w in self._pool if w.connection is not None]
        ready = wait([*connections, self._listener.wake], min(seconds, 1.0))
        if self._listener.wake in ready:
            self._listener.clear_wake()

    def _collect(self) -> list[Result]:
        outcomes: list[Result] = []
        for worker in list(self._pool):
            if worker.reader is None:
                continue
            try:
                for message in worker.reader.receive(self._limit(worker)):
                    outcomes += self._take(worker, message)
            except WrongMessage as error:
                outcomes += self._end(worker, f"The worker sent a wrong message: {error}")
            except (EOFError, OSError):
                outcomes += self._end(worker, "")
        return outcomes

    @staticmethod
    def _limit(worker: _Worker) -> int:
        return DEFAULT_LIMIT if worker.job is None else worker.job.max_bytes

    def _take(self, worker: _Worker, message: Any) -> list[Result]:
        """Return the result in a message; raise `WrongMessage` if it is not expected."""
        if isinstance(message, SetupFailure) and not worker.is_ready:
            raise WorkerError(
                f"Workers cannot be set up: {message.cause}",
                hint="If the message names a plugin or component of yours, fix or exclude it.",
            )
        if isinstance(message, Ready) and worker.set_up_at is not None and not worker.is_ready:
            worker.is_ready, worker.memory = True, message.memory
            self.setup_seconds = time.monotonic() - worker.set_up_at
            self._is_newly_ready = True
            self._failed_starts = 0
            return []
        if worker.job is None or not worker.job.accepts(message):
            raise WrongMessage(f"an unexpected {type(message).__name__}")
        worker.job = None
        return [message]

    def _end(self, worker: _Worker, cause: str) -> list[Result]:
        """Replace a worker that has ended or is of no use; return the failure of its job."""
        outcomes = []
        if worker.job is not None:
            failed = self._failed_outcome(worker, Status.CRASHED, f"{cause}.")
            outcomes.append(failed if cause else self._crash_outcome(worker))
        if worker.is_ready or worker.set_up_at is None:
            self._replace(worker)
        else:
            self._handle_failed_start(worker, cause or self._exit_message(worker))
        return outcomes

    def _crash_outcome(self, worker: _Worker) -> Result:
        """Return the outcome of a job whose worker process ended."""
        cause = self._exit_message(worker)
        if "SIGKILL" in cause:
            cause += ", probably because the system ran out of memory"
            return self._failed_outcome(worker, Status.MEMORY, f"{cause}.")
        return self._failed_outcome(worker, Status.CRASHED, f"{cause}.")

    def _exit_message(self, worker: _Worker) -> str:
        """Return a description of how a worker process ended."""
        code = self._exit_code(worker)
        if code is not None and code < 0:
            return f"The worker was killed by {signal.Signals(-code).name}"
        return "The worker ended" + ("" if code is None else f" with exit code {code}")

    def _exit_code(self, worker: _Worker) -> int | None:
        if isinstance(worker.child, Child):
            try:
                return worker.child.process.wait(timeout=1.0)
            except Exception:  # the process has closed its connection but is still running
                return None
        end = time.monotonic() + 0.5
        while worker.child is not None and time.monotonic() < end:
            if worker.pid in worker.child.exit_codes:
                return worker.child.exit_codes.pop(worker.pid)
            time.sleep(0.005)
        return None

    def _failed_outcome(self, worker: _Worker, status: Status, error: str) -> Result:
        if worker.job is None:
            raise WorkerError("The worker has no job.", hint="Report this as a bug.")
        return worker.job.failed(status, time.monotonic() - worker.job_started, error)

    def _next_check(self) -> float:
        """Return the time at which limits must be checked again."""
        now = time.monotonic()
        ends = [w.job_started + w.job.hard_seconds for w in self._pool if w.job is not None]
        if ends and self.memory != float("inf"):
            ends.append(now + _MEMORY_CHECK)
        return min(ends, default=float("inf"))

    def _enforce_limits(self) -> list[Result]:
        outcomes: list[Result] = []
        now = time.monotonic()
        check_memory = self.memory != float("inf") and now >= self._next_memory_check
        if check_memory:
            self._next_memory_check = now + _MEMORY_CHECK
        for worker in list(self._pool):
            if worker.job is None:
                continue
            if now - worker.job_started >= worker.job.hard_seconds:
                limit = worker.job.hard_seconds
                cause = f"Stopped: it exceeded the time limit of {limit:.1f} s."
                outcomes.append(self._failed_outcome(worker, Status.TIMEOUT, cause))
                self._replace(worker)
            elif check_memory and (used := _resident(worker.pid) - worker.memory) > self.memory:
                advice = f"raise {argument('memory')} or lower {argument('cores')}"
                cause = (
                    f"It used {used:.0f} MiB; the limit is {self.memory:.0f} MiB per worker "
                    f"({self._memory_advice or advice})."
                )
                outcomes.append(self._failed_outcome(worker, Status.MEMORY, cause))
                self._replace(worker)
        return outcomes

    def _stop_worker(self, worker: _Worker) -> None:
        if isinstance(worker.child, Child):
            worker.child.kill()
        elif worker.pid:
            kill_tree(worker.pid)
        if worker.connection is not None:
            worker.connection.close()

    def _replace(self, worker: _Worker) -> None:
        self._stop_worker(worker)
        self._pool[self._pool.index(worker)] = self._start_worker()


def _resident(pid: int) -> float:
    """Return the resident memory of a process and its children, MiB."""
    import psutil

    total = 0
    try:
        process = psutil.Process(pid)
        for member in [process, *process.children(recursive=True)]:
            total += member.memory_info().rss
    except psutil.Error:
        return total / 2**20
    return total / 2**20
