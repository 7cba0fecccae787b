from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from metaauto.components import Reader
from metaauto.data import read_table
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


def test_paths_that_are_no_files(tmp_path):
    known = [reader(open)]
    (tmp_path / "near.test").touch()
    with pytest.raises(ReadError, match=r"There is no file .*Did you mean .*near\.test"):
        read_table(tmp_path / "naer.test", known)
    with pytest.raises(ReadError, match="is a directory"):
        read_table(tmp_path, known)
    (tmp_path / "dir.test").mkdir()
    with pytest.raises(ReadError, match="is a directory"):
        read_table(tmp_path / "dir.test", known)
    (tmp_path / "x.other").touch()
    with pytest.raises(ReadError, match=r"No reader knows .*test: a \.test file"):
        read_table(tmp_path / "x.other", known)
    with pytest.raises(ReadError, match=r"There is no file .*folder .* not there"):
        read_table(tmp_path / "none" / "x.test", known)


def test_readers_that_fail(tmp_path):
    def denied(source):
        raise PermissionError(source)

    def broken(source):
        raise KeyError("x")

    with pytest.raises(ReadError, match="permission denied"):
        read_table("x.test", [reader(denied)])
    with pytest.raises(ReadError, match="cannot be read as test: 'x'") as caught:
        read_table("x.test", [reader(broken)])
    assert isinstance(caught.value.__cause__, KeyError)
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
