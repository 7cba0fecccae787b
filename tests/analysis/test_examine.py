"""Importance, dependence and weak groups, on models whose formula is known."""

from __future__ import annotations

import json
import time

import numpy as np
import pandas as pd
import pytest
from fake_model import fake_model

from metaauto.analysis.dependence import partial_dependence
from metaauto.analysis.error_slices import row_errors, worst_slices
from metaauto.analysis.examine import examine, known_rows
from metaauto.analysis.importance import column_importance
from metaauto.components import Deadline
from metaauto.errors import DataError, TargetError
from metaauto.metrics import METRICS

RANDOM = np.random.default_rng(0)


def table(rows: int = 400, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "strong": random.normal(size=rows),
            "weak": random.normal(size=rows),
            "idle": random.normal(size=rows),
            "kind": random.choice(["ash", "elm", "oak"], rows),
            "open": random.choice(["yes", "no"], rows),
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(rows) % 300, unit="D"),
        }
    )
    frame.loc[::17, "kind"] = None
    return frame.assign(target=_value(frame) + random.normal(size=rows) * 0.1)


def _value(typed: pd.DataFrame) -> np.ndarray:
    return (3 * typed["strong"] + 0.5 * typed["weak"] + (typed["kind"] == "oak")).to_numpy()


def _chances(typed: pd.DataFrame) -> np.ndarray:
    p = 1 / (1 + np.exp(-3 * typed["strong"].to_numpy()))
    return np.column_stack([1 - p, p])


def names(found):
    return [column.column for column in found.columns]


def test_importance_is_in_the_order_of_the_formula():
    model, typed, y = fake_model(table(), _value)
    found = column_importance(model, typed, y, METRICS["rmse"])
    assert names(found)[:3] == ["strong", "weak", "kind"] or names(found)[:3] == [
        "strong", "kind", "weak",
    ]  # fmt: skip
    assert found.measure == "rmse"
    by_name = {column.column: column for column in found.columns}
    assert by_name["idle"].importance == 0.0
    for column in found.columns:
        assert column.low <= column.importance <= column.high
    assert by_name["strong"].low > by_name["weak"].high


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "accuracy"])
def test_importance_is_positive_whatever_the_direction_of_the_metric(metric):
    frame = table()
    frame["target"] = np.where(frame["strong"] > 0, "yes", "no")
    model, typed, y = fake_model(frame, _chances, metric=metric)
    found = column_importance(model, typed, y, METRICS[metric])
    assert names(found)[0] == "strong"
    assert found.columns[0].low > 0.0


def test_without_answers_it_is_said_how_far_predictions_move():
    model, typed, _ = fake_model(table(), _value)
    found = column_importance(model, typed)
    assert found.measure == ""
    assert names(found)[0] == "strong"
    # The mean distance of two draws of a normal is 2 / sqrt(pi).
    assert found.columns[0].importance == pytest.approx(3 * 2 / np.sqrt(np.pi), rel=0.1)


def test_neither_the_rows_nor_their_order_change():
    model, typed, y = fake_model(table(), _value)
    before = typed.copy()
    once, again = (column_importance(model, typed, y, METRICS["rmse"], seed=3) for _ in range(2))
    pd.testing.assert_frame_equal(typed, before)
    assert once == again


def wide(columns: int = 90) -> pd.DataFrame:
    frame = pd.DataFrame(
        RANDOM.normal(size=(200, columns)), columns=[f"x{i}" for i in range(columns)]
    )
    return frame.assign(target=frame["x77"] * 2 + frame["x3"])


def test_of_many_columns_those_that_move_predictions_are_looked_at():
    model, typed, y = fake_model(wide(), lambda t: (t["x77"] * 2 + t["x3"]).to_numpy())
    found = column_importance(model, typed, y, METRICS["rmse"])
    assert names(found)[:2] == ["x77", "x3"]
    assert len(found.columns) == 40
    assert len(found.screened) == 50


