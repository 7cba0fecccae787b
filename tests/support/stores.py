"""Make small, deterministic knowledge stores."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from metaauto.configuration import Configuration
from metaauto.knowledge import (
    ConfigurationFact,
    DatasetFact,
    EvaluationFact,
    KnowledgeStore,
    MetafeatureFact,
    ProvenanceFact,
)

PROVENANCE = ProvenanceFact("2026-01-31T12:00:00Z", "build", "0.1.0", {"numpy": "2.0"}, 0.02, 1)
METRICS = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}
#: One non-default configuration of some built-in models.
RECOMMENDED = (
    Configuration("knn", {"n_neighbors": 9}),
    Configuration("lda", {"shrinkage": "none"}),
    Configuration("logistic", {"C": 0.1}),
    Configuration("extra_trees", {"min_samples_leaf": 7}),
)


def neighbours(count: int) -> tuple[Configuration, ...]:
    """Return configurations of one model."""
    return tuple(Configuration("knn", {"n_neighbors": 1 + number}) for number in range(count))


def usual_loss(table: int, column: int) -> float:
    """Return a loss that is low for some configurations on even tables, for others on odd ones."""
    return 0.1 + 0.05 * ((column + table) % 2) + 0.01 * column


def usual_seconds(table: int, column: int) -> float:
    """Return seconds that grow slightly with the index of the configuration."""
    return 0.19 + 0.0005 * column


def make_store(
    path: Path,
    configurations: Sequence[Configuration] = RECOMMENDED,
    *,
    kind: str = "binary",
    tables: int = 12,
    loss: Callable[[int, int], float] = usual_loss,
    seconds: Callable[[int, int], float] = usual_seconds,
    folds: int = 2,
    further: Callable[[int], tuple[MetafeatureFact, ...]] = lambda table: (),
) -> Path:
    """Make a store with evaluations of all configurations on all tables; return its path."""
    facts = [ConfigurationFact(one, PROVENANCE.key) for one in configurations]
    with KnowledgeStore.create(path, exist_ok=True) as store, store.transaction():
        store.add_provenance(PROVENANCE)
        for fact in facts:
            store.add_configuration(fact)
        for number in range(tables):
            dataset = _table(kind, number)
            known = (*dataset.metafeatures, *further(number))
            dataset = replace(dataset, metafeatures=known)
            store.add_dataset(dataset)
            store.add_evaluations(
                EvaluationFact(
                    *dataset.key,
                    fact.key,
                    f"{folds}-fold/seed0",
                    fold,
                    "success",
                    PROVENANCE.key,
                    {METRICS[kind]: loss(number, column)},
                    seconds(number, column),
                    0.0,
                )
                for column, fact in enumerate(facts)
                for fold in range(folds)
            )
    return path


def _table(kind: str, number: int) -> DatasetFact:
    rows = 60 * (1 + number)
    values = {"log_rows": math.log(rows), "log_features": math.log(4), "missing_share": 0.0}
    return DatasetFact(
        hashlib.sha256(f"{kind} {number}".encode()).hexdigest(),
        kind,
        n_rows=rows,
        n_features=4,
        n_classes={"binary": 2, "multiclass": 3, "regression": 0}[kind],
        rows_used=rows,
        source="build",
        provenance=PROVENANCE.key,
        metafeatures=tuple(
            MetafeatureFact("simple", 1, name, value) for name, value in values.items()
        ),
        label=f"table {number}",
        group=f"family {number}",
    )
