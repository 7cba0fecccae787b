"""Builders that several test files share: registries, tasks, spaces, models and trials."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

from metaauto.components import Model, Tags
from metaauto.components.strategy import Recommendation, WarmStart
from metaauto.configuration import Configuration
from metaauto.plugins.manager import PluginSettings, load_plugins
from metaauto.plugins.registry import Plugin, Registered, Registry
from metaauto.search.trial import Status, Trial
from metaauto.space import SearchSpace
from metaauto.task import Column, Role, Task


def build(values: Any, context: Any) -> None:
    """Build nothing; for components that are registered but not fitted."""


@cache
def builtin_registry() -> Registry:
    """Return the components of metaauto itself, without installed plugins."""
    return load_plugins(PluginSettings(only=())).registry


def registry_of(*models: Model) -> Registry:
    """Return a registry of these models only."""
    return Registry(Registered("model", model.name, model, Plugin("tests")) for model in models)


def frame_model(name: str, space: Any, **settings: Any) -> Model:
    """Return a model of typed frames: its space has its own ranges and no preprocessing."""
    return Model(name, build, space=space, tags=Tags(accepts_dataframe=True), **settings)


def columns_of(roles: Sequence[Role], missing: float = 0.0) -> tuple[Column, ...]:
    """Return columns of 9 distinct values with these roles."""
    return tuple(Column(f"c{i}", role, "object", 9, missing) for i, role in enumerate(roles))


def binary_task(rows: int = 1000, columns: int = 5, metric: str = "log_loss") -> Task:
    """Return a binary task of balanced classes with numeric columns."""
    numbers = columns_of((Role.NUMERIC,) * columns)
    return Task("binary", "y", numbers, metric, rows, (0, 1), (rows // 2, rows - rows // 2))


def space_of(*models: Model, rows: int = 1000) -> SearchSpace:
    """Return the search space of these models on a binary task."""
    return SearchSpace(registry_of(*models), binary_task(rows))


def make_trial(number: int, status: Status = Status.SUCCESS, **attributes: Any) -> Trial:
    """Return a trial with these attributes, of a configuration of its own by default."""
    configuration = attributes.pop("configuration", Configuration("knn", {"n": number}))
    made = Trial(number, configuration, attributes.pop("source", "portfolio"), status=status)
    for name, value in attributes.items():
        setattr(made, name, value)
    return made


def drain(strategy: WarmStart, seconds: float = math.inf) -> list[Recommendation]:
    """Return all recommendations of a warm start."""
    found = []
    while (recommendation := strategy.recommend(seconds)) is not None:
        found.append(recommendation)
    return found
