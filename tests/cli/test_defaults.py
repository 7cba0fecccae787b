"""Defaults of commands from files in the working directory."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from command_line import Cli, people

QUICK = '[fit]\ntarget = "buys"\ntrials = 1\ncores = 1\nmemory = 2\ncv = 2\ninclude = "lda"\n'


@pytest.fixture
def table(tmp_path: Path) -> Path:
    people().to_csv(tmp_path / "t.csv", index=False)
    return tmp_path


def test_a_fit_takes_what_is_not_given_from_the_file(quick_cli: Cli, table: Path) -> None:
    (table / "metaauto.toml").write_text(QUICK + 'role = {house = "categorical"}\njson = true\n')
    done = quick_cli("fit", "t.csv", "--trials", "2")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[0] == (
        "Defaults from metaauto.toml: target, cores, memory, cv, include, role, json"
    )
    told = json.loads(done.stdout)
    assert (told["target"], told["options"]["trials"]) == ("buys", 2)
    assert told["roles"] == {"numeric": 2, "categorical": 2}


def test_a_project_may_hold_them(quick_cli: Cli, table: Path) -> None:
    text = QUICK.replace("[fit]", "[tool.metaauto.fit]")
    (table / "pyproject.toml").write_text(f'[project]\nname = "mine"\n{text}')
    done = quick_cli("fit", "t.csv", "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["target"] == "buys"


def test_its_own_file_goes_before_the_project(quick_cli: Cli, table: Path) -> None:
    (table / "pyproject.toml").write_text("[tool.metaauto.fit]\nnonsense = 1\n")
    (table / "metaauto.toml").write_text(QUICK)
    assert quick_cli("fit", "t.csv", "--dry-run").returncode == 0


def test_a_project_that_does_not_speak_of_it_is_left_alone(quick_cli: Cli, table: Path) -> None:
    (table / "pyproject.toml").write_text("this is [no toml")
    assert quick_cli("fit", "t.csv", "--target", "buys", "--dry-run").returncode == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "[fit]\nbugdet = 3\n",
            "unknown option of 'metaauto fit': 'bugdet'. Did you mean 'budget'?",
        ),
        ("[fit]\nno_knowlege = true\n", "Did you mean 'no-knowledge'?"),
        ("[fti]\nbudget = 3\n", "unknown command: 'fti'. Did you mean 'fit'?"),
        ("budget = 3\n", "'budget' is not in the table of a command. Move it"),
        ("[fit]\ncores = 'x'\n", "'cores' of 'fit': 'x' is not a valid integer"),
        ("[fit]\nquiet = 1\n", "'quiet' of 'fit': expected true or false, got 1."),
        ("[fit]\nbudget = [1, 2]\n", "expected one number or text, got [1, 2]."),
        ("[fit]\nplugins = ['.']\n", "must not run code"),
        ("[fit]\nbudget =\n", "Cannot read 'metaauto.toml'"),
        ("[fit]\ntask = 'clasification'\n", "'task' of 'fit'"),
    ],
)
def test_what_is_wrong_in_it_is_named(text: str, words: str, quick_cli: Cli, table: Path) -> None:
    (table / "metaauto.toml").write_text(text)
    done = quick_cli("fit", "t.csv", "--target", "buys", "--dry-run")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert len(done.stderr.splitlines()) == 1
    assert words in done.stderr
    assert quick_cli("fit", "--help").returncode == 0


def test_commands_in_groups_have_tables_too(quick_cli: Cli, table: Path) -> None:
    (table / "metaauto.toml").write_text("[knowledge.build]\nfoldr = 'x'\n")
    done = quick_cli("knowledge", "build")
    assert "unknown option of 'metaauto knowledge build': 'foldr'" in done.stderr
    (table / "metaauto.toml").write_text("[knowledge.info]\njson = true\n")
    done = quick_cli("knowledge", "info")
    assert done.returncode == 0, done.stderr
    json.loads(done.stdout)


def test_what_was_typed_goes_before_what_excludes_it_in_the_file(
    quick_cli: Cli, table: Path
) -> None:
    (table / "metaauto.toml").write_text(QUICK + 'knowledge = "missing.db"\nrun-dir = "run"\n')
    assert "missing.db" in quick_cli("fit", "t.csv", "--dry-run").stderr
    done = quick_cli("fit", "t.csv", "--dry-run", "--no-knowledge")
    assert done.returncode == 0, done.stderr


def test_the_help_shows_them(quick_cli: Cli, table: Path) -> None:
    (table / "metaauto.toml").write_text("[fit]\nseed = 17\n")
    assert "17" in quick_cli("fit", "--help").stdout


def test_other_commands_do_not_mind_tables_that_are_not_theirs(quick_cli: Cli, table: Path) -> None:
    (table / "metaauto.toml").write_text("[fit]\nseed = 17\n[suggest]\ntop = 2\n")
    done = quick_cli("suggest", "t.csv", "--target", "buys", "--include", "lda,logistic,knn")
    assert done.returncode == 0, done.stderr
    first = done.stdout.splitlines()
    assert sum(re.match(r" *[12] ", line) is not None for line in first) == 2
    assert not any(re.match(r" *3 ", line) for line in first)
