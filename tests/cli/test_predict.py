"""``metaauto predict``: copied columns, labels beside probabilities, large tables."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import Cli, people

import metaauto
from metaauto.builtin.readers import delimited_chunks
from metaauto.data import chunks
from metaauto.data.read import OpenTable
from metaauto.model import FinalModel


@pytest.fixture
def buys(trained: Path) -> str:
    return str(trained / "buys.metaauto")


@pytest.fixture
def new(tmp_path: Path) -> pd.DataFrame:
    """A table of codes, texts with commas and gaps, without the target."""
    table = people(30, seed=4).drop(columns="buys")
    table.insert(0, "id", [f"{i:03d}" for i in range(30)])
    table["gaps"] = [1 if i % 3 else None for i in range(30)]
    table["note"] = ["a, b" if i % 2 else "" for i in range(30)]
    table.to_csv(tmp_path / "new.csv", index=False)
    return table


def output(done, *names: str) -> pd.DataFrame:
    assert (done.returncode, done.stderr) == (0, "")
    frame = pd.read_csv(io.StringIO(done.stdout), dtype={"id": str})
    assert list(frame.columns) == list(names)
    return frame


def test_columns_are_copied_in_the_given_order(quick_cli: Cli, buys: str, new) -> None:
    done = quick_cli("predict", buys, "new.csv", "--keep", "note", "--keep", "id", "--keep", "note")
    frame = output(done, "note", "id", "buys")
    assert frame["id"].tolist() == new["id"].tolist()
    assert frame["note"].fillna("").tolist() == new["note"].tolist()
    assert frame["buys"].tolist() == metaauto.load(buys).predict(new).tolist()


def test_all_columns_are_copied_as_they_are_written(quick_cli: Cli, buys: str, new) -> None:
    done = quick_cli("predict", buys, "new.csv", "--append")
    output(done, *new.columns, "buys")
    source = Path("new.csv").read_text().splitlines()
    assert [line.rpartition(",")[0] for line in done.stdout.splitlines()] == source


def test_the_label_stands_beside_the_probabilities(quick_cli: Cli, buys: str, new) -> None:
    done = quick_cli("predict", buys, "new.csv", "--proba", "--keep", "id", "--name", "predicted")
    frame = output(done, "id", "predicted", "no", "yes")
    model = metaauto.load(buys)
    np.testing.assert_allclose(frame[["no", "yes"]], model.predict_proba(new))
    assert frame["predicted"].tolist() == model.predict(new).tolist()


def test_what_a_model_prints_is_not_among_the_predictions(
    quick_cli: Cli, buys: str, new, monkeypatch: pytest.MonkeyPatch
) -> None:
    predicted = FinalModel.predict

    def predict(model: FinalModel, rows: pd.DataFrame) -> np.ndarray:
        sys.stdout.write("tree 1 of 9\n")
        return predicted(model, rows)

    monkeypatch.setattr(FinalModel, "predict", predict)
    done = quick_cli("predict", buys, "new.csv")
    assert len(done.stdout.splitlines()) == 1 + len(new)
    assert done.stderr == "tree 1 of 9\n"


def test_output_of_models_as_errors() -> None:
    program = """
import os
from metaauto.cli.streams import output_of_models_as_errors
with output_of_models_as_errors():
    print("printed")
    os.write(1, b"written by a library\\n")
