"""Bayesian optimisation by SMAC, in a process of its own.

SMAC (Lindauer et al. 2022, JMLR 23:54) proposes; clock, loop and records are metaauto's.
It thinks beside the workers at low priority and can be killed at any moment. It is told every
finished trial, those of the warm start included; failures are told a finite loss, because an
infinite one leaves its surrogate without a prediction.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from metaauto.components.hyperparameters import Range
from metaauto.configuration import Configuration
from metaauto.search.executors.environment import thread_environment
from metaauto.search.executors.process import Child, ConnectionListener, connect_to_parent

__all__ = ["SmacProposer", "main"]

_log = logging.getLogger("metaauto.search")
_POLL_SECONDS = 0.5


class SmacProposer:
    """The parent's side: send results, ask for configurations, never wait unless told to.

    Parameters
    ----------
    ranges : mapping
        `SearchSpace.ranges`.
    seed : int
        Same seed and same results in the same order give the same proposals.
    """

    def __init__(self, ranges: Mapping[str, Mapping[str, Range]], seed: int) -> None:
        self._ranges = ranges
        self._seed = seed
        self._listener = ConnectionListener()
        self._child = Child(
            "metaauto.search.smac:main", self._listener.connect_info("smac"), thread_environment(1)
        )
        self._connection: Connection | None = None
        # Owned here, because the process is killed and could not tidy up.
        self._folder = tempfile.TemporaryDirectory(
            prefix="metaauto-smac-", ignore_cleanup_errors=True
        )
        self._waiting = 0
        self._outbox: list[Any] = []
        self.failure = ""

    def tell(self, results: Iterable[tuple[Configuration, float, float]]) -> None:
        """Report finished trials: configuration, finite loss, seconds."""
        batch = [(c.to_json(), loss, seconds) for c, loss, seconds in results]
        if batch:
            self._send(("tell", batch))

    def ask(self) -> None:
        """Ask for one configuration; `ready` will have it."""
        self._waiting += 1
        self._send(("ask", None))

    @property
    def waiting(self) -> int:
        """Configurations asked for and not yet received."""
        return self._waiting

    def ready(self, seconds: float = 0.0) -> Configuration | None:
        """The next configuration if it comes within some seconds, else None."""
        if self.failure or not self._connect(seconds) or self._connection is None:
            return None
        try:
            if not self._waiting or not self._connection.poll(seconds):
                return None
            kind, value = self._connection.recv()
        except (EOFError, OSError):
            self._fail(self._child.last_stderr_line() or "its process ended")
            return None
        self._waiting -= 1
        if kind == "error":
            self._fail(value)
            return None
        return Configuration.from_json(value)

    def close(self) -> None:
        """End its process at once."""
        self._child.kill()
        if self._connection is not None:
            self._connection.close()
        self._listener.close()
        self._folder.cleanup()

    def _fail(self, cause: str) -> None:
        self.failure = cause
        self._waiting = 0
        _log.warning("SMAC stopped proposing (%s); random configurations take its place.", cause)

    def _connect(self, seconds: float) -> bool:
        if self._connection is not None:
            return True
        end = time.monotonic() + seconds
        while (answer := self._listener.accepted("smac")) is None:
            if not self._child.is_alive():
                self._fail(self._child.last_stderr_line() or "its process did not start")
                return False
            left = end - time.monotonic()
            if left <= 0:
                return False
            wait([self._listener.wake], min(left, _POLL_SECONDS))
        self._connection = answer[0]
        self._outbox.insert(0, (self._ranges, self._seed, self._folder.name))
        while self._outbox:
            self._send(self._outbox.pop(0))
        return not self.failure

    def _send(self, message: Any) -> None:
        if self.failure:
            return
        if self._connection is None and not self._connect(0.0):
            self._outbox.append(message)
            return
        if self._connection is None:
            return
        try:
            self._connection.send(message)
        except OSError:
            self._fail(self._child.last_stderr_line() or "its process ended")


def main(call: Mapping[str, Any]) -> None:
    """Entry of SMAC's process: answer the parent until it hangs up."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(5)
    connection = connect_to_parent(call)
    try:
        ranges, seed, folder = connection.recv()
        try:
            _serve(connection, ranges, seed, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except EOFError:
        return
    except Exception as error:
        with contextlib.suppress(OSError):
            connection.send(("error", f"{type(error).__name__}: {error}".splitlines()[0]))


def _serve(connection: Connection, ranges: Any, seed: int, folder: str) -> None:
    from smac.runhistory.dataclasses import TrialInfo, TrialValue

    from metaauto.search.configspace import Translation

    translation = Translation(ranges, seed)
    facade = _facade(translation.space, seed, folder)
    # A point that comes back differs by rounding, and SMAC would wait for the first for ever.
    asked: dict[str, Any] = {}
    while True:
        kind, payload = connection.recv()
        if kind == "tell":
            for record, loss, seconds in payload:
                told = Configuration.from_json(record)
                point = asked.pop(told.key, None) or translation.to_space(told)
                facade.tell(
                    TrialInfo(config=point, seed=0), TrialValue(cost=loss, time=seconds), save=False
                )
        else:
            point = facade.ask().config
            proposal = translation.from_space(point)
            asked[proposal.key] = point
            connection.send(("configuration", proposal.to_json()))


def _facade(space: Any, seed: int, folder: str) -> Any:
    """SMAC with its pitfalls handled: no prompt, no logging set-up, nothing written to the cwd."""
    from smac import HyperparameterOptimizationFacade as Facade
    from smac import Scenario
    from smac.model.random_forest import RandomForest

    scenario = Scenario(
        space, deterministic=True, n_trials=10**6, output_directory=Path(folder), seed=seed
    )
    forest = RandomForest(
        configspace=space,
        n_trees=10,
        ratio_features=1.0,
        min_samples_split=2,
        min_samples_leaf=1,
        max_depth=2**20,
        bootstrapping=True,
        log_y=False,
        seed=seed,
        **_single_thread(RandomForest),
    )
    return Facade(
        scenario,
        _never_called,
        model=forest,
        initial_design=Facade.get_initial_design(
            scenario, n_configs=0, additional_configs=[space.get_default_configuration()]
        ),
        logging_level=False,
        overwrite=True,
    )


def _single_thread(forest: Any) -> dict[str, Any]:
    import inspect

    return {"n_jobs": 1} if "n_jobs" in inspect.signature(forest).parameters else {}


def _never_called(config: Any, seed: int = 0) -> float:
    """Stand for the target function, which metaauto runs itself."""
    raise NotImplementedError("metaauto runs the trials")
