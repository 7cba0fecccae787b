from __future__ import annotations

import json

import pytest
from builders import make_trial

from metaauto.analysis.leaderboard import LEADERBOARD_COLUMNS, build_leaderboard, run_leaderboard
from metaauto.configuration import Configuration
from metaauto.ensemble import Selection
from metaauto.metrics import METRICS
from metaauto.run import RunRecord
from metaauto.search.trial import Outcome, Status, Trial


def trial(number: int, loss: float | None, status=Status.SUCCESS, **more) -> Trial:
    outcomes = {f: Outcome(number, f, status, seconds=1.5, memory=100.0 + number) for f in (0, 1)}
    return make_trial(number, status, loss=loss, outcomes=outcomes, **more)


TRIALS = [
    trial(0, 0.9, source="baseline"),
    trial(1, None, Status.CRASHED, error="The worker was ended by SIGSEGV."),
    trial(2, 0.2),
    trial(3, 0.5, Status.DROPPED, error="Clearly worse."),
    trial(4, 0.1),
    trial(5, 0.2),
]
SELECTION = Selection({2: 0.25, 4: 0.75}, 0.08, 0.1)


def rows(trials=TRIALS, selection=SELECTION, metric="accuracy"):
    return build_leaderboard(trials, selection, METRICS[metric])


def test_the_best_stand_first_and_those_without_a_score_last():
    names = [row["name"] for row in rows()]
    assert names == ["ensemble", "knn-4", "knn-2", "knn-5", "knn-0", "knn-1", "knn-3"]
    assert [row["rank"] for row in rows()] == [1, 2, 3, 4, 5, None, None]


def test_every_row_has_the_documented_columns():
    for row in rows():
        assert set(row) == set(LEADERBOARD_COLUMNS)
    json.dumps(rows(), allow_nan=False)


@pytest.mark.parametrize("metric", ["accuracy", "rmse", "log_loss", "roc_auc"])
def test_scores_are_in_the_direction_of_the_metric(metric):
    chosen = METRICS[metric]
    scores = [row["score"] for row in rows(metric=metric) if row["score"] is not None]
    assert scores == sorted(scores, reverse=chosen.greater_is_better)
    assert scores[1] == pytest.approx(chosen.loss_to_score(0.1))


def test_only_whole_trials_have_a_score():
    """The projected loss of a dropped trial is over other rows."""
    without = {row["name"]: row for row in rows() if row["score"] is None}
    assert set(without) == {"knn-1", "knn-3"}
    assert without["knn-1"]["error"] == "The worker was ended by SIGSEGV."
    assert without["knn-3"]["status"] == "dropped"


def test_weights_are_those_of_the_ensemble():
    weights = {row["name"]: row["weight"] for row in rows()}
    assert weights["knn-2"] == 0.25
    assert weights["knn-4"] == 0.75
    assert weights["knn-5"] == 0.0
    assert sum(w for name, w in weights.items() if name != "ensemble") == pytest.approx(1.0)


def test_the_ensemble_stands_before_a_single_model_of_its_score():
    found = rows(selection=Selection({4: 1.0}, 0.1, 0.1))
    assert [row["name"] for row in found[:2]] == ["ensemble", "knn-4"]


def test_seconds_and_memory_of_the_ensemble_are_those_of_its_members():
    ensemble = rows()[0]
    assert ensemble["seconds"] == 6.0
    assert ensemble["memory"] == 104.0
    assert rows()[1]["seconds"] == 3.0


def test_the_baseline_alone_is_a_leaderboard():
    found = rows([TRIALS[0], TRIALS[1]], Selection({0: 1.0}, 0.9, 0.9))
    assert [row["name"] for row in found] == ["ensemble", "knn-0", "knn-1"]


def test_configurations_come_along():
    by_name = {row["name"]: row["configuration"] for row in rows()}
    assert by_name["ensemble"] is None
    assert Configuration.from_json(by_name["knn-2"]) == TRIALS[2].configuration


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss"])
def test_a_run_without_a_result_ranks_its_trials(metric: str) -> None:
    rows = [
        {
            "number": t.number,
            "name": t.name,
            "status": str(t.status),
            "loss": t.loss,
            "source": t.source,
            "seconds": t.seconds,
            "memory": t.memory,
            "error": t.error,
            "configuration": t.configuration.to_json(),
        }
        for t in TRIALS
    ]
    shown = run_leaderboard(RunRecord({"metric_used": metric}, "running", 1.0, rows, {}))
    built = build_leaderboard(TRIALS, Selection({4: 1.0}, 0.1, 0.1), METRICS[metric])
    expected = [row for row in built if row["name"] != "ensemble"]
    assert [row["name"] for row in shown] == [row["name"] for row in expected]
    assert [row["score"] for row in shown] == [row["score"] for row in expected]
    assert [row["rank"] for row in shown] == [1, 2, 3, 4, None, None]
    assert list(shown[0]) == list(LEADERBOARD_COLUMNS)
    unknown = run_leaderboard(RunRecord({"metric_used": "own"}, "running", 1.0, rows, {}))
    assert [row["score"] for row in unknown] == [None] * len(rows)
