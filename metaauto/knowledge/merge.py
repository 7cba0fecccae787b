"""Merging stores: the union of their facts, whichever is merged into which and how often."""

from __future__ import annotations

from dataclasses import dataclass

from metaauto.errors import KnowledgeError
from metaauto.knowledge.check import check
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


def merge(store: KnowledgeStore, other: KnowledgeStore) -> MergeReport:
    """Add all facts of another store in one transaction.

    Merging twice changes nothing more, and the order in which stores are merged does not matter
    (`metaauto.knowledge.rules` says what stays where two facts differ).

    Parameters
    ----------
    store : KnowledgeStore
        Open for writing.
    other : KnowledgeStore
        Left as it is.

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
