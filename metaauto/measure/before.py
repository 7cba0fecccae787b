"""What a store holds already, so that a build that goes on need not load those tables."""

from __future__ import annotations

from collections.abc import Sequence

from metaauto.knowledge import DatasetFact, KnowledgeStore
from metaauto.measure.candidates import Candidate
from metaauto.measure.sources import Source
from metaauto.measure.table import is_small

__all__ = ["MeasuredBefore"]


class MeasuredBefore:
    """Looks up by a table's label what was measured on it.

    A configuration counts as measured, too, if its model was never run on a table that others
    were measured on: it cannot be run there, or ran out of time.

    Parameters
    ----------
    store : KnowledgeStore
        As it is now.
    protocol : str
        Of evaluations on metaauto's own folds.
    folds, rows : int
        Folds of each table, and the rows it is cut to.
    table_seconds : float
        Worker seconds after which nothing more is measured on a table.
    """

    def __init__(
        self,
        store: KnowledgeStore,
        protocol: str,
        folds: int,
        rows: int,
        table_seconds: float = float("inf"),
    ) -> None:
        self._store = store
        self._protocol = protocol
        self._folds = folds
        self._rows = rows
        self._table = {(fact.label, fact.kind): fact for fact in store.datasets()}
        facts = store.configurations()
        self._model = {fact.key: fact.model for fact in facts}
        self._key = {(fact.model, fact.configuration.key): fact.key for fact in facts}
        self._done: dict[str, dict[tuple[str, str], set[tuple[str, int]]]] = {}
        self._table_seconds = table_seconds
        self._timed_out: set[tuple[str, str, str, str]] = set()
        self._seconds: dict[tuple[str, str, str], float] = {}
        for fact in store.evaluations():
            place = (fact.fingerprint, fact.kind, fact.protocol)
            self._seconds[place] = self._seconds.get(place, 0.0) + fact.seconds
            if fact.status == "timeout":
                self._timed_out.add((*place, self._model[fact.configuration]))

    def has_all(self, source: Source, wanted: Sequence[Candidate], is_first: bool) -> bool:
        """Whether nothing is left to do of a wave, on the first folds or on the others."""
        table = self._table.get((source.label, source.kind))
        if table is None:
            return False
        protocol = source.protocol(self._protocol, self._rows)
        done = self._of_protocol(protocol).get(table.key)
        if not done:
            return False
        if self._seconds[table.fingerprint, table.kind, protocol] > self._table_seconds:
            return True
        # How many folds an official split has is known from those that were measured.
        count = 1 + max(fold for _, fold in done) if source.scheme else self._folds
        if source.scheme and not is_first and count == 1:
            return False
        first = count if self._is_small(table) else 1
        folds = range(first) if is_first else range(first, count)
        models = {self._model[key] for key, _ in done}
        for candidate in wanted:
            model = candidate.configuration.model
            cannot_run = model not in models and candidate.wave > 0
            if cannot_run or (*table.key, protocol, model) in self._timed_out:
                continue
            key = self._key.get((model, candidate.configuration.key), "")
            if not all((key, fold) in done for fold in folds):
                return False
        return True

    def folds(self, source: Source, is_first: bool) -> int:
        """How many folds of a table that was measured before come first, or after those."""
        table = self._table.get((source.label, source.kind))
        small = table is not None and self._is_small(table)
        first = self._folds if small else 1
        return first if is_first else self._folds - first

    def _is_small(self, table: DatasetFact) -> bool:
        return is_small(min(table.n_rows, self._rows), table.n_features)

    def _of_protocol(self, protocol: str) -> dict[tuple[str, str], set[tuple[str, int]]]:
        if protocol not in self._done:
            found: dict[tuple[str, str], set[tuple[str, int]]] = {}
            for fingerprint, kind, key, _, fold in self._store.done_keys(protocol):
                found.setdefault((fingerprint, kind), set()).add((key, fold))
            self._done[protocol] = found
        return self._done[protocol]