def slow_model(seconds_per_row: float, rows: int = 1500, columns: int = 12):
    """Return a model whose predictions take time, the rows and the targets."""

    def slow(typed):
        time.sleep(seconds_per_row * len(typed))
        return typed["x3"].to_numpy()

    numbers = np.random.default_rng(0).normal(size=(rows, columns))
    frame = pd.DataFrame(numbers, columns=[f"x{i}" for i in range(columns)])
    return fake_model(frame.assign(target=frame["x3"]), slow)


def test_with_little_time_all_columns_are_evaluated_on_fewer_rows():
    model, typed, y = slow_model(4e-4)
    found = column_importance(model, typed, y, METRICS["rmse"], deadline=Deadline.after(3.0))
    assert found.missed == []
    assert found.repeats >= 1
    assert 100 <= found.rows < len(typed)
    assert names(found)[0] == "x3"


def test_a_first_estimate_comes_before_a_long_computation(monkeypatch):
    monkeypatch.setattr("metaauto.analysis.importance._FIRST_SECONDS", 0.05)
    model, typed, y = slow_model(2e-5)
    firsts = []
    options = {"deadline": Deadline.after(600.0), "seed": 3}
    found = column_importance(model, typed, y, METRICS["rmse"], on_first=firsts.append, **options)
    [first] = firsts
    assert names(first)[0] == "x3"
    assert (first.repeats, found.repeats) == (1, 5)
    assert first.rows < found.rows == len(typed)
    assert column_importance(model, typed, y, METRICS["rmse"], seed=3) == found


@pytest.mark.parametrize("rows", [30, 90, 250, 700])
def test_a_first_estimate_comes_for_slow_models_on_small_tables(monkeypatch, rows):
    monkeypatch.setattr("metaauto.analysis.importance._FIRST_SECONDS", 0.05)
    model, typed, y = slow_model(1.5e-3 / rows * 10, rows=rows, columns=6)
    firsts = []
    found = column_importance(
        model, typed, y, METRICS["rmse"], on_first=firsts.append, deadline=Deadline.after(600.0)
    )
    [first] = firsts
    assert names(first)[0] == "x3"
    assert first.rows <= found.rows == rows
    assert first.repeats < found.repeats


def test_examine_gives_the_first_estimate(monkeypatch):
    monkeypatch.setattr("metaauto.analysis.importance._FIRST_SECONDS", 0.0)
    monkeypatch.setattr("metaauto.analysis.importance._REPEATS", 1)
    firsts = []
    examine(fake_model(table(), _value)[0], table(), seconds=600.0, on_first=firsts.append)
    assert names(firsts[0])[0] == "strong"


def test_there_is_no_first_estimate_of_a_short_computation():
    model, typed, y = fake_model(table(), _value)
    column_importance(model, typed, y, METRICS["rmse"], on_first=pytest.fail)


def test_time_is_kept_and_what_was_missed_is_said():
    def slow(typed):
        time.sleep(0.05)
        return typed["x3"].to_numpy()

    frame = pd.DataFrame(RANDOM.normal(size=(30_000, 30)), columns=[f"x{i}" for i in range(30)])
    model, typed, y = fake_model(frame.assign(target=frame["x3"]), slow)
    start = time.monotonic()
    found = column_importance(model, typed, y, METRICS["rmse"], deadline=Deadline.after(0.01))
    assert time.monotonic() - start < 5.0
    assert found.columns
    assert len(found.columns) + len(found.missed) == 30
    assert found.missed
    assert found.repeats == 0
    json.dumps(found.to_json(), allow_nan=False)


def test_partial_dependence_follows_the_formula():
    model, typed, _ = fake_model(table(), _value)
    strong, kind = partial_dependence(model, typed, ["strong", "kind"])
    slope = np.polyfit(strong["values"], strong["curves"][0]["mean"], 1)[0]
    assert slope == pytest.approx(3.0, abs=1e-3)
    means = dict(zip(kind["values"], kind["curves"][0]["mean"]))
    assert kind["values"] == ["ash", "elm", "oak", "missing"]
    assert means["oak"] - means["elm"] == pytest.approx(1.0, abs=1e-3)
    assert means["missing"] == pytest.approx(means["elm"], abs=1e-3)


