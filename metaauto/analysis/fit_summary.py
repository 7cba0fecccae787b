"""Collect the facts of a finished fit, which the model holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from metaauto.analysis.fit_record import holdout_facts, report_record, shown_options
from metaauto.analysis.reliability import column_facts, reliability_facts
from metaauto.analysis.warnings import FitWarning, fit_warnings, next_steps
from metaauto.budget import Budget
from metaauto.components import Deadline
from metaauto.ensemble import Selection
from metaauto.fit_state import FitState
from metaauto.model import FinalModel
from metaauto.plugins.registry import Registry
from metaauto.search import Search, Status, Trial

__all__ = [
    "result_facts",
    "failure_causes",
    "fit_facts",
    "no_model_problem",
    "outcome_facts",
    "plugin_failure",
]

_RESULT = (
    *("score", "single_score", "baseline_score", "holdout_score", "greater_is_better"),
    *("interval", "holdout_interval", "seconds"),
)

_INTERVAL_SHARE = 0.3
_INTERVAL_SECONDS = (0.1, 0.5)
_LEVEL = 0.95


def outcome_facts(
    model: FinalModel,
    state: FitState,
    search: Search,
    selection: Selection,
    blended: np.ndarray,
    clock: Budget,
    options: Mapping[str, Any],
    holdout: tuple[np.ndarray, np.ndarray] | None = None,
) -> dict[str, Any]:
    """Return all facts of a finished fit, JSON-ready.

    Parameters
    ----------
    model : FinalModel
        The final model.
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

    Returns
    -------
    dict
        Those of `fit_facts`, `reliability_facts`, `holdout_facts` and `column_facts`;
        ``interval`` and ``holdout_interval``: intervals of the ensemble's scores; ``report``: see
        `report_record`; ``warnings``: `FitWarning` records, the most severe first; ``next``: next
        steps.
    """
    shown = shown_options(options)
    facts = {
        "report": report_record(model, state, search, selection, blended, shown, _limit(clock)),
        **holdout_facts(model, state, holdout, _limit(clock)),
        **reliability_facts(state, model, blended),
        **column_facts(state.dataset.task),
        **fit_facts(state, search, selection, clock, options),
    }
    rows = len(state.splits.evaluated)
    facts["interval"] = _interval(facts["report"]["out_of_fold"], rows, "out-of-fold")
    if "holdout" in facts:
        facts["holdout_interval"] = _interval(facts["holdout"], facts["holdout_rows"], "holdout")
    problem = no_model_problem(search.trials)
    if problem is not None:
        found = [
            FitWarning("no-model", problem, "Raise --budget, or fix the cause of the failures.")
        ]
    else:
        found = fit_warnings(
            state.dataset.task, facts, state.dataset.findings, state.metric.optimum
        )
    facts["warnings"] = [warning.to_json() for warning in found]
    facts["next"] = next_steps(facts)
    return facts


def _limit(clock: Budget) -> Deadline:
    """Return the time limit of an interval; none if results must not depend on the clock."""
    if not clock.is_timed:
        return Deadline()
    least, most = _INTERVAL_SECONDS
    return Deadline.after(min(max(_INTERVAL_SHARE * clock.remaining(), least), most))


def _interval(record: Mapping[str, Any], rows: int, over: str) -> dict[str, Any] | None:
    """Return the interval of the ensemble's score with its rows; None if it is undefined."""
    found = record["intervals"]["ensemble"]
    if found["low"] is None:
        return None
    ends = {"low": found["low"], "high": found["high"]}
    return {**ends, "level": _LEVEL, "rows": rows, "over": over}


def result_facts(model: FinalModel) -> dict[str, Any]:
    """Return the facts that a run directory stores: scores and ensemble, JSON-ready."""
    facts = {name: model.facts[name] for name in _RESULT if name in model.facts}
    return {**facts, "members": {member.name: member.weight for member in model.members}}


def fit_facts(
    state: FitState, search: Search, selection: Selection, clock: Budget, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the facts of the search and its options, JSON-ready.

    Scores are out-of-fold. The ensemble was selected on the same rows, so its score is slightly
    optimistic; a holdout gives an unbiased one. ``notes`` lists further causes of optimism.
    """
    dataset, metric = state.dataset, state.metric
    baseline = search.trials[0]
    ends = [trial.finished for trial in search.trials if trial.finished is not None]
    members = [search.trials[number] for number in selection.weights]
    joined = [member.finished for member in members if member.source != "baseline"]
    newest = max((end for end in joined if end is not None), default=None)
    later = [t for t in search.trials if newest is not None and (t.finished or 0.0) > newest]
    known = search.description.metafeatures if search.description is not None else None
    return {
        "score": metric.loss_to_score(selection.loss),
        "single_score": metric.loss_to_score(selection.single_loss),
        "baseline_score": None if baseline.loss is None else metric.loss_to_score(baseline.loss),
        "greater_is_better": metric.greater_is_better,
        "notes": _notes(state, search, selection),
        "rows": dataset.task.n_rows,
        "dropped_rows": dataset.dropped_rows,
        "fingerprint": dataset.fingerprint,
        "validation": state.splits.description,
        "findings": [str(finding) for finding in dataset.findings],
        "skipped": dict(state.space.skipped),
        "trials": len(search.trials),
        "failures": failure_causes(search.trials),
        "budget": clock.seconds if clock.is_timed else None,
        "seconds": clock.elapsed(),
        "stages": dict(clock.spent),
        "worker_seconds": sum(trial.seconds for trial in search.trials),
        "work_seconds": sum(_work(trial) for trial in search.trials),
        "cores": clock.cores,
        "search_seconds": max(ends, default=0.0),
        "newest_member": newest,
        "later_trials": sum(t.status in (Status.SUCCESS, Status.DROPPED) for t in later),
        "seed": options["seed"],
        "options": shown_options(options),
        "metafeatures": None if known is None else known.to_json(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _notes(state: FitState, search: Search, selection: Selection) -> list[str]:
    """Return causes of optimistic scores, one sentence each."""
    if state.splits.holdout is not None:
        return []
    models = {search.trials[number].configuration.model for number in selection.weights}
    stopped = sorted(m for m in models if state.registry.model(m).tags.uses_early_stopping)
    if not stopped:
        return []
    return [
        f"{', '.join(stopped)} used the validation folds for early stopping; the out-of-fold score "
        "is slightly optimistic."
    ]


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
