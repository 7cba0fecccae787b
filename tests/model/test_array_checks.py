from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    BaggingRegressor,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeRegressor

from metaauto.errors import ModelFileError
from metaauto.model.array_checks import check_indices
from metaauto.model.serialization import TRUSTED_TYPES, dump_estimator, load_estimator


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(0)
    X = random.normal(size=(120, 3))
    X[:, 0] = np.arange(120) % 6
    return X, X[:, 0] + X[:, 1]


def forest(rows):
    return RandomForestRegressor(3, random_state=0).fit(*rows)


def boosting(rows):
    return HistGradientBoostingRegressor(max_iter=4, categorical_features=[0]).fit(*rows)


@pytest.mark.parametrize(
    "build",
    [
        forest,
        boosting,
        lambda rows: DecisionTreeRegressor().fit(*rows),
        lambda rows: BaggingRegressor(DecisionTreeRegressor(), 3, max_features=2).fit(*rows),
        lambda rows: GradientBoostingClassifier(n_estimators=3).fit(rows[0], rows[1] > 1),
        lambda rows: HistGradientBoostingClassifier(max_iter=3).fit(rows[0], rows[1] // 3),
        lambda rows: KNeighborsRegressor(algorithm="kd_tree", leaf_size=5).fit(*rows),
        lambda rows: KNeighborsRegressor(algorithm="ball_tree", leaf_size=5).fit(*rows),
        lambda rows: KNeighborsRegressor(algorithm="ball_tree", p=3).fit(*rows),
        lambda rows: KNeighborsClassifier(algorithm="brute").fit(rows[0], rows[0][:, 0]),
        lambda rows: KNeighborsClassifier().fit(rows[0], np.column_stack([rows[0][:, 0]] * 2)),
        lambda rows: RandomForestClassifier(3).fit(rows[0], rows[0][:, 0]),
        lambda rows: ExtraTreesClassifier(3).fit(rows[0], np.column_stack([rows[0][:, 0]] * 2)),
        lambda rows: GradientBoostingClassifier(n_estimators=3).fit(rows[0], rows[0][:, 0]),
        lambda rows: GradientBoostingRegressor(n_estimators=3, init="zero").fit(*rows),
        lambda rows: IsolationForest(n_estimators=3, max_features=2).fit(rows[0]),
        lambda rows: KMeans(2, n_init=1).fit(rows[0]),
        lambda rows: make_pipeline(
            OneHotEncoder(min_frequency=0.1, drop="first"), RidgeClassifier()
        ).fit(rows[0][:, :1], rows[1] > 1),
        lambda rows: SVR().fit(*rows),
        lambda rows: SVC().fit(rows[0], rows[0][:, 0]),
        lambda rows: SVC(kernel="linear").fit(csr_matrix(rows[0]), rows[1] > 1),
        lambda rows: DecisionTreeRegressor(max_depth=1).fit(rows[0][:1], rows[1][:1]),
    ],
)
def test_real_models_pass_and_come_back(rows, build):
    model = Pipeline([("model", build(rows))])
    copy = load_estimator(dump_estimator(model), TRUSTED_TYPES)
    X = rows[0][:, : model[0].n_features_in_]
    np.testing.assert_array_equal(copy.predict(X), model.predict(X))


def forge_tree(tree, **changes):
    """Change the nodes of a tree in place, the way a forged file would."""
    state = tree.__getstate__()
    for name, (place, value) in changes.items():
        if name == "node_count":
            state["node_count"] = value
        else:
            state["nodes"][name][place] = value
    tree.__setstate__(state)


@pytest.mark.parametrize(
    "changes",
    [
        {"feature": (0, 3)},
        {"feature": (0, -7)},
        {"left_child": (0, 10**9)},
        {"right_child": (0, -5)},
        {"left_child": (0, 0)},
        {"right_child": (1, 0)},
        {"node_count": (0, 10**7)},
    ],
)
def test_a_forged_tree_is_found(rows, changes):
    model = forest(rows)
    forge_tree(model.estimators_[2].tree_, **changes)
    with pytest.raises(ModelFileError, match="out of bounds"):
        check_indices(Pipeline([("model", model)]))


def test_a_tree_wider_than_its_forest_is_found(rows):
    wide = np.column_stack([rows[0], np.arange(120)])
    model = forest(rows)
    model.estimators_[1] = DecisionTreeRegressor().fit(wide, wide[:, 3])
    with pytest.raises(ModelFileError, match="columns of a tree"):
        check_indices(model)
    check_indices(model.estimators_[1])


def test_a_tree_shared_by_a_wide_and_a_narrow_owner_is_found(rows):
    wide = np.column_stack([np.arange(120), rows[0]])
    big = RandomForestRegressor(1, random_state=0).fit(wide, wide[:, 3])
    small = forest(rows)
    small.estimators_[0] = big.estimators_[0]
    for pair in ([big, small], [small, big]):
        with pytest.raises(ModelFileError, match="columns of a tree"):
            check_indices(pair)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("feature_idx", 3),
        ("feature_idx", -1),
        ("left", 2**31),
        ("right", 0),
        ("is_categorical", 1),
    ],
)
def test_forged_boosting_is_found(rows, name, value):
    model = boosting(rows)
    predictor = model._predictors[1][0]
    inner = (predictor.nodes["is_leaf"] == 0) & (predictor.nodes["is_categorical"] == 0)
    predictor.nodes[name][np.flatnonzero(inner)[0]] = value
    with pytest.raises(ModelFileError, match="out of bounds"):
        check_indices(model)


