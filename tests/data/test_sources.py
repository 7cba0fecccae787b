"""Files of an address: formats, pipes, patterns, folders."""

from __future__ import annotations

import gzip
import io
import os
import threading
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import psutil
import pytest

from metaauto.builtin.readers import READERS
from metaauto.data import lasting_address, read_table
from metaauto.data.chunks import read_chunks
from metaauto.errors import ReadError, UnknownName
from metaauto.text import caller

FRAME = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})


def read(source, **options) -> pd.DataFrame:
    return read_table(source, READERS, **options)


@pytest.fixture
def pipe(tmp_path: Path):
    """Return a function that makes a pipe with this content."""
    writers = []

    def make(content: bytes) -> Path:
        path = tmp_path / "pipe"
        os.mkfifo(path)
        writers.append(threading.Thread(target=path.write_bytes, args=(content,)))
        writers[-1].start()
        return path

    yield make
    for writer in writers:
        writer.join(timeout=10)


@pytest.mark.parametrize("format", ["csv", ".CSV", "txt", "csv.gz", "parquet", "json"])
def test_format_of_a_file_without_suffix(tmp_path, format):
    path = tmp_path / "table"
    if format == "parquet":
        FRAME.to_parquet(path)
    elif format == "json":
        FRAME.to_json(path)
    else:
        text = FRAME.to_csv(index=False).encode()
        path.write_bytes(gzip.compress(text) if format.endswith("gz") else text)
    pd.testing.assert_frame_equal(read(path, format=format), FRAME, check_dtype=False)
    parts = list(read_chunks(path, READERS, format=format, rows=1))
    assert [frame["b"].tolist() for _, frame in parts] == [["x"], ["y"]]
    with pytest.raises(ReadError, match="No reader matches .*table'"):
        read(path)


def test_format_overrides_the_suffix(tmp_path):
    path = tmp_path / "table.json"
    path.write_text("a,b\n1,x\n2,y\n")
    assert read(path, format="csv").equals(read({"a": [1, 2], "b": ["x", "y"]}))


@pytest.mark.parametrize("format", ["", ".", "cvs", "../csv", "c v", "delimited"])
def test_unknown_formats(tmp_path, format):
    (tmp_path / "table").write_text("a\n1\n")
    with pytest.raises(UnknownName, match="There is no format named") as caught:
        read(tmp_path / "table", format=format)
    assert "csv" in caught.value.hint


def test_no_reader_names_suffixes_and_the_option(tmp_path):
    (tmp_path / "table").touch()
    with pytest.raises(ReadError) as caught:
        read(tmp_path / "table")
    assert caught.value.hint == (
        "Usual suffixes are .csv, .tsv, .parquet, .xlsx, .jsonl; name the format of a file with "
        "another suffix, such as format='csv'."
    )
    with caller("shell"), pytest.raises(ReadError, match="--format csv"):
        read(tmp_path / "table")


def test_errors_of_a_format_name_the_file(tmp_path):
    path = tmp_path / "table"
    with pytest.raises(ReadError) as caught:
        read(path, format="csv")
    assert caught.value.message == f"File not found: {str(path)!r}."
    path.write_text("a,b\n1,2\n3\n")
    with pytest.raises(ReadError) as caught:
        read(path, format="csv")
    assert caught.value.message == f"{str(path)!r}, line 3: expected 2 fields, got 1."
    with pytest.raises(ReadError) as caught:
        read(path, format="parquet")
    assert caught.value.message.startswith(f"{str(path)!r} is not a valid parquet file")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_pipes_are_read_by_format(pipe, format):
    content = io.BytesIO()
    FRAME.to_csv(content, index=False) if format == "csv" else FRAME.to_parquet(content)
    path = pipe(content.getvalue())
    assert lasting_address(path, READERS, format) is None
    pd.testing.assert_frame_equal(read(path, format=format), FRAME, check_dtype=False)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_pipes_are_read_once_for_chunks(pipe):
    path = pipe(b"a\n" + b"1\n" * 5)
    parts = [len(frame) for _, frame in read_chunks(path, READERS, format="csv", rows=2)]
    assert parts == [2, 2, 1]


def test_standard_input_by_format(monkeypatch):
    content = io.BytesIO()
    FRAME.to_parquet(content)
    content.seek(0)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=content))
    pd.testing.assert_frame_equal(read("-", format="parquet"), FRAME, check_dtype=False)


def test_endless_input_ends_with_an_error(monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=3_000_000))
    endless = SimpleNamespace(read=lambda size: b"1\n" * (size // 2))
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=endless))
    with pytest.raises(ReadError, match="'-' is too large: expected at most 3 MB"):
        read("-", format="csv")


def test_lasting_address_of_a_format(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table").touch()
    assert lasting_address("table", READERS, "csv") == str(tmp_path / "table")


@pytest.mark.parametrize("name", ["table.pkl", "table.PICKLE", "table.pkl.gz", "table.joblib"])
def test_pickles_are_refused(tmp_path, name):
    path = tmp_path / name
    FRAME.to_pickle(path)
    with pytest.raises(ReadError, match=r"is a pickle; pickles are not read.*save it as parquet"):
        read(path)
