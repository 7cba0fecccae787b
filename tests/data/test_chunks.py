"""Tables in chunks: together they are the table that is read at once."""

from __future__ import annotations

import gzip
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaauto.api import Reader
from metaauto.builtin.readers import READERS, delimited_chunks
from metaauto.data import read_table
from metaauto.data.chunks import read_chunks
from metaauto.errors import ReadError

CELLS = st.sampled_from(
    [
        "",
        "1",
        "2",
        "-3",
        "1.50",
        "007",
        "true",
        "False",
        "NA",
        " na",
        " x ",
        "9007199254740993",
        "1e3",
    ]
)
COLUMNS = st.lists(st.lists(CELLS, min_size=7, max_size=7), min_size=1, max_size=4)


def joined(source, readers, rows: int, **more) -> pd.DataFrame:
    parts = list(read_chunks(source, readers, rows=rows, **more))
    for frame, typed in parts:
        assert len(frame) == len(typed)
    assert [len(frame) for frame, _ in parts[:-1]] == [rows] * (len(parts) - 1)
    return pd.concat([typed for _, typed in parts], ignore_index=True)


def as_cells(frame: pd.DataFrame) -> list[list[object]]:
    """Return the cells with their types; None where they are missing."""
    known = frame.astype(object).where(frame.notna().to_numpy(), None)
    return [[(type(v).__name__, v) for v in row] for row in known.to_numpy().tolist()]


@given(COLUMNS, st.integers(1, 8), st.integers(1, 8))
def test_the_types_of_chunks_are_those_of_the_whole_table(columns, rows, part) -> None:
    table = pd.DataFrame({f"c{i}": cells for i, cells in enumerate(columns)})

    def parts(source, rows):
        yield from (table.iloc[i : i + part] for i in range(0, len(table), part))

    reader = Reader("own", lambda s: True, lambda s: table, read_chunks=parts)
    whole = read_table("own", [reader])
    assert as_cells(joined("own", [reader], rows)) == as_cells(whole)


@given(st.lists(st.one_of(st.none(), st.integers(-5, 5), st.booleans()), min_size=6, max_size=6))
def test_numbers_of_a_parquet_file_keep_one_type(cells) -> None:
    numbers = [None if cell is None else int(cell) for cell in cells]
    table = pd.DataFrame({"n": pd.array(numbers, "Int64").astype(float), "t": list("abcdef")})

    def parts(source, rows):
        for i in range(0, 6, 2):
            part = table.iloc[i : i + 2]
            yield part.astype({"n": int}) if part["n"].notna().all() else part

    reader = Reader("own", lambda s: True, lambda s: table, read_chunks=parts)
    found = joined("own", [reader], 2)
    if table["n"].notna().any() and table["n"].isna().any():
        assert found["n"].dtype == np.float64
    np.testing.assert_array_equal(found["n"].to_numpy(float), table["n"].to_numpy())


@pytest.fixture
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read delimited files of more than a few lines in parts."""
    monkeypatch.setattr(delimited_chunks, "CHECKED_BYTES", 200)


def table_of(rows: int) -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "code": [f"{i:04d}" for i in range(rows)],
            "size": random.normal(size=rows).round(3),
            "text": ["with, comma" if i % 7 else 'two\n"lines"' for i in range(rows)],
            "late": [""] * (rows - 1) + ["word"],
        }
    )


@pytest.mark.parametrize("options", [{}, {"sep": ";", "decimal": ","}, {"lineterminator": "\r\n"}])
def test_a_large_delimited_file_is_read_in_parts(options, small_files, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    table_of(400).to_csv(path, index=False, **options)
    whole = read_table(path, READERS)
    parts = list(read_chunks(path, READERS, rows=64))
    assert [len(frame) for frame, _ in parts] == [64] * 6 + [16]
    assert as_cells(joined(path, READERS, 64)) == as_cells(whole)
    assert parts[0][0]["code"].tolist()[:2] == ["0000", "0001"]


@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz", "zip"])
def test_a_large_compressed_file_is_read_in_parts(suffix, small_files, tmp_path: Path) -> None:
    path = tmp_path / f"t.csv.{suffix}"
    table_of(400).to_csv(path, index=False)
    parts = list(delimited_chunks.read_delimited_chunks(str(path), 64))
    assert len(parts) > 1
    assert sum(map(len, parts)) == 400
    assert as_cells(joined(path, READERS, 64)) == as_cells(read_table(path, READERS))


@pytest.mark.parametrize("end", [b"1" * 500_000, b'1,"' + b"1,2\n" * 100_000])
def test_an_endless_line_of_a_compressed_file_is_refused(
    end, small_files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(b"x,y\n" + b"1,2\n" * 200_000 + end))
    memory = types.SimpleNamespace(available=5 * 300_000)
    monkeypatch.setattr("psutil.virtual_memory", lambda: memory)
    parts = read_chunks(path, READERS, rows=1_000)
    with pytest.raises(ReadError, match="too large when decompressed"):
        list(parts)


@pytest.mark.parametrize("kind", ["no header", "bom", "comment", "cp1252", "gz", "one column"])
def test_other_delimited_files_are_the_same_table(kind, small_files, tmp_path: Path) -> None:
    path, table = tmp_path / "t.csv", table_of(300)[["size", "code"]]
    if kind == "gz":
        path = tmp_path / "t.csv.gz"
        table.to_csv(path, index=False)
    elif kind == "one column":
        table[["size"]].to_csv(path, index=False)
    elif kind == "cp1252":
        path.write_bytes(table.to_csv(index=False).encode() + "1,Köln\n".encode("cp1252"))
    else:
        text = table.to_csv(index=False, header=kind != "no header")
        text = {"comment": "# a title\n", "bom": "\ufeff"}.get(kind, "") + text
        path.write_text(text, encoding="utf-8")
    pd.testing.assert_frame_equal(joined(path, READERS, 50), read_table(path, READERS))


def test_a_parquet_file_is_read_in_parts(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    table = table_of(250).assign(n=[None, *range(249)], day=pd.Timestamp("2024-01-01"))
    table.index = pd.RangeIndex(5, 255, name=None)
    table.to_parquet(path, row_group_size=60)
    parts = list(read_chunks(path, READERS, rows=100))
    assert [len(frame) for frame, _ in parts] == [100, 100, 50]
    whole = read_table(path, READERS).reset_index(drop=True)
    assert as_cells(joined(path, READERS, 100)) == as_cells(whole)


def test_errors_are_those_of_the_whole_table(tmp_path: Path, small_files) -> None:
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 no parquet")
    empty = tmp_path / "empty.csv"
    empty.write_text("a,b\n")
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(gzip.compress(table_of(400).to_csv(index=False).encode())[:-9])
    for path in (broken, empty, cut, tmp_path / "absent.csv"):
        with pytest.raises(ReadError) as expected:
            read_table(path, READERS)
        with pytest.raises(ReadError) as found:
            list(read_chunks(path, READERS))
        assert found.value.hint == expected.value.hint
