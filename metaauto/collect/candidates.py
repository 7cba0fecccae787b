"""Configurations to evaluate in a build, in order."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from metaauto.configuration import Configuration
from metaauto.plugins.registry import Registry
from metaauto.space import SearchSpace
from metaauto.task import reference_task

__all__ = ["Candidate", "candidates"]


@dataclass(frozen=True)
class Candidate:
    """A configuration to evaluate on every dataset of a kind.

    Parameters
    ----------
    configuration : Configuration
        With a value for every slot; `SearchSpace.repair` adapts it to a dataset.
    wave : int
        Lower waves are evaluated on all datasets before higher ones.
    """

    configuration: Configuration
    wave: int


def candidates(registry: Registry, kind: str, draws: int = 2, seed: int = 0) -> list[Candidate]:
    """Return the configurations of every model that supports a kind of task, in order.

    The default of each model is the first wave; then come the entries of its portfolio, one per
    wave, then random configurations.

    Parameters
    ----------
    registry : Registry
        Installed components.
    kind : {'binary', 'multiclass', 'regression'}
        Kind of task.
    draws : int
        Random configurations per model.
    seed : int
        Random seed; the same seed and components give the same configurations.
    """
    space = SearchSpace(registry, reference_task(kind))
    found: dict[Configuration, int] = {}
    for model in space.models:
        random = Random(f"{seed}-{kind}-{model}")
        waves = space.portfolio(model)
        waves += [space.sample(random, model) for _ in range(draws)]
        for wave, configuration in enumerate(waves):
            found.setdefault(configuration, wave)
    ordered = sorted(found.items(), key=lambda item: (item[1], item[0].model, item[0].key))
    return [Candidate(configuration, wave) for configuration, wave in ordered]
