from __future__ import annotations

import pickle
import re

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.metrics import fbeta_score, make_scorer
from sklearn.model_selection import KFold, cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from metaauto import AutoClassifier, AutoRegressor, load
from metaauto.api import Float, Model
from metaauto.errors import DataError, ReadError, SettingError, UnknownName

# Fits that take a fraction of a second once the first has started the workers' parent.
TINY = {"budget": "2 trials", "n_jobs": 1, "random_state": 0, "cv": 2, "memory": 2}
ONE = {**TINY, "budget": "1 trial", "knowledge": False}
WEIGHTS = (
    "a row of weight 2 is one row to the folds, and two rows may fall into two folds: the models "
    "of the folds then see other rows"
)

#: The checks of scikit-learn that the estimators do not pass, and why.
EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": WEIGHTS,
    "check_sample_weight_equivalence_on_sparse_data": WEIGHTS,
}


@pytest.mark.slow
@parametrize_with_checks(
    [AutoClassifier(include=["logistic"], **ONE), AutoRegressor(include=["ridge"], **ONE)],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES,
)
@pytest.mark.filterwarnings("ignore:.*SCIPY_ARRAY_API")
def test_scikit_learn_checks(estimator, check) -> None:
    name = check.func.__name__
    if isinstance(estimator, AutoRegressor) and not re.search("regressor|weight|target", name):
        pytest.skip("the base of both estimators passes it as AutoClassifier")
    check(estimator)


@pytest.fixture(scope="module")
def cancer() -> pd.DataFrame:
    return load_breast_cancer(as_frame=True).frame.iloc[::3].reset_index(drop=True)


@pytest.fixture(scope="module")
def classifier(cancer: pd.DataFrame) -> AutoClassifier:
    X = cancer.drop(columns="target")
    y = np.where(cancer["target"] == 1, "benign", "malignant")
    return AutoClassifier(include="logistic", **TINY).fit(X, y)


def test_a_classifier_predicts_labels_and_probabilities(
    classifier: AutoClassifier, cancer: pd.DataFrame
) -> None:
    X = cancer.drop(columns="target")
    assert classifier.classes_.tolist() == ["benign", "malignant"]
    proba = classifier.predict_proba(X)
    assert proba.shape == (len(X), 2)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    truth = np.where(cancer["target"] == 1, "benign", "malignant")
    assert classifier.score(X, truth) > 0.95
    assert classifier.n_features_in_ == 30
    assert classifier.feature_names_in_.tolist() == list(X.columns)


def test_the_leaderboard_has_the_ensemble_and_every_trial(classifier: AutoClassifier) -> None:
    board = classifier.leaderboard_
    assert set(board["name"]) == {"ensemble", "dummy-0", "logistic-1", "logistic-2"}
    assert board["score"].max() > 0.95


def test_it_is_saved_pickled_and_cloned(
    classifier: AutoClassifier, cancer: pd.DataFrame, tmp_path
) -> None:
    X = cancer.drop(columns="target")
    expected = classifier.predict_proba(X)
    loaded = load(classifier.save(tmp_path / "model.metaauto"))
    np.testing.assert_allclose(loaded.predict_proba(X), expected, rtol=1e-5)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(classifier)).predict_proba(X), expected)
    assert clone(classifier).get_params() == classifier.get_params()
    with pytest.raises(NotFittedError):
        clone(classifier).predict(X)


def test_export_writes_the_script_of_the_model(classifier: AutoClassifier, tmp_path) -> None:
    exported = classifier.export(tmp_path / "estimator.py").read_text("utf-8")
    assert "logistic" in exported
    assert exported == classifier.model_.export(tmp_path / "model.py").read_text("utf-8")
    with pytest.raises(NotFittedError):
        clone(classifier).export(tmp_path / "unfitted.py")


def test_arrays_are_taken_after_training_on_a_dataframe(
    classifier: AutoClassifier, cancer: pd.DataFrame
) -> None:
    X = cancer.drop(columns="target")
    with pytest.warns(UserWarning, match="valid feature names"):
        labels = classifier.predict(X.to_numpy())
    np.testing.assert_array_equal(labels, classifier.predict(X))
    with pytest.raises(ValueError, match="feature names should match"):
        classifier.predict(X[X.columns[::-1]])


def test_tables_are_taken_after_training_on_an_array(cancer: pd.DataFrame) -> None:
    X, y = cancer.drop(columns="target"), cancer["target"]
    auto = AutoClassifier(include="lda", positive=0, **TINY).fit(X.to_numpy(), y)
    assert auto.model_.task.positive == 0
    with pytest.warns(UserWarning, match="fitted without feature names"):
        labels = auto.predict(X)
    np.testing.assert_array_equal(labels, auto.predict(X.to_numpy()))


