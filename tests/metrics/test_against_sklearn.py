"""Every fast metric gives what scikit-learn gives, with and without weights."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from metaauto.metrics import METRICS, quantile
from metaauto.metrics.base import most_probable

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")


def tables(k):
    """Target with every class, probabilities with many ties, and weights."""
    return st.tuples(st.integers(0, 2**32 - 1), st.integers(k, 60), st.sampled_from([1, 5, 1000]))


def draw(seed, n, steps, k):
    random = np.random.default_rng(seed)
    y = np.concatenate([np.arange(k), random.integers(0, k, n)])
    raw = np.ceil(random.uniform(0, 1, (len(y), k)) * steps)
    probabilities = raw / raw.sum(axis=1, keepdims=True)
    return y, probabilities, random.uniform(0.1, 3.0, len(y))


PROBABILITY = {
    2: {
        "roc_auc": lambda y, p, **w: reference.roc_auc_score(y, p[:, 1], **w),
        "log_loss": lambda y, p, **w: reference.log_loss(y, p, labels=[0, 1], **w),
        "brier": lambda y, p, **w: reference.brier_score_loss(y, p[:, 1], **w),
        "average_precision": lambda y, p, **w: reference.average_precision_score(y, p[:, 1], **w),
    },
    4: {
        "roc_auc": lambda y, p, **w: reference.roc_auc_score(y, p, multi_class="ovr", **w),
        "roc_auc_ovr_weighted": lambda y, p, **w: reference.roc_auc_score(
            y, p, multi_class="ovr", average="weighted", **w
        ),
        "log_loss": lambda y, p, **w: reference.log_loss(y, p, labels=[0, 1, 2, 3], **w),
        "average_precision": reference.average_precision_score,
        "brier": lambda y, p, **w: np.average(
            ((np.eye(4)[y] - p) ** 2).sum(axis=1), weights=w.get("sample_weight")
        ),
    },
}
LABELS = {
    "accuracy": reference.accuracy_score,
    "balanced_accuracy": reference.balanced_accuracy_score,
    "f1_macro": lambda y, z, **w: reference.f1_score(y, z, average="macro", **w),
    "f1_micro": lambda y, z, **w: reference.f1_score(y, z, average="micro", **w),
    "f1_weighted": lambda y, z, **w: reference.f1_score(y, z, average="weighted", **w),
    "precision_macro": lambda y, z, **w: reference.precision_score(y, z, average="macro", **w),
    "precision_weighted": lambda y, z, **w: reference.precision_score(
        y, z, average="weighted", **w
    ),
    "recall_macro": lambda y, z, **w: reference.recall_score(y, z, average="macro", **w),
    "recall_weighted": lambda y, z, **w: reference.recall_score(y, z, average="weighted", **w),
    "mcc": reference.matthews_corrcoef,
    "cohen_kappa": reference.cohen_kappa_score,
}
BINARY_LABELS = {
    "f1": reference.f1_score,
    "precision": reference.precision_score,
    "recall": reference.recall_score,
}
VALUES = {
    "rmse": reference.root_mean_squared_error,
    "mse": reference.mean_squared_error,
    "mae": reference.mean_absolute_error,
    "median_ae": reference.median_absolute_error,
    "mape": reference.mean_absolute_percentage_error,
    "msle": reference.mean_squared_log_error,
    "rmsle": reference.root_mean_squared_log_error,
    "r2": reference.r2_score,
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("k", [2, 4])
@given(table=tables(4))
@settings(max_examples=25, deadline=None)
def test_probability_metrics_equal_scikit_learn(k, weighted, table):
    y, p, weights = draw(*table, k)
    extra = {"sample_weight": weights} if weighted else {}
    for name, function in PROBABILITY[k].items():
        assert METRICS[name].score(y, p, **extra) == pytest.approx(
            function(y, p, **extra), abs=1e-9
        ), name


@given(table=tables(4))
@settings(max_examples=25, deadline=None)
def test_one_vs_one_equals_scikit_learn(table):
    y, p, _ = draw(*table, 4)
    for name, average in (("roc_auc_ovo", "macro"), ("roc_auc_ovo_weighted", "weighted")):
        expected = reference.roc_auc_score(y, p, multi_class="ovo", average=average)
        assert METRICS[name].score(y, p) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("k", [2, 4])
@given(table=tables(4))
@settings(max_examples=25, deadline=None)
def test_label_metrics_equal_scikit_learn(k, weighted, table):
    y, p, weights = draw(*table, k)
    extra = {"sample_weight": weights} if weighted else {}
    labels = p.argmax(axis=1)
    for name, function in {**LABELS, **(BINARY_LABELS if k == 2 else {})}.items():
        expected = function(y, labels, **extra)
        assert METRICS[name].score(y, p, **extra) == pytest.approx(expected, abs=1e-9), name


@given(seed=st.integers(0, 1000), present=st.lists(st.integers(0, 4), min_size=1, max_size=3))
@settings(max_examples=30, deadline=None)
def test_label_metrics_with_absent_classes_and_zero_weights(seed, present):
    random = np.random.default_rng(seed)
    y = random.choice(present, 12)
    p = random.dirichlet(np.ones(5), 12)
    weights = random.choice([0.0, 1.0, 2.0], 12)
    weights[0] = 1.0
    labels = p.argmax(axis=1)
    for name in ("accuracy", "f1_macro", "f1_weighted", "precision_macro", "recall_macro"):
        expected = LABELS[name](y, labels, sample_weight=weights)
        assert METRICS[name].score(y, p, weights) == pytest.approx(expected, abs=1e-9), name


@pytest.mark.parametrize("weighted", [False, True])
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 50))
@settings(max_examples=30, deadline=None)
def test_regression_metrics_equal_scikit_learn(weighted, seed, n):
    random = np.random.default_rng(seed)
    y, values = random.gamma(2.0, 3.0, n), random.gamma(2.0, 3.0, n)
    extra = {"sample_weight": random.uniform(0.1, 3.0, n)} if weighted else {}
    for name, function in VALUES.items():
        expected = function(y, values, **extra)
        assert METRICS[name].score(y, values, **extra) == pytest.approx(expected, rel=1e-9), name
    for alpha in (0.1, 0.9):
        expected = reference.mean_pinball_loss(y, values, alpha=alpha, **extra)
        assert quantile(alpha).score(y, values, **extra) == pytest.approx(expected, rel=1e-9)
    assert METRICS["max_error"].score(y, values, **extra) == reference.max_error(y, values)


def test_multiclass_brier_equals_scikit_learn_where_it_has_one():
    if tuple(int(v) for v in __import__("sklearn").__version__.split(".")[:2]) < (1, 7):
        pytest.skip("scikit-learn has a multiclass Brier score from 1.7 on")
    y, p, weights = draw(3, 50, 1000, 4)
    expected = reference.brier_score_loss(y, p, sample_weight=weights)
    assert METRICS["brier"].score(y, p, weights) == pytest.approx(expected, abs=1e-12)


def test_float32_log_loss_equals_scikit_learn_on_float64():
    random = np.random.default_rng(0)
    p = random.dirichlet(np.full(3, 0.02), 500).astype(np.float32)
    y = random.integers(0, 3, 500)
    wide = p.astype(np.float64)
    wide /= wide.sum(axis=1, keepdims=True)
    expected = reference.log_loss(y, wide, labels=[0, 1, 2])
    assert METRICS["log_loss"].score(y, p) == pytest.approx(expected, rel=1e-12)
    assert (p == 0).any()


@pytest.mark.parametrize("name", sorted(n for n in METRICS if n.startswith("neg_")))
def test_negated_names_equal_scikit_learn_scorers(name):
    metric = METRICS[name]
    plain = METRICS[next(m for m in METRICS if METRICS[m].function is metric.core and m != name)]
    random = np.random.default_rng(1)
    if "regression" in metric.tasks:
        y, prediction = random.uniform(1, 2, 20), random.uniform(1, 2, 20)
    else:
        y, prediction = random.integers(0, 2, 20), random.dirichlet([1, 1], 20)
    assert metric.score(y, prediction) == -plain.score(y, prediction)
    assert metric.loss(y, prediction) == plain.loss(y, prediction)
    assert metric.greater_is_better
    assert not plain.greater_is_better
    assert name in reference.get_scorer_names()


def test_auc_skips_classes_that_do_not_occur():
    random = np.random.default_rng(0)
    y = random.integers(0, 2, 100)
    p = random.dirichlet([1, 1, 1], 100)
    expected = np.mean([reference.roc_auc_score(y == c, p[:, c]) for c in (0, 1)])
    assert METRICS["roc_auc"].score(y, p) == pytest.approx(expected, abs=1e-12)
    assert np.isnan(METRICS["roc_auc"].score(np.zeros(5, dtype=int), p[:5]))


def test_most_probable_takes_the_first_in_a_tie():
    assert most_probable(np.array([[0.5, 0.5], [0.4, 0.6]])).tolist() == [0, 1]
    assert most_probable(np.array([[0.4, 0.4, 0.2]])).tolist() == [0]
