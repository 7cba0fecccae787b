"""Names, scorers and functions become metrics, or a clear refusal."""

from __future__ import annotations

import logging
import pickle
import subprocess
import sys

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, LogisticRegression

from metaauto.errors import ComponentError, NameClash, Refused, SettingError, UnknownName
from metaauto.metrics import ALIASES, METRICS, Metric, check_metric, resolve_metric

Y = np.array([0, 1, 1, 0, 1, 0, 0, 1])
POSITIVE = np.array([0.2, 0.9, 0.4, 0.3, 0.8, 0.6, 0.1, 0.7])
P = np.column_stack([1 - POSITIVE, POSITIVE])
WEIGHT = np.arange(1.0, 9.0)


class Rule:
    """Label 1 from 0.35 on."""

    def labels(self, probabilities):
        return (probabilities[:, 1] >= 0.35).astype(int)


@pytest.mark.parametrize(
    ("kind", "name"), [("binary", "roc_auc"), ("multiclass", "log_loss"), ("regression", "rmse")]
)
def test_default_by_kind(kind, name):
    assert resolve_metric(None, kind).name == name


def test_names_in_any_case_and_by_alias():
    assert resolve_metric(" ROC_AUC ", "binary").name == "roc_auc"
    assert resolve_metric("AUC", "binary").name == "roc_auc"
    assert resolve_metric("Matthews_CorrCoef", "multiclass").name == "mcc"
    assert resolve_metric("pinball@0.25", "regression").name == "quantile@0.25"
    assert resolve_metric("neg_quantile@0.25", "regression").greater_is_better


def test_every_alias_leads_to_a_metric():
    for alias in ALIASES:
        kind = "regression" if ALIASES[alias].startswith("quantile") else None
        kind = kind or METRICS[ALIASES[alias]].tasks[0]
        assert resolve_metric(alias, kind).name == ALIASES[alias]


def test_every_scikit_learn_scorer_name_resolves_or_is_refused():
    for name in reference.get_scorer_names():
        kinds = []
        for kind in ("binary", "multiclass", "regression"):
            try:
                kinds.append(resolve_metric(name, kind).tasks)
            except Refused:
                continue
        assert kinds or name.endswith("_samples"), name


def test_misspelt_name_has_a_suggestion():
    with pytest.raises(UnknownName, match="'roc_auc'"):
        resolve_metric("roc_acu", "binary")


def test_wrong_kind_says_which_fit():
    with pytest.raises(Refused, match="f1_macro"):
        resolve_metric("f1", "multiclass")
    with pytest.raises(Refused, match="rmse"):
        resolve_metric("accuracy", "regression")
    with pytest.raises(Refused, match="roc_auc"):
        resolve_metric(METRICS["rmse"], "binary")


@pytest.mark.parametrize("name", ["quantile@0", "quantile@1.5", "quantile@1e", "pinball@..5"])
def test_bad_quantiles(name):
    with pytest.raises(SettingError, match=name.split("@")[1]):
        resolve_metric(name, "regression")


@pytest.mark.parametrize("spec", [3, ["roc_auc"], LinearRegression])
def test_what_is_no_metric(spec):
    with pytest.raises(SettingError, match="Invalid metric"):
        resolve_metric(spec, "binary")


def test_metrics_of_plugins():
    mine = Metric("mine", ("binary",), "labels", reference.accuracy_score)
    assert resolve_metric("MINE", "binary", extra=[mine]) is mine
    with pytest.raises(UnknownName):
        resolve_metric("mine", "binary")
    for name in ("roc_auc", "auc"):
        clash = Metric(name, ("binary",), "labels", reference.accuracy_score)
        with pytest.raises(NameClash, match=name):
            resolve_metric("log_loss", "binary", extra=[clash])


@pytest.mark.parametrize(
    ("kinds", "needs", "function", "message"),
    [
        (("ranking",), "labels", max, "tasks"),
        ((), "labels", max, "tasks"),
        (("binary",), "votes", max, "needs"),
        (("binary",), "values", max, "needs"),
        (("regression",), "labels", max, "needs"),
        (("binary",), "labels", 3, "callable"),
    ],
)
def test_a_metric_that_cannot_be_is_refused(kinds, needs, function, message):
    with pytest.raises(ComponentError, match=message):
        Metric("odd", kinds, needs, function)


