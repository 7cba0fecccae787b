from __future__ import annotations

from dataclasses import replace

import pytest
from command_line import people

import metaauto
from metaauto.analysis.paired_scores import paired_scores
from metaauto.errors import Refused

OPTIONS = {"trials": 1, "cores": 1, "cv": 2, "memory": 2}


@pytest.fixture(scope="module")
def models():
    """A model, and one that was fitted with shuffled features."""
    table = people(200)
    features = [name for name in table if name != "buys"]
    shuffled = table.copy()
    shuffled[features] = table[features].sample(frac=1.0, random_state=0).to_numpy()
    return {
        name: metaauto.fit(data, "buys", include=["lda"], **OPTIONS)
        for name, data in (("random", shuffled), ("good", table))
    }


def compared(models, rows: int = 300, **options):
    table = people(rows, seed=3)
    return paired_scores(models, table, **options)


@pytest.mark.parametrize("metric", [None, "log_loss", "accuracy"])
def test_the_best_comes_first_whatever_the_direction_of_the_metric(models, metric) -> None:
    found = compared(models, metric=metric)
    best, other = found.scores
    assert (best.name, other.name) == ("good", "random")
    assert best.difference is None
    assert other.difference == pytest.approx(other.score - best.score)
    assert not other.is_level
    assert found.result() == "good is best on these rows."


def test_models_with_the_same_predictions_are_level(models) -> None:
    found = compared({"one": models["good"], "two": models["good"]})
    assert (found.scores[1].difference, found.scores[1].low) == (0.0, 0.0)
    assert "may be due to chance" in found.result()


def test_other_targets_tasks_and_classes_are_refused(models) -> None:
    good = models["good"]
    for name, task in (
        ("kind", replace(good.task, kind="multiclass")),
        ("target", replace(good.task, target="age")),
        ("classes", replace(good.task, classes=("no", "perhaps"))),
    ):
        with pytest.raises(Refused, match=name):
            compared({"good": good, "other": replace(good, task=task)})


def test_rows_without_a_target_are_dropped(models) -> None:
    table = people(100, seed=3)
    table.loc[:9, "buys"] = None
    found = paired_scores(models, table)
    assert (found.rows, found.dropped_rows) == (90, 10)


def test_a_metric_that_is_undefined_on_the_rows_gives_no_result(models) -> None:
    table = people(100, seed=3)
    alone = table[table["buys"] == "no"]
    found = paired_scores(models, alone, metric="roc_auc")
    assert all(line.score != line.score and line.difference is None for line in found.scores)
    assert found.result() == "The score is undefined on these rows."
