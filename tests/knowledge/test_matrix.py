from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from metaauto.knowledge import MetafeatureFact, metric_similarity
from metaauto.metrics.catalog import METRICS


def test_the_matrix_is_what_the_facts_say(filled, example):
    slow = replace(example().said, source="import:slow", speed=0.08)
    filled.add_provenance(slow)
    first, second = example().evaluations[0], example().evaluations[1]
    timeout = replace(first, status="timeout", losses={}, fit_seconds=30.0, predict_seconds=None)
    crash = replace(second, status="crashed", losses={}, provenance=slow.key)
    filled.add_evaluations([replace(timeout, fold=7), replace(crash, fold=8)])
    matrix = filled.matrix("binary", "roc_auc")

    facts: dict[tuple[str, str], list] = {}
    for fact in filled.evaluations():
        facts.setdefault((fact.fingerprint, fact.configuration), []).append(fact)
    assert matrix.loss.shape == (4, 3)
    for row, dataset in enumerate(matrix.datasets):
        for column, configuration in enumerate(matrix.configurations):
            cell = facts[dataset.fingerprint, configuration.key]
            good = [f.losses["roc_auc"] for f in cell if f.status == "success"]
            seconds = sum((f.fit_seconds or 0) + (f.predict_seconds or 0) for f in cell)
            assert matrix.loss[row, column] == pytest.approx(np.mean(good), rel=1e-6)
            assert matrix.seconds[row, column] == pytest.approx(seconds)
            assert matrix.n_folds[row, column] == len(good)
            assert matrix.n_seen[row, column] == len(cell)
            assert matrix.timed_out[row, column] == any(f.status == "timeout" for f in cell)
            assert matrix.failed[row, column] == any(f.status == "crashed" for f in cell)
    assert matrix.timed_out.sum() == matrix.failed.sum() == 1
    assert np.sort(np.unique(matrix.speed)) == pytest.approx([0.02, 0.035])
    assert matrix.groups.tolist() == [fact.group for fact in matrix.datasets]


def test_unknown_cells_and_metrics_are_nan(filled, example):
    new = replace(example().datasets[0], fingerprint="e" * 64)
    filled.add_dataset(new)
    filled.add_evaluations(
        [replace(example().evaluations[0], fingerprint=new.fingerprint, losses={"log_loss": 0.5})]
    )
    matrix = filled.matrix("binary", "roc_auc")
    row = list(matrix.fingerprints).index(new.fingerprint)
    assert np.isnan(matrix.loss[row]).all()
    assert np.isnan(matrix.seconds[row]).sum() == 2
    assert matrix.n_folds[row].sum() == 0
    assert np.isnan(filled.matrix("binary", "made_up").loss).all()
    assert filled.matrix("regression", "rmse").loss.shape == (0, 0)


def test_a_dataset_has_a_row_for_each_protocol(filled, example):
    one = example().evaluations[0]
    filled.add_evaluations([replace(one, protocol="9-fold/rows<=20", losses={"log_loss": 9.0})])
    matrix = filled.matrix("binary", "log_loss")
    assert matrix.loss.shape == (5, 3)
    of_table = np.flatnonzero(matrix.fingerprints == one.fingerprint)
    assert [matrix.protocols[row] for row in of_table] == ["2-fold/seed0", "9-fold/rows<=20"]
    assert len(set(matrix.tables)) == 4
    assert len(set(matrix.tables[of_table])) == 1
    usual, small = of_table
    assert np.isfinite(matrix.loss[usual]).all()
    assert np.sort(matrix.loss[small])[0] == 9.0
    assert np.isfinite(matrix.loss[small]).sum() == 1
    assert np.array_equal(matrix.metafeatures[small], matrix.metafeatures[usual], equal_nan=True)
    dataset = matrix.datasets[usual]
    assert matrix.training_rows[small] == pytest.approx(min(20, dataset.n_rows) * 8 / 9)
    assert matrix.training_rows[usual] == dataset.rows_used / 2
    assert len(matrix.without(one.fingerprint).datasets) == 3

    other = filled.matrix("binary", "log_loss", "9-fold/rows<=20")
    assert other.loss.tolist() == [[9.0]]
    assert other.protocols == ("9-fold/rows<=20",)
    assert filled.matrix("binary", "log_loss", "none such").loss.shape == (0, 0)


