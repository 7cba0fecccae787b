"""Whatever is wrong with a model or with the rows given to it: one clear line, and no harm."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import Cli, people
from malformed import check, content, listing, table, with_quick_options, write


def _other_words(folder: Path) -> None:
    people(20).assign(age="old").to_csv(folder / "t.csv", index=False)


def _other_columns(folder: Path) -> None:
    people(20).rename(columns={"age": "Age "}).to_csv(folder / "t.csv", index=False)


def _no_rows(folder: Path) -> None:
    people(20).iloc[:0].to_csv(folder / "t.csv", index=False)


def _damaged(folder: Path) -> None:
    whole = bytearray((folder / "buys.metaauto").read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    (folder / "bad.metaauto").write_bytes(bytes(whole))


def _half(folder: Path) -> None:
    whole = (folder / "buys.metaauto").read_bytes()
    (folder / "bad.metaauto").write_bytes(whole[: len(whole) // 2])


def _table_instead(folder: Path) -> None:
    shutil.copy(folder / "people.csv", folder / "bad.metaauto")


MODELS = [
    ("no model", lambda f: None, ("predict", "no.metaauto", "new.csv"), 1, "no.metaauto"),
    ("a table as model", _table_instead, ("predict", "bad.metaauto", "new.csv"), 1, "bad.metaauto"),
    ("half a model", _half, ("predict", "bad.metaauto", "new.csv"), 1, "damaged"),
    ("a damaged model", _damaged, ("predict", "bad.metaauto", "new.csv"), 1, "damaged"),
    ("leaderboard of a table", _table_instead, ("leaderboard", "bad.metaauto"), 1, "damaged"),
    ("leaderboard of nothing", lambda f: None, ("leaderboard", "no.metaauto"), 1, "no.metaauto"),
    ("evaluate half a model", _half, ("evaluate", "bad.metaauto", "new.csv"), 1, "damaged"),
    ("no table", lambda f: None, ("predict", "buys.metaauto", "nwe.csv"), 1, "new.csv"),
    ("a missing column", _other_columns, ("predict", "buys.metaauto", "t.csv"), 1, "'age'"),
    (
        "another schema altogether",
        write("t.csv", "x,y\n1,2\n"),
        ("predict", "buys.metaauto", "t.csv"),
        1,
        "missing",
    ),
    ("no rows", _no_rows, ("predict", "buys.metaauto", "t.csv"), 1, "only a header"),
    ("no rows to compare", _no_rows, ("evaluate", "buys.metaauto", "t.csv"), 1, "only a header"),
    (
        "an empty model",
        write("bad.metaauto", ""),
        ("predict", "bad.metaauto", "new.csv"),
        1,
        "empty",
    ),
    ("a directory as model", lambda f: None, ("predict", ".", "new.csv"), 1, "'.'"),
    (
        "targets that are missing",
        table("t.csv", buys=np.nan),
        ("evaluate", "buys.metaauto", "t.csv"),
        1,
        "'buys'",
    ),
    ("words for numbers", _other_words, ("predict", "buys.metaauto", "t.csv"), 1, "'old'"),
    (
        "an unknown kind of output",
        lambda f: None,
        ("predict", "buys.metaauto", "new.csv", "-o", "p.xls"),
        1,
        ".parquet",
    ),
    (
        "a directory as output",
        lambda f: (f / "there").mkdir(),
        ("predict", "buys.metaauto", "new.csv", "-o", "there"),
        1,
        "directory",
    ),
    (
        "output in no directory",
        lambda f: None,
        ("predict", "buys.metaauto", "new.csv", "-o", "no/p.csv"),
        1,
        "does not exist",
    ),
    (
        "output over the table",
        lambda f: None,
        ("predict", "buys.metaauto", "new.csv", "-o", "new.csv"),
        1,
        "replace the table",
    ),
    (
        "probabilities of amounts",
        lambda f: None,
        ("predict", "income.metaauto", "new.csv", "--proba"),
        1,
        "--proba",
    ),
    (
        "no target to compare with",
        lambda f: people(20).drop(columns="buys").to_csv(f / "t.csv", index=False),
        ("evaluate", "buys.metaauto", "t.csv"),
        1,
        "'buys'",
    ),
    (
        "a class that the model does not know",
        table("t.csv", buys="perhaps"),
        ("evaluate", "buys.metaauto", "t.csv"),
        1,
        "'perhaps'",
    ),
    (
        "an unknown metric",
        lambda f: None,
        ("evaluate", "buys.metaauto", "new.csv", "--metric", "acuracy"),
        1,
        "accuracy",
    ),
    ("no arguments", lambda f: None, ("predict",), 2, "MODEL"),
]


@pytest.mark.parametrize(
    ("prepare", "call", "status", "part"),
    [case[1:] for case in MODELS],
    ids=[case[0] for case in MODELS],
)
def test_a_model_that_cannot_be_used_is_refused_in_one_line(
    prepare,
    call: tuple[str, ...],
    status: int,
    part: str,
    trained: Path,
    quick_cli: Cli,
    tmp_path: Path,
) -> None:
    for name in ("buys.metaauto", "income.metaauto", "people.csv", "new.csv"):
        shutil.copy(trained / name, tmp_path)
    prepare(tmp_path)
    before = {name: content(tmp_path / name) for name in listing(tmp_path)}
    check(quick_cli(*call), status, part)
    assert {name: content(tmp_path / name) for name in listing(tmp_path)} == before


NEW = {
    "one row": lambda frame: frame.iloc[:1],
    "columns in another order and further ones": lambda frame: frame[frame.columns[::-1]].assign(
        z=1
    ),
    "unseen categories": lambda frame: frame.assign(city="Atlantis"),
    "nothing but gaps": lambda frame: frame.assign(**dict.fromkeys(frame.columns, np.nan)),
}


@pytest.mark.parametrize("change", NEW.values(), ids=NEW.keys())
def test_unusual_rows_are_predicted(change, trained: Path, quick_cli: Cli, tmp_path: Path) -> None:
    shutil.copy(trained / "buys.metaauto", tmp_path)
    frame = change(people(20).drop(columns="buys"))
    frame.to_csv(tmp_path / "t.csv", index=False)
    done = quick_cli("predict", "buys.metaauto", "t.csv")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.strip().splitlines()) == 1 + len(frame)


FITTING = {
    "a column of gaps": {"gap": np.nan},
    "the target twice": {"again": people()["buys"]},
    "amounts near the largest float": {"huge": np.where(np.arange(120) % 2, 1e308, -1e308)},
    "whole numbers beyond 64 bits": {"long": [10**40] * 60 + [3] * 60},
}


@pytest.mark.slow
@pytest.mark.parametrize("columns", FITTING.values(), ids=FITTING.keys())
def test_unusual_columns_hinder_no_fit(columns, quick_cli: Cli, tmp_path: Path) -> None:
    table("t.csv", **columns)(tmp_path)
    done = quick_cli(
        *with_quick_options(("fit", "t.csv", "--target", "buys", "--out", "m.metaauto"), 1)
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "m.metaauto").is_file()
