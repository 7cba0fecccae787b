"""Show the progress and the summary of a fit that is started from Python."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Protocol

from metaauto.events import Event
from metaauto.model import FinalModel
from metaauto.progress.lines import Progress
from metaauto.progress.notebook import NotebookView, in_kernel
from metaauto.progress.summary import summary_lines
from metaauto.text import printable

__all__ = ["show_progress", "summary"]


class FittedEstimator(Protocol):
    """An estimator that holds its model."""

    model_: FinalModel


def show_progress(verbose: int = 1) -> Callable[[Event], None]:
    """Return a listener that shows a fit: one updated output in a notebook, lines elsewhere.

    The last lines are those of `summary`.

    Parameters
    ----------
    verbose : int, default=1
        2 adds lines for every trial, where lines are printed.

    Returns
    -------
    callable
        Listener for the events of one fit, for ``on_event``.

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
        for line in event.data.get("summary", ()):
            _print(line)

    return listen


def _print(line: str) -> None:
    print(printable(line), file=sys.stdout, flush=True)  # noqa: T201


def summary(model: FinalModel | FittedEstimator) -> str:
    """Return a summary of a fit: scores, ensemble, columns, trials, warnings and next steps.

    Parameters
    ----------
    model : FinalModel or fitted estimator
        The result of a fit, a loaded model, or a fitted `AutoClassifier` or `AutoRegressor`.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        The estimator is not fitted.

    Examples
    --------
    >>> print(metaauto.summary(metaauto.load("house.metaauto")))  # doctest: +SKIP
    Score        rmse 2840, lower is better (95% interval 2610 to 3090, 1,460 out-of-fold rows)
    ...
    """
    if not isinstance(model, FinalModel):
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(model, "model_")
        model = model.model_
    return "\n".join(summary_lines(model))
