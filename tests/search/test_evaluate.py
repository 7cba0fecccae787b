from __future__ import annotations

import shutil
import warnings
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, TransformerMixin

from metaauto.components import Deadline, Model, Preprocessor, Tags
from metaauto.configuration import Configuration
from metaauto.errors import ComponentError
from metaauto.metrics import METRICS
from metaauto.plugins.registry import Plugin, Registered, Registry
from metaauto.search.evaluate import Evaluator, align_probabilities, predict_fold
from metaauto.search.out_of_fold import OutOfFold
from metaauto.search.sealing import load_sealed
from metaauto.search.trial import Job, Status, Trial
from metaauto.space import SearchSpace
from metaauto.testing.faults import FAULTS

KINDS = ("binary", "multiclass", "regression")


def with_models(registry: Registry, *models, steps=()) -> Registry:
    plugin = Plugin("tests", source="object")
    entries = [e for k in ("model", "preprocessor", "metafeature") for e in registry.entries(k)]
    entries += [Registered("model", m.name, m, plugin) for m in models]
    entries += [Registered("preprocessor", f"{s.slot}.{s.name}", s, plugin) for s in steps]
    return Registry(entries)


@pytest.fixture
def evaluator(make_inputs, registry, tmp_path):
    def make(kind="binary", models=(), steps=(), roles=("numeric", "categorical"), **more):
        inputs = make_inputs(kind, roles, **more)
        return Evaluator(inputs, with_models(registry, *models, steps=steps), tmp_path)

    return make


def job(model: str, fold: int = 0, trial: int = 7, seed: int = 3, **values) -> Job:
    return Job(trial, fold, Configuration(model, values), seed)


def default_job(made: Evaluator, model: str, **more) -> Job:
    return Job(7, more.pop("fold", 0), made.space.default(model), 3, **more)


@pytest.mark.parametrize("kind", KINDS)
def test_a_success_leaves_prediction_and_model(kind, evaluator, tmp_path):
    made = evaluator(kind)
    outcome = made.run(default_job(made, "extra_trees", fold=1))
    assert outcome.status is Status.SUCCESS, outcome.detail
    assert (outcome.trial, outcome.fold) == (7, 1)
    assert outcome.error == outcome.detail == ""
    assert outcome.seconds >= outcome.fit_seconds >= 0
    assert outcome.memory > 10
    prediction = np.load(tmp_path / outcome.prediction)
    validation = made.inputs.folds[1][1]
    n_classes = made.inputs.task.n_classes
    assert prediction.dtype == (np.float32 if n_classes else np.float64)
    assert prediction.shape == ((len(validation), n_classes) if n_classes else (len(validation),))
    pipeline = load_sealed(tmp_path / outcome.model)
    again = predict_fold(pipeline, made.inputs.X.iloc[validation], made.inputs.task)
    np.testing.assert_allclose(again, prediction, rtol=1e-5, atol=1e-6)
    assert sorted(p.parent.name for p in tmp_path.rglob("*.*")) == ["models", "predictions"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_builtin_model_fits_with_its_defaults(kind, evaluator):
    roles = ("numeric", "boolean", "categorical", "datetime", "text")
    made = evaluator(kind, roles=roles, n_rows=80)
    assert len(made.space.models) >= 6
    for model in made.space.models:
        outcome = made.run(default_job(made, model, soft_seconds=20.0))
        assert outcome.status is Status.SUCCESS, (model, outcome.detail)


def test_the_same_job_gives_the_same_prediction(evaluator, tmp_path):
    made = evaluator()
    predictions = []
    for trial in (1, 2):
        outcome = made.run(Job(trial, 0, made.space.default("random_forest"), 11))
        predictions.append(np.load(tmp_path / outcome.prediction))
    np.testing.assert_array_equal(*predictions)


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        ("raises", "RuntimeError: this model fails on purpose"),
        ("cannot_be_pickled", "cannot be pickled"),
        ("predicts_nan", "NaN"),
        ("predicts_too_few", "rows; expected"),
        ("predicts_wrong_shape", "classes"),
    ],
)
def test_a_failure_is_an_outcome_with_its_cause(fault, word, evaluator, tmp_path):
    made = evaluator(models=FAULTS.values())
    outcome = made.run(job(f"fault_{fault}"))
    assert outcome.status is Status.FAILED
    assert word in outcome.error
    assert "\n" not in outcome.error
    assert "Traceback" in outcome.detail
    assert outcome.seconds > 0
    assert outcome.prediction == outcome.model == ""
    assert not list(tmp_path.rglob("models/*"))


