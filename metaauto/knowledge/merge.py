"""Merging stores: the union of their facts, whichever is merged into which and how often."""

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
    """What was new in the other store.

    Parameters
    ----------
    provenances, datasets, configurations, evaluations : int
        Facts that were added or changed.
    """

    provenances: int
    datasets: int
    configurations: int
    evaluations: int


def merge(store: KnowledgeStore, other: KnowledgeStore, source: str | None = None) -> MergeReport:
    """Add all facts of another store in one transaction, or those of one source.

    Merging twice changes nothing more, and the order in which stores are merged does not matter
    (`metaauto.knowledge.reconcile` says what stays where two facts differ).

    Parameters
    ----------
    store : KnowledgeStore
        Open for writing.
    other : KnowledgeStore
        Left as it is.
    source : str, optional
        Only evaluations of this source, such as ``"build"``, and the tables and configurations
        they need; a configuration that somebody else published first is then said to be known
        from its first evaluation. For stores that are passed on without what was imported.

    Raises
    ------
    KnowledgeError
        If the other store is damaged; then nothing is added.
    """
    # Evaluations are checked as they are read.
    problems = check(other, deep=False)
    if problems:
        raise KnowledgeError(
            f"The knowledge store {str(other.path)!r} is damaged: {problems[0]}.",
            hint="Restore a copy before it is merged.",
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
    said = {fact.key: fact for fact in other.provenances() if fact.source == source}
    if not said:
        sources = sorted({fact.source for fact in other.provenances()})
        raise KnowledgeError(
            f"Nothing in {str(other.path)!r} is of source {source!r}.",
            hint=f"Its sources are {', '.join(sources) or 'none'}.",
            path=other.path,
        )
    facts = {fact.key: fact for fact in other.configurations()}
    known = {fact.key for fact in store.provenances()}
    configurations = datasets = evaluations = 0
    with store.transaction():
        for key in said:
            store.add_provenance(said[key])
        for dataset in other.datasets():
            found = other.evaluations(dataset.kind, fingerprint=dataset.fingerprint)
            wanted = [fact for fact in found if fact.provenance in said]
            if not wanted:
                continue
            if dataset.provenance not in said:
                dataset = replace(dataset, provenance=_first_said(wanted, said))
            datasets += store.add_dataset(dataset)
            for key in dict.fromkeys(fact.configuration for fact in wanted):
                mine = [fact for fact in wanted if fact.configuration == key]
                configurations += store.add_configuration(_measured(facts[key], mine, said))
            evaluations += store.add_evaluations(wanted)
    return MergeReport(len(said.keys() - known), datasets, configurations, evaluations)


def _measured(
    fact: ConfigurationFact, evaluations: list[EvaluationFact], said: dict[str, ProvenanceFact]
) -> ConfigurationFact:
    """A configuration as its evaluations know it, whoever proposed it."""
    if fact.provenance in said:
        return replace(fact, proposed_for=())
    return replace(fact, provenance=_first_said(evaluations, said), proposed_for=())


def _first_said(evaluations: Iterable[EvaluationFact], said: dict[str, ProvenanceFact]) -> str:
    keys = {fact.provenance for fact in evaluations}
    return min(keys, key=lambda key: (said[key].created, key))
