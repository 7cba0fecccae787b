from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from metaauto.configuration import Configuration
from metaauto.errors import KnowledgeError
from metaauto.knowledge import ConfigurationFact, KnowledgeStore, ProvenanceFact, check
from metaauto.knowledge.canonical import digest


def test_what_is_added_is_read_again(filled, example):
    facts = example()
    assert filled.provenances() == [facts.said]
    assert filled.datasets() == sorted(facts.datasets, key=lambda f: f.fingerprint)
    assert filled.datasets("regression") == []
    found = filled.datasets(fingerprint=facts.datasets[2].fingerprint, metafeatures=False)
    assert found == [replace(facts.datasets[2], metafeatures=())]
    assert filled.configurations() == sorted(facts.configurations, key=lambda f: f.key)
    assert list(filled.evaluations("binary")) == sorted(facts.evaluations, key=lambda f: f.key)
    assert check(filled) == []


def test_the_same_facts_twice_are_one(filled, example, fill):
    before = digest(filled)
    assert fill(filled, example()) == 0
    assert filled.add_dataset(example().datasets[0]) is False
    assert filled.add_configuration(example().configurations[0]) is False
    assert digest(filled) == before


def test_one_table_may_be_known_under_two_kinds(filled, example):
    binary = example().datasets[0]
    assert filled.add_dataset(replace(binary, kind="regression", n_classes=0))
    assert len(filled.datasets(fingerprint=binary.fingerprint)) == 2


def test_done_keys_and_has_evaluation(filled, example):
    facts = example().evaluations
    assert filled.done_keys("2-fold/seed0") == {fact.key for fact in facts}
    assert filled.done_keys("2-fold/seed0", "regression") == set()
    assert filled.done_keys("another") == set()
    assert filled.has_evaluation(*facts[0].key)
    assert not filled.has_evaluation(*replace(facts[0], fold=99).key)
    assert not filled.has_evaluation(*replace(facts[0], kind="regression").key)


def put(store, *facts):
    store.add_evaluations(facts)
    (found,) = [f for f in store.evaluations() if f.key == facts[0].key]
    return found


@pytest.fixture
def ends(store, example, fill):
    """A store, and one evaluation ended in several ways, the one that stays first."""
    facts = example(1, 1, folds=1)
    facts.evaluations, (success,) = [], facts.evaluations
    fill(store, facts)
    later = replace(facts.said, created="2027-01-01T00:00:00Z")
    store.add_provenance(later)

    def ended(status, **changes):
        return replace(success, status=status, losses={}, **changes)

    return store, [
        success,
        replace(success, fit_seconds=0.001, provenance=later.key),
        replace(success, losses={"log_loss": 0.0}),
        ended("failed"),
        ended("memory"),
        ended("crashed"),
        ended("timeout", limit_seconds=None),
        ended("timeout", limit_seconds=60.0, provenance=later.key),
        ended("timeout", limit_seconds=30.0),
        ended("timeout", limit_seconds=30.0, provenance=later.key),
    ]


@pytest.mark.parametrize("place", range(9))
def test_which_end_stays(ends, place):
    store, facts = ends
    stays, goes = facts[place], facts[place + 1]
    assert put(store, goes) == goes
    assert put(store, stays) == stays
    assert put(store, goes) == stays
    assert check(store) == []


def test_datasets_are_united(filled, example):
    public = example().datasets[1]
    own = replace(
        public, source="fit", label=None, group=None, openml_id=None,
        metafeatures=(replace(public.metafeatures[1], value=5.0),),
    )  # fmt: skip
    assert filled.add_dataset(own)
    (found,) = filled.datasets(fingerprint=public.fingerprint)
    assert (found.label, found.source, found.openml_id) == ("table 1", "openml:2", 2)
    assert [fact.value for fact in found.metafeatures] == [public.metafeatures[0].value, 5.0]
    assert filled.add_dataset(replace(own, rows_used=5000, n_features=9))
    (found,) = filled.datasets(fingerprint=public.fingerprint)
    assert (found.rows_used, found.n_features) == (5000, 9)


def test_configurations_are_united(filled, example):
    known = example().configurations[0]
    for version, proposed in (("0.9.0", "binary"), ("0.10.0", "regression"), ("0.2.0", "binary")):
        filled.add_configuration(replace(known, plugin_version=version, proposed_for=(proposed,)))
    (found,) = [fact for fact in filled.configurations() if fact.key == known.key]
    assert found.plugin_version == "0.10.0"
    assert found.proposed_for == ("binary", "regression")


def test_configurations_by_kind(filled, example):
    said = example().said.key
    proposed = ConfigurationFact(Configuration("tree"), said, proposed_for=("regression",))
    filled.add_configuration(proposed)
    assert filled.configurations("regression") == [proposed]
    assert proposed not in filled.configurations("binary")
    assert len(filled.configurations()) == 4


@pytest.mark.parametrize("table", ["dataset", "configuration", "provenance"])
def test_facts_about_unknown_things_are_refused_as_a_whole(filled, example, table):
    known = example().evaluations[0]
    new = replace(known, fold=7)
    other = {
        "dataset": replace(known, fingerprint="f" * 64),
        "configuration": replace(known, configuration="f" * 16),
        "provenance": replace(known, provenance="f" * 16),
    }[table]
    with pytest.raises(KnowledgeError, match=f"Missing {table}"):
        filled.add_evaluations([new, other])
    assert not filled.has_evaluation(*new.key)


