from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import logging
import lzma
import sqlite3
import sys
import tempfile
import tracemalloc
import types
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openml_server import OpenmlServer
from pyarrow import feather, parquet

from metaauto.api import ReadError
from metaauto.builtin.readers import READERS, delimited, delimited_chunks
from metaauto.data.read import read_table


def read(source):
    return read_table(source, READERS)


examples = settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def written(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def test_names_are_unique_and_every_source_has_one_reader():
    assert len({reader.name for reader in READERS}) == len(READERS)
    sources = (
        "a.csv", "A.CSV", "b.tsv.gz", "c.txt", "-", "d.parquet", "e.feather", "f.jsonl", "g.json",
        "h.arff", "i.db", "sqlite:shop.db?table=a.csv", "duckdb:shop.db?table=a.csv", "s.duckdb?table=a", "sklearn:iris", "openml:31", "openml:x.csv",
    )  # fmt: skip
    for source in sources:
        assert sum(reader.matches(source) for reader in READERS) == 1, source


@pytest.mark.parametrize(
    ("name", "text", "columns", "first"),
    [
        ("a.csv", "x,y\n1,a\n2,b\n", ["x", "y"], [1, "a"]),
        ("a.csv", "\ufeffx,y\n1,a\n2,b\n", ["x", "y"], [1, "a"]),
        ("a.csv", "x;y\n1,5;2,5\n3,5;4\n", ["x", "y"], [1.5, 2.5]),
        ("a.csv", "x;y;z\n1.5;a, b;2\n3.5;c, d;4\n", ["x", "y", "z"], [1.5, "a, b", 2]),
        ("a.tsv", "x\ty\n1\t2\n3\t4\n", ["x", "y"], [1, 2]),
        ("a.txt", "x  y\n1  2\n3  4\n", ["x", "y"], [1, 2]),
        ("a.csv", "1,2.5\n3,4.5\n5,6.5\n", ["x0", "x1"], [1, 2.5]),
        ("a.csv", "2019,2020\n1,2\n3,4\n", ["2019", "2020"], [1, 2]),
        ("a.csv", "only\n1\n2\n", ["only"], [1]),
        ("a.csv", "a b\nsome words\nother words\n", ["a b"], ["some words"]),
        ("a.csv", 'x,y\n"1, 2",3\n"4",5\n', ["x", "y"], ["1, 2", 3]),
        ("a.csv", "x,y\n1,2,\n3,4,\n", ["x", "y"], [1, 2]),
        ("a.dat", "x\ty\nr1\t1\t2\nr2\t3\t4\n", ["x", "y"], [1, 2]),
        ("a.csv", "x,y\r1,2\r3,4\r", ["x", "y"], [1, 2]),
        ("a.csv", "sep=;\nx;y\n1;2\n3;4\n", ["x", "y"], [1, 2]),
        ("a.csv", "\ufeffsep=,\r\n\r\nx,y\r\n1,2\r\n3,4\r\n", ["x", "y"], [1, 2]),
        ("a.csv", '"SEP=;"\nx,z;y\n1,5;2\n', ["x,z", "y"], [1.5, 2]),
        ("a.csv", "sep=\t\nx\ty\n1\t2\n3\t4\n", ["x", "y"], [1, 2]),
        ("a.csv", "sep=^\nx^y\n1^2\n3^4\n", ["x", "y"], [1, 2]),
        ("a.csv", "sep=;\nx\n1\n2\n", ["x"], [1]),
        ("a.csv", "x^y^z\n1,5^a, b^2\n3,5^c, d^4\n", ["x", "y", "z"], [1.5, "a, b", 2]),
        ("a.csv", "x~y\na~b\nc~d\n", ["x", "y"], ["a", "b"]),
        ("a.csv", "1^2^a\n3^4^b\n", ["x0", "x1", "x2"], [1, 2, "a"]),
        ("a.csv", "x§y\n1§ä\n3§b\n", ["x", "y"], [1, "ä"]),
        ("a.csv", "user:age\nann:31\nbob:32\n", ["user", "age"], ["ann", 31]),
        ("a.csv", "text!\nsome!\nwords!\n", ["text!"], ["some!"]),
        ("a.csv", "a@b.org\nc@d.org\ne@f.org\n", ["a@b.org"], ["c@d.org"]),
        ("a.csv", "sepal.length\n5.1\n4.9\n", ["sepal.length"], [5.1]),
        ("a.csv", "start-date\n1-2\n3-4\n", ["start-date"], ["1-2"]),
        ("a.csv", "10:35\n11:20\n12:15\n", ["10:35"], ["11:20"]),
        ("a.csv", "~text\n~30\n40\n", ["~text"], ["~30"]),
        ("a.txt", "x  y:1\n1  2:3\n3  4:5\n", ["x", "y:1"], [1, "2:3"]),
    ],
)
def test_delimited(tmp_path, name, text, columns, first):
    frame = read(str(written(tmp_path, name, text)))
    assert list(frame.columns) == columns
    assert frame.iloc[0].tolist() == first
    assert isinstance(frame.index, pd.RangeIndex)


@examples
@given(
    delimiter=st.sampled_from(";,|\t^:"),
    rows=st.lists(st.tuples(*[st.sampled_from(["a;b", "c,d", "e|f", "g^h"])] * 2), min_size=1),
)
def test_delimited_declared_delimiter(tmp_path, delimiter, rows):
    """The delimiter of a `sep=` line is not guessed."""
    frame = pd.DataFrame(rows, columns=["x", "y"])
    text = f"sep={delimiter}\n" + frame.to_csv(index=False, sep=delimiter)
    pd.testing.assert_frame_equal(read(written(tmp_path, "a.csv", text)), frame, check_dtype=False)


@examples
@given(
    delimiter=st.sampled_from("^~¦!#$%&*/:;=?@\\`§|,\t"),
    rows=st.lists(
        st.tuples(st.integers(0, 99), st.sampled_from(["a", "b c", "d.e-f"])), min_size=2
    ),
)
def test_delimited_other_delimiters(tmp_path, delimiter, rows):
    frame = pd.DataFrame(rows, columns=["x", "y"])
    path = written(tmp_path, "a.csv", frame.to_csv(index=False, sep=delimiter))
    pd.testing.assert_frame_equal(read(path), frame, check_dtype=False)


@examples
@given(
    texts=st.lists(st.text("ab ,;:!?/@&%.-'", min_size=1, max_size=9), min_size=2),
    name=st.sampled_from(["text", "a.b", "the text", "the_text", "text?"]),
)
def test_delimited_one_column_of_texts(tmp_path, texts, name):
    lines = [name, *(f'"{text}!"' for text in texts)]
    frame = read(written(tmp_path, "a.csv", "\n".join(lines)))
    assert frame.columns.tolist() == [name]
    assert frame[name].tolist() == [f"{text}!".strip() for text in texts]


def test_delimited_delimiter_not_found(tmp_path):
    path = written(tmp_path, "a.csv", "name::city::y\nann::rome::a\nbob::paris::b\n")
    with pytest.raises(ReadError, match=r"no column 'y': no delimiter .*'name::city::y'.* sep=\^"):
        read_table(path, READERS, columns=["y"])
    path.write_text(f"sep=:\n{path.read_text()}".replace("::", ":"))
    assert read_table(path, READERS, columns=["y"]).shape == (2, 3)


def test_zip_made_by_macos(tmp_path):
    path = tmp_path / "b.csv.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("__MACOSX/", b"")
        archive.writestr("__MACOSX/data/._b.csv", b"\0\5\x16\7")
        archive.writestr("data/", b"")
        archive.writestr("data/.DS_Store", b"\0")
        archive.writestr("data/b.csv", b"x,y\n1,2\n")
    assert read(path).to_dict("list") == {"x": [1], "y": [2]}
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("data/c.csv", b"x,y\n1,2\n")
    for name in ("b.csv.zip", "train.zip"):
        with pytest.raises(ReadError, match=r"got 2 \(data/b.csv, data/c.csv\)\. Extract"):
            read(path.rename(tmp_path / name))
        path = tmp_path / name


def test_readers_get_downloaded_files_instead_of_urls():
    for url in ("https://a.org/x.csv", "s3://a/x.parquet", "https://a.org/x.db", "file:///x.csv"):
        assert not any(reader.matches(url) for reader in READERS)


def floats(rows, columns):
    return np.random.default_rng(0).normal(size=(rows, columns)).round(4)


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(floats(300, 4)).assign(label=["cat", "dog"] * 150),
        pd.DataFrame(floats(30, 4)).assign(label=[True, False, False] * 10),
        pd.DataFrame(floats(300, 3), columns=[2019, 2021, 2022]).assign(region=list("abc") * 100),
        pd.DataFrame(floats(30, 4), columns=[5, 25, 50, 95], index=[f"g{i}" for i in range(30)])
        .rename_axis("id").reset_index(),
        pd.DataFrame({"x": ["u", "v", "w"], "1": ["r", "s", "t"], "y": ["k", "l", "m"]}),
        pd.DataFrame(floats(30, 3)).reset_index().rename(columns={"index": ""}),
    ],
)  # fmt: skip
def test_header_of_numbers(tmp_path, frame):
    names = [str(name) for name in frame.columns]
    path = written(tmp_path, "a.csv", frame.to_csv(index=False))
    again = read(path)
    assert len(again) == len(frame)
    assert list(again.columns)[1:] == names[1:]


