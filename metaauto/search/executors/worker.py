"""The worker process: receive a job, run it, send its outcome."""

from __future__ import annotations

import importlib
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from metaauto.plugins.manager import PluginSettings
from metaauto.search.executors.process import connect_to_parent
from metaauto.search.sealing import use_key, user_key

__all__ = ["Ready", "Setup", "SetupFailure", "import_for_forks", "main", "serve"]


@dataclass(frozen=True)
class Setup:
    """The setup that a worker receives before its first job.

    Parameters
    ----------
    folder : str
        The run directory; empty for calls that need no table and get the registry.
    plugins : PluginSettings
        Which plugins to load.
    objects : bytes
        Additional plugin objects, pickled by value; empty if there are none.
    threads : int
        Number of threads a model may use.
    keeps_models : bool
        Whether fitted models are written, or only predictions.
    key : bytes
        Key that seals the models.
    verify : callable, optional
        Check of a written model, see `Evaluator`; importable by name.
    """

    folder: str
    plugins: PluginSettings
    objects: bytes = b""
    threads: int = 1
    keeps_models: bool = True
    verify: Callable[..., float] | None = None
    key: bytes = field(default_factory=user_key, repr=False)


@dataclass(frozen=True)
class Ready:
    """Sent by a worker that is ready for its first job."""

    memory: float
    """Resident memory before the first job, MiB."""


@dataclass(frozen=True)
class SetupFailure:
    """Sent by a worker whose setup failed."""

    cause: str


def import_for_forks() -> None:
    """Import what forked workers use, once for all."""
    from metaauto.plugins.manager import load_plugins

    import_common()
    load_plugins(PluginSettings(only=()))
    # By name: workers call it, and the search does not depend on it.
    importlib.import_module("metaauto.model.packing")


def import_common() -> None:
    """Import the modules that nearly every job uses, before the first job."""
    import numpy
    import pandas
    import pyarrow.feather
    import sklearn.compose
    import sklearn.pipeline
    import sklearn.preprocessing

    import metaauto.search.evaluate  # noqa: F401

    del numpy, pandas, pyarrow, sklearn


def main(connect_info: Mapping[str, Any]) -> None:
    """Run a worker that was started as a separate process."""
    _ignore_interrupts()
    threading.Thread(target=_exit_with_parent, args=(os.getppid(),), daemon=True).start()
    import_common()
    serve(connect_to_parent(connect_info), connect_info.get("memory"))


def serve(connection: Connection, memory: float | None) -> None:
    """Run jobs until the parent closes the connection."""
    evaluator = None
    while True:
        try:
            message = connection.recv()
        except (EOFError, OSError):
            return
        if isinstance(message, Setup):
            try:
                evaluator = _evaluator(message)
                _limit_memory(memory)
            except Exception as error:
                connection.send(SetupFailure(f"{type(error).__name__}: {error}"))
                return
            connection.send(Ready(_resident()))
        elif message is None:
            return
        elif evaluator is not None:
            connection.send(message.run(evaluator))


def _evaluator(setup: Setup) -> Any:
    import faulthandler

    import cloudpickle

    from metaauto.plugins.manager import load_plugins
    from metaauto.search.dataset_io import read_inputs
    from metaauto.search.evaluate import Evaluator

    if not setup.folder:
        return load_plugins(setup.plugins).registry
    folder = Path(setup.folder)
    logs = folder / "logs"
    logs.mkdir(exist_ok=True)
    faulthandler.enable(open(logs / f"worker-{os.getpid()}.log", "w"))  # noqa: SIM115
    objects = cloudpickle.loads(setup.objects) if setup.objects else ()
    loaded = load_plugins(setup.plugins, objects)
    use_key(setup.key)
    inputs = read_inputs(folder / "data")
    return Evaluator(
        inputs,
        loaded.registry,
        folder,
        setup.threads,
        bool(objects),
        setup.keeps_models,
        setup.verify,
    )


def _resident() -> float:
    import psutil

    return float(psutil.Process().memory_info().rss) / 2**20


def _limit_memory(memory: float | None) -> None:
    """Make allocations above the limit (MiB) fail inside the process (Linux only)."""
    if memory is None or memory == float("inf") or not sys.platform.startswith("linux"):
        return
    import resource

    import psutil

    used = psutil.Process().memory_info().vms
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    # A limit of the system, such as `ulimit -v`, can be lowered and not raised.
    limits = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min([used + int(memory * 2**20), *limits]), hard))


def _ignore_interrupts() -> None:
    """Ignore Ctrl-C: the parent handles it and stops the workers."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _exit_with_parent(parent: int) -> None:
    """Exit when the parent process has ended, even during a job."""
    import psutil

    while psutil.pid_exists(parent) and os.getppid() in (parent, 0):
        time.sleep(1.0)
    os._exit(1)
