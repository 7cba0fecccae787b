"""Collect the record of a finished fit, which the model holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from metaauto.analysis.reliability import (
    class_recalls,
    excluded_columns,
    fold_scores,
    role_counts,
)
from metaauto.analysis.report_record import report_record, scored_holdout, shown_options
from metaauto.analysis.warnings import fit_warnings, next_steps
from metaauto.budget import Budget
from metaauto.components import Deadline
from metaauto.ensemble import Selection
from metaauto.fit_state import FitState
from metaauto.model import FinalModel
from metaauto.model.fit_record import FitRecord, FitWarning, Interval, Score, ScoredRows
from metaauto.plugins.registry import Registry
from metaauto.search import Search, Status, Trial
from metaauto.text import argument

__all__ = [
    "failure_causes",
    "fit_record",
    "no_model_problem",
    "plugin_failure",
    "result_json",
]

_INTERVAL_SHARE = 0.3
_INTERVAL_SECONDS = (0.1, 0.5)
_LEVEL = 0.95


def fit_record(
    model: FinalModel,
    state: FitState,
    search: Search,
    selection: Selection,
    blended: np.ndarray,
    clock: Budget,
    options: Mapping[str, Any],
    holdout: tuple[np.ndarray, np.ndarray] | None = None,
) -> FitRecord:
    """Return the record of a finished fit.

    Parameters
    ----------
    model : FinalModel
        The final model, with verified members.
    state : FitState
        State of the fit.
    search : Search
        Search with its trials.
    selection : Selection
        The ensemble, by trial number.
    blended : ndarray
        Its out-of-fold predictions over the evaluated rows.
    clock : Budget
        Budget, with the elapsed and the remaining time.
    options : mapping
        Options of the fit, JSON-ready.
    holdout : tuple of (ndarray, ndarray), optional
        Rows of the holdout and the predictions of the model.
    """
    shown = shown_options(options)
    dataset, metric, trials = state.dataset, state.metric, search.trials
    report = report_record(model, state, search, selection, blended, shown, _limit(clock))
    held, held_score = None, None
    if holdout is not None:
        rows, prediction = holdout
        y, weights = state.targets(rows)
        held_score = float(metric.score(y, prediction, weights, model.decision))
        held = scored_holdout(model, state, rows, prediction, _limit(clock))
    ends = [trial.finished for trial in trials if trial.finished is not None]
    newest = _newest_member(search, selection)
    later = [t for t in trials if newest is not None and (t.finished or 0.0) > newest]
    known = search.description.metafeatures if search.description is not None else None
    baseline = trials[0].loss
    record = FitRecord(
        score=metric.loss_to_score(selection.loss),
        single_score=metric.loss_to_score(selection.single_loss),
        baseline_score=None if baseline is None else metric.loss_to_score(baseline),
        greater_is_better=metric.greater_is_better,
        interval=_interval(report.out_of_fold, len(state.splits.evaluated), "out-of-fold"),
        fold_scores=fold_scores(state, blended),
        classes=class_recalls(model, state.targets(state.splits.evaluated)[0], blended),
        holdout_score=held_score,
        holdout_rows=None if holdout is None else len(holdout[0]),
        holdout_interval=None if holdout is None else _interval(held, len(holdout[0]), "holdout"),
        holdout=held,
        notes=_notes(state, search, selection),
        findings=tuple(str(finding) for finding in dataset.findings),
        roles=role_counts(dataset.task),
        left_out=excluded_columns(dataset.task),
        rows=dataset.task.n_rows,
        dropped_rows=dataset.dropped_rows,
        fingerprint=dataset.fingerprint,
        validation=state.splits.description,
        trials=len(trials),
        failures=failure_causes(trials),
        skipped=dict(state.space.skipped),
        budget=clock.seconds if clock.is_timed else None,
        seconds=clock.elapsed(),
        search_seconds=max(ends, default=0.0),
        newest_member=newest,
        later_trials=sum(t.status in (Status.SUCCESS, Status.DROPPED) for t in later),
        stages=dict(clock.spent),
        work_seconds=sum(_work(trial) for trial in trials),
        worker_seconds=sum(trial.seconds for trial in trials),
        cores=clock.cores,
        seed=options["seed"],
        options=shown,
        metafeatures=None if known is None else known.to_json(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        report=report,
    )
    return replace(record, warnings=_warnings(record, state, trials), next_steps=next_steps(record))


def _warnings(
    record: FitRecord, state: FitState, trials: Sequence[Trial]
) -> tuple[FitWarning, ...]:
    problem = no_model_problem(trials)
    if problem is not None:
        advice = f"Raise {argument('budget')}, or fix the cause of the failures."
        return (FitWarning("no-model", problem, advice),)
    dataset = state.dataset
    return tuple(fit_warnings(dataset.task, record, dataset.findings, state.metric.optimum))


def _limit(clock: Budget) -> Deadline:
    """Return the time limit of an interval; none if results must not depend on the clock."""
    if not clock.is_timed:
        return Deadline()
    least, most = _INTERVAL_SECONDS
    return Deadline.after(min(max(_INTERVAL_SHARE * clock.remaining(), least), most))


def _interval(scored: ScoredRows | None, rows: int, over: str) -> Interval | None:
    """Return the interval of the ensemble's score with its rows; None if it is undefined."""
    found = Score() if scored is None else scored.ensemble
    if found.low is None or found.high is None:
        return None
    return Interval(found.low, found.high, _LEVEL, rows, over)


