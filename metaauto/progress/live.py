"""Show a running fit as one view in a terminal, redrawn in place."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any, TextIO

from metaauto.events import Event
from metaauto.progress.lines import Progress, without_repeats
from metaauto.progress.status import FitStatus, status_rows
from metaauto.text import printable

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["LiveView", "can_redraw"]

_LABEL = 11
_REDRAWS = 4
_WIDEST = 140
_PERMANENT = ("table", "splits", "warm_start", "warning")


def can_redraw(stream: TextIO) -> bool:
    """Return whether a stream is a terminal in which lines can be redrawn."""
    try:
        if not stream.isatty():
            return False
    except (AttributeError, ValueError):
        return False
    from rich.console import Console

    return not Console(file=stream).is_dumb_terminal


class LiveView:
    """Show the events of a fit: permanent lines, and the current status in a view below them.

    As a context manager it removes the view at the end of the block. NO_COLOR is respected.

    Parameters
    ----------
    stream : TextIO, optional
        The terminal; the standard error by default.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        from rich.console import Console
        from rich.live import Live

        self.status = FitStatus()
        self._is_shown = False
        self._console = Console(
            file=stream, stderr=stream is None, highlight=False, markup=False, emoji=False
        )
        # rich reads the position of the view before it writes: lines and redraws must not overlap.
        self._drawing = threading.RLock()
        # Not held during writes: a blocked terminal must not block the fit.
        self._reading = threading.Lock()
        self._is_over = threading.Event()
        self._redraws = threading.Thread(target=self._redraw, name="metaauto-view", daemon=True)
        self._write = without_repeats(self._print)
        self._lines = Progress(self.say)
        self._live = Live(
            get_renderable=self._view,
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=stream is None and sys.stdout.isatty(),
            redirect_stderr=stream is None,
        )

    def __enter__(self) -> LiveView:
        self._live.start()
        self._is_shown = True
        self._redraws.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._redraws.join()
        self._is_shown = False
        self._live.stop()

    def __call__(self, event: Event) -> None:
        """Show an event."""
        with self._reading:
            self.status(event)
        if event.kind in _PERMANENT or event.data.get("models"):
            self._lines(event)

    def say(self, line: str) -> None:
        """Write a permanent line above the view; skip repeated warnings."""
        self._write(line)

    def _print(self, line: str) -> None:
        style = {"Note": "dim", "Warning": "yellow"}.get(line.partition(":")[0], "")
        try:
            with self._drawing:
                self._console.print(printable(line), style=style)
        except (OSError, ValueError):
            return

    def _redraw(self) -> None:
        while not self._is_over.wait(1 / _REDRAWS):
            try:
                with self._drawing:
                    self._live.refresh()
            except (OSError, ValueError):
                return

    def note(self, line: str) -> bool:
        """Show a line in the view at its next redraw, as a signal handler may ask.

        Returns
        -------
        bool
            Whether the view is shown.
        """
        if self._is_shown:
            self.status.notice = line
        return self._is_shown

    def _view(self) -> Any:
        from rich.console import Group

        if not self._is_shown:
            return ""
        width, height = self._console.size
        plain = self._console.options.ascii_only
        with self._reading:
            rows = status_rows(self.status, min(width, _WIDEST), plain)
        return Group(*[_line(row.label, row.text, row.style) for row in rows[: max(height - 2, 1)]])


def _line(label: str, text: str, style: str) -> Text:
    from rich.text import Text

    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(f"{printable(label):<{_LABEL}} ", style="cyan")
    line.append(printable(text), style=style)
    return line
