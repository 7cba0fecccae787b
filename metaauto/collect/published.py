"""Published configurations as candidates: what others recommend is measured first."""

from __future__ import annotations

from collections import defaultdict

from metaauto.collect.candidates import Candidate
from metaauto.components.hyperparameters import Choice, values_out_of_range
from metaauto.configuration import Configuration
from metaauto.knowledge import ConfigurationFact, KnowledgeStore
from metaauto.plugins.registry import Registry
from metaauto.space import SearchSpace
from metaauto.task import reference_task

__all__ = ["published_candidates"]

_IMPORT = "import:"
# Portfolios were chosen to complement each other; then come single winners, then what was merely
# tried. Sources that are not named here stand with the winners.
_ORDER = {
    "import:flaml": 0,
    "import:autogluon": 0,
    "import:autosklearn2": 0,
    "import:oboe": 2,
    "import:tabrepo": 3,
}
_UNNAMED = 1
_FIRST_WAVE = 1


def published_candidates(
    store: KnowledgeStore, registry: Registry, kind: str, most: int | None = None
) -> list[Candidate]:
    """Configurations that an import proposes or evaluated for a kind of task, to be measured.

    They are brought into the installed space: values little outside of it are clipped, what the
    source does not say takes our default. Left out are those of models that are not installed or do
    not do the kind, of another version of the model's space, and those that would not be what was
    published: with a value far outside of its range, or a choice that does not go with another one.

    Parameters
    ----------
    store : KnowledgeStore
        Holds the configurations.
    registry : Registry
        Installed components.
    kind : {'binary', 'multiclass', 'regression'}
        Kind of task.
    most : int, optional
        Configurations of each model at most; all by default.

    Returns
    -------
    list of Candidate
        One of each model in each wave. The first is wave 1, for wave 0 is that of the defaults;
        portfolios come before single winners, and these before what was merely tried.

    Examples
    --------
    >>> import tempfile
    >>> from metaauto.configuration import Configuration
    >>> from metaauto.knowledge import ConfigurationFact, KnowledgeStore, ProvenanceFact
    >>> from metaauto.plugins.manager import PluginSettings, load_plugins
    >>> registry = load_plugins(PluginSettings(only=())).registry
    >>> said = ProvenanceFact("2026-01-31T12:00:00Z", "import:tabrepo", "0.1.0")
    >>> knn = Configuration("knn", {"n_neighbors": 9})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with KnowledgeStore.create(f"{folder}/knowledge.db") as store:
    ...         key = store.add_provenance(said)
    ...         _ = store.add_configuration(ConfigurationFact(knn, key, proposed_for=("binary",)))
    ...         [found] = published_candidates(store, registry, "binary")
    >>> found.wave, found.configuration.values["n_neighbors"], found.configuration.values["p"]
    (1, 9, 1)
    """
    space = SearchSpace(registry, reference_task(kind))
    sources = {fact.key: fact.source for fact in store.provenances()}
    ranked = sorted(
        (_ORDER.get(sources[fact.provenance], _UNNAMED), fact.key, fact)
        for fact in store.configurations(kind)
        if sources[fact.provenance].startswith(_IMPORT) or kind in fact.proposed_for
    )
    taken: dict[str, dict[Configuration, None]] = defaultdict(dict)
    for _, _, fact in ranked:
        configuration = _usable(fact, space)
        if configuration is not None and (most is None or len(taken[fact.model]) < most):
            taken[fact.model][configuration] = None
    found = [
        Candidate(configuration, wave)
        for configurations in taken.values()
        for wave, configuration in enumerate(configurations, start=_FIRST_WAVE)
    ]
    return sorted(found, key=lambda c: (c.wave, c.configuration.model, c.configuration.key))


def _usable(fact: ConfigurationFact, space: SearchSpace) -> Configuration | None:
    """The configuration in the installed space, None where it would mean something else."""
    if fact.model not in space.ranges:
        return None
    installed = space.registry.model(fact.model).space_version
    ranges, values = space.ranges[fact.model], fact.configuration.values
    if fact.space_version != installed or values_out_of_range(ranges, values):
        return None
    repaired = space.repair(fact.configuration).configuration
    choices = [name for name in values if isinstance(ranges.get(name), Choice)]
    is_kept = all(repaired.values.get(name) == values[name] for name in choices)
    return repaired if is_kept else None
