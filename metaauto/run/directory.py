"""A run directory: a marker, the settings, ``run.db``, and the files of the trials.

The process of the fit is the only writer of ``run.db``; readers may open it at any time (WAL). Only
files written by a run are deleted, and only in a directory that contains the marker.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from metaauto.errors import RunError
from metaauto.files import LOCK, PREFIX, lock_folder, remove_abandoned, unlock_folder
from metaauto.text import argument

__all__ = ["MARKER", "UNREADABLE", "RunDirectory", "StoredRun", "recorded_seconds"]

MARKER = "metaauto-run.json"
FORMAT = 1
_PARTIAL = "metaauto-run.partial"
_FOLDERS = ("data", "predictions", "models", "logs")
# A value of a damaged record can have any type and depth.
UNREADABLE = (ArithmeticError, LookupError, TypeError, ValueError, RecursionError)
_FILES = (MARKER, "run.db", "run.db-wal", "run.db-shm", LOCK)


@dataclass(frozen=True)
class StoredRun:
    """The record of an earlier run: its trials and the outcomes of their folds."""

    settings: dict[str, Any]
    status: str
    seconds: float
    trials: list[dict[str, Any]]
    outcomes: list[dict[str, Any]]


class RunDirectory:
    """The directory that one fit writes.

    Use `create` or `open`; a directory made by `create` without a path is removed by `close`.

    Attributes
    ----------
    path : Path
        The directory.
    settings : dict
        Options of the fit, with the fingerprint of its data.
    """

    def __init__(
        self,
        path: Path,
        settings: dict[str, Any],
        is_temporary: bool = False,
        lock: int | None = None,
    ) -> None:
        import sqlite_utils

        self.path = path
        self.settings = settings
        self._is_temporary = is_temporary
        self._lock = lock
        with self._using_database(), ExitStack() as undo:
            self._connection = sqlite3.connect(path / "run.db", check_same_thread=False)
            undo.callback(self._connection.close)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._db: Any = sqlite_utils.Database(self._connection)
            self._create_tables()
            undo.pop_all()
        if lock is None:
            self._lock = lock_folder(path)

    @classmethod
    def create(cls, path: str | Path | None, settings: Mapping[str, Any]) -> RunDirectory:
        """Create a new run directory.

        Parameters
        ----------
        path : str or Path, optional
            A directory that does not exist or is empty; by default a temporary one.
        settings : mapping
            Options of the fit, JSON-ready.

        Raises
        ------
        RunError
            The directory is not empty or cannot be written.
        """
        lock = None
        remove_abandoned()
        if path is None:
            folder = Path(tempfile.mkdtemp(prefix=PREFIX))
            lock = lock_folder(folder)
        else:
            folder = Path(path).expanduser().resolve()
            _claim(folder)
        record = {"format": FORMAT, "settings": dict(settings)}
        # First of all, so that a run that is killed from here on can be resumed.
        partial = folder / _PARTIAL
        partial.write_text(json.dumps(record, indent=1, default=str), encoding="utf-8")
        os.replace(partial, folder / MARKER)
        for name in _FOLDERS:
            (folder / name).mkdir()
        return cls(folder, dict(settings), is_temporary=path is None, lock=lock)

    @classmethod
    def open(cls, path: str | Path) -> RunDirectory:
        """Open the directory of an earlier run.

        Raises
        ------
        RunError
            It is not a run directory, or was written by a newer metaauto.
        """
        folder = Path(path).expanduser().resolve()
        try:
            record = json.loads((folder / MARKER).read_text(encoding="utf-8"))
            settings = dict(record["settings"])
            version = int(record["format"])
        except (OSError, *UNREADABLE) as error:
            raise RunError(
                f"{str(path)!r} is not a run directory of metaauto.",
                hint=f"Give the directory that was passed as {argument('run_dir')}; it has "
                f"{MARKER}.",
            ) from error
        if version > FORMAT:
            raise RunError(
                f"The run in {str(path)!r} was written by a newer metaauto.",
                hint="Upgrade metaauto to resume it.",
            )
        for name in _FOLDERS:
            (folder / name).mkdir(exist_ok=True)
        remove_abandoned(keep=folder)
        return cls(folder, settings)

    def record_trial(self, trial: Mapping[str, Any]) -> None:
        """Record the state of a trial; replace an earlier record."""
        row = {**trial, "configuration": json.dumps(trial["configuration"], sort_keys=True)}
        with self._using_database(), self._connection:
            # Runs of an earlier metaauto lack the newest columns.
            self._db["trials"].upsert(row, pk="number", alter=True)

    def record_outcome(self, outcome: Any) -> None:
        """Record the outcome of one fold of a trial (a dataclass of plain values)."""
        row = {field.name: getattr(outcome, field.name) for field in fields(outcome)}
        row["status"] = str(row["status"])
        with self._using_database(), self._connection:
            self._db["outcomes"].upsert(row, pk=("trial", "fold"), alter=True)

    def record_status(self, status: str, seconds: float) -> None:
        """Record the status of the run and its elapsed seconds."""
        with self._using_database(), self._connection:
            for key, value in (("status", status), ("seconds", repr(seconds))):
                self._db["state"].upsert({"key": key, "value": value}, pk="key")

    def record_result(self, result: Mapping[str, Any]) -> None:
        """Record scores and ensemble of the finished run, JSON-ready, for comparisons."""
        with self._using_database(), self._connection:
            row = {"key": "answer", "value": json.dumps(result)}
            self._db["state"].upsert(row, pk="key")

    def stored(self) -> StoredRun:
        """Return everything that was recorded."""
        with self._using_database((sqlite3.DatabaseError, *UNREADABLE)):
            state = {row["key"]: row["value"] for row in self._db["state"].rows}
            trials = list(self._db["trials"].rows_where(order_by="number"))
            outcomes = list(self._db["outcomes"].rows_where(order_by="trial, fold"))
            trials = [{**row, "configuration": json.loads(row["configuration"])} for row in trials]
            seconds = recorded_seconds(state)
        return StoredRun(self.settings, state.get("status", "running"), seconds, trials, outcomes)

    def forget_models(self, names: Iterable[str]) -> int:
        """Delete model files (named as in the outcomes); return the number of freed bytes."""
        freed = 0
        for name in names:
            path = self.path / name
            if path.parent != self.path / "models" or not path.is_file():
                continue
            freed += path.stat().st_size
            path.unlink()
        return freed

    def size(self) -> int:
        """Return the bytes on disk."""
        return sum(f.stat().st_size for f in self.path.rglob("*") if f.is_file())

    def close(self) -> None:
        """Close the database; remove the directory if it was a temporary one."""
        self._connection.close()
        if self._is_temporary:
            self.remove()
        unlock_folder(self._lock)
        self._lock = None

    def __enter__(self) -> RunDirectory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def remove(self) -> None:
        """Delete the files of the run, and the directory if it is then empty."""
        if not (self.path / MARKER).is_file():
            return
        for name in _FOLDERS:
            shutil.rmtree(self.path / name, ignore_errors=True)
        for name in _FILES:
            (self.path / name).unlink(missing_ok=True)
        if not any(self.path.iterdir()):
            self.path.rmdir()

    @contextmanager
    def _using_database(
        self, errors: tuple[type[Exception], ...] = (sqlite3.DatabaseError,)
    ) -> Iterator[None]:
        """Convert errors of SQLite, or these errors, to a `RunError` that names the run."""
        try:
            yield
        except errors as error:
            raise RunError(
                f"The database of the run in {str(self.path)!r} cannot be used: {error}.",
                hint="Check for a full disk, or start a new run in another directory.",
            ) from error

    def _create_tables(self) -> None:
        tables: dict[str, tuple[dict[str, type], Any]] = {
            "trials": (
                {
                    "number": int,
                    "name": str,
                    "configuration": str,
                    "source": str,
                    "why": str,
                    "rows": int,
                    "status": str,
                    "loss": float,
                    "started": float,
                    "finished": float,
                    "error": str,
                },
                "number",
            ),
            "outcomes": (
                {
                    "trial": int,
                    "fold": int,
                    "status": str,
                    "seconds": float,
                    "fit_seconds": float,
                    "predict_seconds": float,
                    "queued_seconds": float,
                    "memory": float,
                    "prediction": str,
                    "model": str,
                    "error": str,
                    "detail": str,
                    "check_seconds": float,
                    "build_seconds": float,
                    "rounds": int,
                    "share": float,
                    "max_rounds": int,
                },
                ("trial", "fold"),
            ),
            "state": ({"key": str, "value": str}, "key"),
        }
        with self._connection:
            for name, (columns, key) in tables.items():
                self._db[name].create(columns, pk=key, if_not_exists=True)


def recorded_seconds(state: Mapping[str, Any]) -> float:
    """Return the elapsed seconds in the records of the state; raise `ValueError` if invalid."""
    seconds = float(state.get("seconds", 0.0))
    if not 0.0 <= seconds < float("inf"):
        raise ValueError(f"{seconds} seconds")
    return seconds


def _claim(folder: Path) -> None:
    """Create the directory, or use it if it is empty."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        occupied = any(path.name != _PARTIAL for path in folder.iterdir())
        writable = os.access(folder, os.W_OK | os.X_OK)
    except OSError as error:
        raise RunError(
            f"The run directory {str(folder)!r} cannot be created: {error.strerror or error}.",
            hint="Choose a writable directory.",
        ) from error
    if occupied:
        is_run = (folder / MARKER).exists()
        resume = argument("resume", str(folder))
        raise RunError(
            f"The directory {str(folder)!r} is not empty.",
            hint=f"Resume its run by {resume}, or choose another directory."
            if is_run
            else "Choose a new or empty directory.",
        )
    if not writable:
        raise RunError(
            f"The run directory {str(folder)!r} is not writable.",
            hint="Choose a writable directory.",
        )
