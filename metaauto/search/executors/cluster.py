"""Jobs on the workers of a Dask cluster."""

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
from metaauto.search.trial import DescribeJob, Description, Job, Outcome, Status

__all__ = ["DaskExecutor"]

_CONNECT_SECONDS = 15.0
_LOOK_AGAIN = 1.0
_ALONE_SECONDS = 60.0
_MOST_ATTEMPTS = 3
_MOST_LOST = 9


@dataclass(frozen=True)
class _Attempt:
    """A job on the cluster, for the first time or again."""

    future: Any
    job: Job | DescribeJob
    number: int
    began: float


class DaskExecutor:
    """Runs jobs on a Dask cluster, each in a process with hard limits of time and memory.

    The table is sent to the workers, and predictions and models come back: no disk is shared. The
    workers need the same versions of metaauto and its plugins. The jobs of a worker that is lost
    are done by others, twice at most; workers that join later are used.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``tcp://host:8786``.
    memory : float
        MiB that each job may use; infinite for no limit.

    Raises
    ------
    WorkerError
        From `start`: if no scheduler answers, or its workers have no metaauto or another one.
    """

    def __init__(self, address: str, memory: float = float("inf")) -> None:
        self.address = address
        self.memory = memory
        self.workers = 1
        self._name = uuid.uuid4().hex
        self._client: Any = None
        self._setup: Setup | None = None
        self._packed = b""
        self._data: Any = None
        self._table = -1
        self._cancelled: set[str] = set()
        self._numbers = itertools.count()
        self._running: dict[str, _Attempt] = {}
        self._ended: queue.Queue[str] = queue.Queue()
        self._looked = self._had_workers = 0.0
        self._lost = 0

    def start(self) -> None:
        """Connect to the scheduler, and look what its workers have installed."""
        if self._client is not None:
            return
        from distributed import Client

        try:
            self._client = Client(self.address, timeout=_CONNECT_SECONDS, set_as_default=False)
        except (OSError, TimeoutError, ValueError, ImportError) as error:
            raise WorkerError(
                f"No Dask scheduler answers at {self.address!r}: {_first_line(error)}",
                hint="Start one with `dask scheduler`, and give the address that it prints.",
            ) from error
        self._had_workers = time.monotonic()
        try:
            self._compare_versions()
            self._look()
        except BaseException:
            self.close()
            raise

    def set_up(self, setup: Setup) -> None:
        """Send the table to the workers."""
        self.start()
        self._setup = setup
        self._table += 1
        self._packed = dask_worker.packed(Path(setup.folder) / "data")
        self._spread()

    def free(self) -> int:
        """Number of jobs that could start at once."""
        if time.monotonic() - self._looked > _LOOK_AGAIN:
            self._look()
        return max(self.workers - len(self._running), 0) if self._data is not None else 0

    def submit(self, job: Job | DescribeJob) -> None:
        """Send a job to the cluster."""
        self._send(job, 1)

    def _send(self, job: Job | DescribeJob, number: int) -> None:
        if self._setup is None or self._data is None:
            raise WorkerError("The executor knows no table.", hint="Call set_up() first.")
        if self._data.status != "finished":
            self._spread()
        key = f"metaauto-{self._name}-{next(self._numbers)}"
        order = dask_worker.Order(self._name, self._table, self._setup, job, self.memory)
        future = self._client.submit(
            dask_worker.run, order, self._data, key=key, pure=False, retries=0
        )
        self._running[key] = _Attempt(future, job, number, time.monotonic())
        future.add_done_callback(lambda done: self._ended.put(done.key))

    def wait(self, seconds: float) -> list[Outcome | Description]:
        """Wait for outcomes, at most this long."""
        outcomes: list[Outcome | Description] = []
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
        """Stop the jobs of a trial; they yield no outcome."""
        attempts = [a for a in self._running.values() if a.job.trial == trial]
        if attempts:
            self._client.run(dask_worker.cancel, self._name, trial)
        for attempt in attempts:
            # What has not begun never will; what has is stopped by its worker.
            if attempt.future.status == "pending":
                self._cancelled.add(attempt.future.key)
                attempt.future.cancel()

    def ask(self, function: Callable[[], Any]) -> list[Any]:
        """Call a function that workers can import on each of them; what they answer."""
        self.start()
        self._await_workers()
        return list(self._client.run(function).values())

    def close(self) -> None:
        """Stop everything of this search; the cluster stays."""
        client, self._client = self._client, None
        if client is None:
            return
        for attempt in self._running.values():
            with contextlib.suppress(Exception):
                attempt.future.cancel()
        self._running = {}
        self._data = None
        try:
            # A cluster that is gone has nothing left to stop.
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
                    f"Worker {worker} of {self.address} has metaauto {version}, this is {own}.",
                    hint="Install the same metaauto and plugins where they run.",
                )

    def _look(self) -> None:
        """Count the workers' threads, and mind how long there was none."""
        self._looked = time.monotonic()
        self.workers = sum(self._client.nthreads().values())
        if self.workers:
            self._had_workers = self._looked
        elif self._looked - self._had_workers > _ALONE_SECONDS:
            raise WorkerError(
                f"The Dask scheduler at {self.address} has had no worker for "
                f"{_ALONE_SECONDS:.0f} s.",
                hint=f"Start some with `dask worker {self.address}`.",
            )

    def _spread(self) -> None:
        """Have the table on every worker; it is lost when all that had it are."""
        self._await_workers()
        self._data = self._client.scatter(self._packed, broadcast=True, hash=False)

    def _await_workers(self) -> None:
        self._look()
        while not self.workers:
            time.sleep(_LOOK_AGAIN)
            self._look()

    def _outcome(self, key: str) -> list[Outcome | Description]:
        """What came of a job, its files written; nothing if it was cancelled."""
        attempt = self._running.pop(key)
        if key in self._cancelled:
            self._cancelled.discard(key)
            return []
        try:
            parcel = attempt.future.result()
        except Exception as error:
            return self._lose(attempt, error)
        if parcel is None or self._setup is None:
            return []
        self._lost = 0
        for name, content in parcel.files.items():
            write_whole(Path(self._setup.folder) / name, partial(_fill, content))
        return [parcel.outcome]

    def _lose(self, attempt: _Attempt, error: Exception) -> list[Outcome | Description]:
        """Have a job done again whose worker could not tell of it, or give it up."""
        if isinstance(error, WorkerError):
            raise error
        self._lost += 1
        if self._lost >= _MOST_LOST:
            raise WorkerError(
                f"Jobs are lost on the Dask cluster {self.address}: {_first_line(error)}",
                hint="Look at the logs of its workers.",
            ) from error
        if attempt.number < _MOST_ATTEMPTS:
            self._send(attempt.job, attempt.number + 1)
            return []
        cause = f"Its Dask worker did not answer: {_first_line(error)}"
        seconds = time.monotonic() - attempt.began
        return [attempt.job.failed(Status.CRASHED, seconds, cause)]


def _fill(content: bytes, file: IO[bytes]) -> None:
    file.write(content)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
