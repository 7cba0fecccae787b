from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from metaauto.builtin.readers import READERS
from metaauto.components import Reader
from metaauto.data import lasting_address, read_table
from metaauto.errors import ReadError

FRAME = pd.DataFrame({"a": [1, 2]})


def reader(read, **kwargs):
    return Reader("test", lambda source: source.endswith(".test"), read, "a .test file", **kwargs)


def test_tables_in_memory():
    assert read_table(FRAME) is FRAME
    assert read_table({"x": [1, 2]}).shape == (2, 1)
    assert list(read_table(pd.Series([1, 2])).columns) == ["x0"]
    assert list(read_table(pd.Series([1, 2], name="n")).columns) == ["n"]
    assert read_table([{"x": 1}, {"x": 2}]).shape == (2, 1)
    frame = read_table(np.zeros((3, 2)))
    assert list(frame.columns) == ["x0", "x1"]
    assert frame.attrs["positional"] is True
    mixed = read_table(np.array([[1, "a"], [2, "b"]], dtype=object))
    assert mixed["x0"].dtype.kind == "i"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (np.zeros(3), "1-dimensional"),
        (np.zeros((2, 2, 2)), "3-dimensional"),
        (3, "got a int"),
        ({"x": [1], "y": [1, 2]}, "same number of values"),
        ([[1, 2], [3]], "different lengths"),
        (np.zeros((3, 0)), "no columns"),
    ],
)
def test_no_table_in_memory(source, words):
    with pytest.raises(ReadError, match=words):
        read_table(source)


def test_the_first_reader_that_matches_reads(tmp_path):
    path = tmp_path / "x.test"
    assert read_table(path, [reader(lambda source: FRAME)]) is FRAME
    first = Reader("first", lambda source: True, lambda source: FRAME * 2)
    assert read_table(str(path), [first, reader(lambda source: FRAME)])["a"].tolist() == [2, 4]


def test_expected_columns_are_passed_to_readers_that_accept_them(tmp_path):
    def named(source, columns):
        return pd.DataFrame([[1] * len(columns)], columns=columns)

    path = tmp_path / "x.test"
    frame = read_table(path, [reader(named, accepts_columns=True)], columns=["b", "a"])
    assert list(frame.columns) == ["b", "a"]
    assert read_table(path, [reader(lambda source: FRAME)], columns=["b"]) is FRAME


def test_paths_that_are_no_files(tmp_path):
    known = [reader(open)]
    (tmp_path / "near.test").touch()
    with pytest.raises(ReadError, match=r"File not found: .*Did you mean .*near\.test"):
        read_table(tmp_path / "naer.test", known)
    with pytest.raises(ReadError, match="is a directory"):
        read_table(tmp_path, known)
    (tmp_path / "dir.test").mkdir()
    with pytest.raises(ReadError, match="is a directory"):
        read_table(tmp_path / "dir.test", known)
    (tmp_path / "x.other").touch()
    with pytest.raises(ReadError, match=r"No reader matches .*x\.other'\. No reader of files is"):
        read_table(tmp_path / "x.other", known)
    with pytest.raises(ReadError, match=r"File not found: .*folder .* does not exist"):
        read_table(tmp_path / "none" / "x.test", known)


def test_the_home_folder_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    found = []
    known = [reader(lambda source: found.append(source) or FRAME)]
    for source in ("~/x.test", Path("~/x.test"), "sqlite:~/x.test"):
        read_table(source, known)
    path = f"{tmp_path}{os.sep}x.test".replace(os.sep, "/")
    assert [p.replace(os.sep, "/") for p in found] == [path, path, f"sqlite:{path}"]
    (tmp_path / "x.test").touch()
    assert lasting_address("~/x.test", known) == os.path.realpath(tmp_path / "x.test")


