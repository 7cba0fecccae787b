from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from metaauto.data import prepare
from metaauto.errors import RunError
from metaauto.run import check_same, settings_of

TABLE = pd.DataFrame({"size": [1.5, 2.0, 3.0, 2.5], "sold": ["no", "yes", "yes", "no"]})


def dataset(table=TABLE, target="sold", metric="roc_auc"):
    return prepare(table, target, metric_name=metric)


def test_options_table_and_target_are_remembered():
    settings = settings_of({"seed": 3}, "/data/t.csv", "sold", dataset())
    assert settings["seed"] == 3
    assert settings["data"] == "/data/t.csv"
    assert settings["target"] == "sold"
    assert settings["metric_used"] == "roc_auc"
    assert json.loads(json.dumps(settings)) == settings
    check_same(settings, dataset())


def test_what_is_in_memory_is_not():
    target = np.array([0, 1, 1, 0])
    settings = settings_of({}, None, target, dataset(TABLE[["size"]], target))
    assert settings["data"] is None
    assert settings["target"] is None


def test_another_table_or_metric_is_refused():
    settings = settings_of({}, None, "sold", dataset())
    with pytest.raises(RunError, match="table differs"):
        check_same(settings, dataset(TABLE.assign(size=1.0 + TABLE["size"])))
    with pytest.raises(RunError, match=r"used roc_auc \(got f1\)"):
        check_same(settings, dataset(metric="f1"))


def test_a_run_of_an_earlier_release_knows_no_metric():
    settings = settings_of({}, None, "sold", dataset())
    del settings["metric_used"]
    check_same(settings, dataset(metric="f1"))


def scored(label):
    found = dataset()
    task = replace(found.task, metric="f1", metric_has_positive=True, positive=label)
    return replace(found, task=task)


def test_another_positive_class_is_refused_if_the_metric_scores_it():
    settings = settings_of({}, None, "sold", scored("no"))
    check_same(settings, scored("no"))
    with pytest.raises(RunError, match=r"scored 'no' \(got 'yes'\)"):
        check_same(settings, scored("yes"))
    del settings["positive_used"]  # as in a run of an earlier release
    check_same(settings, scored("yes"))
    with pytest.raises(RunError, match=r"scored 'yes' \(got 'no'\)"):
        check_same(settings, scored("no"))
