"""Excel workbooks are read like the csv files of the same tables."""

from __future__ import annotations

import datetime
import shutil
import types
import zipfile

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaauto.builtin.readers import READERS
from metaauto.data import lasting_address, read_table, sources
from metaauto.errors import ReadError

openpyxl = pytest.importorskip("openpyxl")

(READER,) = (reader for reader in READERS if reader.name == "excel")


def read(source, **options) -> pd.DataFrame:
    return read_table(source, READERS, **options)


@pytest.fixture
def book(tmp_path):
    """Return a function that writes a workbook with these rows in its first sheet."""

    def make(*rows, name="book.xlsx", formats=None, **others):
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(list(row))
        for cell, number_format in (formats or {}).items():
            book.active[cell].number_format = number_format
        for title, sheet_rows in others.items():
            sheet = book.create_sheet(title)
            for row in sheet_rows:
                sheet.append(list(row))
        book.save(tmp_path / name)
        return tmp_path / name

    return make


def test_cells_are_read_as_they_look(book):
    day, at = datetime.date(2024, 3, 31), datetime.datetime(2024, 3, 31, 10, 0, 0, 500_000)
    path = book(
        ["day", "at", "time", "span", "ok", "zip", "x", "n", "word", "error"],
        [day, at, datetime.time(10, 35), datetime.timedelta(hours=30), True, 501, 0.1, 7, "a", 1],
        [day, day, None, None, False, 10115, 1e-9, None, " b\n,c ", "#N/A"],
        formats={"F2": "00000", "F3": "00000"},
    )
    assert READER.read(str(path)).to_dict("list") == {
        "day": ["2024-03-31", "2024-03-31"],
        "at": ["2024-03-31 10:00:00.500000", "2024-03-31"],
        "time": ["10:35:00", ""],
        "span": ["30:00:00", ""],
        "ok": ["true", "false"],
        "zip": ["00501", "10115"],
        "x": ["0.1", "1e-09"],
        "n": ["7", ""],
        "word": ["a", "b\n,c"],
        "error": ["1", "#N/A"],
    }
    typed = read(path)
    assert typed["ok"].tolist() == [True, False]
    assert typed["x"].tolist() == [0.1, 1e-9]
    assert typed["zip"].tolist() == ["00501", "10115"]