def test_a_transaction_is_all_or_nothing(filled, example):
    before = digest(filled)
    with pytest.raises(ZeroDivisionError), filled.transaction():
        filled.add_provenance(replace(example().said, source="fit"))
        filled.add_evaluations([replace(example().evaluations[0], fold=5)])
        _ = 1 / 0
    assert digest(filled) == before
    with filled.transaction(), filled.transaction():
        filled.add_provenance(replace(example().said, source="fit"))
    assert len(filled.provenances()) == 2


def test_an_iterable_that_raises_is_no_damage(filled):
    with pytest.raises(ZeroDivisionError):
        filled.add_evaluations(1 / 0 for _ in range(1))


def test_a_store_opened_for_reading_is_not_written(filled, example):
    with KnowledgeStore.open(filled.path) as reader:
        assert reader.readonly
        for write in (
            lambda: reader.add_provenance(example().said),
            lambda: reader.add_evaluations(example().evaluations),
            lambda: reader.forget("0" * 64),
            reader.compact,
        ):
            with pytest.raises(KnowledgeError, match="open for reading only"):
                write()


def test_forgetting_leaves_no_trace(filled, example):
    own = replace(
        example().datasets[0], fingerprint="ab" * 32, source="fit", label=None, group=None,
        openml_id=None,
    )  # fmt: skip
    fit = ProvenanceFact("2026-05-05T05:05:05Z", "fit", "0.1.0")
    filled.add_provenance(fit)
    filled.add_dataset(replace(own, provenance=fit.key))
    known = example().evaluations[0]
    filled.add_evaluations(
        [replace(known, fingerprint=own.fingerprint, provenance=fit.key, protocol="my own folds")]
    )
    assert filled.forget(own.fingerprint) == 1
    assert filled.forget(own.fingerprint) == 0
    assert fit not in filled.provenances()
    assert len(list(filled.evaluations())) == len(example().evaluations)
    assert check(filled) == []
    files = [p.read_bytes() for p in filled.path.parent.iterdir()]
    for text in (own.fingerprint, "my own folds", fit.key):
        assert not any(text.encode() in data for data in files)


def test_info_counts(filled):
    info = filled.info()
    assert info.datasets == {"binary": 4}
    assert info.configurations == {"binary": 3}
    assert info.evaluations == {"binary": 24}
    assert info.statuses == {"success": 24}
    assert info.models == {"knn": 3}
    assert info.metrics["binary"] == ["log_loss", "roc_auc"]
    assert (info.protocols, info.sources, info.licences) == (["2-fold/seed0"], ["build"], [])
    assert info.size == filled.size > 0
    assert info.to_json()["path"] == str(filled.path)


def test_a_compact_store_is_one_file_and_goes_on(filled, example):
    before = digest(filled)
    filled.compact()
    assert [p.name for p in filled.path.parent.iterdir()] == [filled.path.name]
    assert check(filled) == []
    assert digest(filled) == before
    filled.add_evaluations([replace(example().evaluations[0], fold=8)])
    assert check(filled) == []


def test_create_and_open(tmp_path):
    path = tmp_path / "a b#c?" / "knowledge.db"
    with KnowledgeStore.create(path) as store:
        assert store.migrate() == []
    with pytest.raises(KnowledgeError, match="already"):
        KnowledgeStore.create(path)
    with KnowledgeStore.create(path, exist_ok=True) as store:
        assert store.provenances() == []
    with KnowledgeStore.open(str(path)) as store:
        assert store.matrix("binary", "roc_auc").loss.shape == (0, 0)
    with pytest.raises(KnowledgeError, match="is closed"):
        store.provenances()


@pytest.mark.parametrize("error", [sqlite3.OperationalError("database or disk is full"), OSError()])
@pytest.mark.parametrize("exists", [False, True])
def test_a_store_that_cannot_be_created_leaves_no_file(tmp_path, monkeypatch, error, exists):
    def fail(*_):
        raise error

    path = tmp_path / "own.db"
    if exists:
        path.touch()
    with monkeypatch.context() as patch:
        patch.setattr("metaauto.knowledge.schema.apply", fail)
        with pytest.raises(KnowledgeError, match=r"own\.db"):
            KnowledgeStore.create(path)
    assert [p.stat().st_size for p in tmp_path.iterdir()] == ([0] if exists else [])
    KnowledgeStore.create(path).close()
    assert [p.name for p in tmp_path.iterdir()] == ["own.db"]


def test_a_store_created_at_the_same_time_is_kept(tmp_path):
    from metaauto.knowledge import connection

    KnowledgeStore.create(tmp_path / "own.db").close()
    before = (tmp_path / "own.db").read_bytes()
    connection.create_file(tmp_path / "own.db", 1.0)
    assert (tmp_path / "own.db").read_bytes() == before


def test_reading_leaves_no_journals(tmp_path):
    path = tmp_path / "own.db"
    KnowledgeStore.create(path).close()
    before = path.read_bytes()
    with (
        KnowledgeStore.open(path) as store,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        store._connection.execute("CREATE TABLE t (a)")
    assert [p.name for p in tmp_path.iterdir()] == ["own.db"]
    assert path.read_bytes() == before
