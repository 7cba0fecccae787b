"""The analyses of fitted models in Python: on final models and on estimators, as the commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import in_process, people
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import f1_score, roc_auc_score

import metaauto
from metaauto import AutoClassifier, AutoRegressor
from metaauto.errors import (
    ReadError,
    Refused,
    SchemaMismatch,
    SettingError,
    SplitError,
    TargetError,
    UnknownName,
)

TINY = {"budget": "2 trials", "n_jobs": 1, "random_state": 0, "cv": 2, "memory": 2}
TEST = people(90, seed=5)


@pytest.fixture(scope="module")
def auto() -> AutoClassifier:
    table = people()
    auto = AutoClassifier(include=["logistic", "lda"], metric="f1", **TINY)
    return auto.fit(table.drop(columns="buys"), table["buys"])


@pytest.fixture(scope="module")
def files(auto: AutoClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the model and the table of the tests."""
    folder = tmp_path_factory.mktemp("files")
    auto.save(folder / "model.metaauto")
    TEST.to_csv(folder / "test.csv", index=False)
    return folder


def told(folder: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    capsys.readouterr()
    in_process(folder, *arguments, "--json")
    return json.loads(capsys.readouterr().out)


def test_evaluate_takes_tables_files_and_targets(auto: AutoClassifier, files: Path, capsys) -> None:
    X, y = TEST.drop(columns="buys"), TEST["buys"]
    scores = auto.evaluate(X, y)
    labels, probabilities = auto.predict(X), auto.predict_proba(X)[:, 1]
    positive = auto.model_.task.positive
    assert scores["f1"] == pytest.approx(f1_score(y, labels, pos_label=positive))
    assert scores["roc_auc"] == pytest.approx(roc_auc_score(y == "yes", probabilities), abs=1e-6)
    assert next(iter(scores)) == "f1"
    loaded = metaauto.load(files / "model.metaauto")
    named = TEST.rename(columns={"buys": "bought"})
    for model, data, target in (
        (auto, TEST, None),
        (loaded, files / "test.csv", None),
        (loaded, named, "bought"),
        (loaded, X.to_dict("records"), y.tolist()),
        (loaded, X.set_index(np.arange(90) + 7), y.to_numpy()),
    ):
        assert model.evaluate(data, target) == pytest.approx(scores, rel=1e-4)
    command = told(files, capsys, "evaluate", "model.metaauto", "test.csv")
    assert command["scores"] == pytest.approx(scores, rel=1e-4)


def test_evaluate_computes_the_given_metrics(auto: AutoClassifier) -> None:
    assert list(auto.evaluate(TEST, metrics=["mcc", "auc"])) == ["mcc", "roc_auc"]
    assert list(auto.evaluate(TEST, metrics="brier")) == ["brier"]
    with pytest.raises(UnknownName, match="f_one"):
        auto.evaluate(TEST, metrics="f_one")


def test_a_missing_score_has_a_reason_in_the_log(auto: AutoClassifier, caplog) -> None:
    scores = auto.evaluate(TEST[TEST["buys"] == "no"], metrics="roc_auc")
    assert np.isnan(scores["roc_auc"])
    assert "roc_auc: no row has the class 'yes'." in caplog.text


@pytest.mark.parametrize(
    ("data", "target", "error"),
    [
        (TEST.drop(columns="buys"), None, TargetError),
        (TEST, "bought", TargetError),
        (TEST, ["yes", "no"], TargetError),
        (TEST.assign(buys="perhaps"), None, TargetError),
        (TEST.drop(columns="age"), None, SchemaMismatch),
        ("nothing.csv", None, ReadError),
        (np.zeros((3, 2)), ["yes", "no", "no"], SchemaMismatch),
        (7, None, SchemaMismatch),
    ],
)
def test_tables_that_cannot_be_evaluated(auto: AutoClassifier, data, target, error) -> None:
    for analysis in (auto.evaluate, auto.leaderboard):
        with pytest.raises(error):
            analysis(data, target)


def test_importance_is_that_of_the_command(auto: AutoClassifier, files: Path, capsys) -> None:
    found = auto.importance(TEST, seed=3)
    assert set(found.index) == {"age", "income", "city", "house"}
    assert found["importance"].is_monotonic_decreasing
    assert found.attrs == {"metric": "f1", "positive": "yes", "rows": 90, "repeats": 5}
    command = told(files, capsys, "explain", "model.metaauto", "test.csv", "--seed", "3")
    lines = [{"column": name, **row} for name, row in found.to_dict("index").items()]
    for one, other in zip(lines, command["columns"], strict=True):
        assert one["column"] == other["column"]
        assert one["importance"] == pytest.approx(other["importance"], abs=1e-3)
    blind = auto.importance(TEST.drop(columns="buys"), budget=5)
    assert blind.attrs["metric"] == ""
    with pytest.raises(SettingError, match="soon"):
        auto.importance(TEST, budget="soon")


def test_columns_without_a_computed_importance_are_missing(auto: AutoClassifier) -> None:
    found = auto.importance(TEST, budget=0.001)
    assert set(found.index) == {"age", "income", "city", "house"}
    assert found["importance"].isna().any()


def test_the_leaderboard_scores_each_member_on_other_rows(auto: AutoClassifier) -> None:
    board = auto.leaderboard(TEST, metric="log_loss")
    weights = {member.name: member.weight for member in auto.model_.members}
    assert set(board["name"]) == {"ensemble", *weights}
    assert board["rank"].tolist() == list(range(1, len(board) + 1))
    assert board["score"].is_monotonic_increasing
    lines = board.set_index("name")
    assert lines.loc["ensemble", "score"] == auto.evaluate(TEST, metrics="log_loss")["log_loss"]
    for name, weight in weights.items():
        alone = auto.model_.prune()
        alone.members = [member for member in alone.members if member.name == name]
        alone.calibrator = None
        score = alone.evaluate(TEST, metrics="log_loss")["log_loss"]
        assert lines.loc[name, "score"] == pytest.approx(score)
        assert lines.loc[name, "weight"] == pytest.approx(weight)
    assert (board["fit_seconds"] > 0).all()
    assert (board["predict_seconds"] > 0).all()
    assert board["out_of_fold_score"].isna().all()
    own = auto.leaderboard(TEST).set_index("name")
    assert own.loc["ensemble", "score"] == auto.evaluate(TEST, metrics="f1")["f1"]
    assert own.loc["ensemble", "out_of_fold_score"] == auto.model_.record.score


def test_the_leaderboard_of_the_fit_is_a_table(auto: AutoClassifier) -> None:
    board = auto.leaderboard()
    pd.testing.assert_frame_equal(board, auto.leaderboard_)
    assert str(board["rank"].dtype) == "Int64"
    assert len(board) == len(auto.model_.leaderboard_rows)
    assert auto.leaderboard(top=2)["name"].tolist() == board["name"].tolist()[:2]
    for top in (0, -1):
        with pytest.raises(SettingError, match="top must be >= 1"):
            auto.leaderboard(top=top)


def test_an_isolated_model_has_no_members_to_score(files: Path) -> None:
    model = metaauto.load(files / "model.metaauto", isolated=True)
    assert model.evaluate(TEST)["f1"] > 0.5
    with pytest.raises(Refused, match="child process"):
        model.leaderboard(TEST)
    model.close()


def test_report_writes_one_file(auto: AutoClassifier, files: Path, tmp_path: Path) -> None:
    plain = auto.report(tmp_path / "plain.html")
    assert "Model report: buys" in plain.read_text("utf-8")
    full = metaauto.load(files / "model.metaauto").report(
        str(tmp_path / "full.html"), files / "test.csv", budget=2
    )
    assert "Error analysis" in full.read_text("utf-8")
    assert "90 rows" in full.read_text("utf-8")
    assert "90 rows" not in plain.read_text("utf-8")
    for place in (tmp_path, tmp_path / "none" / "r.html"):
        with pytest.raises(SettingError, match="cannot be written"):
            auto.report(place)
    with pytest.raises(TargetError):
        auto.report(full, TEST, "bought")
    assert "Error analysis" in full.read_text("utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full.html", "plain.html"]


def test_estimators_explain_as_their_model(auto: AutoClassifier) -> None:
    X = TEST.drop(columns="buys")
    found = auto.explain(X.head(3), X, "permutation")
    pd.testing.assert_frame_equal(found, auto.model_.explain(X.head(3), X, "permutation"))


def test_analyses_require_a_fit() -> None:
    for name, arguments in {
        "evaluate": (TEST,),
        "importance": (TEST,),
        "leaderboard": (),
        "report": ("report.html",),
        "explain": (TEST,),
    }.items():
        with pytest.raises(NotFittedError):
            getattr(AutoClassifier(), name)(*arguments)
    assert not hasattr(AutoRegressor(), "feature_importances_")


def test_feature_importances_are_in_the_order_of_the_columns() -> None:
    table = people(200)[["house", "city", "age", "buys"]]
    table.insert(1, "number", [f"A-{i:05d}" for i in range(200)])
    X, y = table.drop(columns="buys"), table["buys"]
    auto = AutoClassifier(include=["logistic"], **TINY).fit(X, y)
    found = auto.feature_importances_
    assert found.shape == (auto.n_features_in_,)
    expected = auto.importance(X, y)["importance"]
    assert found.tolist() == [expected.get(name, 0.0) for name in X.columns]
    assert found[1] == 0.0
    assert found.argmax() == 3
    found[:] = 0.0
    assert auto.feature_importances_.argmax() == 3


def test_feature_importances_of_arrays_and_of_the_holdout(monkeypatch) -> None:
    random = np.random.default_rng(0)
    X = random.normal(size=(150, 3))
    y = 3 * X[:, 1] + random.normal(size=150) / 10
    auto = AutoRegressor(include=["ridge"], holdout=0.2, **TINY).fit(X, y)
    rows = []
    importance = type(auto.model_).importance

    def recorded(model, data, target, **more):
        rows.append(len(data))
        return importance(model, data, target, **more)

    monkeypatch.setattr(type(auto.model_), "importance", recorded)
    assert auto.feature_importances_.argmax() == 1
    assert auto.feature_importances_.argmax() == 1
    assert rows == [auto.model_.record.holdout_rows] == [30]


def test_parameters_of_the_fit_reach_the_model() -> None:
    table = people(160).assign(day=np.arange(160))
    auto = AutoClassifier(
        include=["lda"],
        holdout=0.25,
        time="day",
        roles={"house": "categorical"},
        missing=["Kiel"],
        positive="no",
        **TINY,
    )
    assert clone(auto).get_params() == auto.get_params()
    auto.fit(table.drop(columns="buys"), table["buys"])
    task = auto.model_.task
    assert (task.time, task.positive, auto.model_.record.holdout_rows) == ("day", "no", 40)
    roles = {column.name: str(column.role) for column in task.columns}
    assert roles["house"] == "categorical"
    assert auto.model_.schema.missing == ("Kiel",)
    assert auto.n_features_in_ == len(auto.feature_importances_) == 5
    with pytest.raises(TypeError, match="positive"):
        AutoRegressor(positive="no")


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"holdout": 1.5}, SplitError),
        ({"time": "day"}, ValueError),
        ({"roles": {"age": "number"}}, UnknownName),
        ({"roles": {"agee": "numeric"}}, ValueError),
        ({"positive": "perhaps"}, ValueError),
    ],
)
def test_wrong_parameters_are_errors_of_the_fit(given, error) -> None:
    table = people()
    auto = AutoClassifier(**given, **TINY)
    with pytest.raises(error):
        auto.fit(table.drop(columns="buys"), table["buys"])
    assert not hasattr(auto, "model_")
