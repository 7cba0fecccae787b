"""Run jobs on the workers of a Dask cluster."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import queue
import statistics
import time
import uuid
import warnings
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from metaauto.errors import SettingError, WorkerError
from metaauto.files import write_whole
from metaauto.plugins.manager import PluginSettings
from metaauto.search.executors import dask_worker
from metaauto.search.executors.worker import Setup
from metaauto.search.trial import Result, Status, WorkerJob
from metaauto.text import argument, counted

__all__ = ["DaskExecutor"]

_CONNECT_SECONDS = 15.0
_SURVEY_SECONDS = 60.0
_WATCH_SECONDS = 0.5
_POLL_SECONDS = 0.1
_SILENT_SECONDS = 60.0
_CLOSE_SECONDS = 2.0
_MAX_ATTEMPTS = 3
_MAX_ERRORS = 9
_LOGGERS = ("distributed", "distributed.client", "tornado", "tornado.application", "asyncio")
_HINT = "Install the same metaauto, plugins and Python where they run."


@dataclass(frozen=True)
class _Attempt:
    """A submission of a job to a worker; a lost job is submitted again."""

    future: Any
    fetching: Future[None]
    worker: str
    job: WorkerJob
    number: int
    started: float

    def drop(self) -> None:
        """Release the task without waiting; its worker sees it, and stops the process of the job.

        Cancelling it would wait for the scheduler.
        """
        self.fetching.cancel()
        self.future.release()


class DaskExecutor:
    """Runs jobs on a Dask cluster, each in a process with hard limits of time and memory.

    The table is sent once to each worker, and predictions and models are sent back: no shared disk
    is needed. Each job is assigned to one worker. Jobs of a lost worker run again on others, at
    most twice; workers that join later are used if they have the same versions of metaauto and its
    plugins. No method waits for the cluster, except for `start` and `wait_for_workers`.

    Parameters
    ----------
    cluster : str, Client or cluster
        Address of the scheduler, such as ``tcp://host:8786``, or a client or cluster of Dask, of
        which only address and credentials are used.
    memory : float, optional
        MiB that each job may use; by default the memory limit of its Dask worker, divided by the
        threads of the worker.
    cores : int, optional
        Largest number of jobs at the same time; by default one for each thread of the workers.
    plugins : PluginSettings, optional
        Which of the plugins that are installed here workers must have; by default all.
    warn : callable
        Called with messages for the user.

    Raises
    ------
    SettingError
        `cluster` is none of these.
    WorkerError
        From `start`: no scheduler responds, or the workers lack metaauto or a plugin, or have other
        versions. From other methods: the scheduler is lost.
    """

    def __init__(
        self,
        cluster: Any,
        memory: float | None = None,
        cores: int | None = None,
        plugins: PluginSettings | None = None,
        warn: Callable[[str], None] = lambda message: None,
    ) -> None:
        self.address, self._security = _connection(cluster)
        self.setup_seconds = 0.0
        self._memory = memory
        self._cores = cores
        self._plugins = plugins or PluginSettings()
        self._warn = warn
        self._name = uuid.uuid4().hex
        self._numbers = itertools.count()
        self._client: Any = None
        self._stack = contextlib.ExitStack()
        self._setup: Setup | None = None
        self._running: dict[str, _Attempt] = {}
        self._waiting: list[tuple[WorkerJob, int]] = []
        self._ended: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._failures: list[Result] = []
        self._watching: list[Future[None]] = []
        self._errors = 0
        self._has_warned_of_outage = False
        # The event loop of the client sets what follows.
        self._data: Any = None
        self._table: dask_worker.Table | None = None
        self._listed: dict[str, int] = {}
        self._threads: dict[str, int] = {}
        self._ready: dict[str, int] = {}
        self._speeds: dict[str, float] = {}
        self._problems: queue.Queue[str] = queue.Queue()
        self._refused: set[str] = set()
        self._last_answer = 0.0
        self._has_new_table = asyncio.Event()

    @property
    def workers(self) -> int:
        """Number of jobs that can run at the same time, now."""
        threads = sum((self._threads if self._table is None else self._ready).values())
        return threads if self._cores is None else min(threads, self._cores)

    @property
    def speed(self) -> float | None:
        """Median speed of the workers, see `calibrate`; None without a worker."""
        return statistics.median(self._speeds.values()) if self._speeds else None

    def start(self) -> None:
        """Connect to the scheduler and compare the versions of its workers."""
        if self._client is not None:
            return
        from distributed import Client

        self._stack.enter_context(_silent_logs())
        try:
            self._client = Client(
                self.address,
                security=self._security,
                timeout=_CONNECT_SECONDS,
                set_as_default=False,
            )
            self._last_answer = time.monotonic()
            # Workers that do not answer yet are asked again.
            with contextlib.suppress(TimeoutError):
                self._client.sync(self._survey_workers, callback_timeout=_CONNECT_SECONDS)
            if not self._problems.empty():
                raise WorkerError(self._problems.get(), hint=_HINT)
            self._watching = [
                self._in_loop(forever()) for forever in (self._watch_workers, self._admit_workers)
            ]
        except (OSError, TimeoutError, ValueError, ImportError) as error:
            self.close()
            raise WorkerError(
                f"No Dask scheduler responds at {self.address!r}: {_first_line(error)}",
                hint="Start one with `dask scheduler` and pass the address that it prints.",
            ) from error
        except BaseException:
            self.close()
            raise

    def set_up(self, setup: Setup) -> None:
        """Send the table to the workers, in the background."""
        self.start()
        self._setup = setup
        packed = dask_worker.pack_folder(Path(setup.folder) / "data")
        self._drop_jobs()
        self._client.sync(self._replace_table, dask_worker.Table(packed, setup, self._memory))

    def free(self) -> int:
        """Return the number of jobs that can start now."""
        self._update()
        return max(self.workers - len(self._running) - len(self._waiting), 0) if self._ready else 0

    def submit(self, job: WorkerJob) -> None:
        """Send a job to the cluster."""
        if self._setup is None:
            raise WorkerError("The executor has no table.", hint="Call set_up() first.")
        self._send(job, 1)

    def wait(self, seconds: float) -> list[Result]:
        """Wait for outcomes, at most this long."""
        outcomes: list[Result] = []
        end = time.monotonic() + max(seconds, 0.0)
        while True:
            self._update()
            outcomes += self._failures
            self._failures = []
            left = end - time.monotonic()
            if outcomes or left <= 0:
                return outcomes
            with contextlib.suppress(queue.Empty):
                outcomes += self._outcome(*self._ended.get(timeout=min(left, _POLL_SECONDS)))
            while not self._ended.empty():
                outcomes += self._outcome(*self._ended.get_nowait())

    def cancel(self, trial: int) -> None:
        """Stop the jobs of a trial; they give no outcome."""
        self._waiting = [(job, n) for job, n in self._waiting if job.trial != trial]
        for key in [key for key, attempt in self._running.items() if attempt.job.trial == trial]:
            self._running.pop(key).drop()

    def wait_for_workers(self) -> None:
        """Wait until there is a worker, however long it takes."""
        self.start()
        while not self.workers:
            self._update()
            time.sleep(_POLL_SECONDS)

    def close(self) -> None:
        """Stop all jobs of this search; the cluster keeps running."""
        client, self._client = self._client, None
        for watching in self._watching:
            watching.cancel()
        self._drop_jobs()
        # Workers release a table that no client holds.
        self._ready, self._data = {}, None
        with self._stack:
            if client is not None:
                # A scheduler that is lost has nothing to stop.
                with contextlib.suppress(OSError, TimeoutError):
                    client.close(timeout=_CLOSE_SECONDS)

    def __enter__(self) -> DaskExecutor:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The event loop of the client.

    def _in_loop(self, coroutine: Coroutine[Any, Any, None]) -> Future[None]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._client.loop.asyncio_loop)

    async def _replace_table(self, table: dask_worker.Table) -> None:
        self._ready, self._data, self._table = {}, None, table
        self._has_new_table.set()

    async def _watch_workers(self) -> None:
        """Remove lost workers; a call that fails is repeated until `_update` notices it."""
        while True:
            with contextlib.suppress(Exception):
                await self._list_workers()
            await asyncio.sleep(_WATCH_SECONDS)

    async def _admit_workers(self) -> None:
        """Compare the versions of new workers, and send them the table."""
        while True:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self._survey_workers(), _SURVEY_SECONDS)
                await self._send_table()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._has_new_table.wait(), _WATCH_SECONDS)
            self._has_new_table.clear()

    async def _list_workers(self) -> None:
        self._listed = dict(await self._client.nthreads())
        self._last_answer = time.monotonic()
        self._refused &= self._listed.keys()
        self._speeds = {a: s for a, s in self._speeds.items() if a in self._listed}
        self._ready = {a: n for a, n in self._ready.items() if a in self._listed}
        self._threads = {a: n for a, n in self._listed.items() if a in self._speeds}

    async def _survey_workers(self) -> None:
        await self._list_workers()
        known = {*self._speeds, *self._refused}
        new = [address for address in self._listed if address not in known]
        if new:
            found = await self._client.run(dask_worker.survey, workers=new, on_error="return")
            self._compare(found)
            await self._list_workers()

    def _compare(self, found: dict[str, Any]) -> None:
        own = dask_worker.versions(self._plugins)
        for address, answer in found.items():
            if isinstance(answer, Exception):
                # A worker that was lost meanwhile is asked again if it comes back.
                if isinstance(answer, OSError):
                    continue
                problem = f"cannot run metaauto: {type(answer).__name__}: {_first_line(answer)}"
            else:
                versions, self._speeds[address] = answer
                problem = dask_worker.differences(own, versions)
            if problem:
                self._refused.add(address)
                self._speeds.pop(address, None)
                self._problems.put(f"Worker {address} of the Dask cluster {problem}.")

    async def _send_table(self) -> None:
        """Send the table to the workers that lack it; again if all that held it are lost."""
        table, data = self._table, self._data
        missing = [a for a in self._threads if a not in self._ready]
        if table is None or not missing:
            return
        if data is None or data.status != "finished":
            data = await self._client.scatter(table, workers=missing[:1], hash=False)
            if table is not self._table:
                return
            self._data, self._ready = data, {missing[0]: self._threads[missing[0]]}
            missing = missing[1:]
        if missing:
            await self._client.replicate([data], workers=missing)
        if table is self._table:
            found = {a: n for a, n in self._threads.items() if a in missing}
            self._ready = {**self._ready, **found}

    async def _fetch(self, future: Any) -> None:
        """Queue the result of a task, or its error, when it has ended."""
        try:
            result = await future.result()
        except (Exception, asyncio.CancelledError) as error:
            result = error
        self._ended.put((future.key, result))

    # The thread of the search.

    def _update(self) -> None:
        """React to what changed on the cluster, and repeat jobs that were lost."""
        client = self._client
        silent = time.monotonic() - self._last_answer
        if client is None or client.status != "running" or silent > _SILENT_SECONDS:
            raise self._lost_scheduler()
        while not self._problems.empty():
            self._warn(f"{self._problems.get()} It is not used.")
        if self.workers:
            self._has_warned_of_outage = False
        elif not self._threads and not self._has_warned_of_outage:
            self._has_warned_of_outage = True
            self._warn(
                f"The Dask cluster {self.address} has no usable worker; waiting for one to join."
            )
        for key, attempt in list(self._running.items()):
            if attempt.worker not in self._ready:
                del self._running[key]
                self._failures += self._repeat(attempt, "it was lost")
        waiting, self._waiting = self._waiting, []
        for job, number in waiting:
            self._send(job, number)

    def _drop_jobs(self) -> None:
        for attempt in self._running.values():
            attempt.drop()
        self._running, self._waiting = {}, []

    def _send(self, job: WorkerJob, number: int) -> None:
        """Submit a job to the worker with the most free threads, or keep it until there is one."""
        used = Counter(attempt.worker for attempt in self._running.values())
        ready = self._ready
        worker = max(ready, key=lambda address: ready[address] - used[address], default=None)
        if worker is None or self._data is None:
            self._waiting.append((job, number))
            return
        key = f"metaauto-{self._name}-{next(self._numbers)}"
        future = self._client.submit(
            dask_worker.run, job, self._data, key=key, workers=[worker], pure=False, retries=0
        )
        fetching = self._in_loop(self._fetch(future))
        self._running[key] = _Attempt(future, fetching, worker, job, number, time.monotonic())

    def _outcome(self, key: str, result: Any) -> list[Result]:
        """Write the files of a finished job and return its outcome; empty if cancelled."""
        attempt = self._running.pop(key, None)
        if attempt is None or self._setup is None:
            return []
        if isinstance(result, dask_worker.RemoteResult):
            attempt.drop()
            self._errors = 0
            for name, content in result.files.items():
                write_whole(Path(self._setup.folder) / name, partial(_write_bytes, content))
            return [result.outcome]
        if isinstance(result, WorkerError):
            raise result
        if _is_loss(result):
            # The list of workers may not show it yet.
            self._ready = {a: n for a, n in self._ready.items() if a != attempt.worker}
            return self._repeat(attempt, _first_line(result))
        self._errors += 1
        cause = f"{type(result).__name__}: {_first_line(result)}"
        if self._errors >= _MAX_ERRORS:
            raise WorkerError(
                f"Jobs fail on the Dask cluster {self.address}: {cause}",
                hint="Check the logs of its workers.",
            )
        return self._repeat(attempt, cause)

    def _repeat(self, attempt: _Attempt, cause: str) -> list[Result]:
        """Submit a job again, or return its failure after several attempts."""
        attempt.drop()
        if attempt.number < _MAX_ATTEMPTS:
            self._send(attempt.job, attempt.number + 1)
            return []
        seconds = time.monotonic() - attempt.started
        times = counted(attempt.number, "time")
        error = f"Its Dask worker failed {times}, at last: {cause}."
        return [attempt.job.failed(Status.CRASHED, seconds, error)]

    def _lost_scheduler(self) -> WorkerError:
        return WorkerError(
            f"The Dask scheduler at {self.address} is lost.",
            hint="Check its log, and start it again.",
        )


def _connection(cluster: Any) -> tuple[str, Any]:
    """Return address and credentials of a scheduler, its client or its cluster."""
    if isinstance(cluster, str) and cluster:
        return cluster, None
    address = getattr(cluster, "scheduler_address", None)
    if address is None:
        address = getattr(getattr(cluster, "scheduler", None), "address", None)
    if not isinstance(address, str) or not address:
        raise SettingError(
            f"Invalid {argument('dask')}: expected the address of a scheduler, a Client or a "
            f"cluster of Dask, got {type(cluster).__name__}.",
            hint="Pass an address such as tcp://host:8786, or a connected Client.",
        )
    return address, getattr(cluster, "security", None)


@contextlib.contextmanager
def _silent_logs() -> Iterator[None]:
    """Keep the log lines of Dask from the terminal; `DaskExecutor` reports what matters."""
    from distributed.versions import VersionMismatchWarning

    # Its table of versions is replaced by `differences`; it is raised in another thread.
    warnings.filterwarnings("ignore", category=VersionMismatchWarning)

    def silence(record: logging.LogRecord) -> bool:
        return False

    loggers = [logging.getLogger(name) for name in _LOGGERS]
    places = [*loggers, *(handler for logger in loggers for handler in logger.handlers)]
    for place in places:
        place.addFilter(silence)
    try:
        yield
    finally:
        for place in places:
            place.removeFilter(silence)


def _is_loss(error: Any) -> bool:
    """Return whether an error, or the lack of a result, means that the worker of a job is lost."""
    from concurrent.futures import CancelledError

    from distributed import KilledWorker

    losses = (CancelledError, asyncio.CancelledError, KilledWorker, OSError)
    return error is None or isinstance(error, losses)


def _write_bytes(content: bytes, file: IO[bytes]) -> None:
    file.write(content)


def _first_line(error: Any) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
