"""The check of phrases finds what the style guide replaces."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

HOME = Path(__file__).parents[2]
SCRIPT = HOME / "docs" / "check_wording.py"
pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="needs the repository")


@pytest.fixture(scope="module")
def check_wording():
    spec = importlib.util.spec_from_file_location("check_wording", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "line",
    [
        'raise SettingError(f"memory={size!r} is no size.")',
        "--target goes with --data.",
        "--resume and --run-dir exclude each other.",
        "criterion=x is not ours",
        '"What predictions rest on"',
    ],
)
def test_problems_names_the_line_and_the_replacement(check_wording, tmp_path, line):
    file = tmp_path / "module.py"
    file.write_text(f"# fine\n{line}\n", "utf-8")
    found = check_wording.problems(file, check_wording.phrases())
    assert len(found) == 1
    assert f"{file}:2: " in found[0]
    assert "; write: " in found[0]
    assert check_wording.main([str(file)]) == 1


@pytest.mark.parametrize(
    "line",
    [
        "There is no store yet.",
        "The loss is no longer finite.",
        "--resume and --run-dir are mutually exclusive.",
        "memory must be a positive number of GiB (got 0).",
    ],
)
def test_problems_leaves_standard_wording_alone(check_wording, tmp_path, line):
    file = tmp_path / "page.md"
    file.write_text(line, "utf-8")
    assert check_wording.main([str(file)]) == 0


def test_main_passes_over_binary_files(check_wording, tmp_path):
    (tmp_path / "a.db").write_bytes(b"\xff\xfe is no size")
    assert check_wording.main([str(tmp_path / "a.db")]) == 0