@pytest.mark.parametrize("fault", ["predicts_nan", "predicts_too_few"])
def test_bad_values_in_regression_are_failures_too(fault, evaluator):
    outcome = evaluator("regression", models=FAULTS.values()).run(job(f"fault_{fault}"))
    assert outcome.status is Status.FAILED


def test_too_little_memory_has_a_status_of_its_own(evaluator):
    made = evaluator(models=FAULTS.values())
    outcome = made.run(job("fault_eats_memory", gigabytes=0.0))
    assert outcome.status is Status.MEMORY
    assert "MemoryError" in outcome.error


def test_unknown_models_and_steps_are_failures(evaluator):
    assert evaluator().run(job("no_such_model")).status is Status.FAILED
    outcome = evaluator().run(job("logistic", scale="no_such_step"))
    assert outcome.status is Status.FAILED
    assert "no_such_step" in outcome.error


class Spy:
    """An estimator that keeps what it was given."""

    seen: list = []

    def __init__(self, context) -> None:
        self.context = context

    def fit(self, X, y, sample_weight=None):
        type(self).seen.append((X, y, sample_weight, self.context))
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.zeros(X.shape[0])

    def predict_proba(self, X):
        return np.full((X.shape[0], len(self.classes_)), 1 / len(self.classes_))

    def __reduce__(self):
        return Spy, (None,)


@pytest.fixture
def spied():
    Spy.seen = []
    yield Spy.seen
    Spy.seen = []


TAKES_ALL = Tags(
    accepts_nan=True, accepts_categories=True, accepts_sparse=True, accepts_sample_weight=True
)


def test_weights_reach_a_model_without_a_fit_of_its_own(evaluator, spied):
    made = evaluator(
        models=[Model("spy", lambda values, context: Spy(context), tags=TAKES_ALL)], weighted=True
    )
    assert made.run(job("spy")).status is Status.SUCCESS
    X, y, weights, _ = spied[0]
    train = made.inputs.folds[0][0]
    np.testing.assert_array_equal(weights, made.inputs.weights[train])
    np.testing.assert_array_equal(y, made.inputs.y[train])
    assert X.shape[0] == len(train)


def test_without_weights_none_are_passed(evaluator, spied):
    made = evaluator(models=[Model("spy", lambda values, context: Spy(context), tags=TAKES_ALL)])
    made.run(job("spy"))
    assert spied[0][2] is None


def test_a_models_own_fit_gets_all_there_is_to_know(evaluator):
    told = {}

    def fit(estimator, X, y, context):
        told.update(X=X, y=y, context=context)
        estimator.fit(X, y)

    model = Model("own", lambda values, context: Spy(context), fit=fit, tags=TAKES_ALL)
    made = evaluator(models=[model], weighted=True)
    outcome = made.run(Job(0, 1, Configuration("own", {}), seed=5, soft_seconds=30.0))
    assert outcome.status is Status.SUCCESS, outcome.detail
    context, inputs = told["context"], made.inputs
    train, validation = inputs.folds[1]
    assert context.seed == 5
    assert context.kind == "binary"
    assert context.n_classes == 2
    assert context.metric == inputs.task.metric
    assert (context.n_rows, context.n_features) == told["X"].shape
    assert context.X_validation.shape == (len(validation), told["X"].shape[1])
    np.testing.assert_array_equal(context.y_validation, inputs.y[validation])
    np.testing.assert_array_equal(context.sample_weight, inputs.weights[train])
    np.testing.assert_array_equal(context.validation_weight, inputs.weights[validation])
    assert 0 < context.deadline.remaining() <= 30.0
    assert context.categorical == (0, 1)


