"""Look up completed evaluations, so that a resumed build does not load finished datasets."""

from __future__ import annotations

from collections.abc import Sequence

from metaauto.collect.candidates import Candidate
from metaauto.collect.plan import BuildPlan
from metaauto.collect.sources import Source
from metaauto.collect.table import is_small, slow_models
from metaauto.knowledge import DatasetFact, EvaluationFact, KnowledgeStore

__all__ = ["CompletedEvaluations"]

_Group = tuple[str, str, str]
"""Fingerprint, kind and protocol."""


class CompletedEvaluations:
    """Completed evaluations by the label of the dataset.

    A configuration also counts as completed if its model has no evaluation on a dataset that other
    models were evaluated on: the model cannot be run there, or timed out.

    Parameters
    ----------
    store : KnowledgeStore
        Read once, at construction.
    plan : BuildPlan
        Folds, rows and limits.
    """

    def __init__(self, store: KnowledgeStore, plan: BuildPlan) -> None:
        self._store = store
        self._plan = plan
        self._table = {(fact.label, fact.kind): fact for fact in store.datasets()}
        facts = store.configurations()
        self._model = {fact.key: fact.model for fact in facts}
        self._key = {(fact.model, fact.configuration.key): fact.key for fact in facts}
        self._done: dict[str, dict[tuple[str, str], set[tuple[str, int]]]] = {}
        groups: dict[_Group, list[EvaluationFact]] = {}
        for fact in store.evaluations():
            groups.setdefault((fact.fingerprint, fact.kind, fact.protocol), []).append(fact)
        self._seconds = {group: sum(f.seconds for f in found) for group, found in groups.items()}
        self._slow = {
            group: slow_models(found, self._model, plan.expected_seconds)
            for group, found in groups.items()
        }

    def has_all(self, source: Source, wave: Sequence[Candidate], is_first: bool) -> bool:
        """Return whether a wave is complete, on the first folds or on the other ones."""
        table = self._table.get((source.label, source.kind))
        if table is None:
            return False
        protocol = source.protocol(self._plan.protocol, self._plan.rows)
        done = self._of_protocol(protocol).get(table.key)
        if not done:
            return False
        group = (table.fingerprint, table.kind, protocol)
        if self._seconds[group] > self._plan.table_seconds:
            return True
        # The number of folds of an official split is inferred from the stored evaluations.
        count = 1 + max(fold for _, fold in done) if source.scheme else self._plan.folds
        if source.scheme and not is_first and count == 1:
            return False
        first = count if self._is_small(table) else 1
        folds = range(first) if is_first else range(first, count)
        models = {self._model[key] for key, _ in done}
        for candidate in wave:
            model = candidate.configuration.model
            cannot_run = model not in models and candidate.wave > 0
            if cannot_run or model in self._slow[group]:
                continue
            key = self._key.get((model, candidate.configuration.key), "")
            if not all((key, fold) in done for fold in folds):
                return False
        return True

    def folds(self, source: Source, is_first: bool) -> int:
        """Return the number of first or other folds of a dataset in the store."""
        table = self._table.get((source.label, source.kind))
        small = table is not None and self._is_small(table)
        first = self._plan.folds if small else 1
        return first if is_first else self._plan.folds - first

    def _is_small(self, table: DatasetFact) -> bool:
        return is_small(min(table.n_rows, self._plan.rows), table.n_features)

    def _of_protocol(self, protocol: str) -> dict[tuple[str, str], set[tuple[str, int]]]:
        if protocol not in self._done:
            found: dict[tuple[str, str], set[tuple[str, int]]] = {}
            for fingerprint, kind, key, _, fold in self._store.done_keys(protocol):
                found.setdefault((fingerprint, kind), set()).add((key, fold))
            self._done[protocol] = found
        return self._done[protocol]
