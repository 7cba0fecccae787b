from __future__ import annotations

import contextlib
import logging
import threading
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metaauto.ensemble import Decision
from metaauto.errors import ComponentError, MetaautoError, Refused, SchemaMismatch, SettingError
from metaauto.model import FinalModel, Member
from metaauto.model.fit_record import Pruned

KINDS = ("binary", "multiclass", "regression")


class Constant:
    """A fold model that gives one prediction, and NaN where `size` is below a limit."""

    def __init__(self, value, classes=None, nan_below=-np.inf):
        self.value, self.nan_below = np.asarray(value, dtype=float), nan_below
        if classes is not None:
            self.classes_ = np.asarray(classes)

    def predict(self, X):
        return np.where(X["size"].to_numpy() < self.nan_below, np.nan, self.value)

    def predict_proba(self, X):
        rows = np.repeat(self.value[None], len(X), axis=0)
        rows[X["size"].to_numpy() < self.nan_below] = np.nan
        return rows


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_have_the_shape_and_type_of_the_target(models, new_rows, kind):
    found = models[kind].predict(new_rows)
    expected = {"binary": object, "multiclass": np.int64, "regression": np.float64}[kind]
    assert found.shape == (60,)
    assert found.dtype == expected
    raw = models[kind].predict_raw(new_rows)
    assert raw.dtype == (np.float64 if kind == "regression" else np.float32)
    if kind != "regression":
        assert set(found) <= set(models[kind].classes_)
        assert raw.shape == (60, len(models[kind].classes_))


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_probabilities_sum_to_one(models, new_rows, kind):
    found = models[kind].predict_proba(new_rows)
    assert found.dtype == np.float64
    assert found.shape == (60, len(models[kind].classes_))
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-12)
    assert found.min() >= 0


def test_models_learn(models, table):
    for kind in ("binary", "multiclass"):
        rows = table(kind, 200, seed=5)
        assert (models[kind].predict(rows) == rows["target"]).mean() > 0.7
    rows = table("regression", 200, seed=5)
    errors = models["regression"].predict(rows) - rows["target"]
    assert (errors**2).mean() < 0.5 * rows["target"].var()


def test_a_tuned_decision_gives_the_labels(models, new_rows):
    positive = models["binary"].predict_proba(new_rows)[:, 1]
    labels = models["binary"].predict(new_rows)
    assert ((labels == "yes") == (positive >= 0.3)).all()
    assert ((positive >= 0.3) & (positive < 0.5)).any()