def test_readers_that_fail(tmp_path):
    def denied(source):
        raise PermissionError(source)

    def no_memory(source):
        raise MemoryError

    def broken(source):
        raise KeyError("x")

    with pytest.raises(ReadError, match="permission denied"):
        read_table("x.test", [reader(denied)])
    with pytest.raises(ReadError, match="cannot be read as test: 'x'") as caught:
        read_table("x.test", [reader(broken)])
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(ReadError, match="as test: there is not enough memory"):
        read_table("x.test", [reader(no_memory)])
    with pytest.raises(ReadError, match="returned a int"):
        read_table("x.test", [reader(lambda source: 3)])
    with pytest.raises(ReadError, match="without columns"):
        read_table("x.test", [reader(lambda source: pd.DataFrame())])
    with pytest.raises(ReadError, match="only a header: 'a'"):
        read_table("x.test", [reader(lambda source: FRAME.iloc[:0])])
    for module in ("no_such_module", "no_such.module"):
        with pytest.raises(ReadError, match=f"pip install {module}"):
            read_table("x.test", [reader(lambda source: FRAME, requires=(module,))])


def test_a_reader_that_cannot_match_is_passed_over():
    def matches(source):
        raise RuntimeError

    shy = Reader("shy", matches, lambda source: FRAME * 0)
    assert read_table("x.test", [shy, reader(lambda source: FRAME)]) is FRAME


class TestLastingAddress:
    """What a run remembers of its table must lead there from any directory."""

    @pytest.fixture
    def here(self, tmp_path, monkeypatch):
        folder = tmp_path / "here"
        folder.mkdir()
        monkeypatch.chdir(folder)
        return folder

    def test_a_file_is_found_from_elsewhere(self, here, tmp_path, monkeypatch):
        FRAME.to_csv("t.csv", index=False)
        FRAME.to_csv(tmp_path / "above.csv", index=False)
        found = [lasting_address(p, READERS) for p in ("t.csv", "./t.csv", "../above.csv")]
        assert found == [str(here / "t.csv"), str(here / "t.csv"), str(tmp_path / "above.csv")]
        monkeypatch.chdir("/")
        for address in found:
            assert read_table(address, READERS).equals(FRAME)
            assert lasting_address(address, READERS) == address

    def test_paths_are_addresses(self, here):
        (here / "t.csv").touch()
        assert lasting_address(here.relative_to(here) / "t.csv", READERS) == str(here / "t.csv")

    @pytest.mark.parametrize("address", ["sqlite:t.db?table=orders", "duckdb:t.db", "t.db?table=b"])
    def test_the_file_of_a_database_too(self, address, here):
        sqlite3.connect("t.db").close()
        assert lasting_address(address, READERS) == address.replace("t.db", str(here / "t.db"))

    @pytest.mark.parametrize(
        "address",
        [
            "sklearn:iris",
            "openml:31",
            "-",
            "none.csv",
            "sqlite:none.db",
            "sqlite:t.db?query=" + "select 1 " * 99,
        ],
    )
    def test_other_addresses_stay(self, address, here):
        assert lasting_address(address, READERS) == address

    @pytest.mark.parametrize("name", ["sklearn:iris", "-"])
    def test_a_file_that_is_named_like_an_address_is_not_meant(self, name, here):
        (here / name).write_text("a\n1\n")
        assert lasting_address(name, READERS) == name

    def test_a_question_mark_above_a_database_would_be_misread(self, tmp_path, monkeypatch):
        folder = tmp_path / "what?"
        folder.mkdir()
        monkeypatch.chdir(folder)
        sqlite3.connect("t.db").close()
        assert lasting_address("sqlite:t.db?table=a", READERS) == "sqlite:t.db?table=a"

    @pytest.mark.skipif(os.name == "nt", reason="links need rights there")
    def test_a_link_keeps_the_name_by_which_readers_know_it(self, here):
        FRAME.to_csv("0f3a", index=False)
        os.symlink("0f3a", "t.csv")
        assert lasting_address("t.csv", READERS) == str(here / "t.csv")

    @pytest.mark.parametrize("table", [FRAME, {"a": [1]}, np.zeros((2, 2)), None])
    def test_tables_in_memory_have_no_address(self, table):
        assert lasting_address(table, READERS) is None
