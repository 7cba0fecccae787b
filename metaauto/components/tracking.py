"""What plugins that follow a fit receive: its start, its trials, and its result or failure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from metaauto.configuration import Configuration
from metaauto.task import Task

__all__ = ["FitFailure", "FitResult", "FitStart", "FittedModel", "TrialResult"]


class FittedModel(Protocol):
    """A final model, as a plugin that follows a fit sees it."""

    @property
    def record(self) -> Any:
        """Return the record of the fit, see `FitRecord` in ``docs/events.md``."""

    def predict(self, X: Any) -> Any:
        """Return labels or values for rows with the columns of the training table."""

    def save(self, path: str | Path) -> Path:
        """Write the model to one file."""

    def report(self, path: str | Path) -> Path:
        """Write the HTML report of the fit."""


@dataclass(frozen=True)
class FitStart:
    """A fit that is about to search; it holds no rows.

    Parameters
    ----------
    fit_id : str
        Unique name of the fit, the same in all hooks; fits can run at the same time.
    task : Task
        The task: its kind, the target, the columns with their roles, the number of rows.
    data : str or None
        Address of the table, without credentials; None for a table in memory.
    fingerprint : str
        Fingerprint of the table.
    metric : str
        Metric to optimise; with the positive class if it scores one.
    greater_is_better : bool
        Direction of its scores.
    validation : str
        Description of the folds, one sentence.
    folds, holdout_rows : int
        Number of folds, and of rows held out of the search.
    models : tuple of str
        Models that are searched.
    options : mapping of str to Any
        Options of the fit as JSON values, without paths, resources of the machine and values of
        rows.
    """

    fit_id: str
    task: Task
    data: str | None
    fingerprint: str
    metric: str
    greater_is_better: bool
    validation: str
    folds: int
    holdout_rows: int
    models: tuple[str, ...]
    options: Mapping[str, Any]


@dataclass(frozen=True)
class TrialResult:
    """A finished trial.

    Parameters
    ----------
    fit_id : str
        Name of its fit.
    number : int
        Number in the order of the starts; the baseline is 0.
    name : str
        Name on the leaderboard: the model and the number.
    configuration : Configuration
        The model and its hyperparameter values.
    source : str
        Source of the configuration, such as ``"knowledge"`` or ``"smac"``.
    status : str
        ``"success"``, ``"dropped"`` (pruned), ``"failed"``, ``"crashed"``, ``"timeout"``,
        ``"memory"`` or ``"stopped"``.
    loss : float or None
        Out-of-fold loss, which is minimised; estimated from the finished folds if it was pruned.
    score : float or None
        Out-of-fold score, None if the trial did not succeed.
    best_score : float or None
        Score of the best ensemble so far, this trial included.
    seconds : float
        Worker seconds of its folds.
    error : str
        Cause of a failure, one line.
    """

    fit_id: str
    number: int
    name: str
    configuration: Configuration
    source: str
    status: str
    loss: float | None
    score: float | None
    best_score: float | None
    seconds: float
    error: str = ""


@dataclass(frozen=True)
class FitResult:
    """The result of a fit.

    Parameters
    ----------
    fit_id : str
        Name of the fit.
    model : FittedModel
        The final model, not to be changed.
    score : float or None
        Out-of-fold score of the ensemble.
    interval : (float, float) or None
        Ends of its bootstrap interval of 95 %.
    holdout_score : float or None
        Score on the holdout.
    leaderboard : tuple of mappings
        The lines of the leaderboard, best first: ``name``, ``score``, ``weight``, ``status``, ...
    members : mapping of str to float
        Weight by member of the ensemble.
    seconds : float
        Wall seconds of the fit.
    path : Path or None
        The model file that ``metaauto fit`` has written; None in Python, where the caller saves
        the model.
    """

    fit_id: str
    model: FittedModel
    score: float | None
    interval: tuple[float, float] | None
    holdout_score: float | None
    leaderboard: tuple[Mapping[str, Any], ...]
    members: Mapping[str, float]
    seconds: float
    path: Path | None = None


@dataclass(frozen=True)
class FitFailure:
    """The end of a fit without a model, or without its file.

    Parameters
    ----------
    fit_id : str
        Name of the fit.
    error : str
        Type and message of the error.
    seconds : float
        Wall seconds since the start of the fit.
    """

    fit_id: str
    error: str
    seconds: float
