"""Restore the trials of an interrupted run whose files still exist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from metaauto.configuration import Configuration
from metaauto.errors import RunError
from metaauto.search.out_of_fold import is_readable
from metaauto.search.sealing import is_sealed
from metaauto.search.trial import Outcome, Status, Trial

__all__ = ["restored_trials"]


def restored_trials(
    trials: Iterable[Mapping[str, Any]], outcomes: Iterable[Mapping[str, Any]], folder: Path
) -> list[Trial]:
    """Restore trials from the records of a run.

    An unfinished trial continues with its missing folds. A fold whose files are missing or damaged,
    or whose model was written by somebody else, runs again. A finished trial needs its predictions
    only: models outside of every ensemble were deleted.

    Raises
    ------
    RunError
        An outcome names a file that is not its own, such as one outside of the run directory.
    """
    found: list[Trial] = []
    by_trial: dict[int, list[Outcome]] = {}
    for row in outcomes:
        given = {name: value for name, value in row.items() if value is not None}
        outcome = Outcome(**{**given, "status": Status(row["status"])})
        _check_names(outcome)
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
        recorded = by_trial.get(trial.number, [])
        if trial.status is Status.STOPPED or _lacks_predictions(trial, recorded, folder):
            trial.status = Status.RUNNING
        if trial.is_over:
            kept = [o for o in recorded if not _is_success(o) or _has_prediction(o, folder)]
        else:
            trial.error, trial.finished, trial.loss = "", None, None
            kept = [o for o in recorded if _is_success(o) and _has_files(o, folder)]
        trial.outcomes = {outcome.fold: outcome for outcome in kept}
        found.append(trial)
    return found


def _check_names(outcome: Outcome) -> None:
    if outcome.prediction not in ("", outcome.prediction_file) or (
        outcome.model not in ("", outcome.model_file)
    ):
        raise RunError(
            f"The run directory names the unexpected files {outcome.prediction!r} and "
            f"{outcome.model!r}.",
            hint="Do not resume it: it is forged or damaged.",
        )


def _lacks_predictions(trial: Trial, recorded: Iterable[Outcome], folder: Path) -> bool:
    """Return whether a successful trial has neither joined predictions nor those of all folds."""
    if trial.status is not Status.SUCCESS or _has_joined_predictions(trial, folder):
        return False
    return any(_is_success(o) and not _has_prediction(o, folder) for o in recorded)


def _is_success(outcome: Outcome) -> bool:
    return outcome.status is Status.SUCCESS


def _has_files(outcome: Outcome, folder: Path) -> bool:
    return _has_prediction(outcome, folder) and is_sealed(folder / outcome.model)


def _has_prediction(outcome: Outcome, folder: Path) -> bool:
    return is_readable(folder / outcome.prediction)


def _has_joined_predictions(trial: Trial, folder: Path) -> bool:
    return is_readable(folder / "predictions" / f"{trial.number:05d}.npy")
