"""Read the directory of a running or finished run without changing it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metaauto.errors import RunError
from metaauto.files import is_locked
from metaauto.run.directory import MARKER, UNREADABLE, recorded_seconds
from metaauto.text import argument

__all__ = ["RunRecord", "read_run"]


@dataclass(frozen=True)
class RunRecord:
    """The record of a run.

    Parameters
    ----------
    settings : mapping
        Options of the fit, with the source and fingerprint of its table.
    status : str
        ``"running"`` or ``"finished"``.
    seconds : float
        Elapsed seconds at the last update.
    trials : list of dict
        Trials as recorded by `RunDirectory.record_trial`, with the ``seconds``, ``fit_seconds`` and
        ``predict_seconds`` of their folds and the largest ``memory``.
    result : mapping
        Scores and ensemble; empty until the run is finished.
    is_active : bool
        Whether the process of the fit is alive, on this machine or on a file system with locks.
    """

    settings: Mapping[str, Any]
    status: str
    seconds: float
    trials: list[dict[str, Any]]
    result: Mapping[str, Any]
    is_active: bool = False


def read_run(path: str | Path) -> RunRecord:
    """Read the current record of a run.

    Parameters
    ----------
    path : str or Path
        The directory of the run, which may still be running.

    Raises
    ------
    RunError
        It is not a run directory, or its database cannot be read.
    """
    folder = Path(path).expanduser().resolve()
    try:
        record = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        settings = dict(record["settings"])
    except (OSError, *UNREADABLE) as error:
        raise RunError(
            f"{str(path)!r} is not a run directory of metaauto.",
            hint=f"Give the directory that was passed as {argument('run_dir')}; it has {MARKER}.",
        ) from error
    file = folder / "run.db"
    # Without a journal nobody writes; SQLite then neither creates one nor needs a writable folder.
    is_closed = not file.with_name("run.db-wal").exists()
    is_active = not is_closed and is_locked(folder)
    try:
        address = f"{file.as_uri()}?mode=ro{'&immutable=1' if is_closed else ''}"
        with closing(sqlite3.connect(address, uri=True)) as db:
            db.row_factory = sqlite3.Row
            state = {row["key"]: row["value"] for row in db.execute("SELECT * FROM state")}
            rows = db.execute(
                "SELECT trials.*, TOTAL(outcomes.seconds) AS seconds, "
                "TOTAL(fit_seconds) AS fit_seconds, TOTAL(predict_seconds) AS predict_seconds, "
                "COALESCE(MAX(outcomes.memory), 0.0) AS memory FROM trials "
                "LEFT JOIN outcomes ON trial = number GROUP BY number ORDER BY number"
            ).fetchall()
        trials = [
            {**row, "configuration": json.loads(row["configuration"])} for row in map(dict, rows)
        ]
        seconds, result = recorded_seconds(state), dict(json.loads(state.get("answer", "{}")))
    except (sqlite3.Error, *UNREADABLE) as error:
        raise RunError(
            f"The database of the run in {str(path)!r} cannot be read: {error}.",
            hint="Check that the directory is complete.",
        ) from error
    status = state.get("status", "running")
    return RunRecord(settings, status, seconds, trials, result, is_active)
