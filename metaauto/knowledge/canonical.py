"""The canonical text form of a store, for export, comparison and the seal.

``provenance.jsonl`` and ``configurations.jsonl`` hold one fact per line, sorted by key. Each
dataset has a file ``datasets/KIND/FINGERPRINT.jsonl``: first the dataset, then one line per group
of folds with the same configuration, protocol, status, provenance and time limit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from metaauto.errors import KnowledgeError
from metaauto.knowledge.queries import StoredFacts
from metaauto.knowledge.records import DatasetFact, EvaluationFact
from metaauto.knowledge.validation import canonical_json

__all__ = ["digest", "evaluations_of", "files", "path_of"]

_SHARED = ("configuration", "protocol", "status", "provenance", "limit_seconds")
_PER_FOLD = ("fold", "fit_seconds", "predict_seconds", "memory")


def files(store: StoredFacts) -> Iterator[tuple[str, list[str]]]:
    """Yield the file names and lines of the text form; equal for stores with the same facts."""
    yield "provenance.jsonl", _lines(store.provenances())
    yield "configurations.jsonl", _lines(store.configurations())
    for dataset in store.datasets():
        facts = store.evaluations(dataset.kind, fingerprint=dataset.fingerprint)
        lines = [canonical_json(dataset.to_json()), *_evaluation_lines(facts)]
        yield path_of(dataset), lines


def path_of(dataset: DatasetFact) -> str:
    """Return the file name of a dataset."""
    return f"datasets/{dataset.kind}/{dataset.fingerprint}.jsonl"


def digest(store: StoredFacts) -> str:
    """Return the SHA-256 of the text form; equal for stores with the same facts."""
    sha256 = hashlib.sha256()
    for name, lines in files(store):
        sha256.update("\n".join((name, *lines, "")).encode())
    return sha256.hexdigest()


def evaluations_of(dataset: DatasetFact, record: Mapping[str, Any]) -> list[EvaluationFact]:
    """Return the evaluations of one line of a dataset's file."""
    try:
        shared = {name: record[name] for name in _SHARED}
        columns = [record[name] for name in _PER_FOLD]
        losses: dict[str, list[float]] = record["losses"]
        if len({len(values) for values in (*columns, *losses.values())}) != 1:
            raise ValueError("columns of different lengths")
        return [
            EvaluationFact(
                fingerprint=dataset.fingerprint,
                kind=dataset.kind,
                losses={name: values[index] for name, values in losses.items()},
                **shared,
                **dict(zip(_PER_FOLD, entry, strict=True)),
            )
            for index, entry in enumerate(zip(*columns, strict=True))
        ]
    except (AttributeError, KeyError, TypeError, ValueError):
        raise KnowledgeError(
            f"Invalid line of evaluations: {str(record)[:200]}.",
            hint="Restore the file from an export; do not edit it by hand.",
        ) from None


def _lines(facts: Iterable[Any]) -> list[str]:
    return [canonical_json({"key": fact.key, **fact.to_json()}) for fact in _by_key(facts)]


def _by_key(facts: Iterable[Any]) -> list[Any]:
    return sorted(facts, key=lambda fact: fact.key)


def _evaluation_lines(facts: Iterable[EvaluationFact]) -> list[str]:
    ordered = sorted(((_group_key(fact), fact.fold, fact) for fact in facts), key=_order)
    lines = []
    for _, entries in groupby(ordered, key=lambda entry: entry[0]):
        group = [fact for _, _, fact in entries]
        record: dict[str, Any] = {name: getattr(group[0], name) for name in _SHARED}
        record.update((name, [getattr(fact, name) for fact in group]) for name in _PER_FOLD)
        record["losses"] = {name: [f.losses[name] for f in group] for name in group[0].losses}
        lines.append(canonical_json(record))
    return lines


def _group_key(fact: EvaluationFact) -> str:
    shared = [getattr(fact, name) for name in _SHARED]
    return canonical_json([*shared, list(fact.losses)])


def _order(entry: tuple[str, int, EvaluationFact]) -> tuple[str, int]:
    return entry[0], entry[1]
