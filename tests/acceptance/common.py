"""Random tables, calls of the command line, and resumable records of the acceptance programs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil

from tests.support.command_line import command_line, environment

__all__ = ["KINDS", "append", "check_model", "processes_of", "random_table", "read", "start"]

KINDS = ("binary", "multiclass", "regression")


def random_table(seed: int, kind: str, rows: int) -> pd.DataFrame:
    """Return a table with numbers, categories, missing values and a learnable target ``y``."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(random.normal(size=(rows, 4)).round(4), columns=list("abcd"))
    frame["kind"] = random.choice(["red", "green", "blue"], rows)
    value = frame["a"] + 0.5 * frame["b"] ** 2 + (frame["kind"] == "red")
    value += random.normal(0, 0.3, rows)
    frame.loc[random.random(rows) < 0.05, "c"] = np.nan
    if kind == "regression":
        return frame.assign(y=value.round(4))
    names = ["no", "yes"] if kind == "binary" else ["low", "middle", "high"]
    codes = pd.qcut(value, len(names), labels=False)
    return frame.assign(y=np.array(names)[codes])


def start(folder: Path, log: Path, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
    """Start ``metaauto`` in a session of its own; its messages go to a file."""
    with open(log, "wb") as file:
        return subprocess.Popen(
            command_line(*arguments),
            cwd=folder,
            env={**environment(folder), "XDG_DATA_HOME": str(folder / "data"), **variables},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
            preexec_fn=_receive_signals,  # noqa: PLW1509
        )


def _receive_signals() -> None:
    """Undo what nohup and background shells do."""
    for kind in (signal.SIGHUP, signal.SIGINT):
        signal.signal(kind, signal.SIG_DFL)


def processes_of(folder: Path) -> list[psutil.Process]:
    """Return the processes that were started for a folder, also those that left their parent."""
    found = []
    for process in psutil.process_iter():
        try:
            is_own = process.environ().get("TMPDIR") == str(folder / "temporary")
            if is_own and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def wait_until(condition: Any, seconds: float) -> bool:
    """Return whether a condition becomes true within some seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def check_model(path: Path, rows: pd.DataFrame) -> str:
    """Return what is wrong with a model file; empty if it predicts."""
    import metaauto

    try:
        predicted = metaauto.load(path).predict(rows)
    except Exception as error:
        return f"{path.name}: {type(error).__name__}: {error}"
    return "" if len(predicted) == len(rows) else f"{path.name}: {len(predicted)} predictions"


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of an earlier call."""
    if path.exists():
        yield from map(json.loads, path.read_text("utf-8").splitlines())


def append(path: Path, record: dict[str, Any]) -> None:
    """Add one record to a file of JSON lines."""
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(record) + os.linesep)
