"""Functions that the workers of a Dask cluster run for a search.

Each thread of a Dask worker runs its jobs in a separate process, so that jobs have the same time
and memory limits as on one machine and a crash does not end the Dask worker.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import platform
import tarfile
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from metaauto.errors import WorkerError
from metaauto.files import PREFIX, TemporaryFolder, remove_abandoned
from metaauto.plugins.manager import GROUP, PluginSettings
from metaauto.search.executors.local import LocalExecutor
from metaauto.search.executors.worker import Setup
from metaauto.search.trial import JointOutcome, Outcome, Result, WorkerJob

__all__ = ["RemoteResult", "Table", "differences", "pack_folder", "run", "survey", "versions"]

_POLL_SECONDS = 0.2
_MEMORY_SHARE = 0.85
_PACKAGES = ("metaauto", "scikit-learn", "numpy", "pandas", "scipy", "pyarrow", "cloudpickle")
_ALL_PLUGINS = PluginSettings()
_ADVICE = "give the Dask workers more memory or fewer threads"


@dataclass(frozen=True)
class RemoteResult:
    """An outcome and the content of its files, by name in the run directory."""

    outcome: Result
    files: Mapping[str, bytes] = field(default_factory=dict)


class Table:
    """A table on one machine, and the worker processes that are set up for it.

    It is sent once to each Dask worker. When the Dask worker forgets it, because the search has
    closed or lost its connection, the processes end and the files are deleted.

    Parameters
    ----------
    packed : bytes
        The table, from `pack_folder`.
    setup : Setup
        Setup of the processes; its folder is replaced by one on this machine.
    memory : float, optional
        MiB that each job may use; by default the memory limit of the Dask worker, divided by its
        threads.
    """

    def __init__(self, packed: bytes, setup: Setup, memory: float | None = None) -> None:
        self._sent = (packed, setup, memory)
        self._resources = _Resources()
        weakref.finalize(self, _release, self._resources)

    def __reduce__(self) -> tuple[Any, ...]:
        return Table, self._sent

    @property
    def folder(self) -> Path:
        """The run directory on this machine, unpacked on first access."""
        return self._resources.unpacked(self._sent[0])

    @contextlib.contextmanager
    def process(self, limit: float) -> Iterator[LocalExecutor]:
        """Lend a process that runs one job at a time; it is set up on first use.

        Parameters
        ----------
        limit : float
            MiB that a job may use by the memory limit of the Dask worker.
        """
        _, setup, memory = self._sent
        setup = replace(setup, folder=str(self.folder))
        with self._resources.process(setup, limit if memory is None else memory) as lent:
            yield lent


class _Resources:
    """The folder and the idle processes of a table; released when the table is forgotten."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._folder: TemporaryFolder | None = None
        self._idle: list[LocalExecutor] = []

    def unpacked(self, packed: bytes) -> Path:
        with self._lock:
            if self._folder is None:
                # Those of Dask workers that were killed.
                remove_abandoned()
                self._folder = TemporaryFolder(f"{PREFIX}table-")
                _unpack(packed, Path(self._folder.name) / "data")
            return Path(self._folder.name)

    @contextlib.contextmanager
    def process(self, setup: Setup, memory: float) -> Iterator[LocalExecutor]:
        with self._lock:
            executor = self._idle.pop() if self._idle else None
        if executor is None:
            executor = LocalExecutor(1, threads=1, memory=memory, memory_advice=_ADVICE)
            executor.set_up(setup)
        try:
            yield executor
        except BaseException:
            executor.close()
            raise
        with self._lock:
            self._idle.append(executor)

    def close(self) -> None:
        for executor in self._idle:
            executor.close()
        if self._folder is not None:
            self._folder.cleanup()


def _release(resources: _Resources) -> None:
    """Close the resources of a table, without blocking the event loop of the Dask worker."""
    try:
        threading.Thread(target=resources.close, name="metaauto-release").start()
    except RuntimeError:
        # The interpreter is ending.
        resources.close()


