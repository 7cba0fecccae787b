"""Labels from probabilities: tuned only where it pays."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaauto.components import Deadline
from metaauto.ensemble import Decision, fit_decision, quick_decision
from metaauto.ensemble.class_factors import _Problem
from metaauto.ensemble.thresholds import TUNINGS, _validation_rows
from metaauto.errors import SettingError
from metaauto.metrics import METRICS, resolve_metric
from metaauto.metrics.classification import ConfusionMetric

TUNABLE = ["accuracy", "balanced_accuracy", "f1", "f1_macro", "f1_weighted", "mcc", "cohen_kappa"]


def binary(n, seed, share=0.15, steps=None):
    random = np.random.default_rng(seed)
    y = (random.uniform(size=n) < share).astype(int)
    positive = np.clip(share + 0.1 * (y - 0.5) + 0.1 * random.normal(size=n), 0.001, 0.999)
    if steps:
        positive = np.round(positive * steps) / steps
    return y, np.column_stack([1 - positive, positive]), random.uniform(0.5, 2.0, n)


def multiclass(n, seed):
    random = np.random.default_rng(seed)
    y = random.choice(4, n, p=[0.7, 0.2, 0.07, 0.03])
    odds = 1.2 * np.eye(4)[y] + random.normal(size=(n, 4)) + np.log([0.7, 0.2, 0.07, 0.03])
    share = np.exp(odds)
    return y, share / share.sum(axis=1, keepdims=True), random.uniform(0.5, 2.0, n)


@pytest.mark.parametrize("name", TUNABLE)
@given(seed=st.integers(0, 10_000), weighted=st.booleans(), steps=st.sampled_from([None, 10]))
@settings(max_examples=15, deadline=None)
def test_quick_decision_is_the_best_of_all_cuts(name, seed, weighted, steps):
    y, p, weights = binary(60, seed, 0.3, steps)
    y[:2] = [0, 1]
    weight = weights if weighted else None
    metric = METRICS[name]
    found = metric.loss(y, p, weight, quick_decision(p, y, metric, weight))
    every = [metric.loss(y, p, weight, Decision("threshold", (cut,))) for cut in np.unique(p[:, 1])]
    assert found == pytest.approx(min(*every, metric.loss(y, p, weight)), abs=1e-12)


@pytest.mark.parametrize("name", ["f1", "jaccard"])
@given(seed=st.integers(0, 10_000), weighted=st.booleans(), steps=st.sampled_from([None, 1, 10]))
@settings(max_examples=15, deadline=None)
def test_quick_decision_does_not_depend_on_the_order_of_the_classes(name, seed, weighted, steps):
    y, p, weights = binary(60, seed, 0.3, steps)
    y[:2] = [0, 1]
    weight = weights if weighted else None
    losses = [
        metric.loss(truth, given, weight, quick_decision(given, truth, metric, weight))
        for metric, truth, given in (
            (resolve_metric(name, "binary", positive=1), y, p),
            (resolve_metric(name, "binary", positive=0), 1 - y, p[:, ::-1]),
        )
    ]
    assert losses[0] == pytest.approx(losses[1], abs=1e-12)


@pytest.mark.parametrize("name", [*TUNABLE, "precision", "recall"])
@pytest.mark.parametrize("weighted", [False, True])
def test_kept_decision_is_never_worse_on_its_rows(name, weighted):
    for seed in range(4):
        y, p, weights = binary(400, seed)
        weight = weights if weighted else None
        decision = fit_decision(p, y, METRICS[name], weight, seed)
        plain = METRICS[name].loss(y, p, weight)
        assert METRICS[name].loss(y, p, weight, decision) <= plain
        if decision.kind != "argmax":
            assert METRICS[name].loss(y, p, weight, decision) < plain


def test_imbalanced_f1_gains_on_new_rows():
    y, p, _ = binary(4000, 0)
    decision = fit_decision(p, y, METRICS["f1"])
    fresh_y, fresh_p, _ = binary(4000, 1)
    assert decision.kind == "threshold"
    assert 0.05 < decision.values[0] < 0.4
    gain = METRICS["f1"].score(fresh_y, fresh_p, decision=decision)
    assert gain > METRICS["f1"].score(fresh_y, fresh_p) + 0.1


@pytest.mark.parametrize("name", ["balanced_accuracy", "f1_macro", "mcc"])
@pytest.mark.parametrize("weighted", [False, True])
def test_multipliers_gain_on_new_rows(name, weighted):
    y, p, weights = multiclass(3000, 0)
    weight = weights if weighted else None
    metric = METRICS[name]
    decision = fit_decision(p, y, metric, weight)
    fresh_y, fresh_p, _ = multiclass(3000, 1)
    assert decision.kind == "multipliers"
    assert max(decision.values) == 1.0
    assert metric.loss(y, p, weight, decision) < metric.loss(y, p, weight)
    assert metric.score(fresh_y, fresh_p, decision=decision) > metric.score(fresh_y, fresh_p)


def test_own_function_is_tuned_too():
    def my_f1(y_true, y_pred):
        return METRICS["f1"].function((y_true == "b").astype(int), (y_pred == "b").astype(int))

    y, p, _ = binary(1500, 0)
    metric = resolve_metric(my_f1, "binary", classes=("a", "b"))
    decision = fit_decision(p, y, metric)
    assert decision.kind == "threshold"
    assert metric.score(y, p, decision=decision) > metric.score(y, p)

    def mean_recall(y_true, y_pred):
        return METRICS["balanced_accuracy"].function(y_true, y_pred)

    y, p, _ = multiclass(1000, 0)
    decision = fit_decision(p, y, resolve_metric(mean_recall, "multiclass"))
    assert decision.kind == "multipliers"


@pytest.mark.parametrize("name", ["roc_auc", "log_loss", "precision", "recall"])
def test_nothing_to_tune(name):
    y, p, _ = binary(500, 0)
    assert fit_decision(p, y, METRICS[name]).kind == "argmax"
    assert quick_decision(p, y, METRICS[name]).kind == "argmax"


def test_few_rows_or_one_class_are_left_alone():
    y, p, _ = binary(2000, 0, share=0.005)
    assert (y == 1).sum() < 20
    assert fit_decision(p, y, METRICS["f1"]).kind == "argmax"
    y, p, _ = binary(80, 0)
    assert fit_decision(p, y, METRICS["f1"]).kind == "argmax"
    zeros = np.zeros(len(y), dtype=int)
    assert fit_decision(p, zeros, METRICS["f1"]).kind == "argmax"
    assert quick_decision(p, zeros, METRICS["f1"]).kind == "argmax"


def test_noise_is_not_tuned_for():
    kept = 0
    for seed in range(10):
        random = np.random.default_rng(seed)
        y = random.integers(0, 2, 400)
        positive = np.clip(0.5 + 0.3 * (y - 0.5) + 0.2 * random.normal(size=400), 0.01, 0.99)
        p = np.column_stack([1 - positive, positive])
        kept += fit_decision(p, y, METRICS["accuracy"], seed=seed).kind != "argmax"
    assert kept <= 3


def test_matrices_of_the_ascent_are_those_of_the_labels():
    y, p, weights = multiclass(300, 2)
    metric = METRICS["f1_macro"]
    for weight in (None, weights):
        problem = _Problem(p, y, metric, weight)
        factors = np.array([1.0, 0.7, 2.0, 3.0])
        value, loss = problem.best_factor(factors, 2)
        tried = factors.copy()
        tried[2] = value
        decided = Decision("multipliers", tuple(tried))
        assert metric.loss(y, p, weight, decided) == pytest.approx(loss, abs=1e-12)
        others = p * factors
        others[:, 2] = -1
        runner_up = others.argmax(axis=1)
        switch_at = others.max(axis=1) / p[:, 2]
        grid = np.quantile(switch_at, [0.2, 0.5, 0.9])
        for g, matrix in zip(grid, problem._matrices(grid, switch_at, runner_up, 2), strict=True):
            labels = np.where(switch_at <= g, 2, runner_up)
            value = float(metric.function.values(matrix))
            direct = ConfusionMetric("f1_macro")(y, labels, weight)
            assert value == pytest.approx(direct, abs=1e-12)


def test_fits_repeat():
    y, p, _ = multiclass(1000, 3)
    assert fit_decision(p, y, METRICS["mcc"], seed=1) == fit_decision(p, y, METRICS["mcc"], seed=1)


@given(
    decision=st.one_of(
        st.just(Decision()),
        st.floats(0, 1).map(lambda t: Decision("threshold", (t,))),
    ),
    seed=st.integers(0, 100),
)
def test_json_round_trip(decision, seed):
    _, p, _ = binary(50, seed)
    copy = Decision.from_json(json.loads(json.dumps(decision.to_json())))
    assert copy == decision
    assert np.array_equal(copy.labels(p), decision.labels(p))
    assert copy.labels(p).dtype == np.int64


def test_multipliers_round_trip():
    decision = Decision("multipliers", (0.2, 1.0, 0.3, 0.1))
    _, p, _ = multiclass(50, 0)
    copy = Decision.from_json(json.loads(json.dumps(decision.to_json())))
    assert np.array_equal(copy.labels(p), decision.labels(p))


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("vote", ()),
        ("argmax", (0.5,)),
        ("threshold", ()),
        ("threshold", (float("nan"),)),
        ("multipliers", (1.0,)),
    ],
)
def test_impossible_decisions(kind, values):
    with pytest.raises(SettingError, match=kind):
        Decision(kind, values)


def test_a_rule_that_cannot_be_judged_in_time_is_not_kept():
    y, p, _ = binary(4_000, 3)
    assert fit_decision(p, y, METRICS["f1"]).kind == "threshold"
    assert fit_decision(p, y, METRICS["f1"], deadline=Deadline.after(0.0)) == Decision()
    assert fit_decision(p, y, METRICS["f1"], deadline=Deadline.after(60.0)).kind == "threshold"


@pytest.mark.parametrize(("k", "most"), [(2, 50_000), (4, 20_000)])
def test_a_rule_is_judged_on_as_many_rows_as_time_allows(k, most):
    y = np.arange(50_000) % k
    whole = _validation_rows(y, k, 0, 1.0, Deadline())
    assert len(whole) == len(y)
    half = _validation_rows(y, k, 0, 1.0, Deadline.after(TUNINGS / 2))
    assert len(half) == pytest.approx(most / 2, rel=0.1)
    assert len(np.unique(y[half])) == k
