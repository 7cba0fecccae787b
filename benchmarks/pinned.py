"""Run measurements in parallel, two at a time, each on a core of its own."""

from __future__ import annotations

import os
import queue
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

__all__ = ["run_pinned"]

_AT_ONCE = 2


def run_pinned(measure: Callable[..., None], each: Iterable[tuple[Any, ...]]) -> None:
    """Call a function with each tuple of arguments; its child processes run on one core."""
    can_pin = hasattr(os, "sched_setaffinity")
    cores = sorted(os.sched_getaffinity(0))[:_AT_ONCE] if can_pin else [None] * _AT_ONCE
    free: queue.Queue[int | None] = queue.Queue()
    for core in cores:
        free.put(core)

    def pin() -> None:
        """Pin this thread and its child processes to one core."""
        if (core := free.get()) is not None:
            os.sched_setaffinity(0, {core})

    with ThreadPoolExecutor(len(cores), initializer=pin) as pool:
        futures = [pool.submit(measure, *arguments) for arguments in each]
        try:
            for future in futures:
                future.result()
        finally:
            pool.shutdown(cancel_futures=True)
