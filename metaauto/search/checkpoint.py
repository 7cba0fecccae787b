"""Restore the trials of an interrupted run whose files still exist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from metaauto.configuration import Configuration
from metaauto.search.trial import Outcome, Status, Trial

__all__ = ["restored_trials"]


def restored_trials(
    trials: Iterable[Mapping[str, Any]], outcomes: Iterable[Mapping[str, Any]], folder: Path
) -> list[Trial]:
    """Restore trials from the records of a run.

    An unfinished trial continues with its missing folds. A fold whose prediction file is missing
    runs again, unless the joined predictions of the trial exist.
    """
    found: list[Trial] = []
    by_trial: dict[int, list[Outcome]] = {}
    for row in outcomes:
        given = {name: value for name, value in row.items() if value is not None}
        outcome = Outcome(**{**given, "status": Status(row["status"])})
        by_trial.setdefault(outcome.trial, []).append(outcome)
    for row in trials:
        if row["number"] != len(found):
            break
        trial = Trial(
            row["number"], Configuration.from_json(row["configuration"]), row["source"], row["why"]
        )
        trial.started = row["started"] or 0.0
        trial.finished = row["finished"]
        trial.error = row["error"] or ""
        trial.loss = row["loss"]
        trial.status = Status(row["status"])
        if trial.status is Status.STOPPED:
            trial.status = Status.RUNNING
        is_running = trial.status is Status.RUNNING
        for outcome in by_trial.get(trial.number, []):
            is_success = outcome.status is Status.SUCCESS
            if is_success and not _has_prediction(outcome, folder):
                if trial.status is Status.SUCCESS and not _has_joined_predictions(trial, folder):
                    is_running = True
            elif is_success or trial.status is not Status.RUNNING:
                trial.outcomes[outcome.fold] = outcome
        if is_running:
            trial.status, trial.error, trial.finished = Status.RUNNING, "", None
            trial.loss = None
        found.append(trial)
    return found


def _has_prediction(outcome: Outcome, folder: Path) -> bool:
    return (folder / outcome.prediction).is_file()


def _has_joined_predictions(trial: Trial, folder: Path) -> bool:
    return (folder / "predictions" / f"{trial.number:05d}.npy").is_file()