SCORERS = [
    (reference.make_scorer(reference.f1_score, pos_label="yes"), "labels", True),
    (
        reference.make_scorer(reference.roc_auc_score, response_method="predict_proba"),
        "probabilities",
        True,
    ),
    (
        reference.make_scorer(reference.roc_auc_score, response_method="decision_function"),
        "probabilities",
        True,
    ),
    (
        reference.make_scorer(
            reference.log_loss, response_method="predict_proba", greater_is_better=False
        ),
        "probabilities",
        True,
    ),
    (reference.get_scorer("balanced_accuracy"), "labels", True),
]


@pytest.mark.parametrize(("scorer", "needs", "weighted"), SCORERS)
def test_scorers_give_what_they_give_for_a_fitted_model(scorer, needs, weighted):
    classes = ("no", "yes")
    X = np.random.default_rng(0).normal(size=(80, 2))
    codes = (X[:, 0] + 0.5 * X[:, 1] ** 2 > 0.3).astype(int)
    labels = np.array(classes)[codes]
    model = LogisticRegression().fit(X, labels)
    metric = resolve_metric(scorer, "binary", classes=classes)
    p = model.predict_proba(X)
    assert (metric.needs, metric.weighted) == (needs, weighted)
    assert metric.score(codes, p) == pytest.approx(scorer(model, X, labels), abs=1e-12)
    weight = np.linspace(1, 2, 80)
    expected = scorer(model, X, labels, sample_weight=weight)
    assert metric.score(codes, p, weight) == pytest.approx(expected, abs=1e-12)
    check_metric(metric, codes, "binary", classes)
    assert pickle.loads(pickle.dumps(metric)).score(codes, p) == metric.score(codes, p)


def test_scorer_of_labels_uses_the_decision():
    scorer = reference.make_scorer(reference.recall_score, pos_label="b")
    metric = resolve_metric(scorer, "binary", classes=("a", "b"))
    assert metric.score(Y, P) == 0.75
    assert metric.score(Y, P, decision=Rule()) == 1.0


def test_scorer_by_signature_may_ask_for_both():
    def scorer(estimator, X, y):
        agree = estimator.predict_proba(X).argmax(axis=1) == (estimator.predict(X) == "b")
        return float(agree.mean())

    metric = resolve_metric(scorer, "binary", classes=("a", "b"))
    assert (metric.needs, metric.weighted) == ("probabilities", False)
    assert metric.score(Y, P, WEIGHT) == 1.0


def test_regression_scorers_and_other_names_of_scikit_learn():
    y, values = np.array([1.0, 2.0, 4.0]), np.array([1.5, 2.0, 3.0])
    scorer = reference.make_scorer(reference.mean_absolute_error, greater_is_better=False)
    assert resolve_metric(scorer, "regression").score(y, values) == pytest.approx(-0.5)
    metric = resolve_metric("explained_variance", "regression")
    assert metric.score(y, values) == pytest.approx(reference.explained_variance_score(y, values))
    with pytest.raises(Refused, match="jaccard"):
        resolve_metric("jaccard", "regression")
    with pytest.raises(Refused, match="explained_variance"):
        resolve_metric("explained_variance", "binary")


def test_float32_probabilities_suit_strict_scorers():
    y = np.arange(3).repeat(20)
    p = np.random.default_rng(0).dirichlet(np.ones(3), 60).astype(np.float32)
    scorer = reference.get_scorer("roc_auc_ovr")
    expected = METRICS["roc_auc_ovr"].score(y, p)
    assert resolve_metric(scorer, "multiclass").score(y, p) == pytest.approx(expected, abs=1e-7)


