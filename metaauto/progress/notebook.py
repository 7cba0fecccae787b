"""Show a running fit as one output of a notebook, updated in place."""

from __future__ import annotations

import html
import sys
import time
from typing import Any

from metaauto.events import Event
from metaauto.progress.lines import Progress
from metaauto.progress.status import FitStatus, status_rows

__all__ = ["NotebookView", "in_kernel"]

_UPDATE_SECONDS = 0.5
_ALWAYS = ("stage", "table", "warning", "finished")
_PERMANENT = ("table", "splits", "warm_start", "warning")
_MOST_LINES = 12
_STYLES = {"bold": "font-weight:600", "dim": "opacity:.7", "red": "color:#c0392b"}


def in_kernel() -> bool:
    """Return whether this process is the kernel of a notebook."""
    # A kernel has imported IPython already; other processes must not pay for the import.
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


class NotebookView:
    """Show the events of a fit in one output of the cell, updated at most twice a second."""

    def __init__(self) -> None:
        self.status = FitStatus()
        self._lines: list[str] = []
        self._summary: list[str] = []
        self._say = Progress(self._lines.append)
        self._handle: Any = None
        self._shown_at = 0.0

    def __call__(self, event: Event) -> None:
        """Show an event."""
        self.status(event)
        if event.kind in _PERMANENT or event.data.get("models"):
            self._say(event)
        self._summary += event.data.get("summary", ())
        now = time.monotonic()
        if event.kind in _ALWAYS or now - self._shown_at >= _UPDATE_SECONDS:
            self._shown_at = now
            self._show()

    def _show(self) -> None:
        from IPython.display import HTML, display

        page = HTML(self.to_html())
        if self._handle is None:
            self._handle = display(page, display_id=True)
        else:
            self._handle.update(page)

    def to_html(self) -> str:
        """Return the current view as HTML."""
        shown = [*self._lines[-_MOST_LINES:], *self._summary]
        style = ' style="white-space:pre-wrap"'
        lines = "".join(f"<div{style}>{html.escape(line)}</div>" for line in shown)
        rows = "" if self.status.is_over else self._rows()
        return f'<div style="font-family:monospace;font-size:12px">{lines}{rows}</div>'

    def _rows(self) -> str:
        cells = "".join(
            f'<tr><td style="text-align:left;padding:0 1em 0 0">{html.escape(row.label)}</td>'
            f'<td style="text-align:left;white-space:pre;{_STYLES.get(row.style, "")}">'
            f"{html.escape(row.text)}</td></tr>"
            for row in status_rows(self.status, 100)
        )
        return f'<table style="margin:.5em 0">{cells}</table>'