def test_values_of_slots_do_not_reach_build(evaluator):
    seen = {}

    def build(values, context):
        seen.update(values)
        return Spy(context)

    made = evaluator(models=[Model("spy", build, tags=Tags(needs_scaling=True))])
    made.run(job("spy", alpha=3, scale="quantile", **{"categorical.onehot.min_frequency": 0.1}))
    assert seen == {"alpha": 3}


def test_a_raw_model_gets_the_table_itself(evaluator, spied):
    made = evaluator(models=[Model("spy", lambda v, c: Spy(c), tags=Tags(accepts_dataframe=True))])
    made.run(job("spy"))
    X = spied[0][0]
    assert list(X.columns) == list(made.inputs.X.columns)
    assert len(X) == len(made.inputs.folds[0][0])


@pytest.mark.parametrize("built", [None, 3, object()])
def test_a_build_that_returns_no_estimator_is_named(built, evaluator):
    made = evaluator(models=[Model("odd", lambda values, context: built, tags=TAKES_ALL)])
    outcome = made.run(job("odd"))
    assert outcome.status is Status.FAILED
    assert "build of model 'odd'" in outcome.error


def test_a_fit_may_return_another_estimator(evaluator, tmp_path):
    def fit(estimator, X, y, context):
        from sklearn.dummy import DummyClassifier

        return DummyClassifier(strategy="prior").fit(X, y)

    made = evaluator(models=[Model("swap", lambda v, c: Spy(c), fit=fit, tags=TAKES_ALL)])
    outcome = made.run(job("swap"))
    pipeline = load_sealed(tmp_path / outcome.model)
    assert type(pipeline.steps[-1][1]).__name__ == "DummyClassifier"


def test_warnings_of_models_stay_inside(evaluator):
    def fit(estimator, X, y, context):
        warnings.warn("not converged", RuntimeWarning, stacklevel=1)
        return estimator.fit(X, y)

    made = evaluator(models=[Model("warns", lambda v, c: Spy(c), fit=fit, tags=TAKES_ALL)])
    assert made.run(job("warns")).status is Status.SUCCESS


def test_preprocessing_that_leaves_no_column_is_a_failure(evaluator):
    class Nothing:
        def fit_transform(self, X, y=None):
            return np.empty((len(X), 0))

        def transform(self, X):
            return np.empty((len(X), 0))

    step = Preprocessor("nothing", "reduce", lambda values, context: Nothing())
    outcome = evaluator(steps=[step]).run(job("logistic", reduce="nothing"))
    assert outcome.status is Status.FAILED
    assert "removes all columns" in outcome.error


class Counting(TransformerMixin, BaseEstimator):
    """A scaler that counts how often it is fitted."""

    fitted = 0

    def fit(self, X, y=None):
        Counting.fitted += 1
        self.n_rows_ = len(X)
        return self

    def transform(self, X):
        return np.asarray(X, dtype=float)


