"""Who is speaking: versions, the machine's speed and the time, for facts made here and now."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from metaauto.knowledge.records import ProvenanceFact

__all__ = ["calibrate", "here"]

_FINE_SECONDS = 1e-5


def here(
    source: str,
    *,
    libraries: Iterable[str] = ("numpy", "scikit-learn"),
    cores: int | None = None,
    licence: str = "",
    speed: float | None = None,
) -> ProvenanceFact:
    """The provenance of facts that this process makes now.

    Parameters
    ----------
    source : str
        ``"build"``, ``"fit"``, ``"import:oboe"``.
    libraries : iterable of str
        Distributions whose versions are noted, as far as they are installed.
    cores : int, optional
        Cores that one fit may use.
    licence : str
        Licence of the facts; empty for the user's own.
    speed : float, optional
        What `calibrate` said; not measured here, for imported facts come from other machines.
    """
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    versions = {name: found for name in libraries if (found := _version(name))}
    return ProvenanceFact(now, source, _version("metaauto"), versions, speed, cores, licence)


def calibrate(repeats: int = 3) -> float:
    """Seconds of a fixed little computation, the fastest of some repeats; about 20 ms each.

    A mix of what fitting models does: sorting, a matrix product and plain Python. The ratio of two
    machines' numbers is a guess of the ratio of their fitting times. Waiting for a processor is not
    counted, where the system tells finely enough.
    """
    own_clock = time.get_clock_info("thread_time").resolution <= _FINE_SECONDS
    clock = time.thread_time if own_clock else time.perf_counter
    generator = np.random.default_rng(0)
    values = generator.random(200_000)
    matrix = generator.random((200, 200))
    fastest = float("inf")
    for _ in range(repeats):
        start = clock()
        np.sort(values)
        np.cumsum(values[np.argsort(values)])
        matrix @ matrix
        total = 0
        for number in range(100_000):
            total += number & 7
        fastest = min(fastest, clock() - start)
    return fastest


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
