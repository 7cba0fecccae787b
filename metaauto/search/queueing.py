"""How long a thread stood ready and got no processor, as a busy machine makes it do."""

from __future__ import annotations

from pathlib import Path

__all__ = ["queued_seconds"]

_SCHEDSTAT = Path("/proc/thread-self/schedstat")


def queued_seconds() -> float:
    """Seconds this thread has waited for a processor since it began; 0 where nobody counts them.

    Linux tells it (Documentation/scheduler/sched-stats.rst). Differences of two calls say how much
    of a measured time is the machine's business and not the model's.
    """
    try:
        return int(_SCHEDSTAT.read_text(encoding="ascii").split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0