@pytest.mark.parametrize(
    "text",
    [
        "5.1,3.5,Iris-setosa\n4.9,3.0,Iris-setosa\n6.3,3.3,Iris-virginica\n" * 5,
        "39,State-gov,2,a1\n50,Private,3,a2\n38,Private,4,a3\n28,Local-gov,5,a4\n",
        "2020-01-01,5,1.5\n2020-01-02,6,2.5\n2020-01-03,7,3.5\n",
        "?,1,2.5\n3,4,5.5\n6,7,8.5\n",
        "1,,2.5\n3,4,5.5\n6,7,8.5\n",
    ],
)
def test_no_header(tmp_path, text):
    frame = read(written(tmp_path, "a.csv", text))
    assert list(frame.columns) == [f"x{i}" for i in range(frame.shape[1])]
    assert len(frame) == text.count("\n")


@examples
@given(
    names=st.lists(st.integers(0, 3000).map(str), min_size=1, max_size=4, unique=True),
    labels=st.lists(st.sampled_from("abcd"), min_size=1, max_size=30),
    header=st.booleans(),
    data=st.data(),
)
def test_header_above_labels(tmp_path, names, labels, header, data):
    """A word that is not among repeated labels is a name, one that is among them is a value."""
    labels = data.draw(st.permutations(labels * 2))
    cells = st.floats(-9, 9).map(lambda value: f"{value:.2f}")
    frame = pd.DataFrame({name: [data.draw(cells) for _ in labels] for name in names})
    frame["label"] = labels
    text = frame.to_csv(index=False, header=header)
    again = read(written(tmp_path, "a.csv", text))
    assert len(again) == len(labels)
    assert list(again.columns) == ([*names, "label"] if header else [*again.columns])


