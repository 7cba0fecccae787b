"""``metaauto metafeatures``: a table described by numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Cli, people

from metaauto.data import prepare

PLUGIN = """
from metaauto.api import MetafeatureExtractor, hookimpl

def broken(table):
    raise RuntimeError("no luck\\ntoday")

def endless(table):
    return {"size": float("inf"), "rows": table.n_rows}

@hookimpl
def register_metafeatures(register):
    register.metafeature(MetafeatureExtractor("broken", broken, ("luck",)))
    register.metafeature(MetafeatureExtractor("endless", endless, ("size", "rows")))
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Path:
    people().to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "odd.py").write_text(PLUGIN)
    return tmp_path


def test_numbers_are_told_by_extractor(quick_cli: Cli) -> None:
    done = quick_cli("metafeatures", "t.csv", "--target", "buys")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    heads = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert {"simple", "statistical", "information", "landmarks"} <= set(heads)
    values = dict(line.split()[:2] for line in lines if line.startswith("  "))
    assert float(values["classes"]) == 2
    assert values["target_skew"] == "-"


def test_json_holds_all_of_it(quick_cli: Cli) -> None:
    done = quick_cli("metafeatures", "t.csv", "--target", "income", "--json")
    told = json.loads(done.stdout)
    table = people()
    assert told["fingerprint"] == prepare(table, "income").fingerprint
    assert told["rows"] == int(table["income"].notna().sum())
    assert (told["task"], told["target"], told["columns"]) == ("regression", "income", 4)
    assert told["values"]["simple.classes"] is None
    assert set(told["seconds"]) == set(told["versions"])


def test_failures_are_told(quick_cli: Cli) -> None:
    arguments = ("metafeatures", "t.csv", "--target", "buys", "--plugins", "mine")
    done = quick_cli(*arguments)
    assert done.returncode == 0
    assert "  FAILED  RuntimeError: no luck today" in done.stdout
    assert "(was inf)" in done.stdout
    told = json.loads(quick_cli(*arguments, "--json").stdout)
    assert set(told["failures"]) == {"broken", "endless.size"}
    assert told["values"]["endless.rows"] == 120


def test_little_time_means_fewer_numbers(quick_cli: Cli) -> None:
    done = quick_cli("metafeatures", "t.csv", "--target", "buys", "--seconds", "1e-9", "--json")
    told = json.loads(done.stdout)
    assert all(why.startswith("skipped") for why in told["failures"].values())
    assert "landmarks" in told["failures"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("t.csv",), "There is no target column."),
        (("t.csv", "--target", "buy"), "Did you mean 'buys'?"),
        (("t.csv", "--target", "buys", "--seconds", "0"), "--seconds must be > 0 (got 0)."),
        (("t.csv", "--target", "buys", "--seconds", "nan"), "--seconds must be > 0 (got nan)."),
        (("no.csv", "--target", "buys"), "File not found: 'no.csv'."),
    ],
)
def test_an_error_is_one_line(quick_cli: Cli, arguments: tuple[str, ...], words: str) -> None:
    done = quick_cli("metafeatures", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
