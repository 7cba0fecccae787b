"""Provenance of new facts: time, versions and the speed of the machine."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime
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
    """Return the provenance of facts that this process creates now.

    Parameters
    ----------
    source : str
        ``"build"``, ``"fit"``, ``"import:oboe"``.
    libraries : iterable of str
        Distributions whose versions are recorded, if installed.
    cores : int, optional
        Cores that one fit may use.
    licence : str
        Licence of the facts; empty for the user's own.
    speed : float, optional
        Result of `calibrate`; None for imported facts, which come from other machines.
    """
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    versions = {name: found for name in libraries if (found := _version(name))}
    return ProvenanceFact(now, source, _version("metaauto"), versions, speed, cores, licence)


def calibrate(repeats: int = 3) -> float:
    """Return the seconds of a fixed computation, the minimum over repeats of about 20 ms each.

    The computation resembles model fitting: sorting, a matrix product and plain Python. The ratio
    of two machines' results estimates the ratio of their fit seconds. Time spent waiting for a
    processor is excluded if the system's thread clock is precise enough.
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
