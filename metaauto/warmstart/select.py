"""Select the warm start of a fit by the name of its strategy."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

from metaauto.components.strategy import StrategyInput, WarmStart, WarmStartSummary
from metaauto.data import Dataset
from metaauto.errors import KnowledgeError
from metaauto.knowledge import LoadedKnowledge, load_knowledge, stores
from metaauto.knowledge.provenance import calibrate
from metaauto.plugins.registry import Registry
from metaauto.space import SearchSpace
from metaauto.text import counted
from metaauto.warmstart.candidates import known_configurations
from metaauto.warmstart.fallback import FallbackWarmStart
from metaauto.warmstart.knowledge_strategy import KnowledgeStrategy
from metaauto.warmstart.portfolio import DefaultPortfolio
from metaauto.warmstart.runtime_model import RuntimeModel

__all__ = [
    "KNOWLEDGE",
    "check_warm_start",
    "knowledge_for_task",
    "select_strategy",
    "source_of_first",
]

KNOWLEDGE = "knowledge"
"""Name of the default strategy."""

_log = logging.getLogger("metaauto.warmstart")


def knowledge_for_task(
    dataset: Dataset, knowledge: bool | str | Path, registry: Registry, timeout: float = 30.0
) -> LoadedKnowledge:
    """Load the knowledge of a kind of task, without the dataset itself.

    Parameters
    ----------
    dataset : Dataset
        The new dataset; its task defines the kind and the metric.
    knowledge : bool, str or Path
        True loads the shipped store, installed packs and the user's own store; a path loads one
        store only; False loads nothing.
    registry : Registry
        Installed components, with the versions of the metafeature extractors.
    timeout : float, default=30.0
        Seconds to wait for stores that are locked by other processes, in total.

    Raises
    ------
    KnowledgeError
        If a store given by its path cannot be used. Other unusable stores are skipped and listed
        in ``problems``.
    """
    if knowledge is False:
        return LoadedKnowledge(None)
    named = _named_store(knowledge)
    loaded = load_knowledge(
        stores(registry.knowledge()) if named is None else [named],
        dataset.task.kind,
        dataset.task.metric,
        without=dataset.fingerprint,
        without_openml_id=dataset.openml_id,
        extractors={extractor.name: extractor.version for extractor in registry.metafeatures()},
        timeout=timeout,
    )
    if named is not None and loaded.problems:
        raise KnowledgeError(loaded.problems[0])
    return loaded


def check_warm_start(knowledge: bool | str | Path, strategy: str, registry: Registry) -> None:
    """Refuse the path of a missing store and an unknown strategy, before the table is read."""
    _named_store(knowledge)
    if strategy != KNOWLEDGE:
        registry.entry("strategy", strategy)


def source_of_first(known: WarmStartSummary, name: str, knowledge: bool | str | Path = True) -> str:
    """Return where the first configurations of a fit come from, as a phrase for the user.

    Parameters
    ----------
    known : WarmStartSummary
        What the warm start knows of other datasets.
    name : str
        Name of the strategy.
    knowledge : bool or path, default=True
        False if no store was read.
    """
    if known.configurations:
        configurations = counted(known.configurations, "configuration")
        return f"{configurations} evaluated on {counted(known.datasets, 'dataset')}"
    if name == KNOWLEDGE:
        if knowledge is False:
            return "Knowledge is not used; starting with model defaults."
        return "No knowledge for this task type; starting with model defaults."
    return f"The first configurations come from the strategy {name!r}."


def _named_store(knowledge: bool | str | Path) -> Path | None:
    """Return the path of the only store to use; None if all stores are used."""
    if isinstance(knowledge, bool):
        return None
    path = Path(knowledge).expanduser()
    # Path.exists raises for a name that is too long.
    if not os.path.exists(path):
        raise KnowledgeError(f"There is no knowledge store {str(path)!r}.", hint="Check the path.")
    return path


def select_strategy(
    loaded: LoadedKnowledge,
    space: SearchSpace,
    runtime: RuntimeModel,
    n_folds: int,
    for_ensemble: bool = True,
    name: str = KNOWLEDGE,
    warn: Callable[[str], None] = _log.warning,
) -> WarmStart:
    """Start a strategy for a fit.

    Parameters
    ----------
    loaded : LoadedKnowledge
        Knowledge of other datasets.
    space : SearchSpace
        Search space; its registry holds the strategies.
    runtime : RuntimeModel
        Predicts the seconds of configurations.
    n_folds : int
        Folds per trial.
    for_ensemble : bool, default=True
        Whether an ensemble is built from the trials, or the best single configuration is used.
    name : str, default='knowledge'
        Name of the strategy.
    warn : callable
        Called with a message if a plugin's strategy fails; then the knowledge strategy is used.

    Raises
    ------
    UnknownName
        If there is no strategy of that name.
    """
    inputs = StrategyInput(
        space,
        runtime,
        loaded.matrix,
        n_folds,
        for_ensemble,
        lambda: _from_knowledge(loaded, space, runtime, n_folds, for_ensemble),
        lambda: DefaultPortfolio(space, runtime),
    )
    if name == KNOWLEDGE and name not in space.registry.names("strategy"):
        return inputs.from_knowledge() or inputs.from_authors()
    entry = space.registry.entry("strategy", name)
    return FallbackWarmStart(
        lambda: entry.component.start(inputs),
        lambda: inputs.from_knowledge() or inputs.from_authors(),
        space,
        lambda cause: warn(
            f"Strategy {name!r} of plugin {entry.plugin.label} failed: {cause} Falling back to the "
            "knowledge strategy."
        ),
    )


def _from_knowledge(
    loaded: LoadedKnowledge,
    space: SearchSpace,
    runtime: RuntimeModel,
    n_folds: int,
    for_ensemble: bool,
) -> WarmStart | None:
    """Start the knowledge strategy; None if no stored configuration can be tried."""
    if loaded.matrix is None:
        return None
    known = known_configurations(loaded.matrix, space, calibrate(1))
    if not known.configurations:
        return None
    return KnowledgeStrategy(space, runtime, known, n_folds, for_ensemble)
