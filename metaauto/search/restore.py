"""Trials of an interrupted run, as far as their files are still there."""

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
    """Rebuild trials from what a run wrote down.

    A trial that was cut off goes on with the folds it lacks; a fold whose files are gone is run
    again.
    """
    found: list[Trial] = []
    by_trial: dict[int, list[Outcome]] = {}
    for row in outcomes:
        outcome = Outcome(**{**row, "status": Status(row["status"])})
        by_trial.setdefault(outcome.trial, []).append(outcome)
    for row in trials:
        if row["number"] != len(found):
            break
        trial = Trial(
            row["number"], Configuration.from_json(row["configuration"]), row["origin"], row["why"]
        )
        trial.started = row["started"] or 0.0
        trial.finished = row["finished"]
        trial.error = row["error"] or ""
        trial.loss = row["loss"]
        trial.status = Status(row["status"])
        for outcome in by_trial.get(trial.number, []):
            if outcome.status is not Status.SUCCESS or _is_whole(outcome, folder):
                trial.outcomes[outcome.fold] = outcome
        if trial.status is Status.STOPPED:
            trial.status, trial.error, trial.finished = Status.RUNNING, "", None
        found.append(trial)
    return found


def _is_whole(outcome: Outcome, folder: Path) -> bool:
    return (folder / outcome.prediction).is_file()
