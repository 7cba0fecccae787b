"""Executors: run jobs in worker processes on this machine or on a Dask cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaauto.lazy import attribute_of

if TYPE_CHECKING:
    from metaauto.search.executors.cluster import DaskExecutor
    from metaauto.search.executors.executor import Executor
    from metaauto.search.executors.local import LocalExecutor
    from metaauto.search.executors.worker import Setup

__all__ = ["DaskExecutor", "Executor", "LocalExecutor", "Setup"]

# Lazy, because worker processes import this package too and need none of these names.
_HOMES = {
    "DaskExecutor": "cluster",
    "Executor": "executor",
    "LocalExecutor": "local",
    "Setup": "worker",
}


def __getattr__(name: str) -> Any:
    """Import an exported name on first access."""
    return attribute_of(__name__, _HOMES, name)
