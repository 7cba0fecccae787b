"""Measuring configurations on many tables, to fill a knowledge store."""

from metaauto.measure.build import BuildPlan, Progress, build_knowledge
from metaauto.measure.candidates import Candidate, candidates, reference_task
from metaauto.measure.sources import Source, folder_sources

__all__ = [
    "BuildPlan",
    "Candidate",
    "Progress",
    "Source",
    "build_knowledge",
    "candidates",
    "folder_sources",
    "reference_task",
]
