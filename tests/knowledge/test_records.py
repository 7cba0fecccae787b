from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest

from metaauto.configuration import Configuration
from metaauto.errors import KnowledgeError
from metaauto.knowledge import (
    ConfigurationFact,
    DatasetFact,
    EvaluationFact,
    MetafeatureFact,
    ProvenanceFact,
    provenance,
)
from metaauto.knowledge.provenance import calibrate, here
from metaauto.metafeatures import Metafeatures

DIGEST = "0" * 16


def test_facts_survive_json(example):
    facts = example()
    for fact in (facts.said, facts.datasets[1], facts.configurations[0], facts.evaluations[0]):
        record = json.loads(json.dumps(fact.to_json(), allow_nan=False))
        again = type(fact).from_json(record)
        assert again == fact
        assert again.key == fact.key


@pytest.mark.parametrize(
    "fact_type", [ProvenanceFact, DatasetFact, ConfigurationFact, EvaluationFact]
)
@pytest.mark.parametrize("record", [{}, {"kind": "binary"}, {"model": 1, "values": 2}])
def test_foreign_records_are_refused(fact_type, record):
    with pytest.raises(KnowledgeError):
        fact_type.from_json(record)


def test_numbers_are_rounded_by_rule():
    fact = EvaluationFact(
        "0" * 64, "binary", DIGEST, "p", np.int64(1), "success", DIGEST,
        {"b": -0.0, "a": 0.123456789, "gone": math.nan, "tiny": 1e-40}, 1.23456789, 1.4e-6, 99.6,
    )  # fmt: skip
    assert fact.losses == {"a": 0.123457, "b": 0.0, "tiny": 0.0}
    assert list(fact.losses) == ["a", "b", "tiny"]
    assert math.copysign(1, fact.losses["b"]) == 1
    assert (fact.fit_seconds, fact.predict_seconds, fact.memory) == (1.235, 1e-6, 100)
    assert type(fact.fold) is int


@pytest.mark.parametrize("value", [math.inf, -math.inf, 1e39, "much", None])
def test_losses_must_be_finite_numbers(value):
    with pytest.raises(KnowledgeError, match="'rmse'"):
        EvaluationFact("0" * 64, "regression", DIGEST, "p", 0, "success", DIGEST, {"rmse": value})


def test_infinite_metafeatures_are_refused_and_nan_is_unknown():
    with pytest.raises(KnowledgeError, match=r"must be finite or NaN \(got inf\)"):
        MetafeatureFact("shape", 1, "rows", math.inf)
    assert MetafeatureFact("shape", 1, "rows", math.nan).value is None


def test_a_success_has_losses_and_nothing_else_has():
    with pytest.raises(KnowledgeError, match="success"):
        EvaluationFact("0" * 64, "binary", DIGEST, "p", 0, "success", DIGEST, {"a": math.nan})
    with pytest.raises(KnowledgeError, match="timeout"):
        EvaluationFact("0" * 64, "binary", DIGEST, "p", 0, "timeout", DIGEST, {"a": 1.0})


@pytest.mark.parametrize(
    "changes",
    [
        {"fingerprint": "abc"},
        {"kind": "ranking"},
        {"n_rows": -1},
        {"n_rows": True},
        {"n_rows": 2**60},
        {"source": "Own File.csv"},
        {"label": "two\nlines"},
        {"label": "\ud800"},
        {"provenance": ""},
    ],
)
def test_datasets_are_checked(example, changes):
    record = {**example().datasets[0].__dict__, **changes}
    with pytest.raises(KnowledgeError):
        DatasetFact(**record)


@pytest.mark.parametrize("name", ["label", "group"])
def test_a_users_own_table_has_no_name(example, name):
    values = {**example().datasets[0].__dict__, "label": None, "group": None, "source": "fit"}
    assert DatasetFact(**values).label is None
    with pytest.raises(KnowledgeError, match=name):
        DatasetFact(**{**values, name: "payroll"})


@pytest.mark.parametrize("value", [math.nan, [1], {"a": 1}, object()])
def test_configurations_hold_scalars(value):
    with pytest.raises(KnowledgeError):
        ConfigurationFact(Configuration("knn", {"n_neighbors": value}), DIGEST)


def test_the_key_of_a_configuration_tells_later_spaces_apart():
    knn = Configuration("knn", {"n_neighbors": 3})
    assert ConfigurationFact(knn, DIGEST).key == knn.key
    assert ConfigurationFact(knn, DIGEST, space_version=2).key == knn.key + "@2"


def test_metafeatures_become_facts_without_their_notes():
    found = Metafeatures(
        {"a.b.rows": 2.0, "a.x": math.nan}, failures={"a.x": "column 'pay'"},
        versions={"a": 3, "a.b": 4},
    )  # fmt: skip
    facts = MetafeatureFact.all_of(found)
    assert facts == (MetafeatureFact("a", 3, "x", None), MetafeatureFact("a.b", 4, "rows", 2.0))
    with pytest.raises(KnowledgeError, match=r"a\.x"):
        MetafeatureFact.all_of(Metafeatures({"a.x": 1.0}))


def test_provenance_of_here_and_now():
    fact = here("build", libraries=("numpy", "not-installed-at-all"), speed=calibrate(1))
    assert set(fact.versions) == {"numpy"}
    assert fact.speed is not None
    assert fact.speed > 0


@pytest.mark.skipif(
    provenance.time.get_clock_info("thread_time").resolution > 1e-5,
    reason="this system tells the time of a thread too coarsely",
)
def test_waiting_for_a_processor_does_not_make_a_machine_slow(monkeypatch):
    hours = itertools.count(step=3600.0)
    monkeypatch.setattr(provenance.time, "perf_counter", lambda: next(hours))
    assert 0.0 < calibrate(1) < 60.0
