"""The options, the task, the metric and the folds are checked before a fit."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as reference
from builders import builtin_registry
from hypothesis import given, settings
from hypothesis import strategies as st

import metaauto
from metaauto.configuration import Configuration
from metaauto.data import plan_splits
from metaauto.engine import setup
from metaauto.engine.dry_run import plan_fit
from metaauto.engine.fit_runner import FitRunner
from metaauto.engine.options import FitOptions
from metaauto.engine.setup import check_splits, members_seconds, prepare_task
from metaauto.ensemble import Selection
from metaauto.errors import MetaautoError, ReadError, Refused, UnknownName
from metaauto.plugins.manager import PluginSettings
from metaauto.progress.summary import summary_lines
from metaauto.search import Outcome, Status, Trial

NO_PLUGINS = PluginSettings(only=())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"metric": "rmsee"}, "no metric named 'rmsee'"),
        ({"metric": "rmse", "task": "classification"}, "does not support"),
        ({"metric": "f1", "task": "regression"}, "does not support"),
        ({"task": "classify"}, "no task named"),
        ({"include": ["knnn"]}, "no model or plugin named 'knnn'"),
        ({"exclude": ["knnn"]}, "no model, plugin or preprocessor named 'knnn'"),
        ({"cv": 1}, "Invalid cv=1"),
        ({"cv": 1.5}, "Invalid cv=1.5"),
        ({"cv": "five"}, "Invalid cv='five'"),
        ({"cv": True}, "Invalid cv=True"),
        ({"cv": None}, "Invalid cv=None"),
        ({"holdout": 1.0}, "Invalid holdout=1.0"),
        ({"roles": {"zip": "number"}}, "no role named 'number'"),
        ({"strategy": "knowlege"}, "no strategy named 'knowlege'"),
        ({"knowledge": "no.db"}, "no knowledge store 'no.db'"),
    ],
)
def test_an_option_that_no_table_makes_valid_is_refused_before_reading(
    options: dict[str, Any], words: str
) -> None:
    with pytest.raises(MetaautoError, match=words):
        plan_fit("missing.csv", "y", FitOptions(plugins=NO_PLUGINS, **options))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"metric": "rmse"},
        {"metric": "f1", "task": "multiclass"},
        {"cv": 0.2, "holdout": 0.2, "roles": {"zip": "text"}, "strategy": "portfolio"},
        {"cv": [([0], [1])]},
    ],
)
def test_valid_options_are_not_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ReadError):
        plan_fit("missing.csv", "y", FitOptions(plugins=NO_PLUGINS, **options))


def test_a_fit_checks_its_options_before_reading() -> None:
    runner = FitRunner(FitOptions(plugins=NO_PLUGINS, cv=1, cores=1))
    with pytest.raises(MetaautoError, match="Invalid cv=1"):
        runner.run("missing.csv", "y")


REGISTRY = builtin_registry()


def check(y, holdout=0.0, cv="auto", **options):
    """Prepare a table with these targets and check the metric on its folds."""
    frame = pd.DataFrame({"a": np.random.default_rng(0).normal(size=len(y))})
    dataset, metric = prepare_task(frame, np.asarray(y), FitOptions(**options), REGISTRY)
    check_splits(metric, dataset, plan_splits(dataset, cv=cv, holdout=holdout, seed=0))
    return dataset


@pytest.mark.parametrize("metric", [None, "roc_auc", "average_precision", "f1", "recall", "mcc"])
def test_a_metric_that_no_fold_can_compute_is_refused(metric) -> None:
    with pytest.raises(Refused, match="cannot be computed on the validation folds") as caught:
        check([0] * 99 + [1], metric=metric)
    assert "no row has the class 1 (1 has 1 row in the table)" in caught.value.message
    assert "log_loss" in caught.value.hint
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("metric", ["log_loss", "brier", "accuracy"])
def test_a_metric_that_needs_no_row_of_each_class_is_accepted(metric) -> None:
    check([0] * 99 + [1], metric=metric)


@given(
    metric=st.sampled_from(["roc_auc", "average_precision", "f1", "f1_macro", "mcc", "log_loss"]),
    rare=st.integers(2, 20),
    labels=st.sampled_from([("no", "yes"), ("fraud", "legit")]),
    cv=st.sampled_from(["auto", 2, 0.3]),
)
@settings(max_examples=25, deadline=None)
def test_two_rows_of_each_class_suffice(metric, rare, labels, cv) -> None:
    check([labels[0]] * rare + [labels[1]] * 60, metric=metric, cv=cv)


def test_rows_without_weight_do_not_count() -> None:
    weights = np.r_[np.ones(97), np.zeros(2), 1.0]
    folds = [(np.r_[50:97, 99], np.r_[0:50, 97:99])]
    with pytest.raises(Refused, match="no row has the class 1"):
        check([0] * 97 + [1] * 3, weights=weights, metric="roc_auc", cv=folds)


def test_a_function_that_fails_on_one_fold_is_refused() -> None:
    def area(truth, labels):
        if len(np.unique(truth)) < 2:
            raise ValueError("needs two classes")
        return reference.roc_auc_score(truth, labels)

    y = np.arange(60) < 40
    folds = [(np.r_[20:60], np.r_[0:20]), (np.r_[0:20, 50:60], np.r_[20:50])]
    with pytest.raises(MetaautoError, match="fold 1 of 2.*needs two classes"):
        check(y, metric=area, cv=folds)
    check(y, metric="roc_auc", cv=folds)


def test_mape_warns_of_zeros_in_the_target() -> None:
    y = np.r_[0.0, 0.0, np.arange(1.0, 80.0) * 1.5]
    (finding,) = [f for f in check(y, metric="mape").findings if f.code == "near-zero"]
    assert "almost 0 in 2 rows" in finding.message
    assert not [f for f in check(y, metric="mae").findings if f.code == "near-zero"]


@pytest.mark.parametrize("positive", ["fraud", "legit", None])
def test_the_metric_scores_the_positive_class(positive) -> None:
    y = ["fraud"] * 10 + ["legit"] * 90
    task = check(y, metric="f1", positive=positive).task
    assert task.classes == ("fraud", "legit")
    assert task.scored_class == (positive or "fraud")
    assert task.metric_label == f"f1 of {task.positive!r}"
    assert check(y, metric="roc_auc", positive=positive).task.scored_class is None
    with pytest.raises(UnknownName, match="frau"):
        check(y, positive="frau")


SECONDS = st.lists(st.floats(0.001, 100.0), min_size=1, max_size=20)


def trials_of(seconds) -> list[Trial]:
    trials = [Trial(0, Configuration("dummy"), "baseline", loss=1.0)]
    for number, each in enumerate(seconds, start=1):
        trial = Trial(number, Configuration("lda"), "knowledge", loss=0.5)
        trial.outcomes[0] = Outcome(number, 0, Status.SUCCESS)
        trial.outcomes[1] = Outcome(number, 1, Status.SUCCESS, check_seconds=each)
        trials.append(trial)
    return trials


@given(data=st.data(), seconds=SECONDS, workers=st.integers(1, 8))
def test_members_seconds_cover_the_selected_members(data, seconds, workers):
    trials = trials_of(seconds)
    chosen = data.draw(st.sets(st.integers(1, len(seconds)), min_size=1))
    found = members_seconds(Selection(dict.fromkeys(chosen, 1.0), 0.5, 0.5), trials, workers)
    needed = [3 * seconds[number - 1] for number in chosen]
    assert found >= max(needed)
    assert found >= sum(needed) / workers
    assert found >= members_seconds(
        Selection(dict.fromkeys(chosen, 1.0), 0.5, 0.5), trials, workers + 1
    )


@given(data=st.data(), builds=SECONDS, workers=st.integers(1, 8))
def test_members_seconds_include_the_imports_of_each_model_once(data, builds, workers):
    trials = trials_of([1.0] * len(builds))
    models = data.draw(st.lists(st.sampled_from("abc"), min_size=len(builds), max_size=len(builds)))
    for trial, model, seconds in zip(trials[1:], models, builds, strict=True):
        trial.configuration = Configuration(model)
        trial.outcomes[0] = dataclasses.replace(trial.outcomes[0], build_seconds=seconds)
    chosen = Selection(dict.fromkeys(range(1, len(trials)), 1.0), 0.5, 0.5)
    found = members_seconds(chosen, trials, workers)
    for trial in trials:
        trial.outcomes = {
            fold: dataclasses.replace(each, build_seconds=0.0)
            for fold, each in trial.outcomes.items()
        }
    imports = sum(max(s for m, s in zip(models, builds, strict=True) if m == n) for n in {*models})
    # Imports are measured in a process that does nothing else.
    assert found == pytest.approx(members_seconds(chosen, trials, workers) + 2 * imports)


def test_members_seconds_are_zero_before_the_first_model():
    assert members_seconds(Selection({0: 1.0}, 1.0, 1.0), trials_of([]), 2) == 0.0


def test_a_table_that_exceeds_the_memory_is_sampled_also_when_it_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    for part in range(4):
        frame = pd.DataFrame({"a": random.normal(size=300), "b": random.normal(size=300)})
        frame["y"] = frame["a"] > 0
        (tmp_path / "t" / f"part={part}").mkdir(parents=True)
        frame.to_parquet(tmp_path / "t" / f"part={part}" / "x.parquet")
    options: dict[str, Any] = {"cores": 1, "memory": 2.0, "plugins": NO_PLUGINS, "remember": False}
    # The memory that 400 of the 1,200 rows take.
    monkeypatch.setattr(setup, "_TABLE_SHARE", 400 * 30 / 2**31)
    model = metaauto.fit(
        tmp_path / "t", "y", trials=1, cv=2, include=["lda"], run_dir=tmp_path / "run", **options
    )
    rows = model.record.rows
    assert rows is not None
    assert 200 < rows < 800
    (warning,) = (one for one in model.record.warnings if one.code == "sample")
    assert warning.message == f"A random sample of the table was read: {rows} of 1,200 rows."
    assert warning.message in "\n".join(summary_lines(model))
    monkeypatch.setattr(setup, "_TABLE_SHARE", 1.0)
    again = metaauto.fit(None, resume=tmp_path / "run", **options)
    assert again.record.rows == rows
    assert again.record.fingerprint == model.record.fingerprint