class TestCache:
    @pytest.fixture(autouse=True)
    def _reset(self):
        Counting.fitted = 0

    def evaluator(self, evaluator, **more):
        step = Preprocessor("counting", "scale", lambda values, context: Counting())
        return evaluator(roles=("numeric",), missing=False, steps=[step], **more)

    def test_models_that_prepare_alike_share_the_prepared_rows(self, evaluator):
        made = self.evaluator(evaluator)
        for model in ("logistic", "naive_bayes", "logistic"):
            outcome = made.run(job(model, scale="counting", C=1.0, var_smoothing=0.1))
            assert outcome.status is Status.SUCCESS, outcome.detail
        sparse = {made.registry.model(m).tags.accepts_sparse for m in ("logistic", "naive_bayes")}
        assert Counting.fitted == len(sparse)

    def test_every_fold_is_prepared_on_its_own_training_rows(self, evaluator):
        made = self.evaluator(evaluator)
        made.run(job("logistic", fold=0, scale="counting", C=1.0))
        made.run(job("logistic", fold=1, scale="counting", C=1.0))
        assert Counting.fitted == 2

    def test_the_oldest_rows_are_forgotten_first(self, evaluator, monkeypatch):
        monkeypatch.setattr("metaauto.search.evaluate._CACHE_BYTES", 0)
        made = self.evaluator(evaluator)
        for fold in (0, 1, 0):
            made.run(job("logistic", fold=fold, scale="counting", C=1.0))
        assert Counting.fitted == 3
        made.run(job("logistic", fold=0, scale="counting", C=2.0))
        assert Counting.fitted == 3

    def test_from_the_cache_comes_the_same_answer(self, evaluator, tmp_path):
        configuration = Configuration("logistic", {"C": 1.0, "categorical": "target"})
        fresh = evaluator(roles=("numeric", "categorical"))
        first = fresh.run(Job(0, 0, configuration, 1))
        one = np.load(tmp_path / first.prediction)
        fresh.run(Job(1, 0, fresh.space.default("knn"), 1))
        again = np.load(tmp_path / fresh.run(Job(2, 0, configuration, 1)).prediction)
        np.testing.assert_array_equal(one, again)

    @pytest.mark.slow
    @pytest.mark.parametrize("kind", ["binary", "regression"])
    def test_no_model_changes_the_rows_that_others_share(self, kind, evaluator):
        made = evaluator(kind, n_rows=60)
        for model in made.space.models:
            made.run(default_job(made, model, soft_seconds=20.0))
        prepared = {key: digest(value) for key, value in made._cache.items()}
        for model in made.space.models:
            made.run(default_job(made, model, soft_seconds=20.0))
        assert {key: digest(value) for key, value in made._cache.items()} == prepared


def digest(prepared) -> tuple:
    def of(matrix):
        return matrix.toarray().tobytes() if scipy.sparse.issparse(matrix) else matrix.tobytes()

    return of(prepared.X_train), of(prepared.X_validation)


def test_fold_models_do_not_see_validation_rows(evaluator):
    """Whatever the validation rows hold, the fitted model stays the same."""
    made = evaluator(roles=("numeric", "categorical"))
    configuration = made.space.default("logistic")
    pipeline, _ = made.fit(configuration, 0, 0, Deadline())
    rows = made.inputs.X.iloc[:20]
    before = pipeline.predict_proba(rows)
    shuffled = made.inputs.X.copy()
    validation = made.inputs.folds[0][1]
    shuffled.iloc[validation] = shuffled.iloc[validation[::-1]].to_numpy()
    y = made.inputs.y.copy()
    y[validation] = 1 - y[validation]
    from metaauto.search.dataset_io import Inputs

    other = Inputs(made.inputs.task, shuffled, y, None, made.inputs.folds)
    again, _ = Evaluator(other, made.registry, made.folder).fit(configuration, 0, 0, Deadline())
    np.testing.assert_allclose(again.predict_proba(rows), before, rtol=1e-9)


@st.composite
def probabilities(draw):
    n_classes = draw(st.integers(2, 6))
    codes = draw(st.lists(st.integers(0, n_classes - 1), min_size=1, unique=True))
    rows = draw(st.integers(1, 4))
    cells = st.floats(0, 1, allow_subnormal=False)
    raw = draw(
        st.lists(
            st.lists(cells, min_size=len(codes), max_size=len(codes)), min_size=rows, max_size=rows
        )
    )
    return np.array(raw), codes, n_classes


@given(probabilities())
def test_columns_are_put_where_their_classes_belong(case):
    raw, codes, n_classes = case
    aligned = align_probabilities(raw, codes, n_classes)
    assert aligned.shape == (len(raw), n_classes)
    np.testing.assert_allclose(aligned.sum(axis=1), 1.0)
    assert (aligned >= 0).all()
    for row, total in enumerate(raw.sum(axis=1)):
        if total > 0:
            for position, code in enumerate(codes):
                assert aligned[row, code] == pytest.approx(raw[row, position] / total)
        else:
            assert (aligned[row] == 1 / n_classes).all()


@pytest.mark.parametrize("codes", [[0, 3], [-1, 0], [0, 0], [0]])
def test_classes_that_cannot_be_are_refused(codes):
    with pytest.raises(ComponentError):
        align_probabilities(np.full((4, 2), 0.5), codes, 3)


