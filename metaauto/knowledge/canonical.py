"""The one text that stands for a store: what is exported, compared and sealed.

``provenance.jsonl`` and ``configurations.jsonl`` hold one fact a line, by key. Each dataset has a
file ``datasets/KIND/FINGERPRINT.jsonl``: first the dataset, then one line for the folds that one
configuration was evaluated on under the same circumstances, so that a new result is a new line.
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
    """Names and lines of the text form, in order; equal for stores that hold the same facts."""
    yield "provenance.jsonl", _lines(store.provenances())
    yield "configurations.jsonl", _lines(store.configurations())
    for dataset in store.datasets():
        facts = store.evaluations(dataset.kind, fingerprint=dataset.fingerprint)
        lines = [canonical_json(dataset.to_json()), *_evaluation_lines(facts)]
        yield path_of(dataset), lines


def path_of(dataset: DatasetFact) -> str:
    """Name of a dataset's file."""
    return f"datasets/{dataset.kind}/{dataset.fingerprint}.jsonl"


def digest(store: StoredFacts) -> str:
    """SHA-256 of the text form: equal for stores that hold the same facts."""
    whole = hashlib.sha256()
    for name, lines in files(store):
        whole.update("\n".join((name, *lines, "")).encode())
    return whole.hexdigest()


def evaluations_of(dataset: DatasetFact, record: Mapping[str, Any]) -> list[EvaluationFact]:
    """The evaluations that one line of a dataset's file holds."""
    try:
        shared = {name: record[name] for name in _SHARED}
        columns = [record[name] for name in _PER_FOLD]
        losses: dict[str, list[float]] = record["losses"]
        if len({len(values) for values in (*columns, *losses.values())}) != 1:
            raise ValueError("folds of different numbers")
        return [
            EvaluationFact(
                fingerprint=dataset.fingerprint,
                kind=dataset.kind,
                losses={name: values[place] for name, values in losses.items()},
                **shared,
                **dict(zip(_PER_FOLD, entry, strict=True)),
            )
            for place, entry in enumerate(zip(*columns, strict=True))
        ]
    except (AttributeError, KeyError, TypeError, ValueError):
        raise KnowledgeError(
            f"{str(record)[:200]} is no line of evaluations.",
            hint="It was not written by metaauto, or edited by hand.",
        ) from None


def _lines(facts: Iterable[Any]) -> list[str]:
    return [canonical_json({"key": fact.key, **fact.to_json()}) for fact in _by_key(facts)]


def _by_key(facts: Iterable[Any]) -> list[Any]:
    return sorted(facts, key=lambda fact: fact.key)


def _evaluation_lines(facts: Iterable[EvaluationFact]) -> list[str]:
    ordered = sorted(((_circumstances(fact), fact.fold, fact) for fact in facts), key=_place)
    lines = []
    for _, group in groupby(ordered, key=lambda entry: entry[0]):
        same = [fact for _, _, fact in group]
        record: dict[str, Any] = {name: getattr(same[0], name) for name in _SHARED}
        record.update((name, [getattr(fact, name) for fact in same]) for name in _PER_FOLD)
        record["losses"] = {name: [f.losses[name] for f in same] for name in same[0].losses}
        lines.append(canonical_json(record))
    return lines


def _circumstances(fact: EvaluationFact) -> str:
    shared = [getattr(fact, name) for name in _SHARED]
    return canonical_json([*shared, list(fact.losses)])


def _place(entry: tuple[str, int, EvaluationFact]) -> tuple[str, int]:
    return entry[0], entry[1]