@pytest.mark.parametrize(
    ("text", "columns", "names"),
    [
        ("3,1,0\n1,2,3\n4,5,6\n", ["0", "1", "3"], ["3", "1", "0"]),
        ("0.1,0.5\n1,2\n", ["0.1", "0.5"], ["0.1", "0.5"]),
        ("7,8,label\n1,2,a\n3,4,b\n", ["label"], ["7", "8", "label"]),
        ("7,8,label\n1,2,a\n3,4,b\n", ["typo", "label"], ["7", "8", "label"]),
        ("0,1,2\n5,6,7\n", ["x0", "x2"], ["x0", "x1", "x2"]),
        ("5,7,6\n5,6,7\n", ["x0", "x2"], ["x0", "x1", "x2"]),
        ("a,b\n1,2\n", ["x0"], ["a", "b"]),
    ],
)
def test_expected_columns_decide_about_the_header(tmp_path, text, columns, names):
    path = written(tmp_path, "a.csv", text)
    frame = read_table(path, READERS, columns=columns)
    assert list(frame.columns) == names
    assert len(frame) == text.count("\n") - (names[0] != "x0")


def test_missing_column_of_a_file_without_header(tmp_path):
    path = written(tmp_path, "a.csv", "7,8,b1\n1,2,a1\n3,4,c1\n")
    assert list(read(path).columns) == ["x0", "x1", "x2"]
    with pytest.raises(ReadError, match="no column 'label': its first line, '7, 8, b1'.*header"):
        read_table(path, READERS, columns=["label", "x1"])


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [";", "\t", " "])
@pytest.mark.parametrize("decimal", [",", "."])
@pytest.mark.parametrize("whole", [2, 200, 500])
def test_delimited_decimal_sign_after_whole_numbers(tmp_path, end, delimiter, decimal, whole):
    values = [1.0] * whole + [0.5, -2.25]
    cells = [f"{value:g}".replace(".", decimal) for value in values]
    lines = [f"x{delimiter}y", *(f"{cell}{delimiter}{cell}" for cell in cells), ""]
    frame = read(written(tmp_path, "a.txt", end.join(lines)))
    assert frame["x"].tolist() == frame["y"].tolist() == values


