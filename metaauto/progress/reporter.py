"""Emit the events of a running fit."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from metaauto.analysis.fit_summary import plugin_failure
from metaauto.budget import Budget
from metaauto.components.strategy import WarmStart
from metaauto.data import Dataset
from metaauto.events import Event
from metaauto.fit_state import FitState
from metaauto.knowledge import LoadedKnowledge
from metaauto.search import Status, Trial
from metaauto.text import counted
from metaauto.warmstart.select import KNOWLEDGE, source_of_first

__all__ = ["EventReporter"]

_log = logging.getLogger("metaauto.fit")

_SIMILAR = 5


class EventReporter:
    """Emit the events of a fit to its caller.

    Parameters
    ----------
    clock : Budget
        Clock of the fit, for the time of each event.
    on_event : callable, optional
        Listener that takes each `Event`.
    """

    def __init__(self, clock: Budget, on_event: Callable[[Event], None] | None = None) -> None:
        self._clock = clock
        self._on_event = on_event
        self._plugin_failures: set[str] = set()

    def __call__(self, kind: str, message: str, **data: Any) -> None:
        """Emit one event; see `Event` for the kinds."""
        if self._on_event is not None:
            if kind == "stage":
                left = self._clock.remaining() if self._clock.is_timed else None
                data = {"left": left, "trials": self._clock.trials, **data}
            self._on_event(Event(kind, self._clock.elapsed(), message, data))

    def warn(self, message: str) -> None:
        """Emit a warning; log it if there is no listener."""
        if self._on_event is None:
            _log.warning("%s", message)
        self("warning", message)

    def table(self, dataset: Dataset) -> None:
        """Emit the task and the findings about the table."""
        self("table", counted(dataset.task.n_rows, "row"), task=dataset.task)
        for finding in dataset.findings:
            self("warning", str(finding), code=finding.code, column=finding.column)

    def warm_start(
        self,
        loaded: LoadedKnowledge,
        strategy: WarmStart,
        name: str,
        knowledge: bool | str | Path = True,
    ) -> None:
        """Emit the loaded knowledge, and a warning for each unusable store."""
        for problem in loaded.problems:
            self.warn(f"{problem} This store is ignored.")
        known, stores = strategy.summary(), dict(loaded.used)
        message = source_of_first(known, name, knowledge)
        if known.configurations:
            similar = [{"dataset": name, "weight": w} for name, w in known.similar[:_SIMILAR]]
            about = {**asdict(known), "similar": similar}
            self("warm_start", message, stores=stores, **about)
        elif name == KNOWLEDGE:
            self("warm_start", message, stores={})
        else:
            self("warm_start", message, stores=stores)

    def trial_started(self, trial: Trial) -> None:
        """Emit the start of a trial."""
        message = f"{trial.name} ({trial.source}: {trial.why})"
        self(
            "trial_started",
            message,
            number=trial.number,
            name=trial.name,
            model=trial.configuration.model,
            source=trial.source,
            why=trial.why,
            expected_seconds=trial.expected_seconds or None,
        )

    def trial_finished(self, trial: Trial, state: FitState, best: float | None) -> None:
        """Emit the end of a trial and the best score; warn of each plugin failure once."""
        score = None
        if trial.status is Status.SUCCESS and trial.loss is not None:
            score = state.metric.loss_to_score(trial.loss)
        self(
            "trial_finished",
            f"{trial.name}: {trial.status}" + (f" ({trial.error})" if trial.error else ""),
            number=trial.number,
            name=trial.name,
            status=str(trial.status),
            score=score,
            seconds=trial.seconds,
            error=trial.error,
            best=best,
        )
        failure = plugin_failure(trial, state.registry)
        if failure is not None and failure not in self._plugin_failures:
            self._plugin_failures.add(failure)
            self("warning", failure)
