"""The run directory: the record of a fit, for monitoring, resuming and comparing."""

from metaauto.run.directory import MARKER, RunDirectory, StoredRun
from metaauto.run.recorder import Recorder
from metaauto.run.resume import check_same, settings_of
from metaauto.run.status import RunRecord, read_run

__all__ = [
    "MARKER",
    "Recorder",
    "RunDirectory",
    "RunRecord",
    "StoredRun",
    "check_same",
    "read_run",
    "settings_of",
]