@pytest.mark.parametrize(
    "above",
    [
        "# made by hand\n",
        "# made by hand\n#\n\n# on Monday, at noon; in a hurry\n",
        "Sales report\n",
        "Sales report\n\nof 2020\n\n",
        "Sales report,,\n,,\n",
        '"Sales, in thousands"\n',
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_delimited_lines_above_the_header(tmp_path, caplog, above, end):
    text = (above + "x,y,z\n1,2,a\n3,4,b\n").replace("\n", end)
    with caplog.at_level(logging.WARNING, "metaauto"):
        frame = read(written(tmp_path, "a.csv", text))
    assert frame.to_dict("list") == {"x": [1, 3], "y": [2, 4], "z": ["a", "b"]}
    assert "above the header" in caplog.text
    line = text.count("\n") + 1
    with pytest.raises(ReadError, match=f"line {line}: expected 3 fields, got 2"):
        read(written(tmp_path, "a.csv", f"{text}5,6{end}"))


@pytest.mark.parametrize(
    ("text", "columns", "rows"),
    [
        ("#id,x,y\n1,2,3\n4,5,6\n", ["#id", "x", "y"], 2),
        ("# by hand\n#id,x,y\n1,2,3\n4,5,6\n", ["#id", "x", "y"], 2),
        ("x\nr1,1\nr2,2\n", ["x"], 2),
        ("x,y\nr1,1,a\nr2,2,b\n", ["x", "y"], 2),
        ("#\n1\n2\n", ["#"], 2),
        ("some words\nother words\n", ["some words"], 1),
        ('text\n"a, b, c"\nhello\n"d, e, f"\n"g, h, i"\n', ["text"], 4),
    ],
)
def test_delimited_headers_that_are_no_titles(tmp_path, caplog, text, columns, rows):
    frame = read(written(tmp_path, "a.csv", text))
    assert list(frame.columns) == columns
    assert len(frame) == rows
    assert ("above the header" in caplog.text) == text.startswith("# by hand")


def test_delimited_words_are_no_titles(tmp_path):
    """Few lines with commas do not make titles of the lines above them."""
    text = "text\n" + "some words\n" * 50 + "a, b, c\nd, e, f\n"
    with pytest.raises(ReadError, match="line 52: expected 1 fields, got 3"):
        read(written(tmp_path, "a.csv", text))


@examples
@given(
    above=st.lists(st.text("ab #", min_size=1).map(lambda text: f"# {text}"), max_size=3),
    rows=st.lists(st.tuples(st.integers(0, 9), st.sampled_from("ab")), min_size=2, max_size=9),
    delimiter=st.sampled_from(",;\t|"),
)
def test_delimited_comments_above_the_header(tmp_path, above, rows, delimiter):
    frame = pd.DataFrame(rows, columns=["x", "y"])
    text = "\n".join([*above, frame.to_csv(index=False, sep=delimiter)])
    again = read(written(tmp_path, "a.csv", text))
    assert again.to_dict("list") == frame.to_dict("list")


def test_question_marks_are_missing_numbers(tmp_path):
    frame = read(written(tmp_path, "a.csv", "x,y\n1,?\n?,b\n"))
    assert frame["x"].tolist()[0] == 1
    assert np.isnan(frame["x"].iloc[1])


@pytest.mark.parametrize("length", [131_073, 200_000])
@pytest.mark.parametrize("line", [1, 300])
def test_delimited_long_cells(tmp_path, length, line):
    cells = ["short"] * 310
    cells[line] = "x" * length
    text = "text,y\n" + "".join(f'"{cell}",{i}\n' for i, cell in enumerate(cells))
    limit = csv.field_size_limit()
    assert read(written(tmp_path, "a.csv", text))["text"].tolist() == cells
    assert csv.field_size_limit() == limit


def test_delimited_many_columns(tmp_path):
    names = [f"c{i}" for i in range(30_000)]
    text = ",".join(names) + "\n" + ",".join("1" * 30_000) + "\n"
    frame = read(written(tmp_path, "a.csv", text))
    assert list(frame.columns) == names
    assert (frame.to_numpy() == 1).all()


# Characters at which `str.splitlines` splits, but which are no line ends in these formats.
SEPARATORS = "\u2028\u2029\x85\x0b\x0c\x1c\x1d\x1e"
texts = st.text("xy " + SEPARATORS, max_size=5).map(lambda text: f"a{text}b")


@examples
@given(cells=st.lists(texts, min_size=2, max_size=5))
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.arff"])
def test_read_unicode_separators(tmp_path, name, cells):
    """Only line feeds and carriage returns end a line."""
    frame = pd.DataFrame({"t": cells, "y": range(len(cells))})
    if name == "a.jsonl":
        rows = frame.to_dict("records")
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    elif name == "a.arff":
        rows = "".join(f"'{cell}',{i}\n" for i, cell in enumerate(cells))
        text = f"@attribute t string\n@attribute y numeric\n@data\n{rows}"
    else:
        text = frame.to_csv(index=False, sep="\t" if name == "a.tsv" else ",")
    assert read(written(tmp_path, name, text))["t"].tolist() == cells


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimited_line_ends(tmp_path, end):
    text = end.join(["", "", "x,y", "1,a", "", '2,"b\u2028c"', "3,d", ""])
    frame = read(written(tmp_path, "a.csv", text))
    assert frame.to_dict("list") == {"x": [1, 2, 3], "y": ["a", "b\u2028c", "d"]}


def test_delimited_mixed_line_ends(tmp_path):
    frame = read(written(tmp_path, "a.csv", "x,y\r\n1,a\r2,b\n3,c\r\n"))
    assert frame.to_dict("list") == {"x": [1, 2, 3], "y": ["a", "b", "c"]}


def test_delimited_after_many_blank_lines(tmp_path):
    frame = read(written(tmp_path, "a.csv", "\n" * 300 + "x;y\n1;a\n2;b\n"))
    assert frame.to_dict("list") == {"x": [1, 2], "y": ["a", "b"]}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_delimited_one_column_blank_lines(tmp_path, end):
    cells = ["" if i in (0, 3, 7, 250) else str(i / 10) for i in range(300)]
    text = end.join(["", "x", *cells, "", ""])
    frame = read(written(tmp_path, "a.csv", text))
    assert frame["x"].fillna(-1).tolist() == [float(cell or -1) for cell in cells]


@examples
@given(
    values=st.lists(st.none() | st.integers(0, 99) | st.sampled_from(["", " "]), min_size=1),
    header=st.booleans(),
    blank_lines=st.integers(0, 3),
)
def test_delimited_one_column_has_one_row_per_line(tmp_path, values, header, blank_lines):
    """Blank lines are rows, except before the header and after the last value."""
    values = [*values, 7, 8]
    lines = ["x"] * header + ["" if value is None else str(value) for value in values]
    text = "\n".join(["", *lines] if header else lines) + "\n" * blank_lines
    frame = read(written(tmp_path, "a.csv", text))
    expected = [np.nan if value in (None, "", " ") else value for value in values]
    np.testing.assert_array_equal(frame.iloc[:, 0].to_numpy(dtype=float), expected)


def test_packed_and_standard_input(tmp_path, monkeypatch):
    content = b"x,y\n1,2\n"
    plain = read(written(tmp_path, "p.csv", content))
    gz = read(written(tmp_path, "a.csv.gz", gzip.compress(content)))
    with zipfile.ZipFile(tmp_path / "b.csv.zip", "w") as archive:
        archive.writestr("b.csv", content)
    zipped = read(tmp_path / "b.csv.zip")
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=io.BytesIO(content)))
    piped = read("-")
    unnamed = read((tmp_path / "b.csv.zip").rename(tmp_path / "train.zip"))
    for frame in (gz, zipped, piped, unnamed):
        pd.testing.assert_frame_equal(frame, plain)