def run(job: WorkerJob, table: Table) -> RemoteResult | None:
    """Run a job in a process; return None if the search does not want its result any more."""
    from distributed import get_worker

    worker = get_worker()
    is_wanted = _wanted(worker)
    with table.process(_memory_limit(worker)) as process:
        while not process.free():
            process.wait(_POLL_SECONDS)
            if not is_wanted():
                return None
        process.submit(job)
        while is_wanted():
            for outcome in process.wait(_POLL_SECONDS):
                return RemoteResult(outcome, _read_files(table.folder, outcome))
        process.cancel(job.trial)
    return None


def _wanted(worker: Any) -> Callable[[], bool]:
    """Return a function that returns False when the task of this thread is cancelled.

    Dask leaves a cancelled task running, also if its client is lost.
    """
    key, tasks = worker.get_current_task(), worker.state.tasks

    def is_wanted() -> bool:
        task = tasks.get(key)
        return task is not None and task.state in ("executing", "long-running")

    return is_wanted


def _memory_limit(worker: Any) -> float:
    """Return the MiB that a job may use on a Dask worker; infinite if it has no limit."""
    limit = worker.memory_manager.memory_limit
    return _MEMORY_SHARE * limit / worker.state.nthreads / 2**20 if limit else float("inf")


def survey() -> tuple[dict[str, str], float]:
    """Return the versions on this machine and its speed, see `calibrate`; prepare it for jobs."""
    from metaauto.knowledge.provenance import calibrate

    found = versions(), calibrate()
    _import_early()
    return found


def _import_early() -> None:
    """Start the process that forks those of jobs, if there is one on this platform.

    It imports while the table is read and sent, and ends after a minute without jobs.
    """
    with contextlib.suppress(WorkerError, OSError), LocalExecutor(0, threads=1):
        pass


def versions(settings: PluginSettings = _ALL_PLUGINS) -> dict[str, str]:
    """Return the versions of Python, of the packages that models depend on, and of plugins.

    Parameters
    ----------
    settings : PluginSettings
        Which of the installed plugins to include; all by default.
    """
    found = {"Python": ".".join(platform.python_version_tuple()[:2])}
    points = importlib.metadata.entry_points(group=GROUP)
    plugins = {(point.name, point.dist.name) for point in points if point.dist is not None}
    names = {distribution for name, distribution in plugins if settings.selects(name, distribution)}
    for name in [*_PACKAGES, *sorted(names - set(_PACKAGES))]:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def differences(own: Mapping[str, str], found: Mapping[str, str]) -> str:
    """Return what another machine lacks or has in another version; empty if it has all.

    Examples
    --------
    >>> differences({"numpy": "2.0", "metaauto-shap": "1.0"}, {"numpy": "1.9"})
    'has numpy 1.9, expected 2.0; lacks metaauto-shap 1.0'
    """
    parts = [
        f"has {name} {found[name]}, expected {version}"
        if name in found
        else f"lacks {name} {version}"
        for name, version in own.items()
        if found.get(name) != version
    ]
    return "; ".join(parts)


def pack_folder(folder: Path) -> bytes:
    """Return the files of a folder as a tar archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, arcname=path.name, recursive=False)
    return buffer.getvalue()


def _unpack(packed: bytes, folder: Path) -> None:
    folder.mkdir()
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content is not None:
                (folder / Path(member.name).name).write_bytes(content.read())


def _read_files(folder: Path, outcome: Result) -> dict[str, bytes]:
    """Read and delete the files of an outcome, which are sent with it."""
    if isinstance(outcome, JointOutcome):
        joined = (_read_files(folder, each) for each in outcome.outcomes)
        return {name: content for files in joined for name, content in files.items()}
    if not isinstance(outcome, Outcome):
        return {}
    found = {}
    for name in (outcome.prediction, outcome.model):
        if name:
            found[name] = (folder / name).read_bytes()
            with contextlib.suppress(OSError):
                (folder / name).unlink()
    return found