def test_function_gets_original_labels():
    seen = {}

    def share(y_true, y_pred):
        seen.update(truth=y_true, given=y_pred)
        return (y_true == y_pred).mean()

    metric = resolve_metric(share, "binary", classes=("no", "yes"))
    assert metric.score(Y, P) == 0.75
    assert set(seen["truth"]) == set(seen["given"]) == {"no", "yes"}
    assert metric.name == "share"
    assert metric.loss(Y, P) == -0.75
    assert metric.loss_to_score(metric.loss(Y, P)) == 0.75


def test_labels_of_mixed_types_stay_as_they_are():
    def check(y_true, y_pred):
        return float({type(v) for v in y_true} == {int, str})

    assert resolve_metric(check, "binary", classes=(1, "b")).score(Y, P) == 1.0


def test_equal_labels_of_other_types_are_not_mixed_up():
    def kind(y_true, y_pred):
        return {"b": 0.0, "i": 1.0}[y_true.dtype.kind]

    assert resolve_metric(kind, "binary", classes=(0, 1)).score(Y, P) == 1.0
    assert resolve_metric(kind, "binary", classes=(False, True)).score(Y, P) == 0.0


def test_direction_of_a_function():
    def my_loss(y_true, y_pred):
        return float((y_true != y_pred).mean())

    def cost(y_true, y_pred):
        return float((y_true != y_pred).mean())

    assert not resolve_metric(my_loss, "binary").greater_is_better
    assert resolve_metric(cost, "binary").greater_is_better
    cost.greater_is_better = False
    cost.optimum = 0.0
    metric = resolve_metric(cost, "binary")
    assert metric.loss(Y, P) == metric.score(Y, P) == 0.25


def test_function_with_weights_and_probabilities():
    def margin(y_true, p, sample_weight=None):
        return float(np.average(p[:, 1] * (y_true == "b"), weights=sample_weight))

    margin.needs = "probabilities"
    metric = resolve_metric(margin, "binary", classes=("a", "b"))
    assert metric.weighted
    assert metric.score(Y, P, WEIGHT) == pytest.approx(
        np.average(POSITIVE * (Y == 1), weights=WEIGHT)
    )
    with pytest.raises(Refused, match="margin"):
        resolve_metric(margin, "regression")


def test_functions_of_scikit_learn_stand_for_their_metric():
    assert resolve_metric(reference.log_loss, "binary").name == "log_loss"
    assert resolve_metric(reference.roc_auc_score, "binary").name == "roc_auc"
    assert resolve_metric(reference.mean_pinball_loss, "regression").name == "quantile@0.5"


def raises(y_true, y_pred):
    raise RuntimeError("no such luck")


def text(y_true, y_pred):
    return "0.5"


def many(y_true, y_pred):
    return y_true == y_pred


def flag(y_true, y_pred):
    return True


def nothing(y_true, y_pred):
    return None


def nan(y_true, y_pred):
    return float("nan")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (raises, "RuntimeError: no such luck"),
        (text, "returned a str"),
        (many, "returned a ndarray"),
        (flag, "returned a bool"),
        (nothing, "returned a NoneType"),
        (nan, "NaN"),
    ],
)
@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_check_refuses_functions_that_do_not_work(function, message, kind):
    metric = resolve_metric(function, kind)
    with pytest.raises(SettingError, match=message) as caught:
        check_metric(metric, Y if kind == "binary" else POSITIVE, kind)
    assert function.__name__ in str(caught.value)


@pytest.mark.parametrize("name", sorted(METRICS))
def test_check_passes_every_metric(name):
    metric = METRICS[name]
    for kind in metric.tasks:
        y = {"binary": Y, "multiclass": np.arange(40) % 4, "regression": POSITIVE}[kind]
        check_metric(metric, y, kind)


def test_check_refuses_logarithms_of_negative_targets_wherever_they_are():
    y = np.ones(100_000)
    y[77_777] = -3.0
    with pytest.raises(SettingError, match="-3"):
        check_metric(METRICS["rmsle"], y, "regression")


def test_check_wraps_errors_of_plugin_metrics():
    metric = Metric("broken", ("binary",), "labels", lambda y, z, w=None: 1 / 0)
    with pytest.raises(SettingError, match=r"broken.*ZeroDivisionError"):
        check_metric(metric, Y, "binary")


