"""Run configurations on many datasets and collect the results in a knowledge store."""

from metaauto.collect.build import BuildPlan, Progress, build_knowledge
from metaauto.collect.candidates import Candidate, candidates
from metaauto.collect.openml_sources import recipe_sources, suite_sources, task_sources
from metaauto.collect.predictions import PredictedDataset, PredictionFile
from metaauto.collect.published import published_candidates
from metaauto.collect.recipes import Recipe, load_recipe, recipe_names
from metaauto.collect.sources import Source, folder_sources

__all__ = [
    "BuildPlan",
    "Candidate",
    "PredictedDataset",
    "PredictionFile",
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
