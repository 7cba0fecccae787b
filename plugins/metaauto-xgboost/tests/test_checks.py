from __future__ import annotations

import json
import pickle
import re
from dataclasses import replace

import metaauto_xgboost
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metaauto_xgboost import checks
from metaauto_xgboost.checks import check_model, read_ubj

from metaauto.plugins.manager import PluginSettings, load_plugins
from metaauto.testing import fit_on, make_problem

MODEL = load_plugins(
    PluginSettings(only=(), strict=True), objects=[metaauto_xgboost]
).registry.model("xgboost")
N_FEATURES = 5


def fitted(kind, **values):
    problem = make_problem(kind, n_rows=60, seed=1, n_features=N_FEATURES)
    problem.X[:, 0] = np.arange(60) % 6
    if kind == "regression":
        problem.y[:] = np.isin(problem.X[:, 0], [0, 3])
    values = {"max_depth": 3, **values}
    return fit_on(MODEL, replace(problem, categorical=(0,)), values, seconds=2.0), problem


def as_json(model):
    return json.loads(bytes(model.booster_.save_raw("json")))


@pytest.fixture(scope="module")
def record():
    """A model with splits by categories, as parsed JSON in text, to be changed by each test."""
    return json.dumps(as_json(fitted("regression")[0]))


def check(record, monkeypatch, n_classes=0):
    monkeypatch.setattr(checks, "read_ubj", lambda _: record)
    check_model(b"", N_FEATURES, n_classes)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("values", [{}, {"gamma": 2.0}, {"grow_policy": "lossguide"}])
def test_models_pass_and_come_back(kind, values):
    model, problem = fitted(kind, **values)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(problem.X), model.predict(problem.X))


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_read_ubj(kind):
    model, _ = fitted(kind)
    found = read_ubj(model.booster_.save_raw("ubj"))
    assert json.loads(json.dumps(found, default=np.ndarray.tolist)).keys() == {"learner", "version"}
    tree = found["learner"]["gradient_booster"]["model"]["trees"][0]
    expected = as_json(model)["learner"]["gradient_booster"]["model"]["trees"][0]
    assert tree.keys() == expected.keys()
    for name in expected.keys() - {"id", "tree_param"}:
        np.testing.assert_allclose(tree[name], expected[name], rtol=1e-6, atol=1e-40)


@given(
    name=st.sampled_from(["left_children", "right_children", "split_indices", "parents"]),
    place=st.integers(0, 100),
    value=st.integers(-(2**31), 2**31 - 1) | st.integers(-3, 20),
)
def test_other_nodes_are_found(record, name, place, value):
    """Any change of a link between nodes is found; split indices may change within bounds."""
    changed = json.loads(record)
    tree = changed["learner"]["gradient_booster"]["model"]["trees"][0]
    inner = [i for i, child in enumerate(tree["left_children"]) if child != -1]
    if name == "parents":
        inner = list(range(1, len(tree["parents"])))
    place = inner[place % len(inner)]
    is_valid = tree[name][place] == value or (name == "split_indices" and 0 <= value < N_FEATURES)
    tree[name][place] = value
    with pytest.MonkeyPatch.context() as patch:
        if is_valid:
            check(changed, patch)
        else:
            with pytest.raises(ValueError, match="XGBoost model"):
                check(changed, patch)


def forge(record, path, value):
    changed = json.loads(record)
    *parts, last = path
    place = changed["learner"]
    for part in parts:
        place = place[part]
    assert place[last] != value
    place[last] = value
    return changed


TREES = ("gradient_booster", "model", "trees")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("learner_model_param", "num_class"), "100000000"),
        (("learner_model_param", "num_feature"), "3"),
        (("learner_model_param", "num_target"), "7"),
        (("learner_model_param", "base_score"), "[1,2]"),
        (("objective", "name"), "multi:softprob"),
        (("gradient_booster", "name"), "dart"),
        (("gradient_booster", "model", "tree_info", 0), 100_000_000),
        (("gradient_booster", "model", "tree_info", 0), -1),
        (("gradient_booster", "model", "iteration_indptr", -1), 10**6),
        (("gradient_booster", "model", "gbtree_model_param", "num_trees"), "1"),
        (("gradient_booster", "model", "gbtree_model_param", "num_parallel_tree"), "0"),
        ((*TREES, 0, "tree_param", "num_nodes"), "1000000"),
        ((*TREES, 0, "tree_param", "size_leaf_vector"), "8"),
        ((*TREES, 0, "split_conditions"), []),
        ((*TREES, 0, "categories_nodes"), [10**6]),
        ((*TREES, 0, "categories_sizes"), [10**6]),
        ((*TREES, 0, "categories_segments"), [-1]),
        ((*TREES, 0, "categories"), [2**31 - 1] * 3),
        ((*TREES, 0, "categories"), [-1]),
    ],
)
def test_other_forged_models_are_found(record, path, value, monkeypatch):
    check(json.loads(record), monkeypatch)
    with pytest.raises(ValueError, match="XGBoost model"):
        check(forge(record, path, value), monkeypatch)


def test_more_classes_than_known_are_found(monkeypatch):
    record = as_json(fitted("multiclass")[0])
    check(record, monkeypatch, n_classes=3)
    with pytest.raises(ValueError, match="classes"):
        check(record, monkeypatch, n_classes=4)


def outcome(data):
    """What the reader gives, as text, or that it refuses."""
    try:
        return repr(read_ubj(data))
    except ValueError:
        return "refused"


@pytest.fixture(scope="module")
def small_model():
    return bytes(fitted("multiclass", max_depth=2)[0].booster_[:1].save_raw("ubj"))


@settings(max_examples=300)
@given(place=st.integers(0, 10**6), value=st.integers(0, 255))
def test_short_pairs_are_read_like_other_values(small_model, place, value):
    """One step for a key and its value gives the same as many, also of changed bytes."""
    changed = bytearray(small_model)
    changed[place % len(changed)] = value
    found = outcome(bytes(changed))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "_SHORT_PAIR", re.compile(b"(?!)"))
        assert outcome(bytes(changed)) == found


@pytest.mark.parametrize("length", [4, -1, 2**62])
def test_read_ubj_arrays_longer_than_the_data(length):
    size = length.to_bytes(8, "big", signed=True)
    key = b"L" + bytes(7) + b"\x01a"
    valid = b"{" + key + b"[$l#L" + (1).to_bytes(8, "big") + bytes(4) + b"}"
    assert read_ubj(valid)["a"].tolist() == [0]
    with pytest.raises(ValueError, match="bytes"):
        read_ubj(b"{" + key + b"[$l#L" + size + bytes(4) + b"}")


@given(data=st.binary(max_size=40))
def test_read_ubj_other_bytes(data):
    with pytest.raises(ValueError, match="XGBoost model"):
        read_ubj(b"{U\x05" + data)


@pytest.mark.parametrize(
    "data",
    [
        b"{U\x01aTU\x01aF}",  # a key twice
        b"[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"[#U\xff[#U\xff[#U\xff",
        b"[#U\x01" * 20 + b"T",
        b"{}more",
    ],
)
def test_read_ubj_forged(data):
    with pytest.raises(ValueError, match="XGBoost model"):
        read_ubj(data)