def test_labels_of_any_number_type_are_codes():
    aligned = align_probabilities(np.array([[0.25, 0.75]]), np.array([0.0, 2.0]), 3)
    np.testing.assert_allclose(aligned, [[0.25, 0.0, 0.75]])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e151, -1e200])
def test_predictions_that_metrics_cannot_square_are_refused(value, make_inputs):
    class Wild:
        def predict(self, X):
            return np.where(np.arange(len(X)) == 1, value, 0.5)

    task = make_inputs("regression", ("numeric",)).task
    with pytest.raises(ComponentError, match=r"NaN or infinity|beyond ±1e\+150"):
        predict_fold(Wild(), np.zeros((3, 1)), task)


@pytest.mark.parametrize("value", [1.7e9 + 0.25, 1e12 + 0.5, 1e60])
def test_values_are_predicted_in_double_precision(value, make_inputs):
    class Constant:
        def predict(self, X):
            return np.full(len(X), value)

    task = make_inputs("regression", ("numeric",)).task
    assert predict_fold(Constant(), np.zeros((3, 1)), task).tolist() == [value] * 3


def _score(inputs, registry, folder, model):
    """Return the error of both folds in standard deviations, from the stored predictions."""
    made = Evaluator(inputs, registry, folder)
    trial = Trial(7, made.space.default(model), "test", "test")
    for fold in range(2):
        trial.outcomes[fold] = made.run(job(model, fold, **trial.configuration.values))
        assert trial.outcomes[fold].status is Status.SUCCESS, trial.outcomes[fold].detail
    rows = np.arange(len(inputs.y))
    prediction = OutOfFold(folder, inputs.folds, rows).all_rows(trial)
    assert prediction.dtype == np.float64
    # Fold models, which the final model uses, predict the same.
    validation = inputs.folds[0][1]
    pipeline = load_sealed(folder / trial.outcomes[0].model)
    again = pipeline.predict(inputs.X.iloc[validation])
    spread = inputs.y.std()
    np.testing.assert_allclose((again - prediction[validation]) / spread, 0.0, atol=1e-6)
    return METRICS["rmse"].score(inputs.y, prediction) / spread


@pytest.mark.slow
@pytest.mark.parametrize(
    ("offset", "scale"), [(1.7e9, 1.0), (-1e12, 1.0), (0.0, 1e60), (3e70, 1e60), (0.0, 1e-60)]
)
@pytest.mark.parametrize(
    "model", ["ridge", "random_forest", "hist_gradient_boosting", "knn", "mlp"]
)
def test_models_learn_targets_of_any_offset_and_scale(
    model, offset, scale, make_inputs, registry, tmp_path
):
    inputs = make_inputs("regression", ("numeric", "categorical"), n_rows=100)
    (tmp_path / "moved").mkdir()
    plain = _score(inputs, registry, tmp_path, model)
    moved = replace(inputs, y=inputs.y * scale + offset)
    assert plain < 0.9
    # Trees may break ties differently.
    assert _score(moved, registry, tmp_path / "moved", model) == pytest.approx(plain, rel=0.05)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    offset=st.floats(-1e12, 1e12),
    exponent=st.integers(-60, 60),
)
def test_ridge_scores_follow_offset_and_scale(offset, exponent, make_inputs, registry, tmp_path):
    inputs = make_inputs("regression", ("numeric",), n_rows=60)
    scale = 10.0**exponent
    moved = replace(inputs, y=(inputs.y + offset) * scale)
    found = []
    for number, given_inputs in enumerate((inputs, moved)):
        folder = tmp_path / str(number)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        found.append(_score(given_inputs, registry, folder, "ridge"))
    # The target itself is rounded to float64 when it is moved.
    rounding = 1e-13 * max(abs(offset), 1.0)
    assert found[1] == pytest.approx(found[0], rel=1e-9, abs=rounding)


def test_one_nan_among_probabilities_is_refused(make_inputs):
    class Wild:
        classes_ = np.array([0, 1])

        def predict_proba(self, X):
            found = np.full((len(X), 2), 0.5)
            found[1, 0] = np.nan
            return found

    with pytest.raises(ComponentError, match="NaN or infinity"):
        predict_fold(Wild(), np.zeros((3, 1)), make_inputs("binary", ("numeric",)).task)