def test_partial_dependence_names_what_it_sets():
    model, typed, _ = fake_model(table(), _value)
    opened, when = partial_dependence(model, typed, ["open", "when"])
    assert opened["values"] == ["no", "yes"]
    assert when["values"][0].startswith("2024-01")
    assert np.ptp(when["curves"][0]["mean"]) == 0.0


def test_partial_dependence_of_classes_is_of_the_second_of_two():
    frame = table()
    frame["target"] = np.where(frame["strong"] > 0, "yes", "no")
    model, typed, _ = fake_model(frame, _chances, metric="roc_auc")
    (found,) = partial_dependence(model, typed, ["strong"])
    (curve,) = found["curves"]
    assert curve["class"] == "yes"
    assert curve["mean"] == sorted(curve["mean"])


def test_the_worst_group_is_found_and_noise_is_not():
    frame = table(2_000)
    model, typed, _ = fake_model(frame, _value)
    noise = np.abs(np.random.default_rng(5).normal(size=len(frame)))
    assert worst_slices(model.task, typed, noise)["groups"] == []
    errors = noise + 2.0 * (frame["kind"] == "elm")
    found = worst_slices(model.task, typed, errors.to_numpy())
    (group,) = found["groups"]
    assert (group["column"], group["value"]) == ("kind", "elm")
    assert group["error"] > found["overall"] + 1
    assert group["rows"] == (frame["kind"] == "elm").sum()


def test_missing_cells_and_ranges_are_groups_too():
    frame = table(2_000)
    model, typed, _ = fake_model(frame, _value)
    errors = np.where(frame["kind"].isna(), 3.0, 1.0) + np.where(frame["strong"] > 1.0, 2.0, 0.0)
    errors = errors + np.random.default_rng(1).random(len(errors)) / 10
    found = {(g["column"], g["value"]) for g in worst_slices(model.task, typed, errors)["groups"]}
    assert ("kind", "missing") in found
    assert any(column == "strong" and " to " in value for column, value in found)


def test_errors_of_rows():
    model, _, _ = fake_model(table(), _value)
    assert row_errors(model.task, np.array([1.0, 2.0]), np.array([3.0, 2.0]), None).tolist() == [
        2,
        0,
    ]


class TestExamine:
    def model(self, frame):
        model, *_ = fake_model(frame, _value)
        return model

    def test_all_of_it_is_json(self, monkeypatch):
        model = self.model(table())
        found = examine(model, table(300, 1).assign(extra=1), seconds=20.0)
        json.dumps(found, allow_nan=False)
        assert found["has_target"]
        assert not found["is_training"]
        assert found["rows"] == 300
        assert set(found["scores"]) >= {"rmse", "mae", "r2"}
        assert found["intervals"]["ensemble"]["high"] < found["intervals"]["baseline"]["low"]
        assert found["dependence"][0]["column"] == "strong"

    def test_the_training_rows_are_recognised(self):
        frame = table()
        assert examine(self.model(frame), frame, seconds=20.0)["is_training"]

    def test_without_a_target_nothing_is_said_that_needs_it(self):
        found = examine(self.model(table()), table(200, 2).drop(columns="target"), seconds=20.0)
        assert not found["has_target"]
        assert not {"scores", "diagnosis", "slices", "intervals"} & set(found)
        assert found["importance"]["measure"] == ""

    def test_rows_without_a_target_are_left_out_and_counted(self):
        frame = table(200, 3)
        frame.loc[:49, "target"] = np.nan
        rows = known_rows(self.model(table()), frame)
        assert (len(rows.typed), rows.dropped) == (150, 50)

    def test_a_target_that_is_named_must_be_there(self):
        with pytest.raises(TargetError, match="'price'"):
            known_rows(self.model(table()), table(), "price")

    def test_an_empty_table_is_an_error(self):
        with pytest.raises(DataError, match="no rows"):
            known_rows(self.model(table()), table().iloc[:0])