def test_forged_categories_are_found(rows):
    model = boosting(rows)
    split = next(p[0] for p in model._predictors if p[0].nodes["is_categorical"].any())
    split.nodes["bitset_idx"][split.nodes["is_categorical"] != 0] = 1000
    with pytest.raises(ModelFileError, match="categories"):
        check_indices(model)
    model = boosting(rows)
    model._bin_mapper.bin_thresholds_[0] = np.array([0.0, 4000.0])
    with pytest.raises(ModelFileError, match="categories"):
        check_indices(model)
    model = boosting(rows)
    model._bin_mapper.is_categorical_ = np.array([1, 0], dtype=np.uint8)
    with pytest.raises(ModelFileError, match="bins"):
        check_indices(model)


@pytest.mark.parametrize(("part", "value"), [(1, 10**9), (1, -1)])
def test_forged_neighbours_are_found(rows, part, value):
    model = KNeighborsRegressor(algorithm="kd_tree", leaf_size=5).fit(*rows)
    state = list(model._tree.__getstate__())
    state[part] = np.asarray(state[part]).copy()
    state[part][0] = value
    model._tree.__setstate__(tuple(state))
    with pytest.raises(ModelFileError, match="neighbour tree"):
        check_indices(model)


def test_neighbour_nodes_without_children_are_found(rows):
    model = KNeighborsRegressor(algorithm="kd_tree", leaf_size=5).fit(*rows)
    state = list(model._tree.__getstate__())
    state[2] = np.asarray(state[2]).copy()
    state[2]["is_leaf"] = 0
    model._tree.__setstate__(tuple(state))
    with pytest.raises(ModelFileError, match="neighbour tree"):
        check_indices(model)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("_n_support", np.array([10**6, 1, 1, 1, 1, 1], dtype=np.int32)),
        ("_n_support", np.array([-1, 1, 1, 1, 1, 1], dtype=np.int32)),
        ("_dual_coef_", np.zeros((5, 2))),
        ("_intercept_", np.zeros(1)),
        ("support_", np.zeros(1, dtype=np.int32)),
        ("support_vectors_", np.zeros((3, 3))),
    ],
)
def test_forged_support_vectors_are_found(rows, name, value):
    model = SVC().fit(rows[0], rows[0][:, 0])
    setattr(model, name, value)
    with pytest.raises(ModelFileError, match="support vectors"):
        check_indices(model)


def test_forged_sparse_matrices_are_found(rows):
    model = KNeighborsRegressor(algorithm="brute").fit(csr_matrix(rows[0]), rows[1])
    check_indices(model)
    model._fit_X.indices[0] = 10**6
    with pytest.raises(ModelFileError, match="sparse matrix"):
        check_indices(model)


def classifier(rows):
    return GradientBoostingClassifier(n_estimators=3, max_depth=1).fit(rows[0], rows[1] > 1)


@given(columns=st.integers(2, 400), rounds=st.integers(1, 3), claims=st.booleans())
def test_gradient_boosting_with_other_scores_is_found(rows, columns, rounds, claims):
    """scikit-learn writes one score for each column of `estimators_` without a check."""
    model = classifier(rows)
    tree = model.estimators_[0, 0]
    model.estimators_ = np.full((rounds, columns), tree, dtype=object)
    if claims:
        model.n_trees_per_iteration_ = columns
        model.classes_ = np.arange(columns)
    with pytest.raises(ModelFileError, match="out of bounds"):
        check_indices(Pipeline([("model", model)]))


