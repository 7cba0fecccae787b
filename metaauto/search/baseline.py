"""The baseline, fitted first in this process, so that a model exists from the start."""

from __future__ import annotations

from pathlib import Path

from metaauto.configuration import Configuration
from metaauto.errors import NoModelFitted
from metaauto.plugins.registry import Registry
from metaauto.search.dataset_io import Inputs
from metaauto.search.evaluate import Evaluator
from metaauto.search.trial import Job, Status, Trial
from metaauto.space import BASELINE

__all__ = ["baseline_trial"]


def baseline_trial(inputs: Inputs, registry: Registry, folder: Path, seed: int) -> Trial:
    """Run trial 0, which predicts without features.

    It runs only metaauto's own code, in milliseconds, and therefore needs no worker.

    Raises
    ------
    NoModelFitted
        If the baseline fails.
    """
    evaluator = Evaluator(inputs, registry, folder)
    trial = Trial(0, Configuration(BASELINE), "baseline", "baseline")
    for fold in range(len(inputs.folds)):
        outcome = evaluator.run(Job(0, fold, trial.configuration, seed))
        if outcome.status is not Status.SUCCESS:
            raise NoModelFitted(
                f"The baseline could not be fitted: {outcome.error}",
                hint="Check the target column.",
            )
        trial.outcomes[fold] = outcome
    return trial
