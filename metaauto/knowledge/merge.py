"""Merge stores: the union of their facts, independent of order and repetition."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from metaauto.errors import KnowledgeError
from metaauto.knowledge.integrity import check
from metaauto.knowledge.records import ConfigurationFact, EvaluationFact, ProvenanceFact
from metaauto.knowledge.store import KnowledgeStore

__all__ = ["MergeReport", "merge"]


@dataclass(frozen=True)
class MergeReport:
    """Numbers of facts that a merge added or changed.

    Parameters
    ----------
    provenances, datasets, configurations, evaluations : int
        Added or changed facts.
    """

    provenances: int
    datasets: int
    configurations: int
    evaluations: int


def merge(store: KnowledgeStore, other: KnowledgeStore, source: str | None = None) -> MergeReport:
    """Add all facts of another store, or those of one source, in one transaction.

    Merging is idempotent and independent of the order of the stores; `metaauto.knowledge.reconcile`
    resolves conflicts between facts.

    Parameters
    ----------
    store : KnowledgeStore
        Open for writing.
    other : KnowledgeStore
        Store to read.
    source : str, optional
        Add only evaluations of this source, such as ``"build"``, with their datasets and
        configurations. A configuration with another provenance gets the one of its first evaluation
        of this source. This gives a store without imported facts.

    Raises
    ------
    KnowledgeError
        The other store is damaged; then nothing is added.
    """
    # Evaluations are validated when they are read.
    problems = check(other, deep=False)
    if problems:
        raise KnowledgeError(
            f"The knowledge store {str(other.path)!r} is damaged: {problems[0]}.",
            hint="Restore a copy and merge that.",
            path=other.path,
        )
    if source is not None:
        return _merge_source(store, other, source)
    known = {fact.key for fact in store.provenances()}
    provenances = other.provenances()
    with store.transaction():
        for provenance in provenances:
            store.add_provenance(provenance)
        configurations = sum(store.add_configuration(fact) for fact in other.configurations())
        datasets = evaluations = 0
        for dataset in other.datasets():
            datasets += store.add_dataset(dataset)
            evaluations += store.add_evaluations(
                other.evaluations(dataset.kind, fingerprint=dataset.fingerprint)
            )
    new = sum(fact.key not in known for fact in provenances)
    return MergeReport(new, datasets, configurations, evaluations)


def _merge_source(store: KnowledgeStore, other: KnowledgeStore, source: str) -> MergeReport:
    selected = {fact.key: fact for fact in other.provenances() if fact.source == source}
    if not selected:
        sources = sorted({fact.source for fact in other.provenances()})
        raise KnowledgeError(
            f"{str(other.path)!r} has no facts of source {source!r}.",
            hint=f"Choose one of its sources: {', '.join(sources) or 'none'}.",
            path=other.path,
        )
    facts = {fact.key: fact for fact in other.configurations()}
    known = {fact.key for fact in store.provenances()}
    configurations = datasets = evaluations = 0
    with store.transaction():
        for key in selected:
            store.add_provenance(selected[key])
        for dataset in other.datasets():
            stored = other.evaluations(dataset.kind, fingerprint=dataset.fingerprint)
            kept = [fact for fact in stored if fact.provenance in selected]
            if not kept:
                continue
            if dataset.provenance not in selected:
                dataset = replace(dataset, provenance=_first_provenance(kept, selected))
            datasets += store.add_dataset(dataset)
            for key in dict.fromkeys(fact.configuration for fact in kept):
                own = [fact for fact in kept if fact.configuration == key]
                configurations += store.add_configuration(_evaluated(facts[key], own, selected))
            evaluations += store.add_evaluations(kept)
    return MergeReport(len(selected.keys() - known), datasets, configurations, evaluations)


def _evaluated(
    fact: ConfigurationFact, evaluations: list[EvaluationFact], selected: dict[str, ProvenanceFact]
) -> ConfigurationFact:
    """Return a configuration with a selected provenance and without proposals."""
    if fact.provenance in selected:
        return replace(fact, proposed_for=())
    return replace(fact, provenance=_first_provenance(evaluations, selected), proposed_for=())


def _first_provenance(
    evaluations: Iterable[EvaluationFact], selected: dict[str, ProvenanceFact]
) -> str:
    keys = {fact.provenance for fact in evaluations}
    return min(keys, key=lambda key: (selected[key].created, key))
