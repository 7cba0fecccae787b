"""The live view and the lines above it."""

from __future__ import annotations

import io
import threading
import time

import pytest
from rich.live import Live

from metaauto.events import Event
from metaauto.progress import live


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("COLUMNS", raising=False)


def test_lines_and_redraws_do_not_cross(monkeypatch):
    placed = Live.process_renderables

    def slowly(self, renderables):
        """Where the view stands is known, and nothing is written yet: others' turn."""
        found = placed(self, renderables)
        if threading.current_thread() is threading.main_thread():
            time.sleep(0.02)
        return found

    monkeypatch.setattr(Live, "process_renderables", slowly)
    monkeypatch.setattr(live, "_REDRAWS", 500)
    screen = Screen()
    with live.LiveView(screen) as view:
        view.say("a line that stays")
    before, _ = screen.getvalue().split("a line that stays\n")
    # Nothing stands there, or what stood there is wiped.
    assert before.endswith(("\x1b[?25l", "\x1b[2K")), before


def test_no_warning_twice():
    screen = Screen()
    with live.LiveView(screen) as view:
        for _ in range(2):
            view(Event("warning", 0.0, "a column is odd"))
    assert screen.getvalue().count("a column is odd") == 1


def test_names_cannot_send_escape_sequences():
    """Only rich itself may send sequences to the terminal."""
    screen = Screen()
    with live.LiveView(screen) as view:
        view(Event("warning", 0.0, "the column 'a\x1b]0;title\x07b\nc' is odd"))
        view.note("\x1b[5mnote")
        view.say("\x9b5mline")
        rows = live._line("\x1b[31mlabel", "\x1b[31mtext\n", "")
    shown = screen.getvalue()
    assert r"'a\x1b]0;title\x07b\nc' is odd" in shown
    assert r"\x9b5mline" in shown
    assert "\x07" not in shown
    assert "\x9b" not in shown
    assert "\x1b[5m" not in shown
    assert rows.plain == r"\x1b[31mlabel \x1b[31mtext\n"
