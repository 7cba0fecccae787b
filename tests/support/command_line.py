"""Run the command line in a subprocess, and make a small table."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import metaauto

Cli = Callable[..., "subprocess.CompletedProcess[str]"]


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a call: this metaauto, one thread, a temporary folder."""
    temporary = folder / "temporary"
    temporary.mkdir(exist_ok=True)
    home = str(Path(metaauto.__file__).parents[1])
    paths = [home, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("METAAUTO")},
        "PYTHONPATH": os.pathsep.join(paths),
        "OMP_NUM_THREADS": "1",
        "TMPDIR": str(temporary),
        "METAAUTO_KNOWLEDGE": f"{folder}-knowledge/own.db",
        "COLUMNS": "100",
    }


def run_plain(
    command: list[str], folder: Path | None = None, timeout: float = 240, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command with this metaauto, without the settings of the caller and its plugins."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("METAAUTO_")}
    home = str(Path(metaauto.__file__).parents[1])
    return subprocess.run(
        command,
        cwd=folder,
        env={**kept, "PYTHONPATH": home, "OMP_NUM_THREADS": "1", **variables},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def command_line(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "metaauto", *map(str, arguments)]


def caller(folder: Path, command: Callable[..., list[str]] = command_line) -> Cli:
    """Return a function that calls ``metaauto`` in a process and a folder."""

    def call(*arguments: str, stdin: str | None = None, **more: str):
        return subprocess.run(
            command(*arguments),
            check=False,
            cwd=folder,
            env={**environment(folder), **more},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=200,
        )

    return call


def in_process(folder: Path, *arguments: str) -> None:
    """Call ``metaauto`` in this process, which saves its imports; it must succeed."""
    from metaauto.cli import main

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with pytest.raises(SystemExit) as ending:
            main(arguments)
    assert ending.value.code == 0


def people(rows: int = 120, seed: int = 0) -> pd.DataFrame:
    """Make a small table with numbers, text, missing values and a learnable target."""
    random = np.random.default_rng(seed)
    age = random.integers(18, 80, rows).astype(float)
    city = random.choice(["Bonn", "Kiel", "Ulm"], rows)
    income = 1000 + 30 * age + random.normal(0, 300, rows)
    income[random.random(rows) < 0.05] = np.nan
    buys = (age + 20 * (city == "Ulm") + random.normal(0, 8, rows)) > 55
    return pd.DataFrame(
        {
            "age": age,
            "income": income.round(2),
            "city": city,
            "house": random.integers(0, 9, rows),
            "buys": np.where(buys, "yes", "no"),
        }
    )


#: Options of a fit that takes a few seconds.
QUICK = ("--trials", "2", "--cores", "1", "--memory", "2", "--cv", "2", "--seed", "0")


def finished_trials(run: Path) -> int:
    """Return the number of successful trials of a run without the baseline."""
    if not (run / "run.db").exists():
        return 0
    connection = sqlite3.connect(f"file:{run / 'run.db'}?mode=ro", uri=True)
    try:
        query = "SELECT count(*) FROM trials WHERE status = 'success' AND number > 0"
        return int(connection.execute(query).fetchone()[0])
    except sqlite3.OperationalError:
        return 0
    finally:
        connection.close()
