"""The MLflow run of one fit."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from metaauto.api import FitFailure, FitResult, FitStart, TrialResult

__all__ = ["TrackedFit"]


class TrackedFit:
    """Logs a fit in a thread of its own, so that the search does not wait for a server.

    The thread also imports mlflow, which takes seconds. An error in it is raised by `finish`.

    Parameters
    ----------
    start : FitStart
        The fit. Its run is a child of the active run of this thread, if there is one.
    """

    def __init__(self, start: FitStart) -> None:
        self._start = start
        self._metric = re.sub(r"[^\w\-. :/]", "_", start.metric)
        self._thread = ThreadPoolExecutor(1, "metaauto-mlflow")
        self._last: Future[Any] | None = None
        mlflow = sys.modules.get("mlflow")
        active = None if mlflow is None else mlflow.active_run()
        self._later(self._log_start, None if active is None else active.info.run_id)

    def log_trial(self, trial: TrialResult) -> None:
        """Log a trial soon."""
        self._later(self._log_trial, trial)

    def finish(self, result: FitResult) -> None:
        """Log the result, after everything that waits."""
        self._end(self._log_result, result)

    def fail(self, failure: FitFailure) -> None:
        """End the run without a result."""
        self._end(self._log_failure, failure)

    def _later(self, call: Callable[..., None], *arguments: Any) -> None:
        before = self._last

        def run() -> None:
            if before is not None:
                before.result()  # without its run nothing else can be logged
            call(*arguments)

        self._last = self._thread.submit(run)

    def _end(self, call: Callable[..., None], *arguments: Any) -> None:
        self._later(call, *arguments)
        # After an error the run is still active; otherwise this has no effect.
        self._thread.submit(_end_as_failed)
        self._thread.shutdown()
        if self._last is not None:
            self._last.result()

    def _log_start(self, parent: str | None) -> None:
        import mlflow

        start = self._start
        mlflow.start_run(run_name=f"metaauto {start.task.target}", parent_run_id=parent)
        about = {"data": start.data, "target": start.task.target, "rows": start.task.n_rows}
        about |= {"columns": len(start.task.features), "folds": start.folds}
        mlflow.log_params({**start.options, **about, "metric": start.metric})
        mlflow.set_tags({"fingerprint": start.fingerprint, "validation": start.validation})

    def _log_trial(self, trial: TrialResult) -> None:
        import mlflow

        metrics = {self._metric: trial.score, "seconds": trial.seconds}
        with mlflow.start_run(run_name=trial.name, nested=True):
            mlflow.log_params({"model": trial.configuration.model, **trial.configuration.values})
            mlflow.log_metrics({k: v for k, v in metrics.items() if v is not None})
            mlflow.set_tags({"source": trial.source, "status": trial.status, "error": trial.error})
        if trial.best_score is not None:
            mlflow.log_metric(f"best_{self._metric}", trial.best_score, step=trial.number)

    def _log_result(self, result: FitResult) -> None:
        import mlflow

        low, high = result.interval or (None, None)
        scores = {"": result.score, "_low": low, "_high": high, "_holdout": result.holdout_score}
        metrics = {f"{self._metric}{end}": v for end, v in scores.items() if v is not None}
        mlflow.log_metrics({**metrics, "seconds": result.seconds})
        lines: Any = [dict(line) for line in result.leaderboard]
        mlflow.log_dict(lines, "leaderboard.json")
        with tempfile.TemporaryDirectory() as folder:
            path = result.path or result.model.save(Path(folder, "model.metaauto"))
            mlflow.log_artifact(str(path))
            mlflow.log_artifact(str(result.model.report(Path(folder, "report.html"))))
        mlflow.end_run()

    def _log_failure(self, failure: FitFailure) -> None:
        import mlflow

        mlflow.set_tag("error", failure.error)


def _end_as_failed() -> None:
    import mlflow

    mlflow.end_run("FAILED")
