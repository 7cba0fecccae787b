"""The run directory: what a fit wrote down, so that it can be watched, resumed and explained."""

from metaauto.run.directory import MARKER, RunDirectory, StoredRun

__all__ = ["MARKER", "RunDirectory", "StoredRun"]
