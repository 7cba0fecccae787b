from __future__ import annotations

import runpy
from pathlib import Path

import pytest

FILE = Path(__file__).with_name("mutants.py")
PROGRAM = runpy.run_path(str(FILE))


def test_mutants_fit_the_code():
    assert len(PROGRAM["MUTANTS"]) == 30
    assert PROGRAM["check_list"]() == []


def test_check_list_names_a_text_that_is_gone(tmp_path):
    (tmp_path / "metaauto" / "search").mkdir(parents=True)
    (tmp_path / "metaauto" / "search" / "racing.py").write_text("changed = True\n")
    problems = PROGRAM["check_list"](tmp_path)
    assert problems[0].startswith("mutant 1: metaauto/search/racing.py has the text 'return")
    assert problems[0].endswith("0 times, expected once; change the mutant to fit the code.")
    assert "mutant 1: the test file tests/search/test_racing.py does not exist." in problems


@pytest.mark.parametrize(
    ("choices", "numbers"),
    [
        ([], list(range(1, 31))),
        (["3", "17-19", "29-40"], [3, 17, 18, 19, 29, 30]),
        (["search/timeouts", "2"], [2, 4]),
        (["no such file"], []),
    ],
)
def test_selected_by_number_range_and_path(choices, numbers):
    assert PROGRAM["selected"](choices) == numbers
