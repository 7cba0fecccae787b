"""Measuring configurations on many tables, to fill a knowledge store."""

from metaauto.measure.build import BuildPlan, Progress, build_knowledge
from metaauto.measure.candidates import Candidate, candidates
from metaauto.measure.openml_sources import recipe_sources, suite_sources, task_sources
from metaauto.measure.published import published_candidates
from metaauto.measure.recipes import Recipe, load_recipe, recipe_names
from metaauto.measure.sources import Source, folder_sources

__all__ = [
    "BuildPlan",
    "Candidate",
    "Progress",
    "Recipe",
    "Source",
    "build_knowledge",
    "candidates",
    "folder_sources",
    "published_candidates",
    "load_recipe",
    "recipe_names",
    "recipe_sources",
    "suite_sources",
    "task_sources",
]
