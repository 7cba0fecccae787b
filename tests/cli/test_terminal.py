"""The output of commands never holds control characters of data."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import click
import pandas as pd
import pytest
from command_line import Cli, people
from hypothesis import given
from hypothesis import strategies as st

from metaauto.cli import main, terminal
from metaauto.errors import MetaautoError, SettingError

CONTROL = st.text(
    st.characters(categories=["Cc", "Zl", "Zp"]) | st.characters(exclude_categories=["Cs"])
)
ESCAPES = "\x1b]0;title\x07\x1b[31mred\x9b\x7f"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def written(write: Callable[[], object]) -> str:
    """Return what a function writes to the standard output and error, both terminals."""
    screen = Terminal()
    with contextlib.redirect_stdout(screen), contextlib.redirect_stderr(screen):
        write()
    return screen.getvalue()


def controls(text: str) -> set[str]:
    return {letter for letter in text if unicodedata.category(letter) in ("Cc", "Zl", "Zp")}


@given(CONTROL)
def test_a_line_stays_one_line(text: str) -> None:
    for write in (terminal.say, terminal.print_line, terminal.write_error):
        shown = written(lambda write=write: write(text))
        assert shown.endswith("\n")
        assert not controls(shown[:-1])


@given(CONTROL)
def test_wrapped_lines_have_no_control_characters(text: str) -> None:
    assert controls(written(lambda: terminal.say_wrapped(text, 4))) <= {"\n"}


@given(st.lists(st.tuples(CONTROL, CONTROL), min_size=1, max_size=4))
def test_a_table_has_one_line_for_each_row(cells: list[tuple[str, str]]) -> None:
    rows = [{"name": one, "\x1b[5mscore\n": other} for one, other in cells]
    shown = written(lambda: terminal.print_table(rows, left=("name",)))
    assert controls(shown) == {"\n"}
    assert shown.count("\n") == len(rows) + 1


@given(st.dictionaries(CONTROL, CONTROL))
def test_json_keeps_values(values: dict[str, str]) -> None:
    shown = written(lambda: terminal.print_json(values))
    assert controls(shown) <= {"\n"}
    assert json.loads(shown) == values


@given(CONTROL, st.sampled_from([SettingError, click.ClickException, ValueError]))
def test_an_error_is_one_line(text: str, kind: type[Exception]) -> None:
    @click.command()
    def fail() -> None:
        raise kind(text, hint=text) if issubclass(kind, MetaautoError) else kind(text)

    shown = written(lambda: terminal.run(fail, []))
    assert shown.startswith("Error: ")
    assert not controls(shown[:-1])
    assert controls(written(lambda: terminal.run(fail, ["--traceback"]))) <= {"\n"}


def test_a_document_keeps_its_lines() -> None:
    assert written(lambda: terminal.print_document("a\n\x1b[5mb\n")) == "a\n\\x1b[5mb\n\n"


@pytest.fixture
def hostile_table(tmp_path: Path) -> pd.DataFrame:
    table = people()
    table.columns = [f"{ESCAPES}{name}\n" if name != "buys" else "buys" for name in table.columns]
    table.to_csv(tmp_path / "t.csv", index=False)
    return table


def test_dry_run_of_hostile_names(quick_cli: Cli, hostile_table: pd.DataFrame) -> None:
    done = quick_cli("fit", "t.csv", "--target", "buys", "--dry-run", "--cores", "1")
    assert done.returncode == 0, done.stderr
    assert controls(done.stdout + done.stderr) <= {"\n"}
    assert r"\x1b]0;title\x07" in done.stdout


def test_help_does_not_show_escapes_of_a_file(quick_cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "metaauto.toml").write_text('[fit]\ncv = "\\u001b[5mx"\n')
    assert controls(quick_cli("fit", "--help").stdout) <= {"\n"}
    done = quick_cli("fit", "t.csv")
    assert done.returncode == 1
    assert "'cv' of 'fit': '\\x1b[5mx' holds a control character" in done.stderr


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "Free some space"),
        (OSError(errno.EMFILE, "Too many open files"), "ulimit -n"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "gone"), "'gone'"),
        (MemoryError(), "memory"),
        (RuntimeError("can't start new thread"), "ulimit"),
        (ImportError("/x/_k_means.so: failed to map segment from shared object"), "memory"),
        (ImportError("/x/_a.so: cannot allocate memory in static TLS block"), "memory"),
    ],
)
def test_what_the_system_refuses_is_one_line_and_no_internal_error(error, words, capsys):
    @click.command()
    def failing() -> None:
        raise error

    assert terminal.run(failing, []) == 1
    told = capsys.readouterr().err
    assert told.startswith("Error: ")
    assert told.count("\n") == 1
    assert words in told
    assert "report" not in told


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_output_to_a_full_device_is_one_line() -> None:
    command = [sys.executable, "-m", "metaauto", "metafeatures", "sklearn:iris", "--json"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("Error")]
    assert len(errors) == 1
    assert "No space left" in errors[0]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("platform", "count"), [("win32", 1), ("linux", 0)])
def test_main_warns_on_windows_in_one_line(platform, count, monkeypatch, capsys):
    monkeypatch.setattr(sys, "platform", platform)
    with pytest.raises(SystemExit) as ending:
        main(["version"])
    assert ending.value.code == 0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == count
    assert all("not supported. Use WSL" in line for line in lines)
