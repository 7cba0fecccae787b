from __future__ import annotations

import time

import numpy as np
import pytest

from metaauto.analysis.intervals import difference_intervals, score_intervals
from metaauto.components import Deadline
from metaauto.metrics import METRICS
from metaauto.metrics.base import Metric


def answers(rows: int = 500, seed: int = 0, strength: float = 1.0):
    random = np.random.default_rng(seed)
    y = random.integers(0, 2, rows)
    logit = strength * (2 * y - 1) + random.normal(size=rows)
    p = 1 / (1 + np.exp(-logit))
    return y, np.column_stack([1 - p, p]).astype(np.float32)


def test_the_truth_lies_in_most_intervals():
    whole = answers(200_000, 99)
    truth = METRICS["roc_auc"].score(*whole)
    inside = 0
    for seed in range(40):
        y, p = answers(300, seed)
        found = score_intervals(METRICS["roc_auc"], y, {"a": p}, seed=seed)["intervals"]["a"]
        inside += found["low"] <= truth <= found["high"]
    assert 33 <= inside <= 40


def test_intervals_shrink_with_the_rows_also_beyond_those_drawn():
    widths = []
    for rows in (500, 8_000):
        y, p = answers(rows)
        found = score_intervals(METRICS["accuracy"], y, {"a": p})["intervals"]["a"]
        widths.append(found["high"] - found["low"])
    assert widths[1] == pytest.approx(widths[0] / 4, rel=0.4)


def test_the_better_of_two_wins_most_draws():
    y, good = answers(strength=2.0)
    _, poor = answers(strength=0.2)
    for metric in ("roc_auc", "log_loss"):
        found = score_intervals(METRICS[metric], y, {"good": good, "poor": poor})
        assert found["beats"]["poor"] > 0.95
        turned = score_intervals(METRICS[metric], y, {"poor": poor, "good": good})
        assert turned["beats"]["good"] < 0.05
    even = score_intervals(METRICS["roc_auc"], y, {"one": good, "other": good})
    assert even["beats"]["other"] == 0.5


def test_nothing_is_better_than_perfect():
    y = np.array([0, 1] * 100)
    p = np.column_stack([1 - y, y]).astype(np.float32)
    perfect = score_intervals(METRICS["roc_auc"], y, {"a": p})["intervals"]["a"]
    assert perfect["high"] <= 1.0
    values = np.arange(50.0)
    near = values + np.where(values == 3, 5.0, 0.0)
    found = score_intervals(METRICS["rmse"], values, {"a": near})["intervals"]["a"]
    assert found["low"] == 0.0


def test_known_scores_are_taken_as_they_are():
    y, p = answers()
    found = score_intervals(METRICS["roc_auc"], y, {"a": p}, scores={"a": 0.75})
    assert found["intervals"]["a"]["score"] == 0.75


@pytest.mark.parametrize("rows", [1, 2])
def test_too_few_rows_have_no_interval_and_no_error(rows):
    y, p = answers(rows)
    found = score_intervals(METRICS["roc_auc"], y, {"a": p, "b": p})
    assert found["intervals"]["a"]["low"] is None
    assert found["beats"] in ({}, {"b": 0.5})


def test_a_costly_metric_ends_with_its_time():
    def slow(y, values, sample_weight=None):
        time.sleep(0.02)
        return 1.0

    metric = Metric("slow", ("regression",), "values", slow)
    y = np.arange(5_000.0)
    start = time.monotonic()
    found = score_intervals(
        metric, y, {"a": y}, deadline=Deadline.after(0.1), scores={"a": 1.0}, draws=10_000
    )
    assert time.monotonic() - start < 1.0
    assert found["intervals"]["a"] == {"score": 1.0, "low": None, "high": None}


def test_rare_classes_that_a_draw_misses_are_no_error():
    y, p = answers(60)
    y = np.zeros(60, dtype=np.int64)
    y[0] = 1
    found = score_intervals(METRICS["roc_auc"], y, {"a": p})
    assert np.isfinite(found["intervals"]["a"]["score"])


def test_rows_of_a_group_are_drawn_together():
    """All rows of a group are alike, so that 30 groups tell no more than 30 rows."""
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(30), 50)
    y = np.repeat(random.normal(size=30), 50)
    near = y + np.repeat(random.normal(size=30), 50)

    def width(**options) -> float:
        found = score_intervals(METRICS["rmse"], y, {"a": near}, **options)["intervals"]["a"]
        return found["high"] - found["low"]

    assert width(groups=groups) == pytest.approx(width() * 50**0.5, rel=0.35)
    assert (
        score_intervals(METRICS["rmse"], y, {"a": near}, groups=np.zeros(1500))["intervals"]["a"][
            "low"
        ]
        is None
    )


def test_the_true_difference_lies_in_most_paired_intervals():
    inside = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        # Two classifiers that are right on 80 % and 75 % of the rows, mostly on the same ones.
        luck = random.random(400)
        right = {"one": luck < 0.8, "two": np.where(luck < 0.7, luck >= 0, luck > 0.95)}

        def score_of(name, rows, right=right):
            return float(right[name][rows].mean())

        [(difference, half)] = difference_intervals(score_of, list(right), 400, seed=seed).values()
        assert difference == pytest.approx(right["two"].mean() - right["one"].mean())
        inside += abs(difference + 0.05) <= half
    assert 34 <= inside <= 40


def test_a_difference_to_itself_has_no_width():
    def score_of(name, rows):
        return 0.5

    assert difference_intervals(score_of, ["a", "b"], 100) == {"b": (0.0, 0.0)}


def test_the_intervals_of_nearly_equal_predictions_are_narrow():
    luck = np.random.default_rng(0).random(400)
    right = {"one": luck < 0.8, "two": luck < 0.78}

    def score_of(name, rows):
        return float(right[name][rows].mean())

    [(_, half)] = difference_intervals(score_of, list(right), 400).values()
    apart = (luck >= 0.78) & (luck < 0.8)
    assert half == pytest.approx(1.96 * apart.std() / np.sqrt(400), rel=0.35)
