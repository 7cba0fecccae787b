"""The search: the warm start and SMAC propose trials, which run fold by fold in workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaauto.lazy import attribute_of

if TYPE_CHECKING:
    from metaauto.search.baseline import baseline_trial
    from metaauto.search.checkpoint import has_fold_models, restored_trials
    from metaauto.search.dataset_io import Inputs, read_folds, read_inputs, write_inputs
    from metaauto.search.executors import DaskExecutor, Executor, LocalExecutor, Setup
    from metaauto.search.loop import Search
    from metaauto.search.proposer import Proposer
    from metaauto.search.trial import Job, Outcome, Status, Trial

__all__ = [
    "DaskExecutor",
    "Executor",
    "Inputs",
    "Job",
    "LocalExecutor",
    "Outcome",
    "Proposer",
    "Search",
    "Setup",
    "Status",
    "Trial",
    "baseline_trial",
    "has_fold_models",
    "read_folds",
    "read_inputs",
    "restored_trials",
    "write_inputs",
]

# Lazy, because worker processes import this package too and need little of it.
_HOMES = {
    "DaskExecutor": "executors",
    "Executor": "executors",
    "Inputs": "dataset_io",
    "Job": "trial",
    "LocalExecutor": "executors",
    "Outcome": "trial",
    "Proposer": "proposer",
    "Search": "loop",
    "Setup": "executors",
    "Status": "trial",
    "Trial": "trial",
    "baseline_trial": "baseline",
    "has_fold_models": "checkpoint",
    "read_folds": "dataset_io",
    "read_inputs": "dataset_io",
    "restored_trials": "checkpoint",
    "write_inputs": "dataset_io",
}


def __getattr__(name: str) -> Any:
    """Import an exported name on first access."""
    return attribute_of(__name__, _HOMES, name)
