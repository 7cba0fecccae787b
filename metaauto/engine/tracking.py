"""Call the hooks of plugins that follow a fit."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from metaauto.analysis.report_record import shown_options
from metaauto.budget import Budget
from metaauto.components.tracking import FitFailure, FitResult, FitStart, TrialResult
from metaauto.engine.options import FitOptions
from metaauto.fit_state import FitState
from metaauto.model import FinalModel
from metaauto.search import Status, Trial

__all__ = ["FitTracking"]

_ROWS = ("groups", "time", "weights", "cv")
_SLOW_SECONDS, _SLOW_SHARE = 1.0, 0.05
_log = logging.getLogger("metaauto.plugins")


class FitTracking:
    """Tells the plugins about one fit, and warns once of a plugin whose hooks take long.

    The fit waits for the hooks: their seconds are the stage ``hooks`` of its record, and count
    against its budget until the model is assembled.

    Parameters
    ----------
    state : FitState
        The prepared fit.
    clock : Budget
        Its clock.
    """

    def __init__(self, state: FitState, clock: Budget) -> None:
        self.fit_id = uuid.uuid4().hex
        self._state = state
        self._clock = clock
        self._is_over = False
        self._slow: set[str] = set()

    def started(self, options: FitOptions) -> None:
        """Call the hook `fit_started`."""
        state = self._state
        shown = shown_options(options.to_json())
        start = FitStart(
            self.fit_id,
            state.dataset.task,
            state.run.settings.get("data"),
            state.dataset.fingerprint,
            state.metric.name,
            state.metric.greater_is_better,
            state.splits.description,
            len(state.splits.folds),
            0 if state.splits.holdout is None else len(state.splits.holdout),
            tuple(state.space.models),
            {k: v for k, v in shown.items() if not (k in _ROWS and isinstance(v, list))},
        )
        self._call("fit_started", start=start)

    def trial_finished(self, trial: Trial, best_score: float | None) -> None:
        """Call the hook `trial_finished`."""
        score = None
        if trial.status is Status.SUCCESS and trial.loss is not None:
            score = self._state.metric.loss_to_score(trial.loss)
        result = TrialResult(
            self.fit_id,
            trial.number,
            trial.name,
            trial.configuration,
            trial.source,
            trial.status.value,
            trial.loss,
            score,
            best_score,
            trial.seconds,
            trial.error,
        )
        self._call("trial_finished", trial=result)

    def finished(self, model: FinalModel, path: Path | None = None) -> None:
        """Call the hook `fit_finished`, after the file was written if `path` names it."""
        self._is_over = True
        record = model.record
        result = FitResult(
            self.fit_id,
            model,
            record.score,
            None if record.interval is None else (record.interval.low, record.interval.high),
            record.holdout_score,
            tuple(dict(row) for row in model.leaderboard_rows),
            {member.name: member.weight for member in model.members},
            record.seconds or self._clock.elapsed(),
            path,
        )
        self._call("fit_finished", result=result)

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Call the hook `fit_failed` if the block raises before the fit has finished."""
        try:
            yield
        except BaseException as error:
            if not self._is_over:
                self._is_over = True
                text = f"{type(error).__name__}: {error}".removesuffix(": ")
                failure = FitFailure(self.fit_id, text, self._clock.elapsed())
                self._call("fit_failed", failure=failure)
            raise

    def _call(self, hook: str, **arguments: Any) -> None:
        plugins = self._state.plugins
        if not any(hook in plugin.hooks for plugin in plugins.plugins):
            return
        with self._clock.stage("hooks"):
            plugins.notify(hook, **arguments)
        limit = max(_SLOW_SECONDS, _SLOW_SHARE * self._clock.elapsed())
        for label, seconds in plugins.hook_seconds.items():
            if seconds > limit and label not in self._slow:
                self._slow.add(label)
                text = "The hooks of plugin %r took %.1f s so far, and the fit waits for them."
                _log.warning(text, label, seconds)