def zipped(content):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.csv", content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("suffix", "compress"),
    [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress), ("zip", zipped)],
)
def test_packed_files_are_limited_by_the_free_memory(tmp_path, monkeypatch, suffix, compress):
    content = b"x,y\n" + b"1,2\n" * 500_000
    path = written(tmp_path, f"a.csv.{suffix}", compress(content))
    assert path.stat().st_size < len(content) / 100
    assert len(read(path)) == 500_000
    memory = types.SimpleNamespace(available=5 * (len(content) - 1))
    monkeypatch.setattr("psutil.virtual_memory", lambda: memory)
    with pytest.raises(ReadError, match="too large when decompressed: expected at most 2 MB, 20%"):
        read(path)


@pytest.mark.parametrize(
    ("suffix", "compress"),
    [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress), ("zip", zipped)],
)
def test_a_packed_file_takes_memory_for_its_content_alone(tmp_path, monkeypatch, suffix, compress):
    """Under a limit such as ``ulimit -v``, a small file was refused where much memory is free."""
    path = written(tmp_path, f"a.csv.{suffix}", compress(b"x,y\n1,2\n"))
    monkeypatch.setattr("psutil.virtual_memory", lambda: types.SimpleNamespace(available=2**31))
    read(path)
    tracemalloc.start()
    try:
        read(path)
        assert tracemalloc.get_traced_memory()[1] < 2**27
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "", "is empty"),
        ("a.csv", " \n\n", "is empty"),
        ("a.csv", b"\xef\xbb\xbf", "is empty"),
        ("a.csv", b"\xef\xbb\xbf\r\n", "is empty"),
        ("a.csv", b"\xff\xfe", "is empty"),
        ("a.json", b"\xef\xbb\xbf", "is empty"),
        ("a.csv", "sep=;\nx;y\n1;2\n3\n", "line 4: expected 2 fields, got 1"),
        ("a.csv", "sep=;\n", "only a header"),
        ("a.csv", "x,y\n", "only a header: 'x', 'y'"),
        ("a.csv", "x,y\n1,2\n3\n4,5\n", "line 3: expected 2 fields, got 1"),
        ("a.csv", "x,y\n1,2\n3,4,5\n4,5\n", "line 3: expected 2 fields, got 3"),
        ("a.csv", "x,x\n1,2\n", "duplicate column names: 'x'"),
        ("a.csv", b"PAR1\0\0\0", "It is a parquet file"),
        ("a.csv", b"\x00\x01\x02", "is a binary file"),
        ("a.csv", b"x,y\n\x81\x8d,2\n", r"tried utf-8, utf-8-sig, cp1252"),
        ("a.csv.gz", b"x,y\n1,2\n", "is not a valid .gz file"),
        ("a.csv.zip", b"x,y\n1,2\n", "is not a valid .zip file"),
        ("a.parquet", b"rubbish" * 9, "not a valid parquet file"),
        ("a.parquet", b"", "is empty"),
        ("a.feather", b"rubbish" * 9, "not a valid feather file"),
        ("a.jsonl", '{"x": 1}\n{"x": \n', "line 2 is not valid JSON"),
        ("a.jsonl", "[1]\n", "expected a JSON object in line 1"),
        ("a.json", "{", "is not valid JSON"),
        ("a.json", "3", "does not contain a table"),
        ("a.json", '{"x": [1], "y": [1, 2]}', "do not form a table"),
        ("a.arff", "@relation r\n", "has no @data"),
        ("a.arff", "@attribute x numeric\n@data\n1,2\n", "line 3: expected 1 values, got 2"),
        ("a.arff", "@attribute x numeric\n@data\nq\n", "numeric attribute 'x'"),
        ("a.arff", "@attribute x {a,b}\n@data\nq\n", "undeclared value 'q'"),
        ("a.arff", "@attribute x wavelet\n@data\n1\n", "type 'wavelet'"),
        ("a.db", b"rubbish" * 90, "cannot be read as an SQLite"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path, name, content, words):
    with pytest.raises(ReadError, match=words):
        read(str(written(tmp_path, name, content)))


