"""Why a metric cannot be computed on some rows."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from metaauto.metrics import METRICS, resolve_metric
from metaauto.metrics.computable import error_on, near_zero_note, undefined_reason

BINARY = [name for name, metric in METRICS.items() if "binary" in metric.tasks]
ALWAYS = ("log_loss", "brier", "accuracy", "f1_micro", "precision_micro", "recall_micro")


@pytest.mark.parametrize("name", BINARY)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 40), positive=st.sampled_from([0, 1]))
@settings(max_examples=10, deadline=None)
def test_undefined_reason_of_rows_of_one_and_of_two_classes(name, seed, n, positive) -> None:
    metric = resolve_metric(name, "binary", positive=positive)
    random = np.random.default_rng(seed)
    both = random.permutation(np.concatenate([[0, 1], random.integers(0, 2, n)]))
    assert undefined_reason(metric, both, "binary", ("no", "yes")) == ""
    weights = random.random(len(both)) + 0.1
    assert undefined_reason(metric, both, "binary", ("no", "yes"), weights) == ""
    single = np.full(n, 1 - positive)
    reason = undefined_reason(metric, single, "binary", ("no", "yes"))
    absent = ("no", "yes")[positive]
    if name.removeprefix("neg_").startswith(ALWAYS):
        assert reason == ""
    elif name not in ("balanced_accuracy", "f1_macro", "f1_weighted") and "macro" not in name:
        assert reason in ("", f"no row has the class {absent!r}")
    if name in ("roc_auc", "average_precision", "f1", "precision", "recall", "mcc"):
        assert reason == f"no row has the class {absent!r}"
        # Rows of weight 0 do not count.
        weights = (both != positive).astype(float)
        assert undefined_reason(metric, both, "binary", ("no", "yes"), weights) == reason


def test_undefined_reason_of_scorers_and_regression() -> None:
    def area(truth, labels):
        return reference.roc_auc_score(truth == "b", labels == "b", labels=None)

    metric = resolve_metric(reference.make_scorer(area), "binary", classes=("a", "b"))
    assert undefined_reason(metric, np.zeros(5, dtype=int), "binary", ("a", "b"))
    assert undefined_reason(METRICS["r2"], np.array([1.0]), "regression") == "it is NaN for 1 row"
    assert undefined_reason(METRICS["r2"], np.array([1.0, 2.0]), "regression") == ""
    assert "targets >= 0" in undefined_reason(METRICS["rmsle"], np.array([-1.0, 2.0]), "regression")
    assert "targets >= 0" in error_on(METRICS["rmsle"], np.array([-1.0, 2.0]), "regression")
    assert error_on(METRICS["roc_auc"], np.zeros(3, dtype=int), "binary", ("a", "b")) == ""
    zero = np.zeros(2)
    assert "positive weight" in undefined_reason(METRICS["rmse"], zero, "regression", None, zero)


@given(
    st.lists(st.floats(1, 100), min_size=2, max_size=20),
    st.integers(0, 5),
    st.sampled_from([0.0, 1e-300]),
    st.sampled_from(["mape", "neg_mean_absolute_percentage_error"]),
)
@settings(deadline=None)
def test_near_zero_note_counts_zeros(values, zeros, zero, name) -> None:
    y = np.array(values + [zero] * zeros)
    note = near_zero_note(METRICS[name], y)
    assert bool(note) == bool(zeros)
    if zeros:
        assert f"almost 0 in {zeros} row" in note
    assert near_zero_note(METRICS["mae"], y) == ""
