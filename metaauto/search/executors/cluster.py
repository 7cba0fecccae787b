"""Run jobs on the workers of a Dask cluster."""

from __future__ import annotations

import contextlib
import itertools
import queue
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from metaauto.errors import WorkerError
from metaauto.files import write_whole
from metaauto.search.executors import dask_worker
from metaauto.search.executors.worker import Setup
from metaauto.search.trial import Result, Status, WorkerJob

__all__ = ["DaskExecutor"]

_CONNECT_SECONDS = 15.0
_CHECK_SECONDS = 1.0
_NO_WORKER_SECONDS = 60.0
_MAX_ATTEMPTS = 3
_MAX_LOST = 9


@dataclass(frozen=True)
class _Attempt:
    """A submission of a job to the cluster; a lost job is submitted again."""

    future: Any
    job: WorkerJob
    number: int
    started: float


class DaskExecutor:
    """Runs jobs on a Dask cluster, each in a process with hard limits of time and memory.

    The table is sent to the workers, and predictions and models are sent back: no shared disk is
    needed. The workers need the same versions of metaauto and its plugins. Jobs of a lost worker
    run again on others, at most twice; workers that join later are used.

    Parameters
    ----------
    address : str
        Address of the scheduler, such as ``tcp://host:8786``.
    memory : float
        MiB that each job may use; infinite for no limit.

    Raises
    ------
    WorkerError
        From `start`: if no scheduler responds, or the workers lack metaauto or have another
        version of it.
    """

    def __init__(self, address: str, memory: float = float("inf")) -> None:
        self.address = address
        self.memory = memory
        self.workers = 1
        self.setup_seconds = 0.0
        self._name = uuid.uuid4().hex
        self._client: Any = None
        self._setup: Setup | None = None
        self._packed_table = b""
        self._data: Any = None
        self._table = -1
        self._cancelled: set[str] = set()
        self._numbers = itertools.count()
        self._running: dict[str, _Attempt] = {}
        self._ended: queue.Queue[str] = queue.Queue()
        self._last_check = self._last_worker_seen = 0.0
        self._lost = 0

    def start(self) -> None:
        """Connect to the scheduler and compare the versions of its workers."""
        if self._client is not None:
            return
        from distributed import Client

        try:
            self._client = Client(self.address, timeout=_CONNECT_SECONDS, set_as_default=False)
        except (OSError, TimeoutError, ValueError, ImportError) as error:
            raise WorkerError(
                f"No Dask scheduler responds at {self.address!r}: {_first_line(error)}",
                hint="Start one with `dask scheduler` and pass the address that it prints.",
            ) from error
        self._last_worker_seen = time.monotonic()
        try:
            self._compare_versions()
            self._check_workers()
        except BaseException:
            self.close()
            raise

    def set_up(self, setup: Setup) -> None:
        """Send the table to the workers."""
        self.start()
        self._setup = setup
        self._table += 1
        self._packed_table = dask_worker.pack_folder(Path(setup.folder) / "data")
        self._broadcast_table()

    def free(self) -> int:
        """Return the number of jobs that can start now."""
        if time.monotonic() - self._last_check > _CHECK_SECONDS:
            self._check_workers()
        return max(self.workers - len(self._running), 0) if self._data is not None else 0

    def submit(self, job: WorkerJob) -> None:
        """Send a job to the cluster."""
        self._send(job, 1)

    def _send(self, job: WorkerJob, number: int) -> None:
        if self._setup is None or self._data is None:
            raise WorkerError("The executor has no table.", hint="Call set_up() first.")
        if self._data.status != "finished":
            self._broadcast_table()
        key = f"metaauto-{self._name}-{next(self._numbers)}"
        remote = dask_worker.RemoteJob(self._name, self._table, self._setup, job, self.memory)
        future = self._client.submit(
            dask_worker.run, remote, self._data, key=key, pure=False, retries=0
        )
        self._running[key] = _Attempt(future, job, number, time.monotonic())
        future.add_done_callback(lambda done: self._ended.put(done.key))

    def wait(self, seconds: float) -> list[Result]:
        """Wait for outcomes, at most this long."""
        outcomes: list[Result] = []
        end = time.monotonic() + max(seconds, 0.0)
        while not outcomes:
            try:
                key = self._ended.get(timeout=max(end - time.monotonic(), 0.0))
            except queue.Empty:
                break
            outcomes += self._outcome(key)
            while not self._ended.empty():
                outcomes += self._outcome(self._ended.get_nowait())
        return outcomes

    def cancel(self, trial: int) -> None:
        """Stop the jobs of a trial; they give no outcome."""
        attempts = [a for a in self._running.values() if a.job.trial == trial]
        if attempts:
            self._client.run(dask_worker.cancel, self._name, trial)
        for attempt in attempts:
            # A pending job is cancelled here; a running one is stopped by its worker.
            if attempt.future.status == "pending":
                self._cancelled.add(attempt.future.key)
                attempt.future.cancel()

    def ask(self, function: Callable[[], Any]) -> list[Any]:
        """Call a function on every worker and return the results; workers must import it."""
        self.start()
        self._wait_for_workers()
        return list(self._client.run(function).values())

    def close(self) -> None:
        """Stop all jobs of this search; the cluster keeps running."""
        client, self._client = self._client, None
        if client is None:
            return
        for attempt in self._running.values():
            with contextlib.suppress(Exception):
                attempt.future.cancel()
        self._running = {}
        self._data = None
        try:
            # If the cluster has ended, there is nothing to stop.
            with contextlib.suppress(Exception):
                client.run(dask_worker.close, self._name, on_error="ignore")
        finally:
            client.close()

    def __enter__(self) -> DaskExecutor:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _compare_versions(self) -> None:
        try:
            found = self._client.run(dask_worker.version)
        except Exception as error:
            raise WorkerError(
                f"Workers of {self.address} cannot run metaauto: {_first_line(error)}",
                hint="Install the same metaauto and plugins where they run.",
            ) from error
        own = dask_worker.version()
        for worker, version in found.items():
            if version != own:
                raise WorkerError(
                    f"Worker {worker} of {self.address} has metaauto {version}, expected {own}.",
                    hint="Install the same metaauto and plugins where they run.",
                )

    def _check_workers(self) -> None:
        """Count the workers' threads; raise if there has been no worker for too long."""
        self._last_check = time.monotonic()
        self.workers = sum(self._client.nthreads().values())
        if self.workers:
            self._last_worker_seen = self._last_check
        elif self._last_check - self._last_worker_seen > _NO_WORKER_SECONDS:
            raise WorkerError(
                f"The Dask scheduler at {self.address} has had no worker for "
                f"{_NO_WORKER_SECONDS:.0f} s.",
                hint=f"Start some with `dask worker {self.address}`.",
            )

    def _broadcast_table(self) -> None:
        """Send the table to every worker; needed again when all workers that hold it are lost."""
        self._wait_for_workers()
        self._data = self._client.scatter(self._packed_table, broadcast=True, hash=False)

    def _wait_for_workers(self) -> None:
        self._check_workers()
        while not self.workers:
            time.sleep(_CHECK_SECONDS)
            self._check_workers()

    def _outcome(self, key: str) -> list[Result]:
        """Write the files of a finished job and return its outcome; empty if cancelled."""
        attempt = self._running.pop(key)
        if key in self._cancelled:
            self._cancelled.discard(key)
            return []
        try:
            result = attempt.future.result()
        except Exception as error:
            return self._retry_or_fail(attempt, error)
        if result is None or self._setup is None:
            return []
        self._lost = 0
        for name, content in result.files.items():
            write_whole(Path(self._setup.folder) / name, partial(_write_bytes, content))
        return [result.outcome]

    def _retry_or_fail(self, attempt: _Attempt, error: Exception) -> list[Result]:
        """Submit a job whose worker was lost again, or return a failure after several attempts."""
        if isinstance(error, WorkerError):
            raise error
        self._lost += 1
        if self._lost >= _MAX_LOST:
            raise WorkerError(
                f"Jobs are lost on the Dask cluster {self.address}: {_first_line(error)}",
                hint="Check the logs of its workers.",
            ) from error
        if attempt.number < _MAX_ATTEMPTS:
            self._send(attempt.job, attempt.number + 1)
            return []
        cause = f"Its Dask worker did not respond: {_first_line(error)}"
        seconds = time.monotonic() - attempt.started
        return [attempt.job.failed(Status.CRASHED, seconds, cause)]


def _write_bytes(content: bytes, file: IO[bytes]) -> None:
    file.write(content)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