def test_the_space_of_the_evaluator_is_that_of_the_table(evaluator):
    made = evaluator("regression")
    assert made.space.models == SearchSpace(made.registry, made.inputs.task).models


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_no_fold_are_predicted_after_the_validation_rows(kind, evaluator, tmp_path):
    made = evaluator(kind)
    validation = made.inputs.folds[1][1]
    alone = made.run(default_job(made, "extra_trees", fold=1))
    expected = np.load(tmp_path / alone.prediction)
    made.inputs.extra = validation[::-1][:5]
    outcome = made.run(default_job(made, "extra_trees", fold=1))
    assert outcome.status is Status.SUCCESS, outcome.detail
    found = np.load(tmp_path / outcome.prediction)
    np.testing.assert_array_equal(found[: len(validation)], expected)
    np.testing.assert_array_equal(found[len(validation) :], expected[::-1][:5])


def test_a_job_fits_on_a_sample_of_its_rows(evaluator):
    made = evaluator("binary", n_rows=90)
    every = len(made.inputs.folds[0][0])
    for rows, expected in ((20, 20), (None, every), (20, 20)):
        task = replace(default_job(made, "knn"), rows=rows)
        assert made.run(task).status is Status.SUCCESS
        pipeline, _ = made.fit(task.configuration, 0, 3, Deadline(), rows)
        assert abs(pipeline.steps[-1][1].n_samples_fit_ - expected) <= 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_fold_without_validation_rows_is_a_refit(kind, make_inputs, registry, tmp_path):
    seen = []

    def build(values, context):
        from sklearn.dummy import DummyClassifier, DummyRegressor

        return DummyClassifier() if context.is_classification else DummyRegressor()

    def fit(estimator, X, y, context):
        seen.append(context)
        estimator.fit(X, y)
        estimator.rounds_ = context.rounds
        return estimator

    tags = Tags(accepts_sample_weight=True)
    model = Model("recording", build, fit=fit, tags=tags, rounds="rounds_")
    inputs = make_inputs(kind, ("numeric", "categorical"), weighted=True)
    rows = np.arange(len(inputs.y))
    refit = replace(inputs, folds=[(rows, rows[:0])], extra=rows[:5])
    made = Evaluator(refit, with_models(registry, model), tmp_path)
    outcome = made.run(default_job(made, "recording", rounds=13))
    assert outcome.status is Status.SUCCESS, outcome.detail
    assert outcome.rounds == 13
    assert seen[0].n_rows == len(rows) == len(seen[0].sample_weight)
    assert seen[0].X_validation is seen[0].y_validation is seen[0].validation_weight is None
    assert len(np.load(tmp_path / outcome.prediction)) == 5


def test_the_rounds_of_early_stopping_are_recorded(evaluator, tmp_path):
    made = evaluator()
    outcome = made.run(default_job(made, "hist_gradient_boosting"))
    estimator = load_sealed(tmp_path / outcome.model).steps[-1][1]
    assert outcome.rounds == estimator.n_iter_ >= 1
    assert made.run(default_job(made, "logistic")).rounds == 0


def test_the_limit_of_the_rounds_is_recorded(evaluator):
    def build(values, context):
        from sklearn.linear_model import SGDClassifier

        return SGDClassifier(loss="log_loss", max_iter=7, tol=None)

    for most, expected in (("max_iter", 7), ("", 0)):
        model = Model("sgd", build, rounds="n_iter_", max_rounds=most)
        outcome = evaluator(models=(model,)).run(default_job(evaluator(models=(model,)), "sgd"))
        assert (outcome.rounds, outcome.max_rounds) == (7, expected), outcome.detail


def test_unknown_rounds_fail_no_trial(evaluator):
    def build(values, context):
        from sklearn.dummy import DummyClassifier

        return DummyClassifier()

    for attribute in ("absent_", "classes_", "predict"):
        made = evaluator(models=(Model("odd", build, rounds=attribute),))
        outcome = made.run(default_job(made, "odd"))
        assert (outcome.status, outcome.rounds) == (Status.SUCCESS, 0), outcome.detail
