"""The budget of a fit: wall time, trials, memory and cores."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from metaauto.errors import SettingError

__all__ = ["Budget", "available_cores", "available_memory", "parse_seconds"]

_SECONDS = (86400.0, 3600.0, 60.0, 1.0)
_NUMBER = r"(\d+(?:\.\d*)?|\.\d+)"
_BARE = re.compile(_NUMBER, re.ASCII)
_PARTS = re.compile(
    r"\s*".join(f"(?:{_NUMBER}\\s*{unit})?" for unit in ("d", "h", "(?:min|m)", "s")), re.ASCII
)


def parse_seconds(text: str | float) -> float:
    """Parse a duration such as ``90``, ``"30s"``, ``"5m"`` or ``"1h30m"``.

    Parameters
    ----------
    text : str or float
        A duration; a number means seconds.

    Returns
    -------
    float
        Positive seconds.

    Raises
    ------
    SettingError
        It is not a duration, or not positive.

    Examples
    --------
    >>> parse_seconds("1h30m")
    5400.0
    """
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        seconds = float(text)
    else:
        compact = str(text).strip().lower()
        parts = _PARTS.fullmatch(compact)
        if _BARE.fullmatch(compact):
            seconds = float(compact)
        elif compact and parts:
            sizes = zip(parts.groups(), _SECONDS, strict=True)
            seconds = sum(float(n) * size for n, size in sizes if n)
        else:
            raise SettingError(
                f"Invalid budget {text!r}: expected a duration.",
                hint="Write 30s, 5m, 1h30m or a number of seconds.",
            )
    if not 0 < seconds < float("inf"):
        raise SettingError(
            f"The budget must be > 0 seconds and finite (got {text!r}).",
            hint="Give at least one second, such as 30s.",
        )
    return seconds


def available_cores() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def available_memory() -> float:
    """Return the memory (MiB) that is available for new processes."""
    import psutil

    return float(psutil.virtual_memory().available) / 2**20


@dataclass
class Budget:
    """The budget of a fit, and its clock.

    Parameters
    ----------
    seconds : float
        Wall seconds from `start` to the end of the fit; infinite if only trials are limited.
    trials : int, optional
        Number of trials; a fit with trials only is reproducible.
    cores : int
        Worker processes.
    memory : float
        MiB for all workers together.
    reserve : float
        Seconds reserved for the ensemble and saving at the end; `keep` adds to them.

    Examples
    --------
    >>> budget = Budget(seconds=60.0)
    >>> budget.start()
    >>> budget.remaining() <= 60.0
    True
    """

    seconds: float = float("inf")
    trials: int | None = None
    cores: int = 1
    memory: float = float("inf")
    reserve: float = 0.0
    started: float | None = None
    spent: dict[str, float] = field(default_factory=dict)
    kept: float = 0.0

    def start(self, at: float | None = None) -> None:
        """Start the clock, now or at a given value of `time.monotonic`."""
        self.started = time.monotonic() if at is None else at

    def elapsed(self) -> float:
        """Return the seconds since the start."""
        return 0.0 if self.started is None else time.monotonic() - self.started

    def remaining(self) -> float:
        """Return the remaining seconds, including the reserve."""
        return self.seconds - self.elapsed()

    def take_limits(self, other: Budget) -> None:
        """Use the seconds and trials of another budget; keep the clock running."""
        self.seconds, self.trials, self.reserve = other.seconds, other.trials, other.reserve

    def use_up(self, seconds: float) -> None:
        """Add the seconds that an interrupted run has used."""
        if self.started is not None:
            self.started -= seconds

    def keep(self, seconds: float) -> None:
        """Reserve seconds for the steps after the search, at most a third of the budget."""
        self.kept = min(seconds, self.seconds / 3) if self.is_timed else 0.0

    def for_search(self) -> float:
        """Return the remaining seconds for trials."""
        return self.remaining() - self.reserve - self.kept

    @property
    def is_timed(self) -> bool:
        """Whether wall time limits the fit."""
        return self.seconds != float("inf")

    def deadline(self) -> float:
        """Return the value of `time.monotonic` at which the search must end."""
        if self.started is None or not self.is_timed:
            return float("inf")
        return self.started + self.seconds - self.reserve - self.kept

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the seconds of a block to a stage, for the report."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.spent[name] = self.spent.get(name, 0.0) + time.monotonic() - began
