"""Bayesian optimisation by SMAC, in a separate process.

SMAC (Lindauer et al. 2022, JMLR 23:54) only proposes configurations; metaauto runs the budget, the
loop and the records. SMAC runs at low priority beside the workers and can be killed at any time. It
receives every finished trial, including those of the warm start. Failures are reported with a
finite loss, because its surrogate cannot predict after an infinite one.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from metaauto.components.hyperparameters import Range
from metaauto.components.search_engine import Optimizer, SearchInput
from metaauto.components.strategy import Observation, Recommendation
from metaauto.configuration import Configuration
from metaauto.files import TemporaryFolder
from metaauto.search.executors.environment import thread_environment
from metaauto.search.executors.process import Child, ConnectionListener, connect_to_parent

__all__ = ["SmacProposer", "SmacSearch", "main"]

_log = logging.getLogger("metaauto.search")
_POLL_SECONDS = 0.5
_TIMEOUT = 120.0


class SmacSearch(Optimizer):
    """SMAC as a search engine: a timed fit computes proposals in advance, others wait for them.

    Parameters
    ----------
    given : SearchInput
        Search space, seed, and the loss to report for failures.
    """

    def __init__(self, given: SearchInput) -> None:
        self._given = given
        self._smac = SmacProposer(given.space.ranges, given.seed)

    def recommend(self, seconds: float) -> Recommendation | None:
        """Return the configuration with the highest expected improvement."""
        if self._smac.failure:
            return None
        if self._smac.waiting == 0:
            self._smac.ask()
        point = self._smac.ready(_TIMEOUT if self._given.reproducible else 0.0)
        if point is None:
            return None
        if not self._given.reproducible:
            self._smac.ask()
        return Recommendation(point, "smac", "highest expected improvement")

    def observe(self, observations: Sequence[Observation]) -> None:
        """Report results; a loss above that of the baseline is cut."""
        worst = self._given.penalty()
        self._smac.tell(
            (o.configuration, worst if o.loss is None else min(o.loss, worst), o.seconds)
            for o in observations
        )
        if not self._given.reproducible and self._smac.waiting == 0:
            self._smac.ask()

    def close(self) -> None:
        """Kill its process."""
        self._smac.close()


class SmacProposer:
    """The parent's side: send results and request configurations; only `ready` may wait.

    Parameters
    ----------
    ranges : mapping
        `SearchSpace.ranges`.
    seed : int
        The same seed and the same results in the same order give the same proposals.
    """

    def __init__(self, ranges: Mapping[str, Mapping[str, Range]], seed: int) -> None:
        self._ranges = ranges
        self._seed = seed
        self._listener = ConnectionListener()
        self._child = Child(
            "metaauto.search.smac:main", self._listener.connect_info("smac"), thread_environment(1)
        )
        self._connection: Connection | None = None
        # Owned by the parent, because the process is killed and cannot clean up.
        self._folder = TemporaryFolder("metaauto-smac-")
        self._waiting = 0
        self._outbox: list[Any] = []
        self.failure = ""

    def tell(self, results: Iterable[tuple[Configuration, float, float]]) -> None:
        """Report finished trials: configuration, finite loss, seconds."""
        batch = [(c.to_json(), loss, seconds) for c, loss, seconds in results]
        if batch:
            self._send(("tell", batch))

    def ask(self) -> None:
        """Request one configuration; `ready` returns it."""
        self._waiting += 1
        self._send(("ask", None))

    @property
    def waiting(self) -> int:
        """Return the number of configurations requested and not yet received."""
        return self._waiting

    def ready(self, seconds: float = 0.0) -> Configuration | None:
        """Return the next configuration, or None if it does not arrive within this time."""
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
        """Kill its process."""
        self._child.kill()
        if self._connection is not None:
            self._connection.close()
        self._listener.close()
        self._folder.cleanup()

    def _fail(self, cause: str) -> None:
        self.failure = cause
        self._waiting = 0
        _log.warning("SMAC failed (%s); continuing with random configurations.", cause)

    def _connect(self, seconds: float) -> bool:
        if self._connection is not None:
            return True
        end = time.monotonic() + seconds
        while (accepted := self._listener.accepted("smac")) is None:
            if not self._child.is_alive():
                self._fail(self._child.last_stderr_line() or "its process did not start")
                return False
            left = end - time.monotonic()
            if left <= 0:
                return False
            wait([self._listener.wake], min(left, _POLL_SECONDS))
        self._connection = accepted[0]
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


def main(connect_info: Mapping[str, Any]) -> None:
    """Run SMAC's process: answer requests until the parent closes the connection."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(5)
    connection = connect_to_parent(connect_info)
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
    # Configurations are matched by key: rounding changes values, and SMAC would wait for the
    # original point forever.
    requested: dict[str, Any] = {}
    while True:
        kind, payload = connection.recv()
        if kind == "tell":
            for record, loss, seconds in payload:
                configuration = Configuration.from_json(record)
                point = requested.pop(configuration.key, None) or translation.to_space(
                    configuration
                )
                facade.tell(
                    TrialInfo(config=point, seed=0), TrialValue(cost=loss, time=seconds), save=False
                )
        else:
            point = facade.ask().config
            proposal = translation.from_space(point)
            requested[proposal.key] = point
            connection.send(("configuration", proposal.to_json()))


def _facade(space: Any, seed: int, folder: str) -> Any:
    """Return SMAC without prompt, without logging set-up and without files in the cwd."""
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
    """Raise: placeholder for the target function, which metaauto runs itself."""
    raise NotImplementedError("metaauto runs the trials")
