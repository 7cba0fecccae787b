"""Forged numbers in a CatBoost model are found before CatBoost reads them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metaauto_catboost.checks import _EMPTY, _statistics, _Table, check_model
from metaauto_catboost.estimator import CatBoostClassifier, CatBoostRegressor

N_FEATURES = 5
CATEGORICAL = (3, 4)


def fitted(n_classes=2, policy="SymmetricTree", categorical=CATEGORICAL):
    random = np.random.default_rng(0)
    X = random.normal(size=(200, N_FEATURES))
    X[::9, 0] = np.nan
    X[:, 3], X[:, 4] = random.integers(0, 30, 200), random.integers(0, 3, 200)
    y = np.nan_to_num(X[:, 0]) / 2 + 2.0 * (X[:, 3] % 3 > 1) + X[:, 4]
    values = {"depth": 3, "grow_policy": policy, "one_hot_max_size": 5}
    if not n_classes:
        return CatBoostRegressor(values, categorical).fit(X, y, rounds=6)
    codes = np.digitize(y, np.quantile(y, np.arange(1, n_classes) / n_classes))
    return CatBoostClassifier(values, categorical).fit(X, codes, rounds=6)


def parts(data):
    """Return the tables of a model: core, trees and statistics; they share its memory."""
    size = int.from_bytes(data[4:8], "little")
    core = _Table.root(data[8 : 8 + size])
    return core, core.table(1), list(_statistics(data[8 + size :]))


@pytest.fixture(scope="module")
def models():
    return {
        policy: fitted(policy=policy).__getstate__()["booster_"]
        for policy in ("SymmetricTree", "Depthwise")
    }


@pytest.mark.parametrize("n_classes", [0, 2, 3])
@pytest.mark.parametrize("policy", ["SymmetricTree", "Depthwise"])
@pytest.mark.parametrize("categorical", [(), CATEGORICAL])
def test_fitted_models_are_valid(n_classes, policy, categorical):
    model = fitted(n_classes, policy, categorical)
    data = model.__getstate__()["booster_"]
    check_model(data, N_FEATURES, n_classes)
    for changed in ((N_FEATURES + 1, n_classes), (N_FEATURES - 1, n_classes), (N_FEATURES, 4)):
        with pytest.raises(ValueError, match="CatBoost model"):
            check_model(data, *changed)


def forged(data, find, place, value):
    """Return the model with another number in the array that a function finds."""
    array = find(*parts(data))
    found = data.index(array.tobytes())
    assert data.count(array.tobytes()) == 1
    changed = array.copy()
    changed[place] = value
    return data[:found] + changed.tobytes() + data[found + changed.nbytes :]


FORGED = {
    "splits": ("SymmetricTree", lambda c, m, t: m.array(1, "<i4"), [-1, 10**6, 2**31 - 1]),
    "trees": ("SymmetricTree", lambda c, m, t: m.array(2, "<i4"), [-1, 1, 3, 31, 2**31 - 1]),
    "starts": ("SymmetricTree", lambda c, m, t: m.array(3, "<i4"), [-1, 1, 2**31 - 1]),
    "nodes": ("Depthwise", lambda c, m, t: m.array(10, "<u2,<u2").view("<u2"), [100, 2**16 - 1]),
    "leaves": ("Depthwise", lambda c, m, t: m.array(11, "<u4"), [10_000, 2**31]),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_numbers_are_found(models, name):
    policy, find, values = FORGED[name]
    array = find(*parts(models[policy]))
    places = np.flatnonzero(array != 2**32 - 1) if name == "leaves" else range(len(array))
    for place, value in itertools.product(places, values):
        if array[place] == value:
            continue
        with pytest.raises(ValueError, match="CatBoost model"):
            check_model(forged(models[policy], find, place, value), N_FEATURES, 2)


def test_forged_combinations_are_found(models):
    data = models["SymmetricTree"]
    start = 8 + int.from_bytes(data[4:8], "little")
    column = next(_statistics(data[start:])).table(0).table(0).array(0, "<i4")
    place = data.index(np.uint32(len(column)).tobytes() + column.tobytes(), start) + 4
    for value in (2, -1, 2**31 - 1):
        changed = data[:place] + np.int32(value).tobytes() + data[place + 4 :]
        with pytest.raises(ValueError, match="features of the CatBoost model"):
            check_model(changed, N_FEATURES, 2)


@pytest.mark.parametrize("full", [False, True])
def test_forged_statistics_are_found(models, full):
    data = models["SymmetricTree"]
    table = parts(data)[2][0].array(1, "u1").tobytes()
    buckets = np.frombuffer(table, [("hash", "<u8"), ("row", "<u4")]).copy()
    is_empty = buckets["hash"] == _EMPTY
    assert is_empty.any()
    if full:
        buckets["hash"][is_empty] = 7
    else:
        buckets["row"][np.flatnonzero(~is_empty)[-1]] = 10**6
    assert data.count(table) == 1
    with pytest.raises(ValueError, match="statistics of the CatBoost model"):
        check_model(data.replace(table, buckets.tobytes()), N_FEATURES, 2)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (b"CBM1", b"CBM2", "size"),
        (b"FlabuffersModel_v1", b"FlabuffersModel_v2", "format"),
        (b"static_provider_v1", b"static_provider_v2", "parts"),
        (b'"type":"Logloss"', b'"type":"RMSE"   ', "loss"),
    ],
)
def test_other_formats_are_found(models, old, new, what):
    data = models["SymmetricTree"]
    assert old in data
    with pytest.raises(ValueError, match=f"{what} of the CatBoost model"):
        check_model(data.replace(old, new), N_FEATURES, 2)


def test_deeply_nested_settings_are_found(models):
    data = models["SymmetricTree"]
    settings = next(p.text(1) for p in parts(data)[0].tables(2) if p.text(0) == b"params")
    with pytest.raises(ValueError, match="settings of the CatBoost model"):
        check_model(data.replace(settings, b"[" * len(settings)), N_FEATURES, 2)


@given(
    policy=st.sampled_from(["SymmetricTree", "Depthwise"]),
    place=st.integers(0, 10_000),
    value=st.integers(0, 2**32 - 1),
    end=st.one_of(st.none(), st.integers(0, 12_000)),
)
def test_any_bytes_are_accepted_or_an_error(models, policy, place, value, end):
    data = bytearray(models[policy])
    place = 4 * place % len(data)
    data[place : place + 4] = value.to_bytes(4, "little")
    try:
        check_model(bytes(data[:end]), N_FEATURES, 2)
    except (ValueError, LookupError, TypeError):
        return
    assert len(data[:end]) == len(models[policy])
