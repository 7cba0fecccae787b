"""Who shows a fit that is started from Python, wherever it runs."""

from __future__ import annotations

import sys
from collections.abc import Callable

from metaauto.events import Event
from metaauto.model import FinalModel
from metaauto.progress.lines import Progress
from metaauto.progress.notebook import NotebookView, in_kernel
from metaauto.progress.summary import summary_lines

__all__ = ["show_progress", "summary"]


def show_progress(verbose: int = 1) -> Callable[[Event], None]:
    """Somebody to show a fit: one output that is updated in a notebook, lines elsewhere.

    Parameters
    ----------
    verbose : int, default=1
        2 adds a line for every trial where lines are printed.

    Returns
    -------
    callable
        Takes the events of one fit.

    Examples
    --------
    >>> import metaauto
    >>> model = metaauto.fit(
    ...     "sklearn:iris", trials=1, include=["lda"], cores=1, on_event=metaauto.show_progress()
    ... )  # doctest: +SKIP
    """
    if in_kernel():
        return NotebookView()
    lines = Progress(_print)

    def listen(event: Event) -> None:
        lines(event)
        if verbose > 1 and event.kind in ("trial_started", "trial_finished"):
            _print(f"{event.seconds:8.1f} s  {event.message}")

    return listen


def _print(line: str) -> None:
    print(line, file=sys.stdout, flush=True)  # noqa: T201


def summary(model: FinalModel) -> str:
    """What a fit came to: scores, ensemble, columns, trials, what to mind and what to do next.

    Parameters
    ----------
    model : FinalModel
        What a fit returned, or a loaded model.

    Examples
    --------
    >>> print(metaauto.summary(metaauto.load("house.metaauto")))  # doctest: +SKIP
    Score        rmse 2840, lower is better (95% interval 2610 to 3090, 1,460 out-of-fold rows)
    ...
    """
    return "\n".join(summary_lines(model))
