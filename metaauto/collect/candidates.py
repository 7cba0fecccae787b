"""Which configurations to measure, and in which order."""

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
    """A configuration to measure on every table of a kind.

    Parameters
    ----------
    configuration : Configuration
        With a choice for every slot; `SearchSpace.repair` fits it to a table.
    wave : int
        Lower waves are measured on all tables before higher ones.
    """

    configuration: Configuration
    wave: int


def candidates(registry: Registry, kind: str, draws: int = 2, seed: int = 0) -> list[Candidate]:
    """Configurations of every model that does a kind of task, in the order to measure them.

    The default of each model is the first wave, then come the entries of its portfolio, a wave
    each, then random draws from its space.

    Parameters
    ----------
    registry : Registry
        Installed components.
    kind : {'binary', 'multiclass', 'regression'}
        Kind of task.
    draws : int
        Random draws for each model.
    seed : int
        Same seed and components, same configurations.
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
