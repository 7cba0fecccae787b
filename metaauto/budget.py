"""One clock for a whole fit: wall seconds, trials, memory and cores."""

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
    """Read a duration such as ``90``, ``"30s"``, ``"5m"`` or ``"1h30m"``.

    Parameters
    ----------
    text : str or float
        A number is taken as seconds.

    Returns
    -------
    float
        Seconds, above zero.

    Raises
    ------
    SettingError
        If it is no duration or not above zero.

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
                f"The budget {text!r} is no duration.",
                hint="Write 30s, 5m, 1h30m or a number of seconds.",
            )
    if not 0 < seconds < float("inf"):
        raise SettingError(
            f"The budget {text!r} is not above zero.", hint="Give at least a second, such as 30s."
        )
    return seconds


def available_cores() -> int:
    """Processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def available_memory() -> float:
    """Memory (MiB) that is free for new processes."""
    import psutil

    return float(psutil.virtual_memory().available) / 2**20


@dataclass
class Budget:
    """What a fit may use, and how much of it is left.

    Parameters
    ----------
    seconds : float
        Wall seconds from `start` to the end of the fit; infinite if only trials count.
    trials : int, optional
        Number of trials; with it and no seconds a fit is reproducible.
    cores : int
        Worker processes.
    memory : float
        MiB for all workers together.
    reserve : float
        Seconds kept at the end for the ensemble and the hand-over; `keep` adds to them.

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
        """Start the clock, now or at a given reading of `time.monotonic`."""
        self.started = time.monotonic() if at is None else at

    def elapsed(self) -> float:
        """Seconds since the start."""
        return 0.0 if self.started is None else time.monotonic() - self.started

    def remaining(self) -> float:
        """Seconds left, the reserve included."""
        return self.seconds - self.elapsed()

    def take_limits(self, other: Budget) -> None:
        """Take over the seconds and trials of another budget; the clock goes on."""
        self.seconds, self.trials, self.reserve = other.seconds, other.trials, other.reserve

    def use_up(self, seconds: float) -> None:
        """Count seconds that an interrupted run has used before."""
        if self.started is not None:
            self.started -= seconds

    def keep(self, seconds: float) -> None:
        """Keep so many seconds for what comes after the search, a third of the budget at most."""
        self.kept = min(seconds, self.seconds / 3) if self.is_timed else 0.0

    def for_search(self) -> float:
        """Seconds left for trials."""
        return self.remaining() - self.reserve - self.kept

    @property
    def is_timed(self) -> bool:
        """Whether wall time limits the fit."""
        return self.seconds != float("inf")

    def deadline(self) -> float:
        """The reading of `time.monotonic` at which the search must end."""
        if self.started is None or not self.is_timed:
            return float("inf")
        return self.started + self.seconds - self.reserve - self.kept

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Charge the seconds of a block to a stage, for the report of where the time went."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.spent[name] = self.spent.get(name, 0.0) + time.monotonic() - began
