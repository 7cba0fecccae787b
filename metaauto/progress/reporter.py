"""What a fit tells its caller while it runs."""

from __future__ import annotations

import logging
from collections.abc import Callable
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
from metaauto.warmstart import FallbackWarmStart, KnowledgeStrategy

__all__ = ["EventReporter"]

_log = logging.getLogger("metaauto.fit")


class EventReporter:
    """Tells the caller of a fit what happens, each thing as one `Event`.

    Parameters
    ----------
    clock : Budget
        Says when it happened.
    on_event : callable, optional
        Told; without it nobody listens.
    """

    def __init__(self, clock: Budget, on_event: Callable[[Event], None] | None = None) -> None:
        self._clock = clock
        self._on_event = on_event
        self._faults: set[str] = set()

    def __call__(self, kind: str, message: str, **data: Any) -> None:
        """Tell one thing; see `Event` for the kinds."""
        if self._on_event is not None:
            if kind == "stage":
                left = self._clock.remaining() if self._clock.is_timed else None
                data = {"left": left, "trials": self._clock.trials, **data}
            self._on_event(Event(kind, self._clock.elapsed(), message, data))

    def warn(self, message: str) -> None:
        """Warn who listens, or the log if nobody does."""
        if self._on_event is None:
            _log.warning("%s", message)
        self("warning", message)

    def table(self, dataset: Dataset) -> None:
        """Tell what the table holds, and what is odd about it."""
        self("table", counted(dataset.task.n_rows, "row"), task=dataset.task)
        for finding in dataset.findings:
            self("warning", str(finding), code=finding.code, column=finding.column)

    def warm_start(self, loaded: LoadedKnowledge, strategy: WarmStart) -> None:
        """Tell what is known of similar tables, and which stores cannot be used."""
        for problem in loaded.problems:
            self.warn(f"{problem} It is left out.")
        if isinstance(strategy, KnowledgeStrategy):
            about = strategy.summary()
            n, tables = about["configurations"], about["datasets"]
            message = f"{counted(n, 'configuration')} known from {counted(tables, 'table')}"
            self("warm_start", message, stores=dict(loaded.used), **about)
        elif isinstance(strategy, FallbackWarmStart):
            message = f"The strategy {strategy.name!r} of a plugin chooses what is tried first."
            self("warm_start", message, stores=dict(loaded.used))
        else:
            self(
                "warm_start",
                "No knowledge for this task type; starting with model defaults.",
                stores={},
            )

    def trial_started(self, trial: Trial) -> None:
        """Tell that a trial begins."""
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
        """Tell how a trial ended and the best score by then; blame each fault of a plugin once."""
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
        fault = plugin_failure(trial, state.registry)
        if fault is not None and fault not in self._faults:
            self._faults.add(fault)
            self("warning", fault)
