"""The status of a running fit, built from its events, and the rows that show it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from metaauto.events import Event
from metaauto.text import ENDINGS, FAILURES, clock_time, counted, format_score

__all__ = ["Row", "FitStatus", "RunningTrial", "sparkline", "status_rows"]

_BLOCKS = "▁▂▃▄▅▆▇█"
_PLAIN_BLOCKS = "_.-=^"
# Short rows are not wrapped when the terminal becomes narrower.
_BAR_WIDTH = (10, 24)
_SPARK_WIDTH = (8, 24)
_MAX_RUNNING = 4
_MAX_CAUSES = 2


@dataclass(frozen=True)
class RunningTrial:
    """A running trial: its name, source, reason and start time."""

    name: str
    source: str
    why: str
    since: float


@dataclass(frozen=True)
class Row:
    """A row of the view: a label (empty for a continued row) and its text."""

    label: str
    text: str
    style: str = ""


@dataclass
class FitStatus:
    """The status of a running fit; call it with every event.

    Attributes
    ----------
    stage : str
        Current stage, for display.
    metric : str
        Name of the metric, with the positive class if it scores one.
    best : float or None
        Best score so far.
    best_name : str
        Trial that improved it last.
    best_at : float
        Seconds from the start to that trial.
    history : list of float
        The best score after each trial.
    endings : Counter
        Number of finished trials by status.
    running : dict of int to RunningTrial
        Running trials by number.
    causes : Counter
        Number of failures by cause, such as ``"svm: out of memory"``.
    trials : int or None
        Limit of trials.
    notice : str
        Message to show in the view.
    is_over : bool
        Whether the fit is finished.
    """

    stage: str = "Starting"
    metric: str = ""
    best: float | None = None
    best_name: str = ""
    best_at: float = 0.0
    history: list[float] = field(default_factory=list)
    endings: Counter[str] = field(default_factory=Counter)
    running: dict[int, RunningTrial] = field(default_factory=dict)
    causes: Counter[str] = field(default_factory=Counter)
    trials: int | None = None
    notice: str = ""
    is_over: bool = False
    _ends: float | None = None
    _began: float | None = None
    _is_better: bool = False

    def __call__(self, event: Event) -> None:
        """Update the status from an event."""
        self._began = time.monotonic() - event.seconds
        if event.kind == "stage":
            self.stage = event.message
            left = event.data.get("left")
            self._ends = None if left is None else event.seconds + float(left)
            self.trials = event.data.get("trials")
        elif event.kind == "table":
            self.metric = event.data["task"].metric_label
            self.stage = "Preparing"
        elif event.kind == "incumbent":
            self._is_better = True
        elif event.kind == "trial_started":
            self.running[event.data["number"]] = RunningTrial(
                event.data.get("name", ""),
                event.data.get("source", ""),
                event.data.get("why", ""),
                event.seconds,
            )
        elif event.kind == "trial_finished":
            self._finished(event)
        elif event.kind == "finished":
            self.is_over = True

    def _finished(self, event: Event) -> None:
        name, status = str(event.data.get("name", "")), str(event.data.get("status", ""))
        self.running.pop(event.data.get("number", -1), None)
        self.endings[status] += 1
        if status in FAILURES:
            error = " ".join(str(event.data.get("error") or "").split())
            model = name.rpartition("-")[0] or name
            self.causes[f"{model}: {error or ENDINGS.get(status, status)}"] += 1
        best = event.data.get("best")
        if best is None or best != best:
            return
        if self._is_better or self.best is None:
            self.best_name, self.best_at = name, event.seconds
        self._is_better = False
        self.best = float(best)
        self.history.append(self.best)

    def elapsed(self) -> float:
        """Return the seconds since the start of the fit."""
        return 0.0 if self._began is None else max(time.monotonic() - self._began, 0.0)

    @property
    def seconds(self) -> float | None:
        """Time budget of the fit in seconds; None if only trials are limited."""
        return self._ends


def sparkline(values: Sequence[float], width: int, plain: bool = False) -> str:
    """Return values as a row of bars; of many values, the last of each step is drawn.

    Parameters
    ----------
    values : sequence of float
        Finite values in time order.
    width : int
        Maximum number of characters.
    plain : bool, default=False
        Use ASCII only.

    Examples
    --------
    >>> sparkline([0.5, 0.6, 0.6, 0.9], 8)
    '▁▃▃█'
    """
    if not values or width < 1:
        return ""
    if len(values) > width:
        values = [values[((place + 1) * len(values)) // width - 1] for place in range(width)]
    blocks = _PLAIN_BLOCKS if plain else _BLOCKS
    low, high = min(values), max(values)
    if not high > low:
        return blocks[len(blocks) // 2] * len(values)
    steps = len(blocks) - 1
    return "".join(blocks[round(steps * (value - low) / (high - low))] for value in values)


def status_rows(fit: FitStatus, width: int = 80, plain: bool = False) -> list[Row]:
    """Return the rows that show the status of a fit.

    Parameters
    ----------
    fit : FitStatus
        Status of the fit.
    width : int, default=80
        Width of the terminal.
    plain : bool, default=False
        Use ASCII only.
    """
    now = fit.elapsed()
    rows = [Row(fit.stage.split(" ")[0], _progress(fit, now, width, plain))]
    if fit.best is not None:
        rows.append(Row("Best", _best(fit, width, plain), "bold"))
    if fit.endings or fit.running:
        rows.append(Row("Trials", _trials(fit)))
    shown = list(fit.running.values())
    for place, trial in enumerate(shown[:_MAX_RUNNING]):
        rows.append(Row("" if place else "Running", _running(trial, now), "dim"))
    if len(shown) > _MAX_RUNNING:
        rows.append(Row("", f"and {len(shown) - _MAX_RUNNING} more", "dim"))
    for place, (cause, count) in enumerate(fit.causes.most_common(_MAX_CAUSES)):
        times = f"{count} x " if count > 1 else ""
        rows.append(Row("" if place else "Failed", f"{times}{cause}", "red"))
    if fit.notice:
        rows.append(Row("", fit.notice, "bold"))
    return rows


def _progress(fit: FitStatus, now: float, width: int, plain: bool) -> str:
    room = min(max(width - 45, _BAR_WIDTH[0]), _BAR_WIDTH[1])
    total = fit.seconds
    if total is not None:
        left = max(total - now, 0.0)
        words = f"{clock_time(left)} left of {clock_time(total)}"
        return f"{_bar(now / max(total, 1e-9), room, plain)}  {words}"
    finished = sum(fit.endings.values())
    if fit.trials:
        words = f"{finished} of {counted(fit.trials, 'trial')}, {clock_time(now)}"
        return f"{_bar(finished / fit.trials, room, plain)}  {words}"
    return clock_time(now)


def _bar(share: float, width: int, plain: bool) -> str:
    done = round(width * min(max(share, 0.0), 1.0))
    full, empty = ("#", "-") if plain else ("━", "╌")
    return full * done + empty * (width - done)


def _best(fit: FitStatus, width: int, plain: bool) -> str:
    room = min(max(width - 56, _SPARK_WIDTH[0]), _SPARK_WIDTH[1])
    line = sparkline(fit.history, room, plain)
    return (
        f"{fit.metric} {format_score(fit.best)}  {line}  "
        f"by {fit.best_name} at {clock_time(fit.best_at)}"
    )


def _trials(fit: FitStatus) -> str:
    parts = [f"{count} {ENDINGS.get(status, status)}" for status, count in _ordered(fit)]
    if fit.running:
        parts.append(f"{len(fit.running)} running")
    return ", ".join(parts)


def _ordered(fit: FitStatus) -> list[tuple[str, int]]:
    known: Mapping[str, int] = {status: place for place, status in enumerate(ENDINGS)}
    return sorted(fit.endings.items(), key=lambda item: known.get(item[0], len(known)))


def _running(trial: RunningTrial, now: float) -> str:
    why = f": {trial.why}" if trial.why else ""
    return f"{trial.name}  {clock_time(max(now - trial.since, 0.0))}  {trial.source}{why}"
