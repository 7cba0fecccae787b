"""The run directory: what a fit wrote down, so that it can be watched, resumed and explained."""

from metaauto.run.directory import MARKER, RunDirectory, StoredRun
from metaauto.run.resume import check_same, settings_of
from metaauto.run.status import RunRecord, read_run

__all__ = [
    "MARKER",
    "RunDirectory",
    "RunRecord",
    "StoredRun",
    "check_same",
    "read_run",
    "settings_of",
]
