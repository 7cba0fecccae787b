"""The baseline: fitted at once in this process, so that there is an answer from the start."""

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
    """Trial 0: what can be predicted without looking at the features.

    It runs metaauto's own code alone, on no features, in milliseconds, and so needs no worker.

    Raises
    ------
    NoModelFitted
        If even that fails.
    """
    evaluator = Evaluator(inputs, registry, folder)
    trial = Trial(0, Configuration(BASELINE), "baseline", "baseline")
    for fold in range(len(inputs.folds)):
        outcome = evaluator.run(Job(0, fold, trial.configuration, seed))
        if outcome.status is not Status.SUCCESS:
            raise NoModelFitted(
                f"Not even the baseline could be fitted: {outcome.error}",
                hint="Check the target column.",
            )
        trial.outcomes[fold] = outcome
    return trial