def test_windows_letters_are_read_with_a_warning(tmp_path, caplog):
    path = written(tmp_path, "a.csv", "name,x\nMüller,1\nZoë,2\n".encode("cp1252"))
    with caplog.at_level(logging.WARNING, "metaauto"):
        assert read(path)["name"].tolist() == ["Müller", "Zoë"]
    assert "not UTF-8" in caplog.text


@pytest.mark.parametrize("ends", ['"w9', 'w9"'])
@pytest.mark.parametrize("delimiter", ["\t", ","])
def test_delimited_stray_quotes(tmp_path, delimiter, ends):
    names = [{3: '"w3', 9: ends}.get(i, f"w{i}") for i in range(20)]
    rows = [delimiter.join(row) for row in (("a", "b", "y"), *((n, "1", "2") for n in names))]
    with pytest.raises(ReadError, match=r"line 5: a quote opens a cell that ends in line 11\."):
        read(written(tmp_path, "a.csv", "\n".join(rows) + "\n"))


@given(
    width=st.integers(2, 5),
    column=st.integers(0, 4),
    rows=st.lists(st.integers(0, 11), min_size=2, max_size=2, unique=True),
    is_large=st.booleans(),
    chunk=st.sampled_from([None, 1, 5]),
)
def test_a_stray_quote_between_tabs_never_joins_rows(width, column, rows, is_large, chunk):
    """A later quote at the end of a cell of the same column keeps the number of fields."""
    column, (first, last) = column % width, sorted(rows)
    cells = [[f"w{row}.{name}" for name in range(width)] for row in range(12)]
    cells[first][column] = f'"{cells[first][column]}'
    cells[last][column] += '"'
    text = "\n".join("\t".join(row) for row in [[f"c{i}" for i in range(width)], *cells]) + "\n"
    expected = f"line {first + 2}: a quote opens a cell that ends in line {last + 2}."
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        if is_large:
            patch.setattr(delimited, "CHECKED_BYTES", 20)
            patch.setattr(delimited_chunks, "CHECKED_BYTES", 20)
        path = str(written(Path(folder), "a.tsv", text))
        with pytest.raises(ReadError, match=expected):
            if chunk is None:
                read(path)
            else:
                list(delimited_chunks.read_delimited_chunks(path, chunk))


@given(st.lists(st.text('a",\n;', min_size=1).filter(lambda t: t.strip('\n" ') == t), min_size=2))
def test_cells_of_several_lines_between_tabs_are_read(texts):
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([["t", "x", "y"], *([text, "1", "2"] for text in texts)])
    with tempfile.TemporaryDirectory() as folder:
        found = read(written(Path(folder), "a.tsv", file.getvalue()))
    assert found["t"].tolist() == texts


def test_delimited_cells_of_several_lines(tmp_path):
    cells = ["one, two\nthree, four\n\nfive", 'a "quoted" word\n, at the end']
    frame = pd.DataFrame({"t": cells, "a": [1, 2], "y": [3, 4]})
    assert read(written(tmp_path, "a.csv", frame.to_csv(index=False)))["t"].tolist() == cells


@pytest.mark.parametrize("names", [["day"], ["shop", "day"], [None]])
def test_named_index_is_read(tmp_path, names):
    index = pd.MultiIndex.from_arrays([[5, 6]] * len(names), names=names)
    frame = pd.DataFrame(
        {"x": [1, 2]}, index=index if len(names) > 1 else index.get_level_values(0)
    )
    frame.to_parquet(tmp_path / "a.parquet")
    assert list(read(tmp_path / "a.parquet").columns) == [*filter(None, names), "x"]


def test_json_by_row(tmp_path):
    frame = pd.DataFrame({"x": [1, 2, 3], "y": ["a", "b", "c"]})
    frame.to_json(tmp_path / "i.json", orient="index")
    assert read(tmp_path / "i.json").to_dict("list") == frame.to_dict("list")


def test_parquet_feather_json(tmp_path):
    frame = pd.DataFrame({"x": [1, 2], "y": ["a", "b"]})
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_feather(tmp_path / "a.feather")
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    frame.to_json(tmp_path / "r.json", orient="records")
    frame.to_json(tmp_path / "c.json", orient="columns")
    frame.to_json(tmp_path / "s.json", orient="split")
    for name in ("a.parquet", "a.feather", "a.jsonl", "r.json", "c.json", "s.json"):
        again = read(tmp_path / name)
        assert again.to_dict("list") == frame.to_dict("list"), name


