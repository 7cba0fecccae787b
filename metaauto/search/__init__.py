"""The search: trials, fold by fold, in worker processes, proposed by the warm start and by SMAC."""

from metaauto.search.baseline import baseline_trial
from metaauto.search.events import Event
from metaauto.search.executors import Executor, LocalExecutor, Setup
from metaauto.search.inputs import Inputs, read_folds, read_inputs, write_inputs
from metaauto.search.loop import Search
from metaauto.search.proposals import Proposals
from metaauto.search.restore import restored_trials
from metaauto.search.trial import Job, Outcome, Status, Trial

__all__ = [
    "Event",
    "Executor",
    "Inputs",
    "Job",
    "LocalExecutor",
    "Outcome",
    "Proposals",
    "Search",
    "Setup",
    "Status",
    "Trial",
    "baseline_trial",
    "read_folds",
    "read_inputs",
    "restored_trials",
    "write_inputs",
]
