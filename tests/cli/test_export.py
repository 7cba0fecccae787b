"""``metaauto export``: the script runs, files are replaced whole, errors are one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from command_line import Cli


@pytest.mark.parametrize("target", ["buys", "income"])
def test_the_script_runs(quick_cli: Cli, trained: Path, tmp_path: Path, target: str) -> None:
    done = quick_cli("export", f"{trained}/{target}.metaauto", "--to", "python", "-o", "train.py")
    assert done.returncode == 0
    assert "Saved train.py" in done.stderr
    command = [sys.executable, "train.py", f"{trained}/people.csv", f"{trained}/new.csv", "out.csv"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    predicted = quick_cli("predict", f"{trained}/{target}.metaauto", f"{trained}/new.csv")
    (tmp_path / "expected.csv").write_text(predicted.stdout)
    expected = pd.read_csv(tmp_path / "expected.csv")[target]
    found = pd.read_csv(tmp_path / "out.csv")[target]
    if target == "income":
        assert found.corr(expected) > 0.98
    else:
        assert (found == expected).mean() > 0.9


def test_the_onnx_model_predicts(quick_cli: Cli, trained: Path, tmp_path: Path) -> None:
    for library in ("onnx", "skl2onnx", "onnxruntime"):
        runtime = pytest.importorskip(library, reason="requires metaauto[onnx]")
    model, table = f"{trained}/buys.metaauto", f"{trained}/new.csv"
    done = quick_cli("export", model, "--to", "onnx", "-o", "buys.onnx", "--data", table)
    assert done.returncode == 0, done.stderr
    assert "Saved buys.onnx" in done.stderr
    session = runtime.InferenceSession(tmp_path / "buys.onnx", providers=["CPUExecutionProvider"])
    rows = pd.read_csv(table)
    feeds = {}
    for given in session.get_inputs():
        cells = rows[given.name]
        text = given.type == "tensor(string)"
        array = cells.fillna("").astype(str) if text else cells.astype(float)
        feeds[given.name] = array.to_numpy(dtype=object if text else float)[:, None]
    labels = session.run(["label"], feeds)[0]
    (tmp_path / "expected.csv").write_text(quick_cli("predict", model, table).stdout)
    assert list(labels) == list(pd.read_csv(tmp_path / "expected.csv")["buys"])


def test_the_script_is_named_after_the_model(quick_cli: Cli, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "m.metaauto").write_bytes((trained / "buys.metaauto").read_bytes())
    assert quick_cli("export", "m.metaauto", "--to", "python").returncode == 0
    printed = quick_cli("export", "m.metaauto", "--to", "python", "-o", "-")
    assert printed.stdout == (tmp_path / "m.py").read_text("utf-8")


def test_errors_are_one_line_and_change_nothing(
    quick_cli: Cli, trained: Path, tmp_path: Path
) -> None:
    model = str(trained / "buys.metaauto")
    (tmp_path / "copy.metaauto").write_bytes(Path(model).read_bytes())
    for arguments, message in (
        ((model,), "Missing option '--to'"),
        ((model, "--to", "pmml"), "Invalid value for '--to': 'pmml' is not"),
        (
            (f"{trained}/people.csv", "--to", "python", "-o", "x.py"),
            "is damaged or not a metaauto model",
        ),
        (("none.metaauto", "--to", "python"), "none.metaauto"),
        ((model, "--to", "python", "-o", "none/x.py"), "The directory 'none'"),
        (("copy.metaauto", "--to", "python", "-o", "copy.metaauto"), "would replace the model"),
        ((model, "--to", "python", "--data", "new.csv"), "--data requires --to onnx"),
        ((model, "--to", "onnx", "--format", "csv"), "--format requires --data"),
    ):
        done = quick_cli("export", *arguments)
        assert done.returncode != 0
        assert message in done.stderr
        assert "Traceback" not in done.stderr
    assert (tmp_path / "copy.metaauto").read_bytes() == Path(model).read_bytes()
    assert not (tmp_path / "x.py").exists()
