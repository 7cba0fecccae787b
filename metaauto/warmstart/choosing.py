"""Which warm start a table gets: from the knowledge in use, or from the authors' defaults."""

from __future__ import annotations

from pathlib import Path

from metaauto.data import Dataset
from metaauto.errors import KnowledgeError
from metaauto.knowledge import Recalled, recall, stores
from metaauto.knowledge.provenance import calibrate
from metaauto.registry import Registry
from metaauto.space import SearchSpace
from metaauto.warmstart.candidates import known_configurations
from metaauto.warmstart.portfolio import DefaultPortfolio
from metaauto.warmstart.recall import KnowledgeStrategy
from metaauto.warmstart.runtime import RuntimeModel
from metaauto.warmstart.strategy import Strategy

__all__ = ["choose_strategy", "recollect"]


def recollect(dataset: Dataset, knowledge: bool | str | Path, registry: Registry) -> Recalled:
    """What the stores know of tables of this kind, this very table left out.

    Parameters
    ----------
    dataset : Dataset
        The table; its task says the kind and the metric.
    knowledge : bool, str or Path
        Whether to recall anything: from the shipped store, installed packs and the user's own, or
        from one store alone if its path is given.
    registry : Registry
        Installed components; they say which metafeatures can be compared.

    Raises
    ------
    KnowledgeError
        If a store that was named cannot be used. Others are left out and named.
    """
    if knowledge is False:
        return Recalled(None)
    named = None if isinstance(knowledge, bool) else Path(knowledge).expanduser()
    if named is not None and not named.exists():
        raise KnowledgeError(f"There is no knowledge store {str(named)!r}.", hint="Check the path.")
    found = recall(
        stores(registry.knowledge()) if named is None else [named],
        dataset.task.kind,
        dataset.task.metric,
        without=dataset.fingerprint,
        without_openml_id=dataset.openml_id,
        extractors={extractor.name: extractor.version for extractor in registry.extractors()},
    )
    if named is not None and found.problems:
        raise KnowledgeError(found.problems[0])
    return found


def choose_strategy(
    recalled: Recalled,
    space: SearchSpace,
    runtime: RuntimeModel,
    n_folds: int,
    blends: bool = True,
) -> Strategy:
    """The warm start from knowledge, or the portfolio of defaults if nothing is known.

    It looks for what an ensemble wants, or for the best single configuration if nothing blends.
    """
    if recalled.matrix is not None:
        known = known_configurations(recalled.matrix, space, calibrate(1))
        if known.configurations:
            return KnowledgeStrategy(space, runtime, known, n_folds, blends)
    return DefaultPortfolio(space, runtime)
