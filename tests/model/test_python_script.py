from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from metaauto.ensemble import Calibrator, Decision
from metaauto.errors import Refused, SettingError
from metaauto.model.python_script import python_script
from metaauto.task import Role

KINDS = ("binary", "multiclass", "regression")


def run_script(source: str, folder, train: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    (folder / "script.py").write_text(source, "utf-8")
    train.to_csv(folder / "train.csv", index=False)
    new.to_csv(folder / "new.csv", index=False)
    done = subprocess.run(
        [sys.executable, "script.py", "train.csv", "new.csv", "predictions.csv"],
        cwd=folder, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return pd.read_csv(folder / "predictions.csv")


@pytest.mark.parametrize("kind", KINDS)
def test_the_script_predicts_like_the_model(models, table, kind, tmp_path):
    model, new = models[kind], table(kind, 150, seed=9)
    found = run_script(python_script(model), tmp_path, table(kind), new.drop(columns="target"))
    assert len(found) == len(new)
    if kind == "regression":
        assert np.corrcoef(found["target"], model.predict(new))[0, 1] > 0.98
        return
    assert np.mean(found["target"].to_numpy() == model.predict(new)) > 0.85
    titles = [f"probability of {label}" for label in model.classes_]
    difference = np.abs(found[titles].to_numpy() - model.predict_proba(new)).mean()
    assert difference < 0.1


def test_a_single_model_fitted_on_all_rows_is_reproduced(maker_of, table, tmp_path):
    frame = table("binary")
    maker = maker_of(frame)
    everything = np.arange(len(frame))
    maker.evaluator.inputs.folds[:] = [(everything, everything[:40])]
    maker.folds = range(1)
    model = maker.model(maker.member("logistic"), calibrator=Calibrator("platt", (1.3, 0.2)))
    new = table("binary", 50, seed=3)
    found = run_script(python_script(model), tmp_path, frame, new)
    expected = model.predict_proba(new)[:, 1]
    np.testing.assert_allclose(found["probability of yes"], expected, atol=2e-3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.skipif(shutil.which("ruff") is None, reason="ruff is not installed")
def test_the_script_is_formatted(models, kind, tmp_path):
    (tmp_path / "script.py").write_text(python_script(models[kind]), "utf-8")
    for arguments in (("check",), ("format", "--diff")):
        done = subprocess.run(
            ["ruff", *arguments, "--isolated", "--no-cache", "script.py"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


def test_members_of_weight_zero_are_left_out(models):
    assert "Dummy" not in python_script(models["multiclass"])


@pytest.mark.parametrize(
    ("calibrator", "decision"),
    [
        (Calibrator("beta", (0.9, 1.2, 0.1)), Decision("multipliers", (1.0, 2.5))),
        (Calibrator("temperature", (2.0,)), Decision("threshold", (0.3,))),
        (Calibrator("platt", (1.5, -0.5)), Decision()),
    ],
)
def test_calibration_and_decision_are_those_of_the_model(models, calibrator, decision):
    model = dataclasses.replace(models["binary"], calibrator=calibrator, decision=decision)
    script: dict = {"__name__": "script"}
    exec(python_script(model), script)
    p = np.linspace(0.001, 0.999, 101)
    probabilities = np.column_stack([1 - p, p])
    calibrated = script["calibrate"](probabilities)
    np.testing.assert_allclose(calibrated, calibrator.apply(probabilities), atol=1e-5)
    labels = model.classes_[decision.labels(calibrated)]
    np.testing.assert_array_equal(script["decide"](calibrated), labels)


def test_names_cannot_add_code(models):
    bad = '"""\nimport os; os.abort()\n\\'
    model = models["binary"]
    members = [dataclasses.replace(m, name=bad, model=bad) for m in model.members]
    task = dataclasses.replace(model.task, target=bad)
    script: dict = {"__name__": "script"}
    exec(python_script(dataclasses.replace(model, members=members, task=task)), script)
    assert script["TARGET"] == bad


def test_a_number_format_is_refused_by_the_name_of_the_column(models):
    schema = models["binary"].schema
    columns = tuple(
        dataclasses.replace(c, format="1.234,5 kg") if c.role is Role.NUMERIC else c
        for c in schema.columns
    )
    model = dataclasses.replace(
        models["binary"], schema=dataclasses.replace(schema, columns=columns)
    )
    with pytest.raises(Refused, match=r"Column 'size' has the format '1\.234,5 kg'"):
        python_script(model)


def test_a_class_of_no_package_is_refused_by_the_name_of_the_member(models):
    from sklearn.linear_model import Ridge

    class Local(Ridge):
        pass

    Local.__module__ = "__main__"
    model = models["regression"]
    fitted = model.members[1].estimators[0]
    pipeline = type(fitted)([*fitted.steps[:-1], ("model", Local())])
    member = dataclasses.replace(model.members[1], estimators=[pipeline])
    with pytest.raises(Refused, match="Member 'ridge-1' cannot be written as Python: .*Local"):
        python_script(dataclasses.replace(model, members=[member]))


def test_export_writes_the_file_and_keeps_it_on_errors(models, tmp_path):
    place = models["binary"].export(tmp_path / "script.py")
    assert place.read_text("utf-8") == python_script(models["binary"])
    with pytest.raises(SettingError, match="Unknown export format 'pmml'"):
        models["binary"].export(place, to="pmml")
    assert place.read_text("utf-8") == python_script(models["binary"])
    with pytest.raises(SettingError, match="Cannot write"):
        models["binary"].export(tmp_path / "none" / "script.py")
    assert [path.name for path in tmp_path.iterdir()] == ["script.py"]