def result_json(model: FinalModel) -> dict[str, Any]:
    """Return what a run directory stores of the result: record and ensemble, JSON-ready."""
    return {
        **model.record.to_json(),
        "members": {member.name: member.weight for member in model.members},
        "rounds": {m.name: m.rounds for m in model.members if m.rounds is not None},
        "calibrator": None if model.calibrator is None else model.calibrator.to_json(),
        "decision": None if model.decision is None else model.decision.to_json(),
    }


def _newest_member(search: Search, selection: Selection) -> float | None:
    """Return when the newest member of the ensemble was fitted; None for the baseline alone."""
    members = [search.trials[number] for number in selection.weights]
    joined = [member.finished for member in members if member.source != "baseline"]
    return max((end for end in joined if end is not None), default=None)


def _notes(state: FitState, search: Search, selection: Selection) -> tuple[str, ...]:
    """Return causes of optimistic scores, one sentence each."""
    if state.splits.holdout is not None:
        return ()
    models = {search.trials[number].configuration.model for number in selection.weights}
    stopped = sorted(m for m in models if state.registry.model(m).tags.uses_early_stopping)
    if not stopped:
        return ()
    return (
        f"{', '.join(stopped)} used the validation folds for early stopping; the out-of-fold score "
        "is slightly optimistic.",
    )


def _work(trial: Trial) -> float:
    """Return the worker seconds for fitting and predicting, including failed folds."""
    return sum(
        outcome.seconds
        if outcome.status.is_failure
        else outcome.fit_seconds + outcome.predict_seconds
        for outcome in trial.outcomes.values()
    )


def failure_causes(trials: Sequence[Trial]) -> dict[str, int]:
    """Count failed trials by cause, the most frequent first; pruned trials are not failures."""
    causes = Counter(
        f"{trial.configuration.model} {trial.status}: {trial.error}"
        for trial in trials
        if trial.status.is_failure
    )
    return dict(causes.most_common(20))


def no_model_problem(trials: Sequence[Trial]) -> str | None:
    """Return a message if only the baseline was fitted; None otherwise."""
    tried = [trial for trial in trials if trial.source != "baseline"]
    if any(trial.loss is not None for trial in tried):
        return None
    causes = [f"{count} x {cause}" for cause, count in failure_causes(tried).items()]
    why = f"All trials failed ({'; '.join(causes[:5])})" if causes else "No trial was finished"
    return f"{why}; the final model is the baseline, which ignores the features."


def plugin_failure(trial: Trial, registry: Registry) -> str | None:
    """Return a message naming the third-party plugin of a failed trial; None for other trials."""
    if not trial.status.is_failure:
        return None
    name = trial.configuration.model
    plugin = registry.entry("model", name).plugin
    if plugin.is_own:
        return None
    return f"Plugin {plugin.label!r}: model {name!r} {trial.status}: {trial.error}"