_COLUMNS = {
    "n": st.integers(-(2**53), 2**53),
    "x": st.floats(-1e300, 1e300).map(lambda x: float(f"{x:.15g}")),
    "w": st.sampled_from(["u", "v w", 'q"', "1,5", "NA", "07", "=1"]),
    "b": st.booleans(),
    "d": st.dates(datetime.date(1901, 1, 1), datetime.date(2100, 1, 1)),
}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(*(st.none() | cells for cells in _COLUMNS.values())), min_size=1))
def test_workbooks_are_read_like_csv(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("book")
    rows = [("first", 1, *row) for row in rows]
    frame = pd.DataFrame(rows, columns=["key", "one", *_COLUMNS], dtype=object)
    frame.to_csv(folder / "t.csv", index=False)
    book = openpyxl.Workbook()
    for row in [list(frame.columns), *rows]:
        book.active.append(row)
        for cell in book.active[book.active.max_row]:
            if isinstance(cell.value, str):
                cell.data_type = "s"
    book.save(folder / "t.xlsx")
    # In a workbook 1.0 is 1.
    expected = read(folder / "t.csv")
    pd.testing.assert_frame_equal(read(folder / "t.xlsx"), expected, check_dtype=False)


def test_empty_rows_and_columns_are_dropped(book):
    path = book(
        [None, None, None, None],
        [None, "a", None, "b"],
        [None, 1, None, None],
        [None, None, None, None],
        [None, 2, None, "x"],
        [None, "  ", None, None],
    )
    assert list(read(path).columns) == ["a", "b"]
    assert read(path)["a"].tolist() == [1, 2]


def test_one_column_keeps_rows_without_a_value(book):
    frame = read(book([None], ["a"], [1], [None], [3], [None]))
    assert frame["a"].isna().tolist() == [False, True, False]


def test_title_above_the_header(book):
    frame = read(book(["Sales"], ["id", "price", "kind"], [1, 2.5, "u"], [2, 3.5, "v"]))
    assert list(frame.columns) == ["id", "price", "kind"]


def test_names_of_columns_are_expected(book):
    path = book(["u", "v"], ["w", "x"], ["y", "z"])
    assert list(read(path, columns=["v"]).columns) == ["u", "v"]
    with pytest.raises(ReadError, match="duplicate column names: 'a'"):
        read(book(["a", "a"], [1, 2]))


def test_sheets_are_chosen_by_name(book, caplog, monkeypatch, tmp_path):
    path = book(["a"], [1], Orders=[["b"], [2]])
    assert read(path)["a"].tolist() == [1]
    assert "has 2 sheets (Sheet, Orders); 'Sheet' is read" in caplog.text
    assert read(f"{path}?sheet=orders")["b"].tolist() == [2]
    with pytest.raises(ReadError, match="has no sheet 'None'. Sheets: Sheet, Orders"):
        read(f"{path}?sheet=None")
    with pytest.raises(ReadError, match="unknown option 'table'"):
        read(f"{path}?table=Orders")
    monkeypatch.chdir(tmp_path)
    assert lasting_address("book.xlsx?sheet=Orders", READERS) == f"{path}?sheet=Orders"


def test_hidden_sheets_are_not_read(book):
    path = book(["a"], [1], Orders=[["b"], [2]])
    changed = openpyxl.load_workbook(path)
    changed["Sheet"].sheet_state = "hidden"
    changed.save(path)
    assert read(path)["b"].tolist() == [2]


def test_sheets_without_a_table(book):
    with pytest.raises(ReadError, match="is empty. Choose another sheet"):
        read(book([None]))
    with pytest.raises(ReadError, match="contains only a header: 'a'"):
        read(book(["a"]))


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"])
def test_files_that_are_no_workbooks(tmp_path, content):
    path = tmp_path / "x.xlsx"
    path.write_bytes(content)
    with pytest.raises(
        ReadError, match=r"x.xlsx' is not a valid Excel workbook: .* without a pass"
    ):
        read(path)
    with pytest.raises(ReadError, match="File not found"):
        read(tmp_path / "none.xlsx")


@pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/styles.xml"])
@pytest.mark.parametrize("content", [None, b"<", b"<a/>", b"\xff"])
def test_damaged_parts_of_workbooks(book, tmp_path, part, content):
    damaged = tmp_path / "damaged.xlsx"
    with zipfile.ZipFile(book(["a"], [1])) as source, zipfile.ZipFile(damaged, "w") as target:
        for name in source.namelist():
            if name != part:
                target.writestr(name, source.read(name))
            elif content is not None:
                target.writestr(name, content)
    try:
        frame = read(damaged)
    except ReadError as error:
        assert "damaged.xlsx" in str(error)
    else:
        assert frame["a"].tolist() == [1]  # styles are optional


def test_zip_bombs_are_refused(book, tmp_path, monkeypatch):
    bomb = tmp_path / "bomb.xlsx"
    shutil.copy(book(["a"], [1]), bomb)
    with zipfile.ZipFile(bomb, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/x.xml", bytes(30_000_000))
    assert bomb.stat().st_size < 100_000
    assert read(bomb)["a"].tolist() == [1]
    memory = types.SimpleNamespace(available=100_000_000)
    monkeypatch.setattr("psutil.virtual_memory", lambda: memory)
    with pytest.raises(ReadError, match="too large when decompressed: expected at most 20 MB"):
        read(bomb)


def test_repeated_long_texts_are_limited(book, monkeypatch):
    path = book(["a"], *[["x" * 30_000]] * 400)
    memory = types.SimpleNamespace(available=10_000_000)
    monkeypatch.setattr("psutil.virtual_memory", lambda: memory)
    with pytest.raises(ReadError, match="too large when decompressed"):
        read(path)


@pytest.mark.parametrize("row", [2_000_000, 10**12])
def test_sheets_that_claim_many_rows_end(book, tmp_path, row):
    path = tmp_path / "claims.xlsx"
    with zipfile.ZipFile(book(["a"], [1])) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name.endswith("sheet1.xml"):
                content = content.replace(b'<row r="2">', b'<row r="%d">' % row)
                content = content.replace(b'ref="A1:A2"', b'ref="A1:XFD%d"' % row)
            target.writestr(name, content)
    with pytest.raises(ReadError, match="has too many cells"):
        read(path)


def test_the_extra_is_named(book, monkeypatch):
    monkeypatch.setattr(sources, "_is_installed", lambda module: module != "openpyxl")
    with pytest.raises(ReadError, match=r"requires openpyxl.*pip install 'metaauto\[excel\]'"):
        read(book(["a"], [1]))
