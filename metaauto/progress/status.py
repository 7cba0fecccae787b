"""How a running fit stands, as far as its events have told, and the rows that show it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from metaauto.events import Event
from metaauto.text import ENDINGS, clock_time, counted, format_score

__all__ = ["Row", "FitStatus", "Trying", "sparkline", "status_rows"]

_BLOCKS = "▁▂▃▄▅▆▇█"
_PLAIN_BLOCKS = "_.-=^"
# Short rows survive a terminal that is made narrower, which wraps what is longer.
_BAR_WIDTH = (10, 24)
_SPARK_WIDTH = (8, 24)
_MOST_TRYING = 4
_MOST_CAUSES = 2
_FAILURES = ("failed", "crashed", "timeout", "memory")


@dataclass(frozen=True)
class Trying:
    """A trial that runs: its name, who proposed it and why, and when it began."""

    name: str
    source: str
    why: str
    since: float


@dataclass(frozen=True)
class Row:
    """A line of the view: a label (empty for a further line of the one above) and its text."""

    label: str
    text: str
    style: str = ""


@dataclass
class FitStatus:
    """How a running fit stands; give it every event.

    Attributes
    ----------
    stage : str
        What is being done, for people.
    metric : str
        Name of the metric.
    best : float or None
        Score of the best answer so far.
    best_name : str
        The trial that brought it.
    best_at : float
        Seconds since the start when it came.
    history : list of float
        The best score after each trial.
    endings : Counter
        Trials that are over, by how they ended.
    running : dict of int to Trying
        Trials that run, by number.
    causes : Counter
        Failures by cause, ``"svm: out of memory"``.
    trials : int or None
        Trials the fit may make.
    notice : str
        Something to be said as long as the view is shown.
    is_over : bool
        Whether the model is ready.
    """

    stage: str = "Starting"
    metric: str = ""
    best: float | None = None
    best_name: str = ""
    best_at: float = 0.0
    history: list[float] = field(default_factory=list)
    endings: Counter[str] = field(default_factory=Counter)
    running: dict[int, Trying] = field(default_factory=dict)
    causes: Counter[str] = field(default_factory=Counter)
    trials: int | None = None
    notice: str = ""
    is_over: bool = False
    _ends: float | None = None
    _began: float | None = None
    _is_better: bool = False

    def __call__(self, event: Event) -> None:
        """Take in an event."""
        self._began = time.monotonic() - event.seconds
        if event.kind == "stage":
            self.stage = event.message
            left = event.data.get("left")
            self._ends = None if left is None else event.seconds + float(left)
            self.trials = event.data.get("trials")
        elif event.kind == "table":
            self.metric = event.data["task"].metric
            self.stage = "Preparing"
        elif event.kind == "incumbent":
            self._is_better = True
        elif event.kind == "trial_started":
            self.running[event.data["number"]] = Trying(
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
        if status in _FAILURES:
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
        """Seconds since the start of the fit, now."""
        return 0.0 if self._began is None else max(time.monotonic() - self._began, 0.0)

    @property
    def seconds(self) -> float | None:
        """Seconds that the whole fit may take; None if trials alone count."""
        return self._ends


def sparkline(values: Sequence[float], width: int, plain: bool = False) -> str:
    """Values as a row of bars of different height, the last of each step if there are many.

    Parameters
    ----------
    values : sequence of float
        Finite values in the order of time.
    width : int
        Most characters.
    plain : bool, default=False
        Use ASCII alone.

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


def status_rows(standing: FitStatus, width: int = 80, plain: bool = False) -> list[Row]:
    """The rows that show how a fit stands.

    Parameters
    ----------
    standing : FitStatus
        How it stands.
    width : int, default=80
        Columns there are.
    plain : bool, default=False
        Use ASCII alone.
    """
    now = standing.elapsed()
    rows = [Row(standing.stage.split(" ")[0], _progress(standing, now, width, plain))]
    if standing.best is not None:
        rows.append(Row("Best", _best(standing, width, plain), "bold"))
    if standing.endings or standing.running:
        rows.append(Row("Trials", _trials(standing)))
    shown = list(standing.running.values())
    for place, trying in enumerate(shown[:_MOST_TRYING]):
        rows.append(Row("" if place else "Trying", _trying(trying, now), "dim"))
    if len(shown) > _MOST_TRYING:
        rows.append(Row("", f"and {len(shown) - _MOST_TRYING} more", "dim"))
    for place, (cause, count) in enumerate(standing.causes.most_common(_MOST_CAUSES)):
        times = f"{count} x " if count > 1 else ""
        rows.append(Row("" if place else "Failed", f"{times}{cause}", "red"))
    if standing.notice:
        rows.append(Row("", standing.notice, "bold"))
    return rows


def _progress(standing: FitStatus, now: float, width: int, plain: bool) -> str:
    room = min(max(width - 45, _BAR_WIDTH[0]), _BAR_WIDTH[1])
    whole = standing.seconds
    if whole is not None:
        left = max(whole - now, 0.0)
        words = f"{clock_time(left)} left of {clock_time(whole)}"
        return f"{_bar(now / max(whole, 1e-9), room, plain)}  {words}"
    begun = sum(standing.endings.values())
    if standing.trials:
        words = f"{begun} of {counted(standing.trials, 'trial')}, {clock_time(now)}"
        return f"{_bar(begun / standing.trials, room, plain)}  {words}"
    return clock_time(now)


def _bar(share: float, width: int, plain: bool) -> str:
    done = round(width * min(max(share, 0.0), 1.0))
    full, empty = ("#", "-") if plain else ("━", "╌")
    return full * done + empty * (width - done)


def _best(standing: FitStatus, width: int, plain: bool) -> str:
    room = min(max(width - 56, _SPARK_WIDTH[0]), _SPARK_WIDTH[1])
    line = sparkline(standing.history, room, plain)
    return (
        f"{standing.metric} {format_score(standing.best)}  {line}  "
        f"since {standing.best_name} at {clock_time(standing.best_at)}"
    )


def _trials(standing: FitStatus) -> str:
    parts = [f"{count} {ENDINGS.get(status, status)}" for status, count in _ordered(standing)]
    if standing.running:
        parts.append(f"{len(standing.running)} running")
    return ", ".join(parts)


def _ordered(standing: FitStatus) -> list[tuple[str, int]]:
    known: Mapping[str, int] = {status: place for place, status in enumerate(ENDINGS)}
    return sorted(standing.endings.items(), key=lambda item: known.get(item[0], len(known)))


def _trying(trying: Trying, now: float) -> str:
    why = f": {trying.why}" if trying.why else ""
    return f"{trying.name}  {clock_time(max(now - trying.since, 0.0))}  {trying.source}{why}"
