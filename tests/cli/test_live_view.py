"""The live view of a fit, as a terminal gets it."""

from __future__ import annotations

import json
import os
import re
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import QUICK, command_line, environment, people
from imported import ImportedProgram

if sys.platform == "win32":
    pytest.skip("pseudo-terminals of POSIX systems", allow_module_level=True)

import fcntl
import pty
import termios

pytestmark = pytest.mark.slow

TIMEOUT = 150.0
COLOUR = re.compile(r"\x1b\[(?:\d+;)*[39][0-7](?:;\d+)*m")
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


class Terminal:
    """A command whose standard error is a terminal of some columns."""

    def __init__(self, folder: Path, command: list[str], columns: int = 80, **more: str) -> None:
        self._master, slave = pty.openpty()
        self.resize(columns)
        told = {**environment(folder), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **more}
        told.pop("COLUMNS")
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env={name: value for name, value in told.items() if value},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=slave,
            text=True,
        )
        os.close(slave)
        self.text = ""

    def resize(self, columns: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))

    def read_until(self, words: str = "") -> None:
        """Read until the words come, or to the end."""
        end = time.monotonic() + TIMEOUT
        while not words or words not in self.text:
            assert time.monotonic() < end, self.text
            try:
                part = os.read(self._master, 65536)
            except OSError:  # what Linux says when nobody can write any more
                part = b""
            if not part:
                assert not words, self.text
                break
            self.text += part.decode("utf-8", "replace")

    def finish(self) -> str:
        """Read to the end; what came on the standard output."""
        self.read_until()
        os.close(self._master)
        out, _ = self.process.communicate(timeout=TIMEOUT)
        return out


def lines_of(text: str) -> list[str]:
    """The lines without what steers the terminal."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "\n").split("\n")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    people().assign(number=[f"A-{i:05d}" for i in range(120)]).to_csv(tmp_path / "t.csv")
    return tmp_path


FIT = ("fit", "t.csv", "--target", "buys", *QUICK, "--include", "lda", "--out", "m.metaauto")


def test_a_terminal_gets_one_view_that_goes_away(table: Path) -> None:
    columns = 80
    # Slow enough to be redrawn after the first trial.
    slow = [word.replace("lda", "extra_trees") for word in FIT]
    terminal = Terminal(table, command_line(*slow), columns=columns)
    out = terminal.finish()
    assert terminal.process.returncode == 0, terminal.text
    assert out == ""
    text = terminal.text
    lines = lines_of(text)
    for words in (
        "120 rows; target 'buys'",
        "Searching. Models: extra_trees",
        "Validation: 2 stratified",
    ):
        assert sum(words in line for line in lines) == 1, words
    view = text[text.index(HIDE) : text.index(SHOW)]
    for words in ("Searching", "of 2 trials", "Best", "Running", "extra_trees-1"):
        assert words in view, words
    assert re.search("[12] successful", view)
    after = text[text.index(SHOW) :]
    assert "Score        roc_auc" in after
    assert "Running" not in after
    assert COLOUR.search(text)
    assert max(map(len, lines)) <= columns


def test_no_color_is_respected_and_the_result_for_programs_stays_apart(
    imported: ImportedProgram, table: Path
) -> None:
    terminal = Terminal(table, imported.command(*FIT, "--json"), NO_COLOR="1")
    assert json.loads(terminal.finish())["metric"] == "roc_auc"
    assert HIDE in terminal.text
    assert not COLOUR.search(terminal.text)


def test_a_dumb_terminal_gets_lines(imported: ImportedProgram, table: Path) -> None:
    terminal = Terminal(table, imported.command(*FIT), TERM="dumb")
    terminal.finish()
    assert "\x1b" not in terminal.text
    assert "Searching. Models: lda" in terminal.text


def test_quiet_is_quiet_on_a_terminal_too(imported: ImportedProgram, table: Path) -> None:
    terminal = Terminal(table, imported.command(*FIT, "--quiet"))
    terminal.finish()
    assert terminal.process.returncode == 0
    assert terminal.text == ""


def test_ctrl_c_on_a_terminal_that_changed_its_size(table: Path) -> None:
    arguments = ("--budget", "10m", "--cores", "1", "--memory", "2", "--include", "logistic")
    fit = ("fit", "t.csv", "--target", "buys", *arguments, "--out", "m.metaauto")
    terminal = Terminal(table, command_line(*fit))
    terminal.read_until("successful")
    terminal.resize(60)
    terminal.process.send_signal(signal.SIGINT)
    # The view says that it is stopping at its next redraw; the search may have ended before.
    terminal.finish()
    assert terminal.process.returncode == 0, terminal.text
    assert "Score" in terminal.text
    assert terminal.text.count(HIDE) == terminal.text.count(SHOW) == 1
    assert "Traceback" not in terminal.text
    assert (table / "m.metaauto").is_file()


def test_an_error_gives_the_terminal_back(imported: ImportedProgram, table: Path) -> None:
    fit = ("fit", "t.csv", "--target", "bus", "--out", "m.metaauto")
    terminal = Terminal(table, imported.command(*fit))
    terminal.finish()
    assert terminal.process.returncode == 1
    assert terminal.text.index(SHOW) < terminal.text.index("Error: Target column not found: 'bus'")