print("prediction")
os.write(1, b"and more\\n")
"""
    command = [sys.executable, "-uc", program]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout == "prediction\nand more\n"
    assert sorted(done.stderr.splitlines()) == ["printed", "written by a library"]


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "tsv"])
def test_other_formats_have_the_same_columns(kind: str, quick_cli: Cli, buys: str, new) -> None:
    done = quick_cli("predict", buys, "new.csv", "--append", "--proba", "-o", f"out.{kind}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    read = {
        "parquet": pd.read_parquet,
        "jsonl": lambda path: pd.read_json(path, lines=True, dtype={"id": str}),
        "tsv": lambda path: pd.read_csv(path, sep="\t", dtype={"id": str}),
    }
    frame = read[kind](f"out.{kind}")
    assert list(frame.columns) == [*new.columns, "buys", "no", "yes"]
    assert frame["id"].tolist() == new["id"].tolist()
    assert pd.api.types.is_numeric_dtype(frame["age"].dtype)
    np.testing.assert_allclose(frame["yes"], metaauto.load(buys).predict_proba(new)[:, 1])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--keep", "idd"], "There is no column named 'idd'. Did you mean 'id'?"),
        (["--keep", "id", "--append"], "--keep and --append are mutually exclusive."),
        (["--keep", "id", "--name", "id"], "two columns 'id'. Choose another name with --name"),
        (["--proba", "--name", "yes"], "two columns 'yes'"),
        (["-o", "out.xyz"], "Unsupported output format '.xyz'"),
        (["-o", "none/out.parquet"], "The directory 'none' for the predictions does not exist."),
    ],
)
def test_errors_are_one_line_and_leave_no_output(
    arguments, words: str, quick_cli: Cli, buys: str, new, tmp_path: Path
) -> None:
    place = [] if "-o" in arguments else ["-o", "out.csv"]
    done = quick_cli("predict", buys, "new.csv", *arguments, *place)
    assert done.returncode in (1, 2)
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert words in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"new.csv", "temporary"}


def test_the_prediction_stands_beside_a_copied_target(
    quick_cli: Cli, trained: Path, buys: str, tmp_path: Path
) -> None:
    table = pd.read_csv(trained / "new.csv", dtype={"id": str})
    table.to_csv("known.csv", index=False)
    predicted = metaauto.load(buys).predict(table).tolist()
    done = quick_cli("predict", buys, "known.csv", "--append", "--proba")
    frame = output(done, *table.columns, "predicted_buys", "no", "yes")
    assert frame["buys"].tolist() == table["buys"].tolist()
    assert frame["predicted_buys"].tolist() == predicted
    done = quick_cli("predict", buys, "known.csv", "--keep", "buys", "--name", "guess")
    assert output(done, "buys", "guess")["guess"].tolist() == predicted
    table.assign(predicted_buys=1).to_csv("both.csv", index=False)
    done = quick_cli("predict", buys, "both.csv", "--append")
    assert done.returncode == 1
    assert "two columns 'predicted_buys'. Choose another name with --name" in done.stderr


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_a_large_table_is_predicted_in_chunks_like_in_one_piece(
    suffix: str, kind: str, quick_cli: Cli, buys: str, monkeypatch, tmp_path: Path
) -> None:
    table = people(500, seed=3).drop(columns="buys")
    table["late"] = [None] * 499 + ["word"]
    table["gap"] = [None, *range(499)]
    getattr(table, f"to_{suffix}")(tmp_path / f"large.{suffix}", index=False)
    call = ("predict", buys, f"large.{suffix}", "--append", "--proba", "-o")
    assert quick_cli(*call, f"whole.{kind}").returncode == 0
    monkeypatch.setattr(delimited_chunks, "CHECKED_BYTES", 1000)
    read, sizes = OpenTable.parts, []

    def recorded(opened, rows):
        for part in read(opened, rows):
            sizes.append(len(part))
            yield part

    monkeypatch.setattr(OpenTable, "parts", recorded)
    defaults = {"columns": (), "format": None, "rows": 64}
    monkeypatch.setattr(chunks.read_chunks, "__kwdefaults__", defaults)
    assert quick_cli(*call, f"chunks.{kind}").returncode == 0
    assert len(sizes) == 16
    assert max(sizes) == 64
    one, other = ((tmp_path / f"{name}.{kind}") for name in ("whole", "chunks"))
    if kind == "parquet":
        pd.testing.assert_frame_equal(pd.read_parquet(other), pd.read_parquet(one))
    else:
        assert other.read_text() == one.read_text()


def test_a_pattern_is_predicted_in_order_and_not_replaced(
    buys: str, new: pd.DataFrame, tmp_path: Path, quick_cli: Cli
) -> None:
    for number, part in enumerate((new.iloc[:10], new.iloc[10:])):
        part.to_csv(tmp_path / f"part-{number}.csv", index=False)
    done = quick_cli("predict", buys, "part-*.csv", "--keep", "id")
    assert output(done, "id", "buys")["id"].tolist() == new["id"].tolist()
    done = quick_cli("predict", buys, "part-*.csv", "-o", "part-1.csv")
    assert done.returncode == 1
    assert "would replace the table" in done.stderr


def test_excel_in_and_out(
    buys: str, new: pd.DataFrame, tmp_path: Path, quick_cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    new["note"] = ["=1+1", "#N/A", "bell\a"] * 10
    new["day"] = pd.Timestamp("2024-03-31")
    new.to_parquet(tmp_path / "new.parquet")
    done = quick_cli("predict", buys, "new.parquet", "--append", "-o", "all.xlsx")
    assert (done.returncode, done.stderr) == (0, "")
    sheet = openpyxl.load_workbook(tmp_path / "all.xlsx").active
    header, first, second, third = [[c.value for c in row] for row in sheet.iter_rows(max_row=4)]
    assert header == [*new.columns, "buys"]
    assert first[header.index("id")] == "000"
    assert sheet.cell(2, header.index("note") + 1).data_type == "s"
    assert [row[header.index("note")] for row in (first, second, third)] == ["=1+1", "#N/A", "bell"]
    assert first[header.index("day")] == pd.Timestamp("2024-03-31").to_pydatetime()
    assert isinstance(first[header.index("age")], (int, float))
    again = quick_cli("predict", buys, "all.xlsx", "--keep", "id", "--name", "again")
    assert output(again, "id", "again")["again"].tolist() == [
        row[-1] for row in sheet.iter_rows(min_row=2, values_only=True)
    ]
    monkeypatch.setattr("metaauto.cli.output._EXCEL_ROWS", 30)
    done = quick_cli("predict", buys, "new.parquet", "-o", "many.xlsx")
    assert (done.returncode, done.stderr) == (
        1,
        "Error: An Excel sheet has at most 30 rows. Write .csv or .parquet.\n",
    )
    assert not (tmp_path / "many.xlsx").exists()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    done = quick_cli("predict", buys, "new.parquet", "-o", "none.xlsx")
    assert "requires openpyxl, which is not installed. Run: pip install 'metaauto[excel]'" in (
        done.stderr
    )