def test_checks_of_one_column_do_not_read_uninitialized_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(np, "empty", lambda shape, *_, **__: np.full(shape, np.nan))
    X = pd.DataFrame({"a": [1.0, 2.0]})
    assert AutoClassifier()._checked(X, reset=True) is X


def test_words_missing_values_and_dates_are_fine() -> None:
    random = np.random.default_rng(0)
    size = random.normal(100, 20, 150)
    X = pd.DataFrame(
        {
            "size": np.where(random.random(150) < 0.1, np.nan, size),
            "city": random.choice(["Bonn", "Kiel", None], 150),
            "sold": pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 700, 150), "D"),
        }
    )
    auto = AutoRegressor(include=["ridge"], **TINY).fit(X, 10 * size)
    assert auto.score(X, 10 * size) > 0.7
    assert np.isfinite(auto.predict(X.assign(city="Rome"))).all()


def test_lists_and_sparse_matrices_are_tables() -> None:
    X, y = load_diabetes(return_X_y=True)
    X, y = X[:120], y[:120]
    dense = AutoRegressor(include=["ridge"], **TINY).fit(X, y)
    for other in (X.tolist(), scipy.sparse.csr_matrix(X)):
        again = AutoRegressor(include=["ridge"], **TINY).fit(other, y)
        np.testing.assert_allclose(again.predict(other), dense.predict(X))


def test_a_sparse_table_that_would_not_fit_is_refused() -> None:
    X = scipy.sparse.csr_matrix((100, 10_000_000))
    with pytest.raises(DataError, match="sparse"):
        AutoClassifier(**TINY).fit(X, np.arange(100) % 2)


@pytest.mark.slow
def test_a_budget_of_trials_is_reproducible(cancer: pd.DataFrame) -> None:
    X, y = cancer.drop(columns="target"), cancer["target"]
    options = {**TINY, "include": ["extra_trees"]}
    one, two = (AutoClassifier(**options).fit(X, y) for _ in range(2))
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))
    assert len(one.leaderboard_) == 2 + 2


def test_seconds_are_a_budget() -> None:
    X, y = load_diabetes(return_X_y=True)
    auto = AutoRegressor(include=["ridge"], **{**TINY, "budget": 3}).fit(X, y)
    assert auto.model_.record.budget == 3.0
    assert auto.model_.record.seconds < 6.0


@pytest.mark.slow
def test_a_metric_of_ones_own_drives_the_search(cancer: pd.DataFrame) -> None:
    X, y = cancer.drop(columns="target"), cancer["target"]
    for metric in ("f1", make_scorer(fbeta_score, beta=2)):
        auto = AutoClassifier(include=["lda"], metric=metric, **ONE).fit(X, y)
        assert 0.9 < auto.model_.record.score <= 1.0


def _build(values, context):
    return Ridge(alpha=values["alpha"])


MINE = Model("mine", _build, space={"alpha": Float(0.1, 10.0, 1.0)}, tasks=("regression",))


@pytest.mark.slow
def test_a_component_can_be_included_itself() -> None:
    X, y = load_diabetes(return_X_y=True)
    auto = AutoRegressor(include=[MINE, "elastic_net"], knowledge=False, **TINY).fit(X, y)
    names = {name.rpartition("-")[0] for name in auto.leaderboard_["name"]}
    assert names == {"", "dummy", "mine", "elastic_net"}
    alone = AutoRegressor(include=MINE, **TINY).fit(X, y)
    assert {m.model for m in alone.model_.members} == {"mine"}


def test_it_works_within_scikit_learn(cancer: pd.DataFrame) -> None:
    X, y = cancer.drop(columns="target"), cancer["target"]
    auto = AutoClassifier(include=["lda"], **{**TINY, "budget": "1 trial"})
    assert cross_val_score(auto, X, y, cv=KFold(2), scoring="roc_auc").mean() > 0.9


def test_weights_and_groups_arrive(cancer: pd.DataFrame) -> None:
    X, y = cancer.drop(columns="target"), cancer["target"]
    groups = np.arange(len(y)) // 2
    auto = AutoClassifier(include=["logistic"], **TINY)
    auto.fit(X, y, sample_weight=np.linspace(0.1, 1, len(y)), groups=groups)
    assert auto.model_.task.weighted
    assert "groups kept together" in auto.model_.record.validation


