"""Imported (published) configurations as candidates of a build."""

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
# Portfolios first, whose configurations complement each other; then single best configurations
# (also the rank of sources not listed here), then configurations that were only evaluated.
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
    store: KnowledgeStore, registry: Registry, kind: str, max_per_model: int | None = None
) -> list[Candidate]:
    """Return the imported configurations that are proposed or evaluated for a kind of task.

    They are repaired into the installed search space: values slightly out of range are clipped, and
    missing values get the default. Skipped are configurations of models that are not installed or
    do not support the kind, of another version of the model's space, and those that the repair
    would change substantially: a value far out of range, or a categorical value whose condition is
    not met.

    Parameters
    ----------
    store : KnowledgeStore
        Store with imported configurations.
    registry : Registry
        Installed components.
    kind : {'binary', 'multiclass', 'regression'}
        Kind of task.
    max_per_model : int, optional
        Maximum number of configurations per model; all by default.

    Returns
    -------
    list of Candidate
        One configuration per model and wave, from wave 1 (wave 0 holds the defaults). Portfolios
        come before single best configurations, and these before configurations that were only
        evaluated.

    Examples
    --------
    >>> import tempfile
    >>> from metaauto.configuration import Configuration
    >>> from metaauto.knowledge import ConfigurationFact, KnowledgeStore, ProvenanceFact
    >>> from metaauto.plugins.manager import PluginSettings, load_plugins
    >>> registry = load_plugins(PluginSettings(only=())).registry
    >>> provenance = ProvenanceFact("2026-01-31T12:00:00Z", "import:tabrepo", "0.1.0")
    >>> knn = Configuration("knn", {"n_neighbors": 9})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with KnowledgeStore.create(f"{folder}/knowledge.db") as store:
    ...         key = store.add_provenance(provenance)
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
    selected: dict[str, dict[Configuration, None]] = defaultdict(dict)
    for _, _, fact in ranked:
        configuration = _repaired(fact, space)
        if configuration is not None and (
            max_per_model is None or len(selected[fact.model]) < max_per_model
        ):
            selected[fact.model][configuration] = None
    candidates = [
        Candidate(configuration, wave)
        for configurations in selected.values()
        for wave, configuration in enumerate(configurations, start=_FIRST_WAVE)
    ]
    return sorted(candidates, key=lambda c: (c.wave, c.configuration.model, c.configuration.key))


def _repaired(fact: ConfigurationFact, space: SearchSpace) -> Configuration | None:
    """Return the repaired configuration; None if the repair would change it substantially."""
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
