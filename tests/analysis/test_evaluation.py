from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as reference
from command_line import people

import metaauto
from metaauto.analysis.evaluation import evaluate, target_codes
from metaauto.analysis.examine import importance_of, known_rows
from metaauto.errors import Refused, TargetError, UnknownName
from metaauto.task import Task


def task(classes: tuple | None) -> Task:
    return Task("regression" if classes is None else "multiclass", "y", (), "m", 10, classes)


@pytest.mark.parametrize(
    ("classes", "labels", "codes"),
    [
        ((0, 1), [1, 0, 1], [1, 0, 1]),
        ((0, 1), [1.0, 0.0], [1, 0]),
        ((0, 1), ["1", "0", "1.0"], [1, 0, 1]),
        ((1.5, 2.0), ["2", "1.50"], [1, 0]),
        (("no", "yes"), ["yes", "no"], [1, 0]),
        (("1", "2"), [2, 1], [1, 0]),
        (("01", "1"), ["1", "01"], [1, 0]),
        ((False, True), ["True", "False"], [1, 0]),
        ((False, True), [True, False], [1, 0]),
    ],
)
def test_a_label_is_known_however_a_table_writes_it(classes, labels, codes) -> None:
    assert target_codes(pd.Series(labels, name="y"), task(classes)).tolist() == codes


@pytest.mark.parametrize(
    ("classes", "labels", "words"),
    [
        (("no", "yes"), ["perhaps", "no"], "'perhaps'"),
        (("01", "1"), ["1.0"], "'1.0'"),
        ((0, 1), [2], "'2'"),
        (None, ["many"], "'many'"),
        (None, [np.inf], "expected a finite number"),
    ],
)
def test_what_the_model_cannot_know_is_named(classes, labels, words: str) -> None:
    with pytest.raises(TargetError, match=words):
        target_codes(pd.Series(labels, name="y"), task(classes))


def test_amounts_are_read_as_the_table_writes_them() -> None:
    assert target_codes(pd.Series(["1.5", "2"]), task(None)).tolist() == [1.5, 2.0]
    assert target_codes(pd.Series([1, 2]), task(None)).tolist() == [1.0, 2.0]


@pytest.fixture(scope="module")
def model():
    return metaauto.fit(people(), "buys", trials=1, cores=1, cv=2, memory=2, include=["lda"])


def test_rows_without_a_target_are_counted(model) -> None:
    table = people(50, seed=2)
    table.loc[:4, "buys"] = None
    found = evaluate(model, table)
    assert (found.rows, found.dropped_rows, found.metric) == (45, 5, "roc_auc")
    whole = evaluate(model, table.dropna(subset="buys"))
    assert whole.scores == found.scores


def test_metrics_are_chosen_and_checked(model) -> None:
    table = people(50, seed=2)
    found = evaluate(model, table, metrics=["f1", "auc", "f1"])
    assert list(found.scores) == ["f1", "roc_auc"]
    with pytest.raises(Refused, match="rmse"):
        evaluate(model, table, metrics=["rmse"])
    with pytest.raises(UnknownName, match="f1"):
        evaluate(model, table, metrics=["f_one"])


def test_a_table_without_the_target_is_refused(model) -> None:
    with pytest.raises(TargetError, match="'buys'"):
        evaluate(model, people(5).drop(columns="buys"))
    with pytest.raises(TargetError, match="missing in every row"):
        evaluate(model, people(5).assign(buys=None))
    with pytest.raises(TargetError, match="Several"):
        evaluate(model, pd.concat([people(5), people(5)[["buys"]]], axis=1))


@pytest.mark.parametrize("positive", ["no", "yes"])
def test_scores_are_of_the_positive_class_and_name_it(model, positive) -> None:
    chosen = replace(model, task=replace(model.task, positive=positive))
    table = people(80, seed=2)
    found = evaluate(chosen, table, metrics=["f1", "precision", "recall", "roc_auc"])
    labels, predicted = table["buys"], chosen.predict(table)
    for name in ("f1", "precision", "recall"):
        expected = getattr(reference, f"{name}_score")(labels, predicted, pos_label=positive)
        assert found.scores[name] == pytest.approx(expected)
    assert found.positive == dict.fromkeys(["f1", "precision", "recall"], positive)
    assert importance_of(chosen, known_rows(chosen, table)).positive is None


def test_missing_scores_have_a_reason(model) -> None:
    table = people(80, seed=2)
    found = evaluate(model, table[table["buys"] == "no"], metrics=["roc_auc", "f1", "log_loss"])
    assert np.isnan(found.scores["roc_auc"])
    reason = "no row has the class 'yes'"
    assert found.notes == {"roc_auc": reason, "f1": reason}
    assert evaluate(model, table).notes == {}
