from __future__ import annotations

import pickle
import re
from dataclasses import replace

import metaauto_lightgbm
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metaauto_lightgbm import checks
from metaauto_lightgbm.checks import check_model_text

from metaauto.plugins.manager import PluginSettings, load_plugins
from metaauto.testing import fit_on, make_problem

MODEL = load_plugins(
    PluginSettings(only=(), strict=True), objects=[metaauto_lightgbm]
).registry.model("lightgbm")
N_FEATURES = 5
# Names of the lines with indices, and the valid values (in a tree of 4 leaves).
INDICES = {
    "split_feature": range(N_FEATURES),
    "left_child": range(-4, 3),
    "right_child": range(-4, 3),
    "decision_type": range(16),
    "num_leaves": [4],
    "num_cat": [0],
    "num_class": [3],
    "num_tree_per_iteration": [3],
    "max_feature_idx": [N_FEATURES - 1],
    "tree_sizes": [],
}


def fitted(kind, **values):
    problem = make_problem(kind, n_rows=60, seed=1, n_features=N_FEATURES)
    problem.X[:, 0] = np.arange(60) % 6
    if kind == "regression":
        problem.y[:] = np.isin(problem.X[:, 0], [0, 3])
    values = {"num_leaves": 4, "min_data_in_leaf": 5, "min_data_per_group": 2, **values}
    return fit_on(MODEL, replace(problem, categorical=(0,)), values, seconds=2.0), problem


@pytest.fixture(scope="module")
def text():
    return fitted("multiclass")[0].booster_.model_to_string(num_iteration=1)


def forged(text, name, place, value):
    """Replace one number in the first line of this name."""
    line = re.search(f"^{name}=(.*)$", text, re.MULTILINE)
    numbers = line[1].split(" ")
    numbers[place % len(numbers)] = str(value)
    return f"{text[: line.start(1)]}{' '.join(numbers)}{text[line.end(1) :]}"


def same_size(text, name, place, value):
    """As `forged`, but the sizes of the trees agree."""
    changed = forged(text, name, place, value)
    size = int(re.search(r"^tree_sizes=(\d+)", text, re.MULTILINE)[1])
    if name in ("num_class", "num_tree_per_iteration", "max_feature_idx", "tree_sizes"):
        return changed
    return forged(changed, "tree_sizes", 0, size + len(changed) - len(text))


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("leaves", [4, 60])
def test_models_pass_and_come_back(kind, leaves):
    model, problem = fitted(kind, num_leaves=leaves, cat_smooth=0.1)
    again = pickle.loads(pickle.dumps(model))
    twice = pickle.loads(pickle.dumps(again))
    np.testing.assert_array_equal(again.predict(problem.X), model.predict(problem.X))
    np.testing.assert_array_equal(twice.predict(problem.X), model.predict(problem.X))


def test_parameters_of_the_training_are_not_read(text):
    assert "[seed: 0]" in text
    found = check_model_text(text.replace("[seed: 0]", "[seed"), N_FEATURES, 3)
    assert found.endswith("end of trees\n")


def test_trees_of_one_leaf_pass():
    model, _ = fitted("regression", min_data_in_leaf=60)
    assert "num_leaves=1\n" in model.booster_.model_to_string()
    pickle.loads(pickle.dumps(model))


@given(
    name=st.sampled_from(sorted(INDICES)),
    place=st.integers(0, 3),
    value=st.integers(-(2**40), 2**40) | st.integers(-20, 20),
)
def test_indices_out_of_bounds_are_found(text, name, place, value):
    changed = same_size(text, name, place, value)
    if changed == text or value in INDICES[name]:
        return
    with pytest.raises(ValueError, match="LightGBM model"):
        check_model_text(changed, N_FEATURES, 3)


@pytest.mark.parametrize("name", ["left_child", "right_child"])
def test_cycles_are_found(text, name):
    for value in (0, 1):
        with pytest.raises(ValueError, match="nodes"):
            check_model_text(same_size(text, name, 1, value), N_FEATURES, 3)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("objective=multiclass num_class:3", "objective=multiclass num_class:9"),
        ("is_linear=0", "is_linear=1"),
        ("version=v4", "version=v4\nversion=v4"),
        ("num_leaves=4", "num_leaves=4\nnum_leaves=4"),
        ("left_child=", "left_child=- "),
        ("left_child=", "left_child=99999999999999999999"),
        ("left_child=", "left_child=-99999999999999999999"),
        ("split_feature=", "split_feature=-99999999999999999999"),
        ("decision_type=", "decision_type=1_"),
        ("num_cat=0", "num_cat=0_0"),
        ("num_leaves=4", "num_leaves=04"),
        ("Tree=1", "Tree=2"),
        ("tree\n", "dart\n"),
        ("label_index=0\n", "label_index=0\nlinear_tree=1\n"),
    ],
)
def test_other_forged_texts_are_found(text, old, new):
    assert old in text
    with pytest.raises(ValueError, match="LightGBM model"):
        check_model_text(text.replace(old, new, 1), N_FEATURES, 3)


@pytest.mark.parametrize(
    ("name", "value"),
    [("cat_boundaries", 9), ("cat_threshold", 2**32), ("num_cat", 2), ("threshold", 3)],
)
def test_forged_categories_are_found(name, value):
    model, _ = fitted("regression", cat_smooth=0.1)
    text = model.booster_.model_to_string()
    trees = text.split("Tree=")
    number = next(i for i, tree in enumerate(trees) if "num_cat=1" in tree)
    start = text.index(trees[number])
    decisions = re.search(r"^decision_type=(.*)$", text[start:], re.MULTILINE)[1].split(" ")
    place = next(i for i, decision in enumerate(decisions) if int(decision) & 1)
    changed = text[:start] + forged(text[start:], name, place if name == "threshold" else -1, value)
    size = int(re.search("^tree_sizes=(.*)$", text, re.MULTILINE)[1].split(" ")[number - 1])
    changed = forged(changed, "tree_sizes", number - 1, size + len(changed) - len(text))
    check_model_text(text, N_FEATURES, 0)
    with pytest.raises(ValueError, match="LightGBM model"):
        check_model_text(changed, N_FEATURES, 0)


def test_trees_in_the_usual_order_are_checked_as_others_are(text, monkeypatch):
    start, random = text.index("Tree=0"), np.random.default_rng(0)
    changed = [text]
    for place in random.integers(start, text.index("end of trees"), 300):
        character = random.choice(list("0123456789- =_\n"))
        changed.append(f"{text[:place]}{character}{text[place + 1 :]}")

    def checked(text):
        try:
            return check_model_text(text, N_FEATURES, 3)
        except ValueError:
            return "invalid"

    found = [checked(each) for each in changed]
    monkeypatch.setattr(checks, "_TREE", re.compile("(?!)"))
    assert found == [checked(each) for each in changed]
    assert 20 < found.count("invalid") < 280
