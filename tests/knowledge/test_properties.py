"""What must hold for every set of facts: the store depends on the facts alone, not on their way."""

from __future__ import annotations

import json
import math
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from metaauto.configuration import Configuration
from metaauto.knowledge import (
    STATUSES,
    ConfigurationFact,
    DatasetFact,
    EvaluationFact,
    KnowledgeStore,
    MetafeatureFact,
    ProvenanceFact,
    check,
    export_text,
    import_text,
    merge,
)
from metaauto.knowledge.canonical import digest, files
from metaauto.task import TASK_KINDS

quick = settings(max_examples=25, deadline=None)

SAID = [
    ProvenanceFact(f"202{year}-01-01T00:00:00Z", source, "0.1.0", speed=0.1)
    for year, source in ((6, "build"), (6, "fit"), (7, "import:x"))
]
said = st.sampled_from([fact.key for fact in SAID])
words = st.text(st.characters(codec="utf-8", categories=("L", "N", "P")), min_size=1, max_size=5)
numbers = st.floats(allow_nan=True, allow_infinity=False)
seconds = st.none() | st.floats(0, 1e5)
losses = st.dictionaries(
    st.sampled_from(["log_loss", "roc_auc", "rmse"]),
    st.floats(-1e38, 1e38, allow_nan=False) | st.sampled_from([0.5, -0.0, 1e-39, math.nan]),
    max_size=3,
)
configurations = st.builds(
    ConfigurationFact,
    st.builds(
        Configuration,
        st.sampled_from(["knn", "tree"]),
        st.dictionaries(
            st.sampled_from("ab"), st.sampled_from([1, 1.0, True, None, "x", 0.1]), max_size=2
        ),
    ),
    said,
    space_version=st.integers(1, 2),
    plugin_version=st.sampled_from(["", "1.2", "1.10", "dev"]),
    proposed_for=st.lists(st.sampled_from(TASK_KINDS), max_size=2).map(tuple),
)


@st.composite
def datasets(draw):
    source = draw(st.sampled_from(["fit", "openml:3", "folder"]))
    names = st.none() if source == "fit" else st.none() | words
    facts = st.builds(
        MetafeatureFact, st.sampled_from(["e", "e.f"]), st.integers(1, 2), words, numbers
    )
    return DatasetFact(
        fingerprint=draw(st.sampled_from("01")) * 64,
        kind=draw(st.sampled_from(TASK_KINDS)),
        n_rows=draw(st.integers(0, 9)),
        n_features=draw(st.integers(0, 2**40)),
        n_classes=draw(st.integers(0, 3)),
        rows_used=draw(st.integers(0, 9)),
        source=source,
        provenance=draw(said),
        metafeatures=tuple(draw(st.lists(facts, max_size=3))),
        openml_id=draw(st.none() | st.integers(0, 9)),
        label=draw(names),
        group=draw(names),
    )


@st.composite
def evaluations(draw, table, configuration):
    found = draw(losses)
    is_success = any(not math.isnan(value) for value in found.values())
    status = "success" if is_success else draw(st.sampled_from(STATUSES[1:]))
    return EvaluationFact(
        *table.key,
        configuration.key,
        draw(st.sampled_from(["p", "q"])),
        draw(st.integers(0, 1)),
        status,
        draw(said),
        found if is_success else {},
        draw(seconds),
        draw(seconds),
        draw(st.none() | st.floats(0, 1e6)),
        draw(seconds),
    )


@st.composite
def facts_of_stores(draw):
    tables = draw(st.lists(datasets(), min_size=1, max_size=3))
    configured = draw(st.lists(configurations, min_size=1, max_size=3))
    pairs = st.tuples(st.sampled_from(tables), st.sampled_from(configured))
    results = draw(st.lists(pairs.flatmap(lambda pair: evaluations(*pair)), max_size=8))
    return [*tables, *configured, *results]


@contextmanager
def fresh(facts=()):
    with (
        tempfile.TemporaryDirectory() as folder,
        KnowledgeStore.create(Path(folder) / "knowledge.db") as store,
    ):
        store._connection.execute("PRAGMA synchronous = OFF")
        with store.transaction():
            add(store, facts)
        yield store


def add(store, facts):
    for fact in SAID:
        store.add_provenance(fact)
    for fact in facts:
        if isinstance(fact, DatasetFact):
            store.add_dataset(fact)
        elif isinstance(fact, ConfigurationFact):
            store.add_configuration(fact)
        else:
            store.add_evaluations([fact])


def text_of(store):
    return list(files(store))


@quick
@given(facts_of_stores())
def test_facts_are_json_and_the_store_is_sound(facts):
    for fact in facts:
        record = json.loads(json.dumps(fact.to_json(), allow_nan=False))
        assert type(fact).from_json(record) == fact
    with fresh(facts) as store:
        assert check(store) == []
        stored = {fact.key: fact for fact in store.evaluations()}
        given_facts = [fact for fact in facts if isinstance(fact, EvaluationFact)]
        assert set(stored) == {fact.key for fact in given_facts}
        assert all(fact in given_facts for fact in stored.values())


@quick
@given(facts_of_stores(), st.data())
def test_order_and_repetition_change_nothing(facts, data):
    kinds = {DatasetFact: 0, ConfigurationFact: 1, EvaluationFact: 2}
    again = data.draw(st.permutations(facts + facts))
    with fresh(facts) as one, fresh(sorted(again, key=lambda f: kinds[type(f)])) as other:
        assert text_of(one) == text_of(other)


@quick
@given(facts_of_stores(), facts_of_stores())
def test_merging_is_a_union(facts, more):
    with fresh(facts) as one, fresh(more) as other, fresh([*facts, *more]) as both:
        before = text_of(other)
        merge(one, other)
        assert text_of(other) == before
        report = merge(one, other)
        assert report.datasets == report.configurations == report.evaluations == 0
        with fresh(facts) as first:
            merge(other, first)
        assert text_of(one) == text_of(other) == text_of(both)
        assert check(one) == []


@quick
@given(facts_of_stores())
def test_text_holds_all(facts):
    with fresh(facts) as store, tempfile.TemporaryDirectory() as folder:
        export_text(store, folder)
        with fresh() as other:
            import_text(folder, other)
            assert text_of(store) == text_of(other)
            assert digest(store) == digest(other)
        assert export_text(store, folder).written == 0


@quick
@given(facts_of_stores(), st.sampled_from(TASK_KINDS))
def test_the_matrix_counts_every_fact_of_one_protocol(facts, kind):
    with fresh(facts) as store:
        for protocol in ("p", "q"):
            matrix = store.matrix(kind, "log_loss", protocol)
            found = [fact for fact in store.evaluations(kind) if fact.protocol == protocol]
            assert matrix.n_seen.sum() == len(found)
            assert matrix.n_folds.sum() == sum("log_loss" in fact.losses for fact in found)
            assert (np.isnan(matrix.loss) == (matrix.n_folds == 0)).all()
