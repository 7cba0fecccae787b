"""Tables of several files: patterns, folders, columns that agree."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaauto.builtin.readers import READERS
from metaauto.data import file_sets, lasting_address, read_table
from metaauto.data.chunks import read_chunks
from metaauto.data.file_sets import Alignment, is_pattern, partition_of
from metaauto.errors import ReadError


def read(source, **options) -> pd.DataFrame:
    return read_table(source, READERS, **options)


def write(path: Path, **columns) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame(columns)
    frame.to_parquet(path) if path.suffix in file_sets.PARQUET else frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_pattern_reads_all_files_in_order(tmp_path, suffix):
    write(tmp_path / f"p2.{suffix}", b=["z"], a=[3.5])
    write(tmp_path / f"p1.{suffix}", a=[1, 2], b=["x", "y"])
    (tmp_path / f"p3.{suffix}").mkdir()
    expected = {"a": [1, 2, 3.5], "b": ["x", "y", "z"]}
    for pattern in ("p*.", "p?.", "p[12]."):
        assert read(tmp_path / f"{pattern}{suffix}").to_dict("list") == expected
    parts = list(read_chunks(tmp_path / f"*.{suffix}", READERS, rows=2))
    assert [typed["a"].tolist() for _, typed in parts] == [[1.0, 2.0], [3.5]]


def test_types_of_text_files_are_those_of_all_files(tmp_path):
    write(tmp_path / "1.csv", code=["007", "008"], n=["1", "2"])
    write(tmp_path / "2.csv", code=["9", "10"], n=["3", "x"])
    frame = read(tmp_path / "*.csv")
    assert frame["code"].tolist() == ["007", "008", "9", "10"]
    assert frame["n"].tolist() == ["1", "2", "3", "x"]


def test_header_of_the_first_file_is_expected_in_the_others(tmp_path):
    (tmp_path / "1.csv").write_text("name,kind\nu,v\n")
    (tmp_path / "2.csv").write_text("u,w\nq,1\n")
    with pytest.raises(ReadError, match=r"'.*2.csv' has no column 'name', but '.*1.csv' has one"):
        read(tmp_path / "*.csv")


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ({"a": [1], "b": [1]}, {"a": [1]}, r"'.*2.parquet' has no column 'b', but '.*1.parquet'"),
        ({"a": [1]}, {"a": [1], "b": [1]}, r"'.*1.parquet' has no column 'b', but '.*2.parquet'"),
        ({"a": [1]}, {"a": ["x"]}, r"column 'a' holds text in '.*2.parquet', but numbers in '.*1"),
        ({"a": [1]}, {"a": [True]}, "column 'a' holds Booleans in"),
        ({"a": [1.5]}, {"a": [pd.Timestamp("2024-01-01")]}, "column 'a' holds dates in"),
        (
            {"a": [pd.Timestamp("2024-01-01")]},
            {"a": [pd.Timestamp("2024-01-01", tz="UTC")]},
            "column 'a' holds dates with a time zone in .*, but dates in",
        ),
    ],
)
def test_mixed_columns_name_the_file_and_the_column(tmp_path, first, second, words):
    write(tmp_path / "1.parquet", **first)
    write(tmp_path / "2.parquet", **second)
    for read_it in (read, lambda source: list(read_chunks(source, READERS))):
        with pytest.raises(ReadError, match=words) as caught:
            read_it(tmp_path / "*.parquet")
        assert caught.value.details["column"] in ("a", "b")


def test_columns_without_values_have_any_type(tmp_path):
    write(tmp_path / "1.parquet", a=[None, None], b=[1, 2])
    write(tmp_path / "2.parquet", a=["x"], b=[0.5])
    frame = read(tmp_path / "*.parquet")
    assert frame["a"].isna().tolist() == [True, True, False]
    assert frame["b"].tolist() == [1, 2, 0.5]


def test_files_without_rows_are_skipped(tmp_path):
    write(tmp_path / "1.csv", a=[1, 2])
    (tmp_path / "2.csv").write_text("a\n")
    assert read(tmp_path / "*.csv")["a"].tolist() == [1, 2]
    (tmp_path / "1.csv").write_text("a\n")
    with pytest.raises(ReadError, match=r"\*.csv' contains only a header: 'a'"):
        read(tmp_path / "*.csv")


def test_patterns_that_match_nothing_or_too_much(tmp_path, monkeypatch):
    write(tmp_path / "a.csv", a=[1])
    write(tmp_path / "b.csv", a=[1])
    with pytest.raises(ReadError, match=r"No file matches .*none\*\.csv'"):
        read(tmp_path / "none*.csv")
    (tmp_path / "readme").touch()
    with pytest.raises(ReadError, match="No reader matches .*readme"):
        read(tmp_path / "*")
    monkeypatch.setattr(file_sets, "_MOST_FILES", 1)
    with pytest.raises(ReadError, match="matches more than 1 files"):
        read(tmp_path / "*.csv")


def test_files_of_a_pattern_by_format(tmp_path):
    for name in ("part-0", "part-1"):
        (tmp_path / name).write_text("a\n1\n")
    assert read(tmp_path / "part-*", format="csv")["a"].tolist() == [1, 1]


def test_names_that_are_no_patterns(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(Path("data[1].csv"), a=[1])
    Path("shop.db").touch()
    assert read("data[1].csv")["a"].tolist() == [1]
    for address in ("data[1].csv", "shop.db?query=SELECT * FROM t", "sqlite:x?query=*", "a.csv"):
        assert not is_pattern(address)
    for address in ("*.csv", "data/?.csv", "data[12].csv"):
        assert is_pattern(address)


def test_folder_of_partitions(tmp_path):
    for year, month in ((2023, "12"), (2024, "01"), (2024, "__HIVE_DEFAULT_PARTITION__")):
        place = tmp_path / f"year={year}" / f"month={month}" / "city=Bad%20Ems"
        write(place / "part-0.parquet", a=[year])
    write(tmp_path / "_temporary" / "x.parquet", other=[1])
    write(tmp_path / ".x.parquet", other=[1])
    (tmp_path / "_SUCCESS").touch()
    frame = read(tmp_path)
    assert list(frame.columns) == ["a", "year", "month", "city"]
    assert frame["year"].tolist() == frame["a"].tolist() == [2023, 2024, 2024]
    assert frame["month"].tolist()[:2] == ["12", "01"]  # a leading zero: codes
    assert frame["month"].isna().tolist() == [False, False, True]
    assert set(frame["city"]) == {"Bad Ems"}
    assert sum(len(rows) for _, rows in read_chunks(tmp_path, READERS)) == 3


def test_folder_named_like_a_file(tmp_path):
    write(tmp_path / "all.parquet" / "part-0.pq", a=[1])
    assert read(tmp_path / "all.parquet").to_dict("list") == {"a": [1]}


def test_columns_of_a_file_precede_those_of_its_folder(tmp_path):
    write(tmp_path / "k=1" / "x.parquet", k=[7])
    assert read(tmp_path).to_dict("list") == {"k": [7]}


def test_folders_that_are_no_table(tmp_path, monkeypatch):
    write(tmp_path / "x.csv", a=[1])
    with pytest.raises(ReadError, match=r"is a directory without Parquet files.*\*\.csv"):
        read(tmp_path)
    write(tmp_path / "x.parquet", a=[1])
    monkeypatch.setattr(file_sets, "_MOST_ENTRIES", 1)
    with pytest.raises(ReadError, match="holds more than 1 files"):
        read(tmp_path)
    (tmp_path / "_delta_log").mkdir()
    with pytest.raises(ReadError, match="is a Delta table"):
        read(tmp_path)


def test_damaged_file_of_a_folder_is_named(tmp_path):
    write(tmp_path / "a.parquet", a=[1])
    (tmp_path / "b.parquet").write_bytes(b"PAR1")
    with pytest.raises(ReadError, match=r"b\.parquet' is not a valid parquet file"):
        read(tmp_path)


def test_lasting_addresses(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    write(tmp_path / "data" / "x.parquet", a=[1])
    monkeypatch.chdir(tmp_path)
    assert lasting_address("data", READERS) == str(tmp_path / "data")
    assert lasting_address("data/*.parquet", READERS) == str(tmp_path / "data" / "*.parquet")


_NAMES = st.text(st.characters(exclude_characters="/=\0%", exclude_categories=["Cs"]), min_size=1)


@given(st.dictionaries(_NAMES.filter(lambda name: name not in (".", "..")), _NAMES, max_size=3))
def test_partition_of_any_names(pairs):
    folders = [f"{name}={value}" for name, value in pairs.items()]
    assert partition_of(os.path.join("data", *folders, "x.parquet"), "data") == pairs


@given(st.permutations(["a", "b", "c"]))
def test_alignment_orders_columns(order):
    alignment = Alignment()
    first = pd.DataFrame({"a": [1], "b": ["x"], "c": [True]})
    assert alignment.aligned(first, "1") is not None
    pd.testing.assert_frame_equal(alignment.aligned(first[order], "2"), first)
