"""Log each fit to MLflow: a run, a nested run for each trial, the model file and the report."""

from __future__ import annotations

import os
import sys

from metaauto.api import FitFailure, FitResult, FitStart, TrialResult, hookimpl
from metaauto_mlflow.run import TrackedFit

__all__ = ["fit_failed", "fit_finished", "fit_started", "trial_finished"]

_FITS: dict[str, TrackedFit] = {}


@hookimpl
def fit_started(start: FitStart) -> None:
    """Start a run, if ``MLFLOW_TRACKING_URI`` is set or the program has imported mlflow."""
    if "MLFLOW_TRACKING_URI" in os.environ or "mlflow" in sys.modules:
        _FITS[start.fit_id] = TrackedFit(start)


@hookimpl
def trial_finished(trial: TrialResult) -> None:
    """Log the configuration and the score of a trial as a nested run."""
    if trial.fit_id in _FITS:
        _FITS[trial.fit_id].log_trial(trial)


@hookimpl
def fit_finished(result: FitResult) -> None:
    """Log scores, leaderboard, report and model file, and end the run."""
    if result.fit_id in _FITS:
        _FITS.pop(result.fit_id).finish(result)


@hookimpl
def fit_failed(failure: FitFailure) -> None:
    """End the run as failed, with the error as a tag."""
    if failure.fit_id in _FITS:
        _FITS.pop(failure.fit_id).fail(failure)