ARFF = """% a comment
@RELATION 'my table'
@attribute 'a size' REAL
@attribute kind {red, 'dark blue', "it's"}
@attribute note string
@attribute day date "yyyy-MM-dd"

@DATA
1.5, red, 'say \\'hi\\', then go', 2020-01-02
?, 'dark blue', ?, ?
% another
3, "it's", plain, "2021-01-02"
"""


def test_arff(tmp_path):
    frame = read(written(tmp_path, "a.arff", ARFF))
    assert list(frame.columns) == ["a size", "kind", "note", "day"]
    assert frame["kind"].tolist() == ["red", "dark blue", "it's"]
    assert frame["kind"].cat.categories.tolist() == ["red", "dark blue", "it's"]
    assert frame["note"].iloc[0] == "say 'hi', then go"
    assert frame["note"].isna().tolist() == [False, True, False]
    assert frame["a size"].isna().tolist() == [False, True, False]
    assert frame["day"].iloc[2] == pd.Timestamp("2021-01-02")
    assert frame.attrs["target"] == "day"


def test_sparse_arff(tmp_path):
    text = "@attribute x numeric\n@attribute k {no,yes}\n@data\n{0 2.5, 1 yes}\n{}\n{1 ?}\n"
    frame = read(written(tmp_path, "a.arff", text))
    assert frame["x"].tolist() == [2.5, 0.0, 0.0]
    assert frame["k"].tolist()[:2] == ["yes", "no"]
    assert frame["k"].isna().tolist() == [False, False, True]


@pytest.fixture
def shop(tmp_path):
    path = tmp_path / "shop.db"
    connection = sqlite3.connect(path)
    connection.execute('CREATE TABLE orders (id INTEGER, "the kind" TEXT)')
    connection.execute("INSERT INTO orders VALUES (1, 'a'), (2, NULL)")
    connection.commit()
    connection.close()
    return path


@pytest.mark.parametrize(
    "query",
    [
        "ATTACH DATABASE '{new}' AS other",
        "attach '{new}' as other",
        "VACUUM INTO '{new}'",
        "VACUUM main INTO '{new}'",
        "VACUUM",
        "DELETE FROM orders",
        "CREATE TABLE other AS SELECT * FROM orders",
        "INSERT INTO orders VALUES (3, 'c') RETURNING id",
        "PRAGMA journal_mode = WAL",
        "PRAGMA user_version = 3",
        "SELECT 1; ATTACH '{new}' AS other",
        "SELECT load_extension('{new}')",
        "EXPLAIN VACUUM INTO '{new}'",
    ],
)
def test_sqlite_queries_write_no_file(shop, query):
    before = {path: path.read_bytes() for path in shop.parent.iterdir()}
    with suppress(ReadError):
        read(f"sqlite:{shop}?query={query.format(new=shop.with_name('new.db'))}")
    assert {path: path.read_bytes() for path in shop.parent.iterdir()} == before


@pytest.mark.parametrize("statement", ["ATTACH '{new}' AS other", "VACUUM INTO '{new}'"])
def test_sqlite_other_files(shop, statement):
    with pytest.raises(ReadError, match="can access only this file"):
        read(f"sqlite:{shop}?query={statement.format(new=shop.with_name('new.db'))}")


@pytest.mark.parametrize("module", ["fts5(x)", "rtree(x, low, high)"])
def test_sqlite_virtual_tables(shop, module):
    """Virtual tables prepare statements that write, also to be read."""
    try:
        run_sql(shop, f"CREATE VIRTUAL TABLE v USING {module}")
    except sqlite3.OperationalError as error:
        pytest.skip(str(error))
    run_sql(shop, "INSERT INTO v (x) VALUES (7)")
    assert read(f"sqlite:{shop}?table=v")["x"].astype(int).tolist() == [7]


def run_sql(path, statement):
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_sqlite(shop):
    assert read(str(shop)).shape == (2, 2)
    assert read(f"sqlite:{shop}?table=Orders")["the kind"].tolist()[0] == "a"
    frame = read(f"sqlite:{shop}?query=SELECT id%2B1 AS next FROM orders")
    assert frame["next"].tolist() == [2, 3]


def test_sqlite_refusals(shop, tmp_path):
    with pytest.raises(ReadError, match=r"no table 'order'.*Available tables: orders"):
        read(f"sqlite:{shop}?table=order")
    with pytest.raises(ReadError, match="unknown option tabel"):
        read(f"sqlite:{shop}?tabel=orders")
    with pytest.raises(ReadError, match="readonly"):
        read(f"sqlite:{shop}?query=DELETE FROM orders")
    with pytest.raises(ReadError, match="File not found"):
        read(f"sqlite:{tmp_path / 'none.db'}")
    run_sql(shop, "CREATE TABLE more (x)")
    with pytest.raises(ReadError, match=r"2 tables: more, orders\..*\?table=more"):
        read(str(shop))
    run_sql(tmp_path / "bare.db", "PRAGMA user_version = 1")
    with pytest.raises(ReadError, match="contains no table"):
        read(str(tmp_path / "bare.db"))
    assert read(f"sqlite:{shop}?table=orders").shape == (2, 2)  # nothing was deleted


