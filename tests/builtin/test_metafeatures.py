from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from metaauto.api import MetafeatureInput, Role
from metaauto.builtin.metafeatures import EXTRACTORS
from metaauto.testing import MetafeatureContract

for _extractor in EXTRACTORS:
    _name = f"Test{_extractor.name.title().replace('_', '')}"
    globals()[_name] = type(
        _name, (MetafeatureContract,), {"metafeature": _extractor, "__module__": __name__}
    )

NAMES = {extractor.name: extractor for extractor in EXTRACTORS}
each = pytest.mark.parametrize("extractor", EXTRACTORS, ids=lambda e: e.name)


def table(X, y, kind="binary", roles=None, **changes) -> MetafeatureInput:
    X, y = np.asarray(X, dtype=np.float64), np.asarray(y)
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])
    known = dict.fromkeys(frame.columns, Role.NUMERIC) | (roles or {})
    for name, role in known.items():
        if role is Role.CATEGORICAL:
            frame[name] = frame[name].astype(str).astype("category")
    values = MetafeatureInput(
        X=X,
        y=y,
        kind=kind,
        frame=frame,
        roles=known,
        n_rows=len(X),
        n_features=X.shape[1],
        n_classes=0 if kind == "regression" else len(np.unique(y)),
        missing=0.0,
        seed=3,
    )
    return replace(values, **changes)


def blobs(n_rows=300, n_columns=4, n_classes=2, noise=0.3) -> MetafeatureInput:
    random = np.random.default_rng(0)
    y = np.arange(n_rows) % n_classes
    X = random.normal(size=(n_rows, n_columns)) * noise
    X[:, 0] += y
    return table(X, y, "binary" if n_classes == 2 else "multiclass")


def line(n_rows=300) -> MetafeatureInput:
    X = np.random.default_rng(0).normal(size=(n_rows, 3))
    return table(X, X @ [1.0, -2.0, 0.0] + 5.0, "regression")


@each
@pytest.mark.parametrize(
    "given_table",
    [
        blobs(),
        blobs(n_classes=5),
        line(),
        blobs(n_rows=1),
        blobs(n_rows=4),
        table(np.empty((20, 0)), np.arange(20) % 2),
        table(np.zeros((20, 3)), np.arange(20) % 2),
        table(np.zeros((20, 3)), np.zeros(20, dtype=int), n_classes=2),
        table(np.zeros((20, 3)), np.zeros(20), "regression"),
        table(np.full((9, 2), 1e300) * [1, -1], np.linspace(-1e300, 1e300, 9), "regression"),
        blobs(n_rows=40, n_columns=3000),
        table(np.eye(300), np.arange(300) % 250, "multiclass"),
    ],
    ids=str.split(
        "binary multiclass regression one_row four_rows no_columns constant_columns one_class "
        "constant_target huge_values wide many_classes"
    ),
)
def test_every_key_is_a_number_and_never_infinite(extractor, given_table):
    values = extractor.extract(given_table)
    assert set(values) == set(extractor.keys)
    assert all(isinstance(value, float) for value in values.values())
    assert not any(np.isinf(value) for value in values.values())
    again = extractor.extract(given_table)
    np.testing.assert_array_equal([*values.values()], [*again.values()])


@each
@settings(max_examples=60, deadline=None)
@given(
    X=arrays(
        np.float64,
        st.tuples(st.integers(1, 12), st.integers(1, 3)),
        elements=st.floats(-1e300, 1e300),
    ),
    codes=st.lists(st.integers(0, 2), min_size=12, max_size=12),
    regression=st.booleans(),
)
def test_any_table_can_be_described(extractor, X, codes, regression):
    y = X[:, 0] if regression else np.asarray(codes[: len(X)])
    kind = "regression" if regression else "multiclass"
    values = extractor.extract(table(X, y, kind))
    assert set(values) == set(extractor.keys)
    assert not any(np.isinf(value) for value in values.values())


