from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from metaauto.analysis.warnings import fit_warnings, next_steps
from metaauto.data import Finding, prepare
from metaauto.model.fit_record import FitRecord
from metaauto.task import Column, Role, Task


def column(name: str, role: Role) -> Column:
    return Column(name, role, "object", 50, 0.0)


SIZE = column("size", Role.NUMERIC)


def task(*columns: Column, n_rows: int = 1000, counts=(500, 500), **more: Any) -> Task:
    classes = ("no", "yes") if len(counts) == 2 else tuple("abcdefgh"[: len(counts)])
    return Task(
        "binary", "buys", (SIZE, *columns), "roc_auc", n_rows, classes, tuple(counts), **more
    )


INTERVAL = {"low": 0.78, "high": 0.82, "level": 0.95, "rows": 1000, "over": "out-of-fold"}
GOOD = {
    "score": 0.8,
    "baseline_score": 0.5,
    "greater_is_better": True,
    "interval": INTERVAL,
    "fold_scores": [0.79, 0.8, 0.81, 0.8],
    "classes": [{"label": "no", "rows": 500, "right": 0.7}],
    "failures": {},
    "trials": 20,
}


def codes(facts: dict[str, Any], about: Task | None = None, findings=(), optimum=1.0) -> list[str]:
    found = fit_warnings(about or task(), FitRecord.from_json({**GOOD, **facts}), findings, optimum)
    assert all(concern.message and concern.advice for concern in found)
    return [concern.code for concern in found]


def told(facts: dict[str, Any], about: Task | None = None, findings=()) -> str:
    (concern,) = fit_warnings(
        about or task(), FitRecord.from_json({**GOOD, **facts}), findings, 1.0
    )
    return f"{concern.message} {concern.advice}"


def test_a_good_fit_needs_no_minding() -> None:
    assert codes({}) == []


def test_unknown_values_are_no_concern() -> None:
    assert fit_warnings(task(), FitRecord(), ()) == []


def test_a_leak_comes_first_and_says_how_to_leave_it_out() -> None:
    leak = Finding("leak", "Column 'a b' gives it away: why. Leave it out unless known.", "a b")
    assert told({}, findings=[leak]) == (
        "Column 'a b' gives it away: why. Exclude the column with roles={'a b': 'identifier'}."
    )
    leakage = Finding("leak", "Column 'a' determines it: why. Drop the column unless known.", "a")
    assert told({}, findings=[leakage]) == (
        "Column 'a' determines it: why. Exclude the column with roles={'a': 'identifier'}."
    )
    facts = {"score": 1.0, "failures": {"svm failed: x": 9}}
    assert codes(facts, findings=[leak]) == ["leak", "failures"]


def test_an_almost_perfect_score_is_suspicious() -> None:
    assert codes({"score": 0.9999}) == ["almost-perfect"]
    assert codes({"score": 0.99}) == []
    regression = {"score": 0.0001, "baseline_score": 9.0, "greater_is_better": False}
    interval = {**INTERVAL, "low": 0.0, "high": 0.1}
    assert codes({**regression, "interval": interval, "fold_scores": []}, optimum=0.0) == [
        "almost-perfect"
    ]
    assert codes({"score": 0.9999}, optimum=float("inf")) == []


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"score": 0.52, "interval": {**INTERVAL, "low": 0.48, "high": 0.56}}, "chance"),
        ({"score": 0.5, "interval": None}, "No model is better"),
        (
            {
                "score": 9.0, "baseline_score": 9.1, "greater_is_better": False,
                "interval": {**INTERVAL, "low": 8.8, "high": 9.2},
            },
            "chance",
        ),
    ],
)  # fmt: skip
def test_a_score_like_the_baseline_is_told(facts: dict[str, Any], words: str) -> None:
    assert words in told({**facts, "fold_scores": []})


def test_few_rows_and_few_of_a_class_are_told() -> None:
    assert "Only 120 rows" in told({}, task(n_rows=120))
    assert "yes (12)" in told({}, task(counts=(988, 12)))
    many = told({}, task(counts=(900, 3, 4, 5, 6)))
    assert "b (3), c (4), d (5) and 1 more" in many


def test_folds_that_differ_by_more_than_chance_are_told() -> None:
    assert codes({"fold_scores": [0.6, 0.95, 0.8, 0.7]}) == ["folds-differ"]
    assert codes({"fold_scores": [0.78, 0.82, 0.79, 0.81]}) == []
    assert codes({"fold_scores": [0.6, None, 0.95]}) == []
    assert codes({"fold_scores": [0.6, 0.95, 0.8, 0.7], "interval": None}) == []


def test_a_class_that_is_rarely_right_is_named() -> None:
    poor = {"label": "yes", "rows": 50, "right": 0.12}
    assert "Low recall: yes 12% (50 rows)" in told({"classes": [poor, *GOOD["classes"]]})
    unseen = {"label": "x", "rows": 0, "right": None}
    assert codes({"classes": [unseen, {"label": "y", "rows": 3, "right": 0.0}]}) == []


def test_dates_without_a_time_are_told() -> None:
    day = column("day", Role.DATETIME)
    assert "time='day'" in told({}, task(day))
    assert codes({}, task(day, time="day")) == []


def test_identifiers_can_be_taken_back() -> None:
    one = column("row id", Role.IDENTIFIER)
    assert "roles={'row id': 'categorical'}" in told({}, task(one))
    both = told({}, task(one, column("b", Role.IDENTIFIER)))
    assert both.startswith("Excluded as identifiers: 'row id', 'b'.")


def test_identifiers_that_were_asked_for_are_no_concern() -> None:
    frame = pd.DataFrame({"a": ["x", "y", "x"] * 20, "b": [0.5, 1.5, 2.5] * 20, "y": [0, 1] * 30})
    asked = prepare(frame, "y", roles={"a": "identifier"})
    assert "identifier" not in codes({}, asked.task)


@pytest.mark.parametrize(
    ("cause", "advice"),
    [
        ("svm memory: needs 3 GB", "memory"),
        ("svm timeout: too long", "budget"),
        ("svm failed: ValueError", "exclude='svm'"),
    ],
)
def test_many_failures_are_told_with_what_helps(cause: str, advice: str) -> None:
    assert advice in told({"failures": {cause: 5, "lda failed: b": 1}})
    assert codes({"failures": {cause: 1}}) == []
    assert codes({"failures": {cause: 3}}) == []


def test_a_rare_class_is_told() -> None:
    finding = Finding("rare-class", "Class 'b' has one row. Merge or drop them.", "y")
    assert told({}, findings=[finding]) == "Class 'b' has one row. Merge or drop them."


def test_more_time_is_advised_only_while_it_helps() -> None:
    facts = {"search_seconds": 60.0, "budget": 60.0, "holdout_score": 0.8}
    (step,) = next_steps(FitRecord.from_json({**facts, "newest_member": 58.0}))
    assert "budget='4m'" in step
    (step,) = next_steps(FitRecord.from_json({**facts, "newest_member": 10.0, "later_trials": 12}))
    assert "None of the last 12 trials joined the ensemble" in step
    assert "more time is unlikely to help" in step
    assert (
        next_steps(FitRecord.from_json({**facts, "newest_member": 10.0, "later_trials": 2})) == ()
    )
    assert next_steps(FitRecord.from_json({**facts, "budget": None, "newest_member": 10.0})) == ()


def test_a_holdout_is_advised_where_there_is_none() -> None:
    assert "holdout=0.2" in next_steps(FitRecord.from_json({}))[-1]
    assert next_steps(FitRecord.from_json({"holdout_score": 0.8})) == ()