def test_check_warns_of_a_wrong_direction(caplog):
    def cost(y_true, y_pred):
        return float((y_true != y_pred).mean())

    with caplog.at_level(logging.WARNING, logger="metaauto"):
        check_metric(resolve_metric(cost, "binary"), Y, "binary")
    assert "greater_is_better = False" in caplog.text
    caplog.clear()
    cost.greater_is_better = False
    check_metric(resolve_metric(cost, "binary"), Y, "binary")
    assert not caplog.text


def test_rmsle_clips_negative_predictions():
    assert METRICS["rmsle"].score(np.zeros(3), np.full(3, -2.0)) == 0.0


def test_constant_target_of_r2_follows_scikit_learn():
    y = np.ones(3)
    assert METRICS["r2"].score(y, y) == 1.0
    assert METRICS["r2"].score(y, y + 1) == 0.0


def test_weights_are_left_out_where_a_metric_cannot_take_them():
    assert METRICS["max_error"].score(POSITIVE, POSITIVE + 1, WEIGHT) == pytest.approx(1.0)


def test_losses_are_distances_from_the_optimum():
    assert METRICS["roc_auc"].loss(Y, P) == pytest.approx(1 - METRICS["roc_auc"].score(Y, P))
    for name in ("roc_auc", "log_loss", "neg_log_loss"):
        metric = METRICS[name]
        score = metric.score(Y, P)
        assert metric.loss_to_score(metric.score_to_loss(score)) == pytest.approx(score)
        assert metric.is_better(metric.optimum, score)


def test_catalogue_pickles():
    copies = pickle.loads(pickle.dumps(METRICS))
    assert copies["f1"].score(Y, P) == METRICS["f1"].score(Y, P)
    assert copies == METRICS


def test_import_is_light():
    code = (
        "import sys, metaauto.metrics; sys.exit('sklearn' in sys.modules or 'scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


BINARY = [name for name, metric in METRICS.items() if "binary" in metric.tasks]


@pytest.mark.parametrize("name", [*BINARY, "jaccard"])
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(0, 30), weighted=st.booleans())
@settings(max_examples=10, deadline=None)
def test_positive_class_0_scores_like_1_with_the_classes_exchanged(name, seed, n, weighted):
    random = np.random.default_rng(seed)
    y = np.concatenate([[0, 1], random.integers(0, 2, n)])
    first = random.random(len(y))
    p = np.column_stack([first, 1.0 - first])
    weight = random.uniform(0.5, 2.0, len(y)) if weighted else None
    metric = resolve_metric(name, "binary", positive=0)
    exchanged = resolve_metric(name, "binary", positive=1).score(1 - y, p[:, ::-1], weight)
    assert metric.score(y, p, weight) == pytest.approx(exchanged, abs=1e-12)


def test_only_metrics_that_depend_on_the_positive_class_have_one():
    named = {name for name in BINARY if resolve_metric(name, "binary", positive=0).positive == 0}
    assert named == {"f1", "precision", "recall", "average_precision"}
    assert resolve_metric("jaccard", "binary", positive=0).positive == 0
    assert resolve_metric(reference.f1_score, "binary", positive=0).positive == 0
    assert resolve_metric("f1_macro", "multiclass", positive=0).positive is None


def test_scorers_and_functions_choose_the_positive_class_themselves():
    def share(truth, labels):
        return float(np.mean(labels == "no"))

    scorer = reference.make_scorer(reference.f1_score, pos_label="no")
    for spec in (share, scorer):
        metric, other = (
            resolve_metric(spec, "binary", classes=("no", "yes"), positive=code) for code in (0, 1)
        )
        assert metric.positive is None
        assert metric.score(Y, P) == other.score(Y, P)


def test_f1_of_a_rare_class_that_sorts_first_is_zero_if_it_is_never_predicted():
    y = np.array([0] * 5 + [1] * 95)
    p = np.tile([0.1, 0.9], (100, 1))
    assert resolve_metric("f1", "binary", positive=0).score(y, p) == 0.0
