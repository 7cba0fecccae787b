"""A tracker of fits for metaauto: it writes a line for each trial to a file.

A fit calls the hooks and waits for them. An error in one is reported, and the fit goes on.
The file is `example.csv` in the working directory.
"""

from __future__ import annotations

import csv
from pathlib import Path

from metaauto.api import FitFailure, FitResult, FitStart, TrialResult, hookimpl

FILE = "example.csv"


def write(*cells: object) -> None:
    """Add a line to the file."""
    with Path(FILE).open("a", encoding="utf-8", newline="") as file:
        csv.writer(file).writerow(cells)


@hookimpl
def fit_started(start: FitStart) -> None:
    """Write the target and the metric."""
    write(start.fit_id, "started", start.task.target, start.metric)


@hookimpl
def trial_finished(trial: TrialResult) -> None:
    """Write the score of a trial; of a failed one it is empty."""
    write(trial.fit_id, trial.name, trial.status, trial.score)


@hookimpl
def fit_finished(result: FitResult) -> None:
    """Write the score of the model."""
    write(result.fit_id, "finished", f"{result.seconds:.0f} s", result.score)


@hookimpl
def fit_failed(failure: FitFailure) -> None:
    """Write the error of a fit without a model."""
    write(failure.fit_id, "failed", failure.error, "")