def test_the_calibrator_is_applied(makers, models, new_rows):
    plain = FinalModel(**{**vars(models["binary"]), "calibrator": None})
    before, after = (m.predict_proba(new_rows)[:, 1] for m in (plain, models["binary"]))
    assert (np.abs(after - 0.5) < np.abs(before - 0.5)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_one_row_is_predicted_like_the_batch(models, new_rows, kind):
    model = models[kind]
    batch = model.predict_raw(new_rows)
    singly = np.concatenate([model.predict_raw(new_rows.iloc[[i]]) for i in range(8)])
    np.testing.assert_allclose(singly, batch[:8], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@given(chunk_rows=st.integers(1, 70))
@settings(max_examples=4, deadline=None)
def test_chunks_are_predicted_like_all_at_once(models, new_rows, kind, chunk_rows):
    whole = models[kind].predict_raw(new_rows)
    parts = models[kind].predict_raw(new_rows, chunk_rows=chunk_rows)
    np.testing.assert_allclose(parts, whole, rtol=1e-5, atol=1e-6)


def test_no_more_than_a_chunk_is_encoded_at_a_time(models, new_rows):
    sizes = []

    class Watched(Constant):
        def predict(self, X):
            sizes.append(len(X))
            return super().predict(X)

    model = FinalModel(
        **{**vars(models["regression"]), "members": [Member("w", "w", {}, 1.0, [Watched(2.0)])]}
    )
    assert len(model.predict(new_rows, chunk_rows=25)) == 60
    assert sizes == [25, 25, 10]


@pytest.mark.parametrize("kind", KINDS)
def test_no_rows_give_no_predictions(models, new_rows, kind):
    model = models[kind]
    found = model.predict(new_rows.iloc[:0])
    assert found.shape == (0,)
    assert found.dtype == model.predict(new_rows.iloc[:3]).dtype
    assert model.predict([]).shape == (0,)
    if kind != "regression":
        assert model.predict_proba(new_rows.iloc[:0]).shape == (0, len(model.classes_))


@pytest.mark.parametrize("kind", KINDS)
def test_every_form_of_the_rows_gives_the_same(models, new_rows, kind):
    model, rows = models[kind], new_rows.head(6)
    expected = model.predict_raw(rows)
    records = [dict(row) for row in rows.to_dict("records")]
    forms = [
        rows[list(reversed(rows.columns))],
        rows.assign(unknown=1, target="?"),
        rows.set_axis(range(100, 106)),
        records,
        rows.to_dict("list"),
    ]
    for form in forms:
        np.testing.assert_allclose(model.predict_raw(form), expected, rtol=1e-6)
    np.testing.assert_allclose(model.predict_raw(records[0]), expected[:1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_not_modified(models, new_rows, kind):
    rows = new_rows.copy(deep=True)
    models[kind].predict(rows)
    pd.testing.assert_frame_equal(rows, new_rows)


def test_arrays_are_matched_by_position(maker_of):
    random = np.random.default_rng(0)
    X = random.normal(size=(80, 4))
    frame = pd.DataFrame(X, columns=["x0", "x1", "x2", "x3"]).assign(target=X[:, 0] > 0)
    frame.attrs["positional"] = True
    maker = maker_of(frame, roles=None)
    model = maker.model(maker.member("logistic"))
    model.schema = type(model.schema)(model.schema.columns, "target", positional=True)
    labels = model.predict(X)
    assert labels.dtype == bool
    assert (labels == frame["target"]).mean() > 0.9
    assert (model.predict(X.tolist()) == labels).all()
    assert (model.predict(pd.DataFrame(X)) == labels).all()
    model.schema = type(model.schema)(model.schema.columns, "target")
    assert (model.predict(X) == labels).all()
    np.testing.assert_array_equal(model.to_sklearn().predict_proba(X), model.predict_proba(X))
    with pytest.raises(SchemaMismatch, match="3 columns"):
        model.predict(X[:, :3])


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (pd.DataFrame({"size": [1.0]}), "missing"),
        (np.zeros((2, 3)), "3 columns"),
        (np.zeros(8), "1-dimensional"),
        (3, "a int"),
        (None, "a NoneType"),
        ([[1, 2], [3]], "different lengths"),
        ({"size": [1, 2], "age": [1]}, "cannot be combined to a table"),
        (pd.Series([1.0]), "Series"),
    ],
)
def test_what_is_no_fitting_table_is_refused(models, rows, said):
    with pytest.raises(SchemaMismatch, match=said) as caught:
        models["binary"].predict(rows)
    assert caught.value.hint


def test_values_of_another_kind_are_refused(models, new_rows):
    with pytest.raises(SchemaMismatch, match="'age' contained numbers"):
        models["binary"].predict(new_rows.assign(age="old"))


def test_infinite_values_are_predicted_as_missing_ones(models, new_rows):
    infinite = models["binary"].predict_proba(new_rows.assign(age=np.inf))
    missing = models["binary"].predict_proba(new_rows.assign(age=np.nan))
    np.testing.assert_array_equal(infinite, missing)


def test_regression_has_no_probabilities(models, new_rows):
    with pytest.raises(Refused, match="no predict_proba"):
        models["regression"].predict_proba(new_rows)
    with pytest.raises(Refused, match="no classes_"):
        _ = models["regression"].classes_


def constant_model(models, kind, *folds, weights=None, **changes):
    weights = weights or [1.0] * len(folds)
    members = [
        Member(f"m{i}", "constant", {}, weight, list(estimators))
        for i, (weight, estimators) in enumerate(zip(weights, folds, strict=True))
    ]
    parts = {**vars(models[kind]), "calibrator": None, "decision": None, "members": members}
    return FinalModel(**{**parts, **changes})


def test_members_count_by_weight_and_folds_alike(models, new_rows):
    model = constant_model(
        models, "regression", [Constant(1), Constant(3)], [Constant(10)], weights=[3.0, 1.0]
    )
    np.testing.assert_allclose(model.predict(new_rows), (2 * 3 + 10) / 4)


def test_a_fold_that_misses_a_class_is_realigned(models, new_rows):
    model = constant_model(
        models, "multiclass", [Constant([0.4, 0.6], [0, 2]), Constant([0.2, 0.5, 0.3], [0, 1, 2])]
    )
    expected = np.array([0.3, 0.25, 0.45])
    np.testing.assert_allclose(model.predict_proba(new_rows)[0], expected)
    assert set(model.predict(new_rows)) == {3}


def test_folds_that_give_nan_are_left_out_where_they_do(models, new_rows, caplog):
    rows = new_rows.assign(size=[1.0, -1.0] * 30)
    model = constant_model(models, "regression", [Constant(1, nan_below=0), Constant(3)])
    with caplog.at_level(logging.WARNING, "metaauto"):
        np.testing.assert_allclose(model.predict(rows), [2.0, 3.0] * 30)
    assert "NaN or infinity for 30 rows" in caplog.text
    model = constant_model(
        models, "multiclass", [Constant([1, 0, 0], [0, 1, 2], nan_below=0)], [Constant([1], [1])]
    )
    np.testing.assert_allclose(model.predict_proba(rows)[:2], [[0.5, 0.5, 0], [0, 1, 0]])


def test_rows_without_any_finite_prediction_get_the_fallback(models, new_rows):
    rows = new_rows.assign(size=[1.0, -1.0] * 30)
    model = constant_model(models, "regression", [Constant(1, nan_below=0)], fallback=7.0)
    np.testing.assert_allclose(model.predict(rows), [1.0, 7.0] * 30)
    model = constant_model(models, "regression", [Constant(1, nan_below=0)], fallback=None)
    with pytest.raises(ComponentError, match="30 rows"):
        model.predict(rows)
    model = constant_model(models, "binary", [Constant([1, 0], [0, 1], nan_below=0)])
    counts = np.array(model.task.class_counts)
    np.testing.assert_allclose(model.predict_proba(rows)[1], counts / counts.sum())


def test_a_model_that_predicts_too_few_rows_is_named(models, new_rows):
    class Short(Constant):
        def predict(self, X):
            return super().predict(X)[:-1]

    model = constant_model(models, "regression", [Short(1)])
    with pytest.raises(ComponentError, match="'m0' returned 59 predictions for 60 rows"):
        model.predict(new_rows)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_that_raises_is_named(kind, models, new_rows):
    forged = Constant(1)
    del forged.value
    with pytest.raises(ComponentError, match="'m0' cannot predict: AttributeError"):
        constant_model(models, kind, [forged]).predict(new_rows)


def test_a_constant_model_is_enough(makers, new_rows):
    for maker in makers.values():
        model = maker.model(maker.member("dummy"))
        assert len(set(model.predict(new_rows))) == 1


@pytest.mark.parametrize(
    ("weights", "said"), [([0.0], "weights"), ([-1.0], "weights"), ([np.nan], "weights")]
)
def test_impossible_weights_are_refused(models, weights, said):
    with pytest.raises(SettingError, match=said):
        constant_model(models, "regression", [Constant(1)], weights=weights)


def test_members_need_fold_models(models):
    with pytest.raises(SettingError, match="'m0' has no fold model"):
        constant_model(models, "regression", [])


@pytest.mark.parametrize(
    ("classes", "dtype"),
    [((False, True), bool), ((3, 5), np.int64), ((0.5, 1.5), np.float64), (("a", "b"), object)],
)
def test_labels_come_back_in_their_type(models, new_rows, classes, dtype):
    task = models["binary"].task
    task = replace(task, classes=classes)
    model = constant_model(models, "binary", [Constant([0.1, 0.9], [0, 1])], task=task)
    labels = model.predict(new_rows)
    assert labels.dtype == dtype
    assert set(labels) == {classes[1]}


def test_prune_keeps_the_heaviest(models, new_rows):
    model = models["multiclass"]
    same = model.prune()
    assert [m.name for m in same.members] == ["extra_trees-1", "knn-1"]
    np.testing.assert_array_equal(same.predict_proba(new_rows), model.predict_proba(new_rows))
    small = model.prune(members=1, folds=1)
    assert [(m.name, len(m.estimators)) for m in small.members] == [("extra_trees-1", 1)]
    assert small.record.pruned == Pruned(members=1, of=3, folds=1)
    assert len(model.members) == 3
    assert len(model.members[0].estimators) == 2
    assert model.record.pruned is None
    with pytest.raises(SettingError, match=r"members must be >= 1 \(got 0\)"):
        model.prune(members=0)


def test_no_thread_stays_behind(maker_of, table, new_rows):
    maker = maker_of(table("binary"))
    member = maker.member("random_forest")
    for pipeline in member.estimators:
        pipeline[-1].set_params(n_jobs=2)
    model = maker.model(member)
    rows = pd.concat([new_rows] * 40, ignore_index=True)
    model.predict(rows)
    before = threading.active_count()
    for _ in range(3):
        model.predict(rows)
        model.predict(new_rows)
    assert threading.active_count() <= before


@given(data=st.data())
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_table_of_fitting_columns_is_predicted_or_refused(models, data):
    cells = st.one_of(
        st.none(), st.floats(), st.integers(-(2**40), 2**40), st.booleans(), st.text(max_size=4)
    )
    names = models["binary"].feature_names
    rows = data.draw(st.lists(st.fixed_dictionaries(dict.fromkeys(names, cells)), max_size=3))
    with contextlib.suppress(MetaautoError):
        found = models["binary"].predict_proba(rows)
        assert found.shape == (len(rows), 2)
        np.testing.assert_allclose(found.sum(axis=1), 1.0)


def test_default_decision_is_the_most_probable_class(models, new_rows):
    model = FinalModel(**{**vars(models["binary"]), "decision": None})
    expected = model.classes_[model.predict_proba(new_rows).argmax(axis=1)]
    assert (model.predict(new_rows) == expected).all()
    model.decision = Decision()
    assert (model.predict(new_rows) == expected).all()
