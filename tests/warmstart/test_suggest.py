"""What to try first on a table, and why."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from command_line import people
from stores import RECOMMENDED, make_store

from metaauto.configuration import Configuration
from metaauto.data import plan_splits, prepare
from metaauto.errors import KnowledgeError, Refused, UnknownName
from metaauto.knowledge import KnowledgeStore, own_store, shipped_store
from metaauto.metafeatures import Metafeatures
from metaauto.space import SearchSpace
from metaauto.warmstart import KnowledgeStrategy, RuntimeModel
from metaauto.warmstart import suggest as suggestion
from metaauto.warmstart.select import knowledge_for_task, select_strategy


@pytest.fixture
def dataset():
    return _prepared("buys", "roc_auc")


def _prepared(target, metric):
    found = prepare(people(), target)
    return replace(found, task=replace(found.task, metric=metric))


def suggest(dataset, registry, knowledge=True, strategy="knowledge", include=(), **options):
    """Suggest with the parts that a fit prepares."""
    splits = plan_splits(dataset, cores=options.get("cores", 1))
    space = SearchSpace(registry.select(include), dataset.task)
    space.require_models()
    runtime = RuntimeModel(space, len(splits.folds))
    loaded = knowledge_for_task(dataset, knowledge, space.registry)
    started = select_strategy(loaded, space, runtime, len(splits.folds), name=strategy)
    return suggestion.suggest(dataset, splits, space, loaded, started, **options)


def test_stored_configurations_come_first_with_their_reasons(tmp_path, registry, dataset) -> None:
    store = make_store(tmp_path / "k.db")
    found = suggest(dataset, registry, knowledge=store, top=4)
    assert {e.configuration.model for e in found.configurations[:3]} <= {
        c.model for c in RECOMMENDED
    }
    assert (found.datasets, found.known) == (12, len(RECOMMENDED))
    assert found.stores == {str(store): 12}
    assert len(found.similar) == 5
    weights = [weight for _, weight in found.similar]
    assert weights == sorted(weights, reverse=True)
    # 120 rows, of which the second table has as many.
    assert {name for name, _ in found.similar[:2]} <= {"table 0", "table 1", "table 2"}
    assert found.roles == {"numeric": 3, "categorical": 1}
    assert found.folds == len(plan_splits(dataset).folds)
    first = found.configurations[0]
    assert first.source == "knowledge"
    assert first.why.startswith("near the best on table ")


def test_values_that_are_no_defaults_are_told(tmp_path, registry, dataset) -> None:
    given = (
        Configuration("knn", {"n_neighbors": 9, "categorical": "ordinal"}),
        Configuration("logistic", {}),
    )
    store = make_store(tmp_path / "k.db", (*given, *RECOMMENDED[1:2]))
    found = suggest(dataset, registry, knowledge=store, include=["knn", "logistic"])
    stored = [entry for entry in found.configurations if entry.source == "knowledge"]
    changes = {entry.configuration.model: dict(entry.changes) for entry in stored}
    assert next(iter(changes["knn"].items())) == ("n_neighbors", 9)
    assert changes["logistic"] == {}
    assert sum(found.skipped.values()) == 1


def test_scores_and_seconds_are_those_of_the_store(tmp_path, registry, dataset) -> None:
    store = make_store(tmp_path / "k.db", loss=lambda table, column: 0.1 + 0.1 * column)
    found = suggest(dataset, registry, knowledge=store, include=[c.model for c in RECOMMENDED])
    by_model = {e.configuration.model: e for e in found.configurations if e.source == "knowledge"}
    assert set(by_model) == {configuration.model for configuration in RECOMMENDED}
    for column, configuration in enumerate(RECOMMENDED):
        # A loss of 0.1 is an area of 0.9.
        assert by_model[configuration.model].score == pytest.approx(0.9 - 0.1 * column, abs=1e-6)
        assert by_model[configuration.model].worker_seconds > 0
    assert found.known_metric == "roc_auc"
    alone, many = by_model["knn"], suggest(dataset, registry, knowledge=store, cores=3)
    spread = next(e for e in many.configurations if e.configuration == alone.configuration)
    assert alone.seconds == alone.worker_seconds
    share = math.ceil(found.folds / 3) / found.folds
    assert spread.seconds == pytest.approx(share * spread.worker_seconds)


def test_losses_of_regression_are_not_compared_across_tables(tmp_path, registry) -> None:
    store = make_store(tmp_path / "k.db", kind="regression")
    found = suggest(_prepared("income", "rmse"), registry, knowledge=store, top=2)
    assert found.known_metric == "rmse"
    assert [entry.score for entry in found.configurations] == [None, None]


@pytest.mark.usefixtures("only_own_knowledge")
def test_without_knowledge_the_defaults_come_first(registry, dataset) -> None:
    assert not own_store().exists()
    for knowledge in (True, False):
        found = suggest(dataset, registry, knowledge=knowledge, top=3)
        assert (found.stores, found.similar, found.known_metric, found.known) == ({}, (), "", 0)
        assert [entry.source for entry in found.configurations] == ["portfolio"] * 3
        assert found.configurations[0].why == "default"
        assert found.configurations[0].changes == {}


def test_a_table_is_described_for_whom_it_makes_a_difference(
    tmp_path, registry, dataset, monkeypatch
) -> None:
    told = []

    def describing(*_, **__):
        told.append("described")
        return Metafeatures({})

    monkeypatch.setattr("metaauto.warmstart.suggest.describe", describing)
    store = make_store(tmp_path / "k.db")
    assert suggest(dataset, registry, knowledge=store, strategy="portfolio").configurations
    assert suggest(dataset, registry, knowledge=False).configurations
    assert told == []
    assert suggest(dataset, registry, knowledge=store).configurations
    assert told == ["described"]


def test_strategies_receive_the_metafeatures(tmp_path, registry, dataset, monkeypatch) -> None:
    described = Metafeatures({"simple.log_rows": 3.0})
    monkeypatch.setattr("metaauto.warmstart.suggest.describe", lambda *_, **__: described)
    received = []
    monkeypatch.setattr(KnowledgeStrategy, "inform", lambda _, found: received.append(found))
    store = make_store(tmp_path / "k.db")
    assert suggest(dataset, registry, knowledge=store).configurations
    assert received == [described]


def test_what_comes_with_metaauto_is_known_from_the_start(registry, dataset) -> None:
    assert not own_store().exists()
    found = suggest(dataset, registry, top=3)
    assert list(found.stores) == [str(shipped_store())]
    assert found.datasets >= 50
    assert {entry.source for entry in found.configurations} == {"knowledge"}


def test_a_table_learns_nothing_from_itself(tmp_path, registry, dataset) -> None:
    store = make_store(tmp_path / "k.db")
    with KnowledgeStore.open(store, readonly=False) as opened:
        one = opened.datasets()[0]
        own = replace(one, fingerprint=dataset.fingerprint, label="itself", group="itself")
        opened.add_dataset(own)
        opened.add_evaluations(
            replace(fact, fingerprint=own.fingerprint)
            for fact in list(opened.evaluations(fingerprint=one.fingerprint))
        )
        assert opened.info().datasets == {"binary": 13}
    found = suggest(dataset, registry, knowledge=store, similar=20)
    assert found.datasets == 12
    assert "itself" not in dict(found.similar)


def test_configurations_that_cannot_be_tried_are_counted(tmp_path, registry, dataset) -> None:
    unknown = (Configuration("oracle", {"a": 1}), Configuration("oracle", {"a": 2}))
    store = make_store(tmp_path / "k.db", (*RECOMMENDED, *unknown))
    found = suggest(dataset, registry, knowledge=store)
    assert found.skipped == {"oracle is excluded": 2}
    assert found.unfit["ridge"] == "does not support binary"


def test_it_can_be_told_as_json(tmp_path, registry, dataset) -> None:
    found = suggest(dataset, registry, knowledge=make_store(tmp_path / "k.db"), top=2)
    told = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert [entry["model"] for entry in told["configurations"]] == [
        entry.configuration.model for entry in found.configurations
    ]
    assert told["configurations"][0]["values"] == dict(found.configurations[0].configuration.values)
    assert (told["rows"], told["task"], told["classes"], told["target"]) == (
        120,
        "binary",
        2,
        "buys",
    )


def test_what_cannot_be_done_is_an_error(tmp_path, registry, dataset) -> None:
    with pytest.raises(KnowledgeError, match=r"no knowledge store .*gone\.db"):
        suggest(dataset, registry, knowledge=tmp_path / "gone.db")
    (tmp_path / "bad.db").write_text("a,b\n1,2\n")
    with pytest.raises(KnowledgeError, match="is not an SQLite database"):
        suggest(dataset, registry, knowledge=tmp_path / "bad.db")
    with pytest.raises(Refused, match="ridge does not support binary"):
        suggest(dataset, registry, include=["ridge"])
    with pytest.raises(UnknownName, match="lda"):
        suggest(dataset, registry, include=["ldaa"])
