from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from sklearn.metrics import auc, average_precision_score, confusion_matrix, roc_auc_score

from metaauto.analysis.curves import diagnose
from metaauto.ensemble import Decision
from metaauto.task import Task


def task(k: int) -> Task:
    if not k:
        return Task("regression", "y", (), "rmse", 100)
    kind = "binary" if k == 2 else "multiclass"
    return Task(kind, "y", (), "log_loss", 100, tuple(f"c{i}" for i in range(k)), (10,) * k)


def answers(k: int, rows: int = 600, seed: int = 0):
    random = np.random.default_rng(seed)
    if not k:
        truth = random.normal(size=rows)
        return truth, (truth + random.normal(size=rows) / 2).astype(np.float32)
    y = random.integers(0, k, rows)
    logits = random.normal(size=(rows, k))
    logits[np.arange(rows), y] += 1.5
    p = np.exp(logits)
    return y, (p / p.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("weighted", [False, True])
def test_areas_are_those_of_scikit_learn(weighted):
    y, p = answers(2)
    w = np.random.default_rng(1).random(len(y)) if weighted else None
    (curve,) = diagnose(task(2), y, p, w)["curves"]
    assert curve["class"] == "c1"
    assert curve["auc"] == pytest.approx(roc_auc_score(y, p[:, 1], sample_weight=w), abs=1e-4)
    expected = average_precision_score(y, p[:, 1], sample_weight=w)
    assert curve["average_precision"] == pytest.approx(expected, abs=1e-4)


def test_curves_are_thin_and_run_from_corner_to_corner():
    y, p = answers(2, 5000)
    (curve,) = diagnose(task(2), y, p)["curves"]
    alarm, found = curve["roc"]
    assert len(alarm) <= 60
    assert (alarm[0], found[0], alarm[-1], found[-1]) == (0, 0, 1, 1)
    assert alarm == sorted(alarm)
    assert curve["pr"][0][-1] == 1.0
    # What is left of the curve has nearly the area of the whole.
    assert auc(alarm, found) == pytest.approx(curve["auc"], abs=0.01)


def test_the_five_most_frequent_classes_have_curves():
    y, p = answers(8)
    y = np.where(np.random.default_rng(0).random(len(y)) < 0.5, 7, y)
    curves = diagnose(task(8), y, p)["curves"]
    assert len(curves) == 5
    assert curves[-1]["class"] == "c7"


def test_the_confusion_counts_every_row_by_the_rule_of_the_model():
    y, p = answers(3)
    found = diagnose(task(3), y, p)["confusion"]
    assert found["labels"] == ["c0", "c1", "c2"]
    assert found["counts"] == confusion_matrix(y, p.argmax(axis=1)).tolist()
    y, p = answers(2)
    rule = Decision("threshold", (0.0,))
    assert np.array(diagnose(task(2), y, p, decision=rule)["confusion"]["counts"])[:, 0].sum() == 0


def test_classes_beyond_thirty_are_taken_together():
    y, p = answers(45, 2000)
    found = diagnose(task(45), y, p)["confusion"]
    assert len(found["labels"]) == 30
    assert found["labels"][-1] == "all others"
    assert np.sum(found["counts"]) == 2000


@pytest.mark.parametrize("k", [2, 4])
def test_calibration_bins_hold_what_came_true(k):
    y, p = answers(k, 1000)
    bins = diagnose(task(k), y, p)["calibration"]["bins"]
    assert sum(part["rows"] for part in bins) == 1000
    assert all(part["low"] <= part["came"] <= part["high"] for part in bins)
    right = (p.argmax(axis=1) == y).mean() if k > 2 else y.mean()
    assert np.average(
        [b["came"] for b in bins], weights=[b["rows"] for b in bins]
    ) == pytest.approx(right, abs=1e-4)


def test_equal_probabilities_stay_in_one_bin():
    y = np.array([0, 1] * 100)
    p = np.full((200, 2), 0.5, dtype=np.float32)
    (only,) = diagnose(task(2), y, p)["calibration"]["bins"]
    assert only["rows"] == 200


def test_values_are_summarised_by_bins_of_many_rows():
    y, p = answers(0)
    found = diagnose(task(0), y, p)
    assert min(part["rows"] for part in found["bins"]) >= 20
    assert all(part["low"] <= part["middle"] <= part["high"] for part in found["bins"])
    assert sum(found["residuals"]["counts"]) == 600
    errors = np.abs(y - p)
    assert found["errors"]["0.5"] == pytest.approx(np.median(errors), rel=1e-3)
    assert found["bias"] == pytest.approx((y - p).mean(), rel=1e-2, abs=1e-4)


@pytest.mark.parametrize("k", [0, 2, 5])
@pytest.mark.parametrize("rows", [0, 1, 30])
def test_few_rows_are_no_trouble(k, rows):
    y, p = answers(k, rows)
    found = diagnose(task(k), y, p)
    assert found["rows"] == rows
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("k", [0, 2, 5])
def test_constant_predictions_are_no_trouble(k):
    y = np.zeros(50, dtype=np.int64) if k else np.ones(50)
    p = np.full((50, k), 1 / k, dtype=np.float32) if k else np.ones(50, dtype=np.float32)
    json.dumps(diagnose(task(k), y, p), allow_nan=False)


def test_of_many_rows_a_sample_is_summarised():
    y, p = answers(2, 30_000)
    assert diagnose(task(2), y, p)["rows"] == 20_000


def test_curves_and_calibration_are_of_the_positive_class():
    y, p = answers(2)
    first = dataclasses.replace(task(2), positive="c0")
    found, mirrored = diagnose(first, y, p), diagnose(task(2), 1 - y, p[:, ::-1])
    assert found["curves"][0]["class"] == found["calibration"]["class"] == "c0"
    for name in ("curves", "calibration"):
        of_first, of_last = json.dumps(found[name]), json.dumps(mirrored[name])
        assert of_first.replace("c0", "c1") == of_last
