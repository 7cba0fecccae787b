from __future__ import annotations

import hashlib
from types import SimpleNamespace

import pytest

from metaauto.configuration import Configuration
from metaauto.knowledge import (
    ConfigurationFact,
    DatasetFact,
    EvaluationFact,
    KnowledgeStore,
    MetafeatureFact,
    ProvenanceFact,
)


def example(n_datasets=4, n_configurations=3, kind="binary", folds=2, protocol="2-fold/seed0"):
    """A few facts that belong together, without chance."""
    said = ProvenanceFact("2026-01-31T12:00:00Z", "build", "0.1.0", {"numpy": "2.0"}, 0.02, 2)
    datasets = [
        DatasetFact(
            hashlib.sha256(f"{kind} {number}".encode()).hexdigest(),
            kind,
            n_rows=100 + number,
            n_features=4,
            n_classes=0 if kind == "regression" else 2,
            rows_used=100,
            source=f"openml:{number + 1}",
            provenance=said.key,
            metafeatures=(
                MetafeatureFact("shape", 1, "log_rows", 2.0 + number / 7),
                MetafeatureFact("shape", 1, "odd", None if number % 2 else 1.0),
            ),
            openml_id=number + 1,
            label=f"table {number}",
            group=f"family {number // 2}",
        )
        for number in range(n_datasets)
    ]
    configurations = [
        ConfigurationFact(
            Configuration("knn", {"n_neighbors": 1 + number}), said.key, plugin_version="0.1.0"
        )
        for number in range(n_configurations)
    ]
    names = ("rmse", "mae") if kind == "regression" else ("log_loss", "roc_auc")
    evaluations = [
        EvaluationFact(
            *dataset.key,
            configuration.key,
            protocol,
            fold,
            "success",
            said.key,
            {name: (1 + row) / (2 + column + fold + place) for place, name in enumerate(names)},
            0.1 * (1 + column),
            0.01,
            100 + row,
            30.0,
        )
        for row, dataset in enumerate(datasets)
        for column, configuration in enumerate(configurations)
        for fold in range(folds)
    ]
    return SimpleNamespace(
        said=said, datasets=datasets, configurations=configurations, evaluations=evaluations
    )


def fill(store, facts):
    with store.transaction():
        store.add_provenance(facts.said)
        for fact in facts.datasets:
            store.add_dataset(fact)
        for fact in facts.configurations:
            store.add_configuration(fact)
        return store.add_evaluations(facts.evaluations)


@pytest.fixture(name="example")
def example_facts():
    return example


@pytest.fixture(name="fill")
def fill_store():
    return fill


@pytest.fixture
def store(tmp_path):
    """An empty store, open for writing."""
    with KnowledgeStore.create(tmp_path / "knowledge.db") as opened:
        yield opened


@pytest.fixture
def filled(store):
    """A store with the example's facts, open for writing."""
    fill(store, example())
    return store


@pytest.fixture
def shipped(tmp_path):
    """Path of a compact store with facts of two kinds of task."""
    path = tmp_path / "shipped" / "knowledge.db"
    with KnowledgeStore.create(path) as opened:
        fill(opened, example(12, 8))
        fill(opened, example(6, 8, "regression"))
        opened.compact()
    return path