def test_gradient_boosting_with_another_initial_model_is_found(rows):
    X, y = rows[0], rows[0][:, 0]
    model = GradientBoostingClassifier(n_estimators=2).fit(X, y)
    check_indices(model)
    model.init_ = DummyClassifier().fit(X, y > 2)
    with pytest.raises(ModelFileError, match="scores of a model"):
        check_indices(model)


def test_trees_of_another_width_are_found(rows):
    model = classifier(rows)
    model.estimators_[0, 0].n_features_in_ = 2
    with pytest.raises(ModelFileError, match="columns of a tree"):
        check_indices(model)


def test_trees_of_another_number_of_classes_are_found(rows):
    X, y = rows[0], rows[0][:, 0]
    few, many = (RandomForestClassifier(2).fit(X, t) for t in (y > 2, y))
    few.estimators_[1] = many.estimators_[1]
    with pytest.raises(ModelFileError, match="of a tree"):
        check_indices(few)
    many.n_classes_ = 5
    with pytest.raises(ModelFileError, match="classes of a forest"):
        check_indices(many)


def test_boosting_that_narrows_its_rows_is_found(rows):
    model = boosting(rows)
    model._preprocessor = ColumnTransformer([("one", OrdinalEncoder(), [0])]).fit(rows[0])
    with pytest.raises(ModelFileError, match="columns of a model"):
        check_indices(model)
    model = boosting(rows)
    model.n_trees_per_iteration_ = 10**9
    with pytest.raises(ModelFileError, match="trees of a model"):
        check_indices(model)


@given(place=st.integers(0, 119), label=st.integers(-(10**9), 10**9))
def test_labels_of_neighbours_are_checked(rows, place, label):
    model = KNeighborsClassifier(algorithm="brute").fit(rows[0], rows[0][:, 0])
    model._y[place] = label
    if 0 <= label < 6:
        check_indices(model)
    else:
        with pytest.raises(ModelFileError, match="nearest-neighbours"):
            check_indices(model)


@pytest.mark.parametrize(
    ("name", "value"),
    [("_y", np.zeros(3, dtype=int)), ("_fit_X", np.zeros((120, 2))), ("n_jobs", 10**6)],
)
def test_forged_parts_of_neighbours_are_found(rows, name, value):
    model = KNeighborsClassifier(algorithm="brute").fit(rows[0], rows[0][:, 0])
    setattr(model, name, value)
    with pytest.raises(ModelFileError, match="out of bounds"):
        check_indices(model)


def test_weights_of_a_distance_are_checked(rows):
    X, y = rows
    weights = {"V": np.ones(3)}
    settings = {"metric": "seuclidean", "metric_params": weights, "algorithm": "ball_tree"}
    model = KNeighborsRegressor(**settings).fit(X, y)
    check_indices(model)
    narrow = KNeighborsRegressor(**{**settings, "metric_params": {"V": np.ones(2)}})
    state = list(model._tree.__getstate__())
    state[11] = narrow.fit(X[:, :2], y)._tree.__getstate__()[11]
    model._tree.__setstate__(tuple(state))
    with pytest.raises(ModelFileError, match="weights of a distance"):
        check_indices(model)


def test_columns_of_ensembles_are_checked(rows):
    model = IsolationForest(n_estimators=3, max_features=2).fit(rows[0])
    model.estimators_features_[0] = np.array([0, 3])
    with pytest.raises(ModelFileError, match="columns of an ensemble"):
        check_indices(model)
    model.estimators_features_[0] = np.array([0])
    with pytest.raises(ModelFileError, match="columns of an ensemble"):
        check_indices(model)


def test_narrow_centers_vocabularies_and_encoders_are_found(rows):
    centers = KMeans(2, n_init=1).fit(rows[0])
    centers.cluster_centers_ = centers.cluster_centers_[:, :2]
    terms = CountVectorizer().fit(["a word", "another word"])
    check_indices(terms)
    terms.vocabulary_["word"] = 10**6
    encoder = OneHotEncoder().fit(rows[0][:, :1])
    check_indices(encoder)
    encoder._n_features_outs = [1]
    for forged in (centers, terms, encoder):
        with pytest.raises(ModelFileError, match="out of bounds"):
            check_indices(forged)
