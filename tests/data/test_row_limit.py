"""A table that exceeds a limit is sampled: evenly, reproducibly, and in bounded memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaauto.api import Reader
from metaauto.builtin.readers import READERS, delimited_chunks
from metaauto.data import RowLimit, prepare, read, read_limited, read_table
from metaauto.data.row_limit import PRESENT_ROWS, sampled


@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.integers(1, 200), st.integers(0, 9))
def test_sampled_takes_the_same_share_of_each_part(sizes, rows, seed):
    present = sum(sizes)
    rows = min(rows, present)
    bounds = np.cumsum([0, *sizes])
    table = pd.DataFrame({"row": range(present)})
    parts = [table.iloc[a:b] for a, b in itertools.pairwise(bounds)]
    found = list(sampled(iter(parts), rows, present, seed))
    for part, size in zip(found, sizes, strict=True):
        assert abs(len(part) - size * rows / present) < 1
    taken = pd.concat(found)["row"]
    assert len(taken) == rows
    assert taken.is_monotonic_increasing
    assert taken.is_unique
    again = pd.concat(sampled(iter(parts), rows, present, seed))["row"]
    assert again.tolist() == taken.tolist()


def test_sampled_depends_on_the_seed_and_takes_any_row():
    table = pd.DataFrame({"row": range(20)})
    taken = [next(sampled(iter([table]), 5, 20, seed))["row"].tolist() for seed in range(60)]
    assert len({tuple(rows) for rows in taken}) > 50
    assert {row for rows in taken for row in rows} == set(range(20))


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "_PART_ROWS", 50)
    monkeypatch.setattr(delimited_chunks, "CHECKED_BYTES", 200)


def write_parquet(folder: Path, frame: pd.DataFrame) -> str:
    for year, rows in frame.groupby("year"):
        place = folder / "t" / f"year={year}"
        place.mkdir(parents=True)
        rows.drop(columns="year").to_parquet(place / "x.parquet", row_group_size=40)
    return str(folder / "t")


def write_compressed(folder: Path, frame: pd.DataFrame) -> str:
    frame.to_csv(folder / "t.csv.gz", index=False)
    return str(folder / "t.csv.gz")


def write_csv(folder: Path, frame: pd.DataFrame) -> str:
    for year, rows in frame.groupby("year"):
        rows.to_csv(folder / f"{year}.csv", index=False)
    return str(folder / "*.csv")


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("write", [write_parquet, write_csv, write_compressed])
def test_a_large_table_is_sampled(
    tmp_path: Path, write: Callable[[Path, pd.DataFrame], str]
) -> None:
    numbers = np.arange(600)
    frame = pd.DataFrame({"year": 2020 + numbers // 200, "n": numbers, "word": "some text"})
    source = write(tmp_path, frame)
    whole = read_table(source, READERS)
    found = read_limited(source, READERS, RowLimit(max_bytes=3_000, seed=1))
    assert 0 < len(found) < 300
    assert found.memory_usage(index=False, deep=True).sum() < 6_000
    assert found.attrs[PRESENT_ROWS] == 600
    assert found["year"].value_counts().max() - found["year"].value_counts().min() <= 2
    assert found.dtypes.to_dict() == whole.dtypes.to_dict()
    pd.testing.assert_frame_equal(found, whole[whole["n"].isin(found["n"])].reset_index(drop=True))
    again = read_limited(source, READERS, RowLimit(rows=len(found), seed=1))
    pd.testing.assert_frame_equal(found, again)
    other = read_limited(source, READERS, RowLimit(rows=len(found), seed=2))
    assert found["n"].tolist() != other["n"].tolist()


@pytest.mark.parametrize("limit", [None, RowLimit(), RowLimit(max_bytes=1e9), RowLimit(rows=200)])
def test_a_table_within_the_limit_is_read_whole(tmp_path: Path, limit: RowLimit | None) -> None:
    frame = pd.DataFrame({"n": range(200)})
    frame.to_parquet(tmp_path / "t.parquet")
    found = read_limited(tmp_path / "t.parquet", READERS, limit)
    pd.testing.assert_frame_equal(found, frame)
    assert PRESENT_ROWS not in found.attrs


def test_a_reader_of_whole_tables_is_not_limited() -> None:
    frame = pd.DataFrame({"n": range(200)})
    reader = Reader("own", lambda source: True, lambda source: frame)
    assert len(read_limited("t.own", [reader], RowLimit(max_bytes=1.0))) == 200


def test_parts_are_read_one_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """No part is kept while the next one is read."""
    monkeypatch.setattr(read, "_PART_ROWS", 10)
    kept: list[int] = []

    def parts(source: str, rows: int) -> Iterator[pd.DataFrame]:
        for place in range(0, 1_000, rows):
            kept.append(place)
            yield pd.DataFrame({"n": range(place, place + rows)})

    reader = Reader(
        "own", lambda source: True, pytest.fail, read_chunks=parts, count_rows=lambda source: 1_000
    )
    found = read_limited("t.own", [reader], RowLimit(max_bytes=8 * 100))
    assert len(found) == 100
    assert len(kept) == 1 + 100


def test_the_dataset_says_of_how_many_rows_it_is_a_sample() -> None:
    frame = pd.DataFrame({"n": range(40), "y": ["a", "b"] * 20})
    frame.attrs[PRESENT_ROWS] = 1_000
    dataset = prepare(frame, "y")
    assert dataset.present_rows == 1_000
    (finding,) = (one for one in dataset.findings if one.code == "sample")
    assert finding.message == "A random sample of the table was read: 40 of 1,000 rows."