@pytest.mark.parametrize(
    ("parameters", "error", "words"),
    [
        ({"budget": "soon"}, SettingError, "expected a duration"),
        ({"budget": "0 trials"}, SettingError, r"trials must be an integer >= 1 \(got 0\)"),
        ({"budget": -1}, SettingError, "> 0 seconds"),
        ({"metric": "rocauc"}, UnknownName, "roc_auc"),
        ({"include": ["forest"]}, UnknownName, "random_forest"),
        ({"search": "randm"}, UnknownName, "Did you mean 'random'"),
        ({"exclude": ["forest"]}, UnknownName, "random_forest"),
        ({"n_jobs": 0}, SettingError, "n_jobs"),
        ({"n_jobs": 1.5}, SettingError, "n_jobs"),
        ({"random_state": -1}, SettingError, "random_state"),
        ({"memory": 0}, SettingError, "memory"),
        ({"ensemble_size": 0}, SettingError, "ensemble_size"),
        ({"cv": 1000}, DataError, "folds"),
    ],
)
def test_a_parameter_that_cannot_be_honoured_is_named(
    parameters: dict, error: type[Exception], words: str, cancer: pd.DataFrame
) -> None:
    auto = AutoClassifier(**{**TINY, **parameters})
    with pytest.raises(error, match=words) as raised:
        auto.fit(cancer.drop(columns="target"), cancer["target"])
    assert isinstance(raised.value, ValueError)
    assert not hasattr(auto, "model_")


def test_tables_that_cannot_be_used_are_refused(cancer: pd.DataFrame) -> None:
    X, y = cancer.drop(columns="target"), cancer["target"]
    auto = AutoClassifier(include=["lda"], **TINY)
    for wrong, words in (
        (y.mask(y == 1), "NaN"),
        (y.iloc[:-1], r"one value per row \(190 rows\), got 189 values"),
        (np.linspace(0, 1, len(y)), "Unknown label type"),
        (np.ones(len(y)), "class"),
    ):
        with pytest.raises(ValueError, match=words):
            auto.fit(X, wrong)
    with pytest.raises(ValueError, match="0 feature"):
        auto.fit(X[[]], y)


def test_verbose_tells_the_better_answers(
    cancer: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    X, y = cancer.drop(columns="target"), cancer["target"]
    AutoClassifier(include=["lda"], verbose=2, **TINY).fit(X, y)
    said = capsys.readouterr().out
    assert "30 numeric" in said
    assert "roc_auc" in said
    assert "lda-1" in said
    AutoClassifier(include=["lda"], **TINY).fit(X, y)
    assert capsys.readouterr().out == ""


def test_loading_what_is_no_model_is_one_clear_error(tmp_path) -> None:
    (tmp_path / "x.metaauto").write_text("hello")
    with pytest.raises(Exception, match="damaged or not a metaauto model") as raised:
        load(tmp_path / "x.metaauto")
    assert not isinstance(raised.value, ReadError)


def test_refit_trains_one_model_per_member(cancer: pd.DataFrame) -> None:
    X, y = cancer.drop(columns="target"), cancer["target"]
    estimator = AutoClassifier(include="logistic", **TINY).fit(X, y, sample_weight=np.ones(len(y)))
    folds, score = estimator.model_, estimator.model_.record.score
    importances = estimator.feature_importances_
    assert estimator.refit(X, y, sample_weight=np.linspace(0.1, 2.0, len(y))) is estimator
    assert [len(member.estimators) for member in estimator.model_.members] == [1] * len(
        folds.members
    )
    assert estimator.model_.record.score == score
    assert "the refitted models were not scored" in estimator.model_.record.refit_note
    assert (estimator.predict(X) == y).mean() > 0.9
    assert not np.array_equal(estimator.feature_importances_, importances)
    with pytest.raises(SettingError, match="fitted with sample weights"):
        estimator.refit(X, y)
    with pytest.raises(NotFittedError):
        AutoClassifier().refit(X, y)


def test_refit_takes_the_components_of_the_fit(cancer: pd.DataFrame) -> None:
    X, y = cancer.drop(columns="target"), cancer["target"]

    def build(values, context):
        return Ridge(alpha=values["alpha"])

    own = Model("own", build, space={"alpha": Float(0.1, 10.0, 1.0)}, tasks=("regression",))
    estimator = AutoRegressor(include=[own], **ONE).fit(X, y.astype(float) + X.iloc[:, 0])
    estimator.refit(X.head(100), y.head(100).astype(float) + X.iloc[:100, 0])
    assert "Refitted on 100 rows of another table" in estimator.model_.record.refit_note


def test_start_from_an_earlier_model(classifier: AutoClassifier, cancer: pd.DataFrame) -> None:
    X, y = cancer.drop(columns="target"), cancer["target"]
    found = AutoClassifier(include=["logistic", "lda"], start_from=classifier.model_, **ONE)
    sources = clone(found).fit(X, y).leaderboard_.set_index("name")["source"]
    assert sources["logistic-1"] == "earlier model"
