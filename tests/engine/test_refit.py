"""Refit of an ensemble on all rows: what is kept, what changes, and what is refused."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import metaauto
from metaauto.api import Model, Tags
from metaauto.engine import members
from metaauto.engine.refit import refit, refit_options, refit_stored
from metaauto.errors import (
    ColumnError,
    MissingPlugin,
    NoModelFitted,
    ReadError,
    Refused,
    RunError,
    SchemaMismatch,
    TargetError,
)
from metaauto.model import FinalModel
from metaauto.plugins.manager import PluginSettings

NO_PLUGINS = PluginSettings(only=())
OPTIONS = refit_options(cores=1, memory=2.0, plugins=NO_PLUGINS)


def people(kind: str = "binary", rows: int = 150, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "size": random.normal(size=rows),
            "age": np.where(random.random(rows) < 0.1, np.nan, random.normal(size=rows)),
            "tree": random.choice(["oak", "elm", "ash"], rows),
        }
    )
    signal = frame["size"] + (frame["tree"] == "oak") + random.normal(size=rows) * 0.3
    if kind == "regression":
        frame["y"] = 10 * signal
    elif kind == "multiclass":
        frame["y"] = np.digitize(signal, [-0.2, 0.9])
    else:
        frame["y"] = np.where(signal > 0.4, "yes", "no")
    return frame


def fitted(data: pd.DataFrame, include: list, **options) -> FinalModel:
    settings = {"cores": 1, "memory": 2.0, "cv": 3, "trials": 2, "remember": False, "holdout": 0.2}
    return metaauto.fit(data, "y", include=include, **{**settings, **options})


def of_component(component: Model, data: pd.DataFrame | None = None, **options) -> FinalModel:
    options = {"plugins": NO_PLUGINS, "components": [component], "trials": 1, **options}
    return fitted(people() if data is None else data, [component.name], **options)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_one_model_replaces_the_fold_models(kind: str, tmp_path: Path) -> None:
    include = ["ridge" if kind == "regression" else "logistic", "hist_gradient_boosting"]
    model = fitted(people(kind), include, plugins=NO_PLUGINS, metric=None)
    found = refit(model, people(kind), OPTIONS)
    assert [m.name for m in found.members] == [m.name for m in model.members]
    for old, new in zip(model.members, found.members, strict=True):
        assert len(old.estimators) == 3
        assert len(new.estimators) == 1
        assert (new.weight, new.values, new.rounds) == (old.weight, old.values, old.rounds)
    assert (found.calibrator, found.decision) == (model.calibrator, model.decision)
    assert found.leaderboard_rows == model.leaderboard_rows
    assert found.schema == model.schema
    assert found.record.refit is not None
    assert found.record.refit.is_training
    assert found.record.refit.rows == 150
    assert replace(found.record, refit=None, generated=()) == replace(model.record, generated=())
    loaded = FinalModel.load(found.save(tmp_path / "m.metaauto"))
    rows = people(kind, 40, seed=1)
    np.testing.assert_array_equal(loaded.predict(rows), found.predict(rows))
    expected = model.predict_raw(rows)
    assert np.corrcoef(loaded.predict_raw(rows).ravel(), expected.ravel())[0, 1] > 0.9
    assert loaded.record == found.record


def test_rounds_are_those_of_the_fold_models() -> None:
    model = fitted(people(rows=300), ["hist_gradient_boosting"], plugins=NO_PLUGINS)
    for member in model.members:
        done = [fold.steps[-1][1].n_iter_ for fold in member.estimators]
        assert member.rounds == round(float(np.mean(done)))
    found = refit(model, people(rows=300), OPTIONS)
    for member in found.members:
        assert member.estimators[0].steps[-1][1].n_iter_ == member.rounds
    assert found.record.refit is not None
    assert found.record.refit.validated == ()


def test_a_model_without_rounds_stops_early_on_a_tenth_of_the_rows() -> None:
    model = of_component(_recording(uses_early_stopping=True))
    found = model.refit(people(), cores=1, components=[_recording(uses_early_stopping=True)])
    estimator = found.members[0].estimators[0].steps[-1][1]
    assert (estimator.n_train_, estimator.n_validation_) == (135, 15)
    assert found.record.refit is not None
    assert found.record.refit.validated == (found.members[0].name,)


def test_a_model_without_early_stopping_gets_all_rows_and_no_validation_part() -> None:
    model = of_component(_recording())
    found = model.refit(people(), cores=1, components=[_recording()])
    estimator = found.members[0].estimators[0].steps[-1][1]
    assert (estimator.n_train_, estimator.n_validation_) == (150, 0)


def test_preprocessing_is_fitted_again() -> None:
    model = fitted(people("regression"), ["ridge"], plugins=NO_PLUGINS)
    shifted = people("regression").assign(size=lambda frame: frame["size"] + 100.0)
    found = refit(model, shifted, OPTIONS)
    rows = people("regression", 40, seed=1)
    before = model.predict(rows)
    after = found.predict(rows.assign(size=rows["size"] + 100.0))
    assert np.corrcoef(before, after)[0, 1] > 0.98


def test_new_rows_change_counts_and_say_so() -> None:
    model = fitted(people(), ["naive_bayes"], plugins=NO_PLUGINS)
    rows = people(rows=60, seed=2)
    found = refit(model, rows, OPTIONS)
    counts = rows["y"].value_counts()
    assert found.task.n_rows == 60
    assert found.task.class_counts == (counts["no"], counts["yes"])
    assert found.record.refit is not None
    assert not found.record.refit.is_training
    assert "not estimated on these rows" in found.record.refit_note
    assert "Refitted on 60 rows of another table" in found._repr_html_()
    assert "refitted" in repr(found)
    assert model.record.refit_note == ""


def test_rows_without_a_target_are_dropped_and_columns_may_be_reordered() -> None:
    model = fitted(people("regression"), ["ridge"], plugins=NO_PLUGINS)
    rows = people("regression")
    rows.loc[:9, "y"] = np.nan
    found = refit(model, rows[rows.columns[::-1]].assign(more=1), OPTIONS)
    assert found.task.n_rows == 140
    expected = refit(model, rows.iloc[10:], OPTIONS)
    new = people("regression", 20, seed=1)
    np.testing.assert_allclose(found.predict(new), expected.predict(new))


def test_array_tables_are_matched_by_position() -> None:
    random = np.random.default_rng(0)
    X = random.normal(size=(120, 3))
    y = X[:, 0] + 0.1 * random.normal(size=120)
    settings = {"plugins": NO_PLUGINS, "trials": 1, "cores": 1, "memory": 2.0, "remember": False}
    model = metaauto.fit(X, y, include=["ridge"], **settings)
    found = model.refit(X, y, cores=1)
    assert found.record.refit is not None
    assert found.record.refit.is_training
    assert np.corrcoef(found.predict(X), y)[0, 1] > 0.98


def test_weights_are_those_of_the_fit_by_name() -> None:
    rows = people("regression").assign(w=np.linspace(0.0, 2.0, 150))
    model = fitted(rows, ["ridge"], plugins=NO_PLUGINS, weights="w")
    found = refit(model, rows, OPTIONS)
    assert found.fallback == pytest.approx(np.average(rows["y"], weights=rows["w"]))
    plain = refit(model, rows, OPTIONS, weights=np.ones(150))
    assert plain.fallback == pytest.approx(rows["y"].mean())
    with pytest.raises(ColumnError, match="negative"):
        refit(model, rows.assign(w=-1.0), OPTIONS)
    in_memory = fitted(rows.drop(columns="w"), ["ridge"], plugins=NO_PLUGINS, weights=rows["w"])
    unweighted = of_component(_recording(), rows.drop(columns="w"))
    with pytest.raises(Refused, match="'recording' of 'recording-1' accepts no sample weights"):
        unweighted.refit(rows, weights="w", cores=1, components=[_recording()])
    with pytest.raises(Refused, match="was fitted with sample weights"):
        refit(in_memory, rows.drop(columns="w"), OPTIONS)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda t: t[t["y"] == "yes"], TargetError, "Class 'no' of the model has no row"),
        (lambda t: t.assign(y="maybe"), TargetError, "unknown classes: 'maybe'"),
        (lambda t: t.drop(columns="y"), TargetError, "Target column not found: 'y'"),
        (lambda t: t.drop(columns="size"), SchemaMismatch, "The column 'size'"),
        (lambda t: t.assign(size="large"), SchemaMismatch, "'size' contained numbers"),
        (lambda t: t.assign(y=None), TargetError, "missing in every row"),
        (lambda t: t.head(0), TargetError, "missing in every row"),
    ],
)
def test_unusable_rows_are_refused(change, error, message) -> None:
    model = fitted(people(), ["naive_bayes"], plugins=NO_PLUGINS, trials=1)
    with pytest.raises(error, match=message):
        refit(model, change(people()), OPTIONS)


def test_all_missing_classes_are_named() -> None:
    model = fitted(people("multiclass"), ["naive_bayes"], plugins=NO_PLUGINS, trials=1)
    rows = people("multiclass")
    with pytest.raises(TargetError, match="Classes 0, 2 of the model have no row"):
        refit(model, rows[rows["y"] == 1], OPTIONS)


def test_a_member_that_fails_is_dropped_with_its_cause() -> None:
    failing = _recording(name="failing", fails_without_validation=True)
    model = fitted(people(), ["naive_bayes"], plugins=NO_PLUGINS, trials=1)
    members = [*model.members, *of_component(failing).members]
    both = replace(model, members=[replace(member, weight=1.0) for member in members])
    found = both.refit(people(), cores=1, components=[failing])
    assert {member.model for member in found.members} == {"naive_bayes"}
    assert found.record.refit is not None
    assert "ValueError: no validation" in found.record.refit.dropped[0]
    alone = replace(both, members=both.members[-1:])
    with pytest.raises(NoModelFitted, match="ValueError: no validation"):
        alone.refit(people(), cores=1, components=[failing])


def test_a_model_that_hangs_is_killed_at_the_budget() -> None:
    hanging = _recording(name="hanging", hangs_without_validation=True)
    model = of_component(hanging, cv=0.3)
    began = time.monotonic()
    with pytest.raises(NoModelFitted, match="time limit"):
        model.refit(people(), budget=3, cores=1, components=[hanging])
    assert time.monotonic() - began < 60.0


def test_a_model_that_hangs_on_all_rows_is_killed_without_a_budget(monkeypatch) -> None:
    monkeypatch.setattr(members, "_LEAST_HARD_SECONDS", 2.0)
    began = time.monotonic()
    model = of_component(_recording(name="hanging", hangs_without_validation=True))
    assert time.monotonic() - began < 60.0
    assert [(len(member.estimators), member.all_rows) for member in model.members] == [(3, ())]


def test_a_model_that_predicts_infinity_is_not_accepted() -> None:
    diverging = _recording(name="diverging", diverges_without_validation=True)
    model = of_component(diverging, people("regression"))
    with pytest.raises(NoModelFitted, match="NaN or infinity"):
        model.refit(people("regression"), cores=1, components=[diverging])


def test_a_model_that_is_not_installed_is_named() -> None:
    model = of_component(_recording())
    with pytest.raises(MissingPlugin, match="'recording' of 'recording-"):
        model.refit(people(), cores=1)


def test_a_run_directory_holds_its_rows(tmp_path: Path) -> None:
    run = tmp_path / "run"
    rows = people().assign(w=np.linspace(0.5, 2.0, 150))
    model = fitted(
        rows, ["logistic", "hist_gradient_boosting"], plugins=NO_PLUGINS, run_dir=run, weights="w"
    )
    stored = refit_stored(run, None, OPTIONS)
    given = refit(model, rows, OPTIONS)
    new = people(rows=40, seed=1)
    np.testing.assert_allclose(stored.predict_proba(new), given.predict_proba(new))
    for name in ("weight", "rounds", "values", "plugin"):
        found = [getattr(member, name) for member in stored.members]
        assert found == [getattr(member, name) for member in given.members]
    assert stored.record.refit is not None
    assert stored.record.refit.is_training
    assert (stored.calibrator, stored.decision) == (given.calibrator, given.decision)
    assert stored.record.score == model.record.score
    path = model.save(tmp_path / "m.metaauto")
    rows.to_csv(tmp_path / "rows.csv", index=False)
    from_file = refit_stored(path, str(tmp_path / "rows.csv"), OPTIONS)
    np.testing.assert_allclose(from_file.predict_proba(new), given.predict_proba(new))


def test_groups_of_the_run_are_not_split(tmp_path: Path) -> None:
    run = tmp_path / "run"
    component = _recording(uses_early_stopping=True)
    rows = people().assign(group=np.arange(150) // 30)
    of_component(component, rows, run_dir=run, groups="group", holdout=0.0, cv=5)
    options = refit_options(cores=1, memory=2.0, plugins=NO_PLUGINS, components=[component])
    stored = refit_stored(run, None, options)
    estimator = stored.members[0].estimators[0].steps[-1][1]
    assert (estimator.n_train_, estimator.n_validation_) == (120, 30)


def test_inputs_that_hold_no_rows_are_refused(tmp_path: Path) -> None:
    run = tmp_path / "run"
    model = fitted(people(), ["naive_bayes"], plugins=NO_PLUGINS, run_dir=run)
    path = model.save(tmp_path / "m.metaauto")
    with pytest.raises(Refused, match="holds no rows"):
        refit_stored(path, None, OPTIONS)
    with pytest.raises(ReadError, match="not found"):
        refit_stored(tmp_path / "none", None, OPTIONS)
    with pytest.raises(RunError, match="not a run directory"):
        refit_stored(tmp_path, None, OPTIONS)
    (run / "data" / "y.npy").write_bytes(b"x")
    with pytest.raises(RunError, match="rows in .* are damaged"):
        refit_stored(run, None, OPTIONS)
    (run / "data" / "inputs.json").unlink()
    with pytest.raises(RunError, match="holds no training rows"):
        refit_stored(run, None, OPTIONS)


def _recording(name: str = "recording", **settings) -> Model:
    """Return a model whose estimator keeps the numbers of rows that it was fitted with."""
    uses_early_stopping = settings.pop("uses_early_stopping", False)

    def build(values, context):
        from sklearn.linear_model import LogisticRegression, Ridge

        return LogisticRegression() if context.is_classification else Ridge()

    def fit(estimator, X, y, context):
        validation = context.X_validation
        if validation is None and settings.get("fails_without_validation"):
            raise ValueError("no validation")
        if validation is None and settings.get("hangs_without_validation"):
            time.sleep(3600)
        estimator.fit(X, y)
        if validation is None and settings.get("diverges_without_validation"):
            estimator.coef_ = estimator.coef_ * np.inf
        estimator.n_train_ = X.shape[0]
        estimator.n_validation_ = 0 if validation is None else validation.shape[0]
        return estimator

    tags = Tags(needs_scaling=True, uses_early_stopping=uses_early_stopping, deterministic=True)
    return Model(name, build, fit=fit, tags=tags)


def test_a_refitted_model_can_be_refitted_and_is_recognised_by_the_report() -> None:
    from metaauto.analysis.examine import examine

    model = fitted(people(rows=300), ["hist_gradient_boosting"], plugins=NO_PLUGINS)
    new = people(rows=200, seed=3)
    again = refit(refit(model, people(rows=300), OPTIONS), new, OPTIONS)
    assert [m.rounds for m in again.members] == [m.rounds for m in model.members]
    assert again.record.refit is not None
    assert again.record.refit.rows == 200
    assert examine(again, new, seconds=1.0)["is_training"]
    assert not examine(again, people(rows=300), seconds=1.0)["is_training"]


def test_an_isolated_model_can_be_refitted(tmp_path: Path) -> None:
    path = fitted(people(), ["naive_bayes"], plugins=NO_PLUGINS, trials=1).save(tmp_path / "m")
    isolated = FinalModel.load(path, isolated=True)
    try:
        found = isolated.refit(people(), cores=1)
    finally:
        isolated.close()
    assert type(found) is FinalModel
    assert len(found.predict(people())) == 150


def test_a_run_on_arrays_keeps_the_positions(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    X = random.normal(size=(120, 3))
    y = (X[:, 0] > 0).astype(int)
    settings = {"plugins": NO_PLUGINS, "trials": 1, "cores": 1, "memory": 2.0, "remember": False}
    model = metaauto.fit(X, y, include=["logistic"], run_dir=tmp_path / "run", **settings)
    stored = refit_stored(tmp_path / "run", None, OPTIONS)
    assert stored.schema == model.schema
    assert (stored.predict(pd.DataFrame(X, columns=["p", "q", "r"])) == y).mean() > 0.9
