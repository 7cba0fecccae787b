from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaauto.builtin.metafeatures import EXTRACTORS
from metaauto.components import MetafeatureExtractor
from metaauto.errors import DataError
from metaauto.metafeatures import Metafeatures, describe
from metaauto.metafeatures.sample import sample_rows, view
from metaauto.task import Column, Role, Task


@dataclass
class Table:
    task: Task
    X: Any
    y: Any


def mixed(n_rows: int = 300, kind: str = "binary") -> Table:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "number": np.where(random.random(n_rows) < 0.1, np.nan, random.normal(size=n_rows)),
            "flag": random.integers(0, 2, n_rows).astype(float),
            "kind": pd.Categorical(random.choice(["a", "b", None], n_rows), categories=["a", "b"]),
            "day": pd.to_datetime(random.integers(0, 10**9, n_rows), unit="s").astype(
                "datetime64[ns]"
            ),
            "note": np.asarray(["word " * int(i) for i in random.integers(0, 5, n_rows)], object),
        }
    )
    frame.loc[0, "day"] = pd.NaT
    roles = (Role.NUMERIC, Role.BOOLEAN, Role.CATEGORICAL, Role.DATETIME, Role.TEXT)
    columns = [
        Column(name, role, "", 5, float(frame[name].isna().mean()))
        for name, role in zip(frame, roles, strict=True)
    ]
    columns.insert(2, Column("id", Role.IDENTIFIER, "", n_rows, 0.0))
    y = random.normal(size=n_rows) if kind == "regression" else np.arange(n_rows) % 2
    classes = None if kind == "regression" else ("no", "yes")
    return Table(Task(kind, "y", tuple(columns), "auc", n_rows, classes), frame, y)


def extractor(name, extract, keys=("a",), **options) -> MetafeatureExtractor:
    return MetafeatureExtractor(name, extract, keys, **options)


@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_real_extractors_on_a_mixed_table(kind):
    table = mixed(3000, kind)
    found = describe(table, EXTRACTORS, seconds=60)
    assert found.failures == {}
    assert set(found.seconds) == set(found.versions) == {e.name for e in EXTRACTORS}
    assert set(found.values) == {f"{e.name}.{key}" for e in EXTRACTORS for key in e.keys}
    assert found.values["simple.log_rows"] == pytest.approx(np.log(3000))
    assert found.values["simple.log_features"] == pytest.approx(np.log(5))
    assert 0.05 < found.values["simple.missing_share"] < 0.15
    again = describe(table, reversed(EXTRACTORS), seconds=60)
    assert json.dumps(again.to_json()["values"]) == json.dumps(found.to_json()["values"])
    other = describe(table, EXTRACTORS, seconds=60, seed=1)
    assert other.values["landmarks.tree"] != found.values["landmarks.tree"]


def test_the_table_is_left_as_it_is():
    table = mixed()
    frame, y = table.X.copy(), table.y.copy()
    describe(table, EXTRACTORS, seconds=60)
    pd.testing.assert_frame_equal(table.X, frame)
    np.testing.assert_array_equal(table.y, y)


def test_extractors_see_numbers():
    seen = view(mixed(50), seed=0, max_rows=100, max_columns=100)
    assert seen.X.shape == (50, 5)
    assert np.isfinite(seen.X).all()
    assert list(seen.roles) == list(seen.frame.columns)
    assert set(np.unique(seen.X[:, 2])) == {-1.0, 0.0, 1.0}
    np.testing.assert_array_equal(seen.X[:, 4], seen.frame["note"].map(len))


def test_wide_tables_are_capped():
    names = [f"x{i}" for i in range(500)]
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 500)), columns=names)
    columns = tuple(Column(name, Role.NUMERIC, "", 30, 0.0) for name in names)
    table = Table(Task("binary", "y", columns, "auc", 30, (0, 1)), frame, np.arange(30) % 2)
    seen = view(table, seed=0, max_rows=10, max_columns=40)
    assert seen.X.shape == (10, 40)
    assert (seen.n_rows, seen.n_features, len(seen.roles)) == (30, 500, 40)