@pytest.mark.parametrize(
    ("name", "shape", "labels"),
    [
        ("iris", (150, 5), {"setosa", "versicolor", "virginica"}),
        ("breast_cancer", (569, 31), {"malignant", "benign"}),
        ("wine", (178, 14), {"class_0", "class_1", "class_2"}),
        ("digits", (1797, 65), set(range(10))),
    ],
)
def test_sklearn_tables(name, shape, labels):
    frame = read(f"sklearn:{name}")
    assert frame.shape == shape
    assert set(frame["target"]) == labels
    assert frame.attrs["target"] == "target"


def test_sklearn_regression_and_unknown_names():
    assert read("sklearn:diabetes")["target"].iloc[0] == 151.0
    with pytest.raises(ReadError, match=r"dataset 'irsi'.*iris"):
        read("sklearn:irsi")


def test_sklearn_download_fails(monkeypatch):
    import sklearn.datasets

    def fail(**_):
        raise OSError("no network")

    monkeypatch.setattr(sklearn.datasets, "fetch_california_housing", fail)
    with pytest.raises(ReadError, match="cannot be downloaded"):
        read("sklearn:california_housing")


def colours() -> pd.DataFrame:
    return pd.DataFrame({"class": pd.Categorical(["a", "b"] * 10), "x": np.arange(20) / 2})


@pytest.fixture
def openml():
    with OpenmlServer() as server:
        yield server


def test_openml_by_number_and_by_name(openml):
    number = openml.add_dataset(colours(), name="colours", target="class", number=31)
    for source in (f"openml:{number}", "openml:colours"):
        frame = read(source)
        assert list(frame.columns) == ["x", "class"]
        assert frame.attrs["target"] == "class"
        assert frame.attrs["openml_id"] == 31
        assert frame["class"].tolist() == colours()["class"].tolist()
        assert frame["x"].tolist() == colours()["x"].tolist()


def test_openml_without_a_default_target(openml):
    frame = read(f"openml:{openml.add_dataset(colours())}")
    assert list(frame.columns) == ["class", "x"]
    assert "target" not in frame.attrs


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("openml:404", r"refused dataset '404': .*Unknown dataset"),
        ("openml:nowhere", "No active datasets exist with name 'nowhere'"),
        ("openml:", "requires a dataset id"),
    ],
)
@pytest.mark.usefixtures("openml")
def test_openml_that_is_not_there(source, message):
    with pytest.raises(ReadError, match=message):
        read(source)


@pytest.mark.parametrize("fault", ["drop", "corrupt", "truncate", "fail"])
def test_openml_that_fails_can_be_read_later(openml, fault):
    number = openml.add_dataset(colours(), target="class")
    openml.fault(openml.file_of(number), fault, times=1)
    with pytest.raises(ReadError, match=f"OpenML dataset '{number}' cannot be downloaded"):
        read(f"openml:{number}")
    assert len(read(f"openml:{number}")) == 20


@examples
@given(
    texts=st.lists(st.binary(max_size=3), min_size=1, max_size=4),
    suffix=st.sampled_from(["parquet", "feather"]),
)
def test_text_that_is_not_utf8_is_one_error(tmp_path, texts, suffix):
    values = pa.array(texts, pa.binary())
    table = pa.table({"a": pa.Array.from_buffers(pa.string(), len(values), values.buffers())})
    path = tmp_path / f"t.{suffix}"
    {"parquet": parquet.write_table, "feather": feather.write_feather}[suffix](table, path)
    try:
        expected = [text.decode() for text in texts]
    except UnicodeDecodeError:
        with pytest.raises(ReadError, match=suffix):
            read(str(path))
    else:
        assert read(str(path)).shape == (len(expected), 1)


@examples
@given(offsets=st.lists(st.integers(-9, 9), min_size=5, max_size=5))
def test_damaged_offsets_of_a_feather_file_are_one_error(tmp_path, offsets):
    path = tmp_path / "t.feather"
    feather.write_feather(pd.DataFrame({"a": list("wxyz")}), path, compression="uncompressed")
    data = path.read_bytes()
    kind = next(kind for kind in ("<i8", "<i4") if np.arange(5, dtype=kind).tobytes() in data)
    valid, damaged = (np.array(o, dtype=kind).tobytes() for o in (range(5), offsets))
    path.write_bytes(data.replace(valid, damaged))
    if min(np.diff(offsets)) < 0 or min(offsets) < 0 or max(offsets) > 4:
        with pytest.raises(ReadError, match="feather"):
            read(str(path))
    else:
        assert read(str(path)).shape == (4, 1)
