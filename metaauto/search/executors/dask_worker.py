"""Functions that the workers of a Dask cluster run for a search.

Each thread of a Dask worker runs its jobs in a separate process, so that jobs have the same time
and memory limits as on one machine and a crash does not end the Dask worker.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import tarfile
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from metaauto.search.executors.local import LocalExecutor
from metaauto.search.executors.worker import Setup
from metaauto.search.trial import Outcome, Result, WorkerJob

__all__ = ["RemoteJob", "RemoteResult", "cancel", "close", "pack_folder", "run", "version"]

_POLL = 0.5


@dataclass(frozen=True)
class RemoteJob:
    """A job with the search and the table it belongs to.

    Parameters
    ----------
    search : str
        Unique name of the executor that sends it.
    table : int
        Number of the setup; each new table gets a new number.
    setup : Setup
        Setup of the process; its folder is replaced by one on this machine.
    job : Job, DescribeJob or CallJob
        The job.
    memory : float
        MiB that the process may use.
    """

    search: str
    table: int
    setup: Setup
    job: WorkerJob
    memory: float


@dataclass(frozen=True)
class RemoteResult:
    """An outcome and the content of its files, by name in the run directory."""

    outcome: Result
    files: Mapping[str, bytes] = field(default_factory=dict)


class _WorkerProcess:
    """The worker process of one thread, and the table it is set up for."""

    def __init__(self, memory: float) -> None:
        self.executor = LocalExecutor(1, threads=1, memory=memory)
        self.table = -1
        self.is_closed = False

    def prepare(self, number: int, setup: Setup) -> None:
        """Set the process up for a table and wait until it is ready."""
        if self.table != number:
            self.executor.set_up(setup)
            self.table = number
        while not self.executor.free() and not self.is_closed:
            self.executor.wait(_POLL)

    def close(self) -> None:
        """End the process and release the thread that waits for it."""
        self.is_closed = True
        self.executor.close()


_lock = threading.Lock()
_processes: dict[tuple[str, int], _WorkerProcess] = {}
_tables: dict[tuple[str, int], Path] = {}
_cancelled: dict[str, set[int]] = {}


def run(remote: RemoteJob, data: bytes) -> RemoteResult | None:
    """Run a job; return None if it is cancelled or its search is closed meanwhile.

    Parameters
    ----------
    remote : RemoteJob
        The job.
    data : bytes
        The table, from `pack_folder`.
    """
    folder = _unpack_table(remote, data)
    process = _process_for(remote)
    process.prepare(remote.table, replace(remote.setup, folder=str(folder)))
    if not process.is_closed:
        process.executor.submit(remote.job)
    while not process.is_closed:
        for outcome in process.executor.wait(_POLL):
            return RemoteResult(outcome, _read_files(folder, outcome))
        if remote.job.trial in _cancelled.get(remote.search, ()):
            process.executor.cancel(remote.job.trial)
            break
    return None


def cancel(search: str, trial: int) -> None:
    """Stop the jobs of a trial."""
    _cancelled.setdefault(search, set()).add(trial)


def close(search: str) -> None:
    """Stop the processes of a search and delete its tables."""
    with _lock:
        for key in [key for key in _processes if key[0] == search]:
            _processes.pop(key).close()
        _delete_tables(search)
    _cancelled.pop(search, None)


def version() -> str:
    """Return the version of metaauto on this machine."""
    from metaauto import __version__

    return __version__


def pack_folder(folder: Path) -> bytes:
    """Return the files of a folder as a tar archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, arcname=path.name, recursive=False)
    return buffer.getvalue()


def _unpack_table(remote: RemoteJob, data: bytes) -> Path:
    """Return the folder of the table on this machine; delete earlier tables of the search."""
    key = (remote.search, remote.table)
    with _lock:
        if key in _tables:
            return _tables[key]
        _delete_tables(remote.search, remote.table)
        _cancelled.pop(remote.search, None)
        folder = _tables[key] = Path(tempfile.mkdtemp(prefix="metaauto-table-"))
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                content = archive.extractfile(member)
                if content is not None:
                    path = folder / "data" / Path(member.name).name
                    path.parent.mkdir(exist_ok=True)
                    path.write_bytes(content.read())
        return folder


def _delete_tables(search: str, before: float = float("inf")) -> None:
    for key in [key for key in _tables if key[0] == search and key[1] < before]:
        shutil.rmtree(_tables.pop(key), ignore_errors=True)


def _process_for(remote: RemoteJob) -> _WorkerProcess:
    key = (remote.search, threading.get_ident())
    with _lock:
        process = _processes.get(key)
        if process is None:
            process = _processes[key] = _WorkerProcess(remote.memory)
    return process


def _read_files(folder: Path, outcome: Result) -> dict[str, bytes]:
    """Read and delete the files of an outcome, which are sent with it."""
    if not isinstance(outcome, Outcome):
        return {}
    found = {}
    for name in (outcome.prediction, outcome.model):
        if name:
            found[name] = (folder / name).read_bytes()
            with contextlib.suppress(OSError):
                (folder / name).unlink()
    return found
