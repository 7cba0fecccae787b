"""Tables are written as they are, in the format of the suffix."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pandas as pd
import pytest

from metaauto.cli.output import write_table
from metaauto.errors import SettingError

openpyxl = pytest.importorskip("openpyxl")

DAY = datetime.datetime(2024, 3, 31)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (1, 1),
        (0.1, 0.1),
        (True, True),
        ("007", "007"),
        ("=1+1", "=1+1"),
        ("#N/A", "#N/A"),
        (2**60, str(2**60)),
        (float("inf"), "inf"),
        (None, None),
        (pd.NaT, None),
        (pd.NA, None),
        (DAY, DAY),
        (pd.Timestamp("1800-01-01"), "1800-01-01 00:00:00"),
        (pd.Timestamp("2024-03-31", tz="UTC"), "2024-03-31 00:00:00+00:00"),
        (Decimal("1.5"), "1.5"),
        ([1, 2], "[1, 2]"),
    ],
)
def test_cells_of_excel(tmp_path, value, cell):
    path = tmp_path / "x.xlsx"
    write_table(pd.DataFrame({"a": pd.Series([value, "other"], dtype=object)}), str(path))
    sheet = openpyxl.load_workbook(path).active
    assert sheet["A2"].value == cell
    assert sheet["A2"].data_type != "f"


def test_texts_that_excel_cannot_hold(tmp_path):
    path = tmp_path / "x.xlsx"
    for _ in range(2):
        with pytest.raises(SettingError, match=r"at most 32,767 characters \(got 32,768\)"):
            write_table(pd.DataFrame({"a": ["x" * 32_768]}), str(path))
    assert not list(tmp_path.iterdir())
