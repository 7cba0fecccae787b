"""Which warm start a table gets: that of the strategy that is asked for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from metaauto.components.strategy import StrategyInput, WarmStart
from metaauto.data import Dataset
from metaauto.errors import KnowledgeError
from metaauto.knowledge import LoadedKnowledge, load_knowledge, stores
from metaauto.knowledge.provenance import calibrate
from metaauto.plugins.registry import Registry
from metaauto.space import SearchSpace
from metaauto.warmstart.candidates import known_configurations
from metaauto.warmstart.fallback import FallbackWarmStart
from metaauto.warmstart.knowledge_strategy import KnowledgeStrategy
from metaauto.warmstart.portfolio import DefaultPortfolio
from metaauto.warmstart.runtime_model import RuntimeModel

__all__ = ["KNOWLEDGE", "select_strategy", "knowledge_for_task"]

KNOWLEDGE = "knowledge"
"""Name of the strategy that is used if none is asked for."""

_log = logging.getLogger("metaauto.warmstart")


def knowledge_for_task(
    dataset: Dataset, knowledge: bool | str | Path, registry: Registry
) -> LoadedKnowledge:
    """What the stores know of tables of this kind, this very table left out.

    Parameters
    ----------
    dataset : Dataset
        The table; its task says the kind and the metric.
    knowledge : bool, str or Path
        What to load: from the shipped store, installed packs and the user's own, or
        from one store alone if its path is given.
    registry : Registry
        Installed components; they say which metafeatures can be compared.

    Raises
    ------
    KnowledgeError
        If a store that was named cannot be used. Others are left out and named.
    """
    if knowledge is False:
        return LoadedKnowledge(None)
    named = None if isinstance(knowledge, bool) else Path(knowledge).expanduser()
    if named is not None and not named.exists():
        raise KnowledgeError(f"There is no knowledge store {str(named)!r}.", hint="Check the path.")
    found = load_knowledge(
        stores(registry.knowledge()) if named is None else [named],
        dataset.task.kind,
        dataset.task.metric,
        without=dataset.fingerprint,
        without_openml_id=dataset.openml_id,
        extractors={extractor.name: extractor.version for extractor in registry.metafeatures()},
    )
    if named is not None and found.problems:
        raise KnowledgeError(found.problems[0])
    return found


def select_strategy(
    loaded: LoadedKnowledge,
    space: SearchSpace,
    runtime: RuntimeModel,
    n_folds: int,
    for_ensemble: bool = True,
    name: str = KNOWLEDGE,
    warn: Callable[[str], None] = _log.warning,
) -> WarmStart:
    """Start a strategy on a table.

    Parameters
    ----------
    loaded : LoadedKnowledge
        What is known of other tables.
    space : SearchSpace
        What can be tried; its registry has the strategies.
    runtime : RuntimeModel
        Expected seconds.
    n_folds : int
        Folds of a whole trial.
    for_ensemble : bool, default=True
        Whether an ensemble is made of what is tried, or the best single configuration looked for.
    name : str, default='knowledge'
        Of the strategy.
    warn : callable
        Told if the strategy of a plugin fails; metaauto's own goes on then.

    Raises
    ------
    UnknownName
        If there is no strategy of that name.
    """
    given = StrategyInput(
        space,
        runtime,
        loaded.matrix,
        n_folds,
        for_ensemble,
        lambda: _from_knowledge(loaded, space, runtime, n_folds, for_ensemble),
        lambda: DefaultPortfolio(space, runtime),
    )
    registry = space.registry
    if name == KNOWLEDGE and name not in registry.names("strategy"):
        return given.from_knowledge() or given.from_authors()
    entry = registry.entry("strategy", name)
    if entry.plugin.is_own:
        return entry.component.start(given) or given.from_authors()
    source = f"Strategy {name!r} of plugin {entry.plugin.label}"
    return FallbackWarmStart(
        name,
        lambda: entry.component.start(given),
        given.from_knowledge() or given.from_authors(),
        space,
        lambda cause: warn(f"{source} failed: {cause} Falling back to the knowledge strategy."),
    )


def _from_knowledge(
    loaded: LoadedKnowledge,
    space: SearchSpace,
    runtime: RuntimeModel,
    n_folds: int,
    for_ensemble: bool,
) -> WarmStart | None:
    """The warm start from knowledge, None if nothing is known that can be tried here."""
    if loaded.matrix is None:
        return None
    known = known_configurations(loaded.matrix, space, calibrate(1))
    if not known.configurations:
        return None
    return KnowledgeStrategy(space, runtime, known, n_folds, for_ensemble)
