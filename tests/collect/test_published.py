from __future__ import annotations

import pytest

from metaauto.collect.candidates import reference_task
from metaauto.collect.published import published_candidates
from metaauto.configuration import Configuration
from metaauto.knowledge import ConfigurationFact, KnowledgeStore, ProvenanceFact
from metaauto.space import SearchSpace

POOL = ProvenanceFact("2026-01-31T12:00:00Z", "import:tabrepo", "0.1.0")
PORTFOLIO = ProvenanceFact("2026-01-31T12:00:00Z", "import:flaml", "0.1.0")
WINNERS = ProvenanceFact("2026-01-31T12:00:00Z", "import:autosklearn1", "0.1.0")
BUILD = ProvenanceFact("2026-01-31T12:00:00Z", "build", "0.1.0")


@pytest.fixture
def store(tmp_path):
    with KnowledgeStore.create(tmp_path / "knowledge.db") as store:
        for said in (POOL, PORTFOLIO, WINNERS, BUILD):
            store.add_provenance(said)
        yield store


def propose(store, model, said=POOL, kinds=("binary",), version=1, **values):
    configuration = Configuration(model, values)
    store.add_configuration(ConfigurationFact(configuration, said.key, version, proposed_for=kinds))


def values_of(candidates, name):
    return [candidate.configuration.values[name] for candidate in candidates]


def test_they_are_brought_into_the_installed_space(store, registry):
    propose(store, "knn", n_neighbors=120)
    [candidate] = published_candidates(store, registry, "binary")
    values = candidate.configuration.values
    assert (values["n_neighbors"], values["p"], values["weights"]) == (100, 1, "uniform")
    space = SearchSpace(registry, reference_task("binary"))
    assert space.repair(candidate.configuration).changes == ()


def test_portfolios_come_before_winners_and_these_before_what_was_tried(store, registry):
    propose(store, "knn", POOL, n_neighbors=1)
    propose(store, "knn", WINNERS, n_neighbors=2)
    propose(store, "knn", PORTFOLIO, n_neighbors=3)
    propose(store, "logistic", POOL, C=3.0)
    found = published_candidates(store, registry, "binary")
    assert [(c.wave, c.configuration.model) for c in found] == [
        (1, "knn"),
        (1, "logistic"),
        (2, "knn"),
        (3, "knn"),
    ]
    neighbours = [c for c in found if c.configuration.model == "knn"]
    assert values_of(neighbours, "n_neighbors") == [3, 2, 1]
    assert len(published_candidates(store, registry, "binary", max_per_model=1)) == 2


def test_only_what_is_published_for_the_kind_is_taken(store, registry):
    propose(store, "knn", POOL, kinds=("regression",), n_neighbors=5)
    propose(store, "knn", BUILD, kinds=(), n_neighbors=6)
    assert published_candidates(store, registry, "binary") == []
    [candidate] = published_candidates(store, registry, "regression")
    assert candidate.configuration.values["n_neighbors"] == 5


def test_what_a_build_measured_is_taken_where_it_was_published_too(store, registry):
    propose(store, "knn", BUILD, kinds=("binary",), n_neighbors=6)
    assert values_of(published_candidates(store, registry, "binary"), "n_neighbors") == [6]


def test_a_model_that_is_not_installed_or_does_something_else_is_left_out(store, registry):
    propose(store, "catboost", depth=5)
    propose(store, "ridge", alpha=1.0)
    assert published_candidates(store, registry, "binary") == []


def test_what_would_not_be_what_was_published_is_left_out(store, registry):
    propose(store, "knn", n_neighbors=9000)
    propose(store, "knn", version=2, n_neighbors=5)
    propose(store, "logistic", penalty="l7")
    propose(store, "hist_gradient_boosting", categorical="native", reduce="select")
    assert published_candidates(store, registry, "binary") == []


def test_what_is_equal_once_it_is_repaired_is_taken_once(store, registry):
    propose(store, "knn", n_neighbors=9)
    propose(store, "knn", n_neighbors=9, p=1)
    assert len(published_candidates(store, registry, "binary")) == 1


def test_an_empty_store_has_none(store, registry):
    assert published_candidates(store, registry, "multiclass") == []