@each
def test_the_input_is_left_as_it_is(extractor):
    given_table = blobs()
    before = given_table.X.copy(), given_table.y.copy()
    extractor.extract(given_table)
    np.testing.assert_array_equal(given_table.X, before[0])
    np.testing.assert_array_equal(given_table.y, before[1])


def test_size_and_classes():
    y = np.array([0] * 75 + [1] * 25)
    values = NAMES["simple"].extract(
        table(np.arange(200).reshape(100, 2), y, roles={"x1": Role.CATEGORICAL}, n_rows=1000)
    )
    assert values["log_rows"] == pytest.approx(np.log(1000))
    assert values["log_rows_per_feature"] == pytest.approx(np.log(500))
    assert values["majority_share"] == 0.75
    assert values["log_imbalance"] == pytest.approx(np.log(3))
    assert values["numeric_share"] == values["categorical_share"] == 0.5
    assert values["log_max_categories"] == pytest.approx(np.log(100))
    assert np.isnan(values["target_skew"])


def test_target_of_a_regression():
    y = np.random.default_rng(0).lognormal(size=2000)
    simple = NAMES["simple"].extract
    skewed = simple(table(np.zeros((2000, 1)), y, "regression"))
    plain = simple(table(np.zeros((2000, 1)), np.log(y), "regression"))
    assert skewed["target_skew"] > 0.4 > 0.1 > abs(plain["target_skew"])
    assert skewed["target_tail"] > plain["target_tail"]
    assert np.isnan(plain["classes"])


def test_shapes_of_columns():
    random = np.random.default_rng(0)
    normal = random.normal(size=(1000, 6))
    statistical = NAMES["statistical"].extract
    plain = statistical(table(normal, np.arange(1000) % 2))
    heavy = statistical(table(np.exp(2 * normal), np.arange(1000) % 2))
    twins = statistical(table(normal[:, [0, 0, 0, 1, 1, 1]], np.arange(1000) % 2))
    assert plain["near_normal_share"] == 1.0
    assert heavy["near_normal_share"] == 0.0
    assert heavy["outlier_share"] > 2 * plain["outlier_share"]
    assert plain["effective_share"] == 1.0
    assert twins["effective_share"] == pytest.approx(2 / 6)
    assert twins["correlated_share"] == pytest.approx(6 / 15)


def test_information_of_signal_and_noise():
    random = np.random.default_rng(0)
    y = np.arange(1000) % 2
    noise = random.normal(size=(1000, 4))
    information = NAMES["information"].extract
    nothing = information(table(noise, y))
    signal = information(table(np.column_stack([noise, y]), y))
    assert nothing["max_share"] < 0.02
    assert signal["max_share"] == pytest.approx(1.0, abs=0.01)
    assert signal["log_noise_to_signal"] < nothing["log_noise_to_signal"]
    assert signal["class_entropy"] == pytest.approx(1.0)


def test_landmarks_tell_problems_apart():
    landmarks = NAMES["landmarks"].extract
    random = np.random.default_rng(0)
    X = random.uniform(-1, 1, size=(600, 2))
    crossed = landmarks(table(X, (X[:, 0] * X[:, 1] > 0).astype(int)))
    assert crossed["nearest"] > 0.8
    assert abs(crossed["linear"]) < 0.25
    straight = landmarks(line())
    assert straight["linear"] > 0.99
    assert straight["linear"] > straight["tree"] > straight["stump"]
    noise = landmarks(table(X, random.integers(0, 2, 600)))
    assert max(map(abs, noise.values())) < 0.25


def test_landmarks_are_not_fooled_by_rare_classes():
    random = np.random.default_rng(0)
    y = (np.arange(600) % 20 == 0).astype(int)
    values = NAMES["landmarks"].extract(table(random.normal(size=(600, 3)), y))
    assert max(values.values()) < 0.35