def test_metafeatures_of_one_version(filled, example):
    matrix = filled.matrix("binary", "log_loss")
    assert matrix.metafeature_names == ("shape.log_rows", "shape.odd")
    assert matrix.extractors == {"shape": 1}
    assert np.isnan(matrix.metafeatures[:, 1]).sum() == 2
    for row, dataset in enumerate(matrix.datasets):
        (known,) = filled.datasets(fingerprint=dataset.fingerprint)
        assert matrix.metafeatures[row, 0] == known.metafeatures[0].value
    newer = (MetafeatureFact("shape", 2, "log_rows", 7.0),)
    for dataset in example().datasets[:2]:
        filled.add_dataset(replace(dataset, metafeatures=newer))
    assert filled.matrix("binary", "log_loss").extractors == {"shape": 1}
    asked = filled.matrix("binary", "log_loss", extractors={"shape": 2, "text": 1})
    assert asked.metafeature_names == ("shape.log_rows",)
    assert np.isnan(asked.metafeatures).sum() == 2
    for dataset in example().datasets[2:]:
        filled.add_dataset(replace(dataset, metafeatures=newer))
    assert filled.matrix("binary", "log_loss").extractors == {"shape": 2}


def test_leaving_rows_out(filled, example):
    matrix = filled.matrix("binary", "log_loss")
    target = example().datasets[0]
    rest = matrix.without(target.fingerprint, target.group)
    assert len(rest.datasets) == 2
    assert target.group not in rest.groups
    assert rest.loss.shape == rest.seconds.shape == (2, 3)
    assert len(matrix.without(target.fingerprint).datasets) == 3
    assert matrix.rows([2]).metafeature_names == matrix.metafeature_names
    assert np.array_equal(matrix.rows([2]).metafeatures, matrix.metafeatures[2:3], equal_nan=True)
    with_table = matrix.datasets.index(rest.datasets[0])
    assert rest.loss[0].tolist() == matrix.loss[with_table].tolist()


def test_another_name_of_the_same_loss(filled):
    for name in ("neg_log_loss", "log_loss"):
        matrix = filled.matrix("binary", name)
        assert matrix.metric == "log_loss"
        assert np.isfinite(matrix.loss).all()
    assert filled.matrix("binary", "roc_auc_ovo").metric == "roc_auc"
    assert math.isnan(filled.matrix("binary", "accuracy").loss[0, 0])


def test_related_metrics(filled):
    assert filled.metrics_like("binary", "average_precision") == ["roc_auc", "log_loss"]
    assert filled.metrics_like("binary", "brier") == ["log_loss", "roc_auc"]
    assert filled.metrics_like("binary", "somebodys_own") == ["log_loss", "roc_auc"]
    assert filled.metrics_like("binary", "log_loss")[0] == "log_loss"
    assert filled.metrics_like("regression", "rmse") == []
    assert metric_similarity.order("regression", "mse")[:4] == [
        "mse", "neg_mean_squared_error", "rmse", "neg_root_mean_squared_error",
    ]  # fmt: skip
    assert metric_similarity.order("regression", "mae")[2:3] == ["median_ae"]


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_the_table_knows_every_metric(kind):
    for metric in METRICS.values():
        if kind in metric.tasks:
            ordered = metric_similarity.order(kind, metric.name)
            names = {m.name for m in METRICS.values() if kind in m.tasks}
            assert ordered[0] == metric.name
            assert names <= set(ordered) | {"f1", "recall", "precision"}
            assert all(METRICS[name].tasks for name in ordered)


def test_a_configuration_with_fewer_folds_is_compared_on_equal_terms(filled, example):
    """Fold 9 is 3 harder for everybody; who was not measured there gains nothing by it."""
    dataset = example().datasets[0].key
    cells = [fact for fact in filled.evaluations() if fact.fingerprint == dataset[0]]
    keys = sorted({fact.configuration for fact in cells})
    easy = [
        replace(
            cells[0], configuration=key, protocol="uneven", fold=fold, losses={"log_loss": loss}
        )
        for key, base in zip(keys, (1.0, 1.5, 2.0), strict=True)
        for fold, loss in ((0, base), (1, base), (9, base + 3.0))
    ]
    filled.add_evaluations(
        [fact for fact in easy if (fact.configuration, fact.fold) != (keys[2], 9)]
    )
    matrix = filled.matrix("binary", "log_loss", "uneven")
    order = [fact.key for fact in matrix.configurations]
    found = [matrix.loss[0, order.index(key)] for key in keys]
    assert np.diff(found) == pytest.approx([0.5, 0.5])


def test_folds_of_which_none_was_measured_by_all_are_left_as_they_are(filled, example):
    dataset = example().datasets[0].key
    one = next(fact for fact in filled.evaluations() if fact.fingerprint == dataset[0])
    other = next(f for f in filled.evaluations() if f.configuration != one.configuration)
    filled.add_evaluations(
        [
            replace(one, protocol="apart", fold=0, losses={"log_loss": 1.0}),
            replace(
                one,
                configuration=other.configuration,
                protocol="apart",
                fold=1,
                losses={"log_loss": 4.0},
            ),
        ]
    )
    matrix = filled.matrix("binary", "log_loss", "apart")
    assert sorted(matrix.loss[0].tolist()) == [1.0, 4.0]
