"""Restore the trials of an interrupted run whose files still exist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from metaauto.configuration import Configuration
from metaauto.errors import RunError
from metaauto.search.out_of_fold import is_readable
from metaauto.search.sealing import check_sealed, is_sealed
from metaauto.search.trial import Outcome, Status, Trial

__all__ = ["has_fold_models", "restored_trials"]

Shape = tuple[int, ...]

_TYPES: dict[str, Any] = {"int": int, "float": (int, float)}
_OUTCOME = {field.name: _TYPES.get(str(field.type), str) for field in fields(Outcome)}
_REQUIRED = {"number": int, "source": str, "why": str, "status": str}
_OPTIONAL = {
    "loss": _TYPES["float"],
    "started": _TYPES["float"],
    "finished": _TYPES["float"],
    "rows": int,
}
# A value of a damaged record can have any type.
_UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def restored_trials(
    trials: Iterable[Mapping[str, Any]],
    outcomes: Iterable[Mapping[str, Any]],
    folder: Path,
    shapes: Sequence[Shape] | None = None,
) -> list[Trial]:
    """Restore trials from the records of a run.

    An unfinished trial continues with its missing folds. A fold whose files are missing or damaged,
    or whose model was written by somebody else, runs again. A finished trial needs its predictions
    only: models outside of every ensemble were deleted.

    Parameters
    ----------
    trials, outcomes : iterable of mapping
        As `RunDirectory.stored` returns them.
    folder : Path
        The run directory.
    shapes : sequence of tuple, optional
        Shapes of the predictions of the folds, which are then checked.

    Raises
    ------
    RunError
        A record is damaged, or an outcome names a file that is not its own, such as one outside of
        the run directory.
    """
    try:
        return _restored(trials, outcomes, folder, shapes)
    except _UNREADABLE as error:
        raise RunError(
            f"The record of the run in {str(folder)!r} is damaged: {type(error).__name__}: "
            f"{error}.",
            hint="Restore a copy of the run directory, or start a new run.",
        ) from error


def _restored(
    trials: Iterable[Mapping[str, Any]],
    outcomes: Iterable[Mapping[str, Any]],
    folder: Path,
    shapes: Sequence[Shape] | None,
) -> list[Trial]:
    found: list[Trial] = []
    by_trial: dict[int, list[Outcome]] = {}
    for row in outcomes:
        given = {name: value for name, value in row.items() if value is not None}
        _check_types(given, {name: _OUTCOME[name] for name in given})
        outcome = Outcome(**{**given, "status": Status(row["status"])})
        _check_names(outcome)
        if shapes is not None and not 0 <= outcome.fold < len(shapes):
            raise ValueError(f"fold {outcome.fold} of {len(shapes)}")
        by_trial.setdefault(outcome.trial, []).append(outcome)
    for row in trials:
        if row["number"] != len(found):
            break
        _check_types(row, _REQUIRED)
        given = {name: row[name] for name in _OPTIONAL if row.get(name) is not None}
        _check_types(given, _OPTIONAL)
        trial = Trial(row["number"], _configuration(row), row["source"], row["why"])
        trial.started = row["started"] or 0.0
        trial.finished = row["finished"]
        trial.error = str(row["error"] or "")
        trial.loss = row["loss"]
        trial.rows = row.get("rows")
        trial.status = Status(row["status"])
        recorded = by_trial.get(trial.number, [])
        if trial.status is Status.STOPPED or _lacks_predictions(trial, recorded, folder, shapes):
            trial.status = Status.RUNNING
        if trial.is_over:
            kept = [o for o in recorded if not _is_success(o) or _has_prediction(o, folder, shapes)]
        else:
            trial.error, trial.finished, trial.loss = "", None, None
            # They are joined again at its end; a damaged file would be taken for them.
            _joined_file(trial, folder).unlink(missing_ok=True)
            kept = [o for o in recorded if _is_success(o) and _has_files(o, folder, shapes)]
        trial.outcomes = {outcome.fold: outcome for outcome in kept}
        found.append(trial)
    return found


def _check_types(row: Mapping[str, Any], types: Mapping[str, Any]) -> None:
    for name, value in row.items():
        if name in types and not isinstance(value, types[name]):
            raise TypeError(f"{name} is {value!r:.80}")


def _configuration(row: Mapping[str, Any]) -> Configuration:
    configuration = Configuration.from_json(row["configuration"])
    scalars = (str, int, float, type(None))
    _check_types({"model": configuration.model}, {"model": str})
    _check_types(configuration.values, dict.fromkeys(configuration.values, scalars))
    return configuration


def _check_names(outcome: Outcome) -> None:
    if outcome.prediction not in ("", outcome.prediction_file) or (
        outcome.model not in ("", outcome.model_file)
    ):
        raise RunError(
            f"The run directory names the unexpected files {outcome.prediction!r} and "
            f"{outcome.model!r}.",
            hint="Do not resume it: it is forged or damaged.",
        )


def _lacks_predictions(
    trial: Trial, recorded: Iterable[Outcome], folder: Path, shapes: Sequence[Shape] | None
) -> bool:
    """Return whether a successful trial has neither joined predictions nor those of all folds."""
    if trial.status is not Status.SUCCESS or _has_joined_predictions(trial, folder, shapes):
        return False
    return any(_is_success(o) and not _has_prediction(o, folder, shapes) for o in recorded)


def _is_success(outcome: Outcome) -> bool:
    return outcome.status is Status.SUCCESS


def _has_files(outcome: Outcome, folder: Path, shapes: Sequence[Shape] | None) -> bool:
    return _has_prediction(outcome, folder, shapes) and is_sealed(folder / outcome.model)


def _has_prediction(outcome: Outcome, folder: Path, shapes: Sequence[Shape] | None) -> bool:
    return is_readable(
        folder / outcome.prediction, None if shapes is None else shapes[outcome.fold]
    )


def _joined_file(trial: Trial, folder: Path) -> Path:
    return folder / "predictions" / f"{trial.number:05d}.npy"


def _has_joined_predictions(trial: Trial, folder: Path, shapes: Sequence[Shape] | None) -> bool:
    """Return whether the joined predictions are usable; remove damaged ones."""
    path = _joined_file(trial, folder)
    shape = None if shapes is None else (sum(rows for rows, *_ in shapes), *shapes[0][1:])
    if is_readable(path, shape):
        return True
    path.unlink(missing_ok=True)
    return False


def has_fold_models(trial: Trial, folder: Path, n_folds: int) -> bool:
    """Return whether a trial has all its fold models; those outside of ensembles were deleted.

    Raises
    ------
    RunError
        One of them is damaged, or was written by somebody else.
    """
    paths = trial.files(folder, "model")
    for path in paths:
        check_sealed(path)
    return len(paths) == n_folds and all(path.is_file() for path in paths)