@given(
    counts=st.lists(st.integers(1, 300), min_size=1, max_size=8),
    most=st.integers(20, 200),
    seed=st.integers(0, 5),
)
def test_the_subsample_keeps_the_shares_of_classes(counts, most, seed):
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    rows = sample_rows(y, True, most, np.random.default_rng(seed))
    assert len(set(rows.tolist())) == len(rows) <= max(most, 0) + 2 * len(counts)
    assert (np.diff(rows) > 0).all()
    kept = np.bincount(y[rows], minlength=len(counts))
    assert (kept >= np.minimum(counts, 2)).all()
    if len(y) > most:
        fair = np.asarray(counts) * most / len(y)
        assert (np.abs(kept - fair) <= 2).all()


@given(n_rows=st.integers(1, 100), most=st.integers(1, 100))
def test_the_subsample_of_a_regression(n_rows, most):
    rows = sample_rows(np.zeros(n_rows), False, most, np.random.default_rng(0))
    assert len(set(rows.tolist())) == len(rows) == min(n_rows, most)


def test_a_failing_extractor_leaves_nan_and_a_note(caplog):
    def broken(table):
        raise ZeroDivisionError("nothing to divide")

    found = describe(
        mixed(),
        [
            extractor("broken", broken),
            extractor("good", lambda t: {"a": 1}),
            extractor("mute", lambda t: None),
            extractor("other", lambda t: {"b": 1.0}),
            extractor("wordy", lambda t: {"a": "many"}),
            extractor("endless", lambda t: {"a": -math.inf, "b": 2.0}, keys=("a", "b")),
        ],
        seconds=60,
    )
    assert found.values["good.a"] == 1.0
    assert found.values["endless.b"] == 2.0
    assert sum(map(math.isnan, found.values.values())) == 5
    assert found.failures["broken"] == "ZeroDivisionError: nothing to divide"
    assert "NoneType" in found.failures["mute"]
    assert "other keys than it declares: a, b" in found.failures["other"]
    assert "ValueError" in found.failures["wordy"]
    assert found.failures["endless.a"] == "was -inf"
    assert "Metafeature extractor 'broken' failed" in caplog.text


def test_extractors_of_other_tasks_are_left_out():
    only = extractor("only", lambda t: {"a": 1.0}, tasks=("regression",))
    assert describe(mixed(), [only]).values == {}
    assert describe(mixed(kind="regression"), [only]).values == {"only.a": 1.0}


def test_what_does_not_fit_the_time_is_skipped():
    def slow(table):
        time.sleep(0.3)
        return {"a": 1.0}

    found = describe(
        mixed(),
        [
            extractor("long", lambda t: {"a": 1.0}, seconds=50.0),
            extractor("slow", slow, seconds=0.01),
            extractor("quick", lambda t: {"a": 1.0}, seconds=0.02),
        ],
        seconds=0.25,
    )
    assert found.values["slow.a"] == 1.0
    assert math.isnan(found.values["quick.a"])
    assert math.isnan(found.values["long.a"])
    assert found.failures["long"].startswith("skipped: may take 50 s")
    assert set(found.seconds) == {"slow"}
    alone = describe(mixed(), [extractor("long", lambda t: {"a": 1.0}, seconds=50.0)], seconds=20.0)
    assert alone.values == {"long.a": 1.0}


@given(
    values=st.dictionaries(st.text(), st.floats(allow_infinity=False)),
    seconds=st.dictionaries(st.text(), st.floats(0, 10)),
    failures=st.dictionaries(st.text(), st.text()),
    versions=st.dictionaries(st.text(), st.integers(1, 9)),
)
def test_json_round_trip(values, seconds, failures, versions):
    found = Metafeatures(values, seconds, failures, versions)
    text = json.dumps(found.to_json(), allow_nan=False)
    back = Metafeatures.from_json(json.loads(text))
    assert repr(back) == repr(found)


def test_infinite_values_are_refused():
    with pytest.raises(DataError, match=r"'a\.b' must be finite or NaN \(got inf\)"):
        Metafeatures({"a.b": math.inf})


def test_vector_follows_the_keys():
    found = Metafeatures({"a.x": 1.0, "a.y": math.nan})
    np.testing.assert_array_equal(found.vector(["a.y", "b.z", "a.x"]), [np.nan, np.nan, 1.0])
    assert found.vector([]).shape == (0,)
