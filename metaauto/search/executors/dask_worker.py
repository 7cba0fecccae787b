"""What a worker of a Dask cluster does for a search: jobs, in a process that they may ruin.

Each thread of a Dask worker keeps a process of its own, so that jobs have the same hard limits of
time and memory as on one machine, and none can harm the Dask worker.
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
from metaauto.search.trial import DescribeJob, Description, Job, Outcome

__all__ = ["Order", "Parcel", "cancel", "close", "packed", "run", "version"]

_POLL = 0.5


@dataclass(frozen=True)
class Order:
    """A job and where it belongs.

    Parameters
    ----------
    search : str
        Name of the executor that sends it, unlike that of any other.
    table : int
        Number of the setup; a new table has a new one.
    setup : Setup
        What the process must know; its folder is replaced by one of this machine.
    job : Job or DescribeJob
        What to do.
    memory : float
        MiB that the process may use.
    """

    search: str
    table: int
    setup: Setup
    job: Job | DescribeJob
    memory: float


@dataclass(frozen=True)
class Parcel:
    """An outcome and the files that it names, by their names in the run directory."""

    outcome: Outcome | Description
    files: Mapping[str, bytes] = field(default_factory=dict)


class _Station:
    """The process of one thread, and what it was told last."""

    def __init__(self, memory: float) -> None:
        self.executor = LocalExecutor(1, threads=1, memory=memory)
        self.table = -1
        self.is_closed = False

    def prepare(self, number: int, setup: Setup) -> None:
        """Have the process ready for a table."""
        if self.table != number:
            self.executor.set_up(setup)
            self.table = number
        while not self.executor.free() and not self.is_closed:
            self.executor.wait(_POLL)

    def close(self) -> None:
        """End the process, and let the thread that waits for it go."""
        self.is_closed = True
        self.executor.close()


_lock = threading.Lock()
_stations: dict[tuple[str, int], _Station] = {}
_tables: dict[tuple[str, int], Path] = {}
_cancelled: dict[str, set[int]] = {}


def run(order: Order, data: bytes) -> Parcel | None:
    """Do a job; None if it was cancelled meanwhile, or its search closed.

    Parameters
    ----------
    order : Order
        The job.
    data : bytes
        The table, from `packed`.
    """
    folder = _unpacked(order, data)
    station = _station(order)
    station.prepare(order.table, replace(order.setup, folder=str(folder)))
    if not station.is_closed:
        station.executor.submit(order.job)
    while not station.is_closed:
        for outcome in station.executor.wait(_POLL):
            return Parcel(outcome, _taken(folder, outcome))
        if order.job.trial in _cancelled.get(order.search, ()):
            station.executor.cancel(order.job.trial)
            break
    return None


def cancel(search: str, trial: int) -> None:
    """Stop the jobs of a trial."""
    _cancelled.setdefault(search, set()).add(trial)


def close(search: str) -> None:
    """Stop the processes of a search and delete its tables."""
    with _lock:
        for key in [key for key in _stations if key[0] == search]:
            _stations.pop(key).close()
        _forget_tables(search)
    _cancelled.pop(search, None)


def version() -> str:
    """Of metaauto, as it is installed here."""
    from metaauto import __version__

    return __version__


def packed(folder: Path) -> bytes:
    """The files of a folder as one."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, arcname=path.name, recursive=False)
    return buffer.getvalue()


def _unpacked(order: Order, data: bytes) -> Path:
    """Folder of the table on this machine; those before it are deleted, for nobody wants them."""
    key = (order.search, order.table)
    with _lock:
        if key in _tables:
            return _tables[key]
        _forget_tables(order.search, order.table)
        _cancelled.pop(order.search, None)
        folder = _tables[key] = Path(tempfile.mkdtemp(prefix="metaauto-table-"))
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                content = archive.extractfile(member)
                if content is not None:
                    path = folder / "data" / Path(member.name).name
                    path.parent.mkdir(exist_ok=True)
                    path.write_bytes(content.read())
        return folder


def _forget_tables(search: str, before: float = float("inf")) -> None:
    for key in [key for key in _tables if key[0] == search and key[1] < before]:
        shutil.rmtree(_tables.pop(key), ignore_errors=True)


def _station(order: Order) -> _Station:
    key = (order.search, threading.get_ident())
    with _lock:
        station = _stations.get(key)
        if station is None:
            station = _stations[key] = _Station(order.memory)
    return station


def _taken(folder: Path, outcome: Outcome | Description) -> dict[str, bytes]:
    """The files of an outcome, which leave this machine with it."""
    if not isinstance(outcome, Outcome):
        return {}
    found = {}
    for name in (outcome.prediction, outcome.model):
        if name:
            found[name] = (folder / name).read_bytes()
            with contextlib.suppress(OSError):
                (folder / name).unlink()
    return found
