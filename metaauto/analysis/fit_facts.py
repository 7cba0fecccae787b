"""What a model tells of its making: scores, splits, seconds, findings, failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import PurePath
from typing import Any

from metaauto.budget import Budget
from metaauto.ensemble import Selection
from metaauto.fit_state import Work
from metaauto.plugins.registry import Registry
from metaauto.search import Search, Status, Trial

__all__ = [
    "failure_causes",
    "fit_facts",
    "no_model_problem",
    "plugin_failure",
    "shown_options",
    "without_folders",
]

_LOCAL = ("run_dir", "remember", "plugins", "memory")


def fit_facts(
    work: Work, search: Search, selection: Selection, clock: Budget, options: Mapping[str, Any]
) -> dict[str, Any]:
    """The facts of a fit, JSON-ready.

    Scores are out-of-fold. That of the ensemble was selected on the same rows and is therefore a
    little too good; a holdout gives an honest one. ``notes`` says what else is to be minded.
    """
    dataset, metric = work.dataset, work.metric
    baseline = search.trials[0]
    ends = [trial.finished for trial in search.trials if trial.finished is not None]
    members = [search.trials[number] for number in selection.weights]
    joined = [member.finished for member in members if member.origin != "baseline"]
    newest = max((end for end in joined if end is not None), default=None)
    later = [t for t in search.trials if newest is not None and (t.finished or 0.0) > newest]
    known = search.description.metafeatures if search.description is not None else None
    return {
        "score": metric.loss_to_score(selection.loss),
        "single_score": metric.loss_to_score(selection.single_loss),
        "baseline_score": None if baseline.loss is None else metric.loss_to_score(baseline.loss),
        "greater_is_better": metric.greater_is_better,
        "notes": _notes(work, search, selection),
        "rows": dataset.task.n_rows,
        "dropped_rows": dataset.dropped_rows,
        "fingerprint": dataset.fingerprint,
        "validation": work.splits.strategy,
        "findings": [str(finding) for finding in dataset.findings],
        "skipped": dict(work.space.skipped),
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
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def shown_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked for, without what tells of this machine."""
    shown = {name: value for name, value in options.items() if name not in _LOCAL}
    if isinstance(shown.get("knowledge"), str):
        shown["knowledge"] = without_folders(shown["knowledge"])
    return shown


def without_folders(place: str) -> str:
    """A file or address without the folders it lies in."""
    scheme, colon, rest = place.partition(":")
    if not colon or len(scheme) < 2:
        return PurePath(place.replace("\\", "/")).name
    return f"{scheme}:{rest.rpartition('/')[2]}"


def _notes(work: Work, search: Search, selection: Selection) -> list[str]:
    """What makes the scores less honest than they look, one sentence each."""
    if work.splits.holdout is not None:
        return []
    models = {search.trials[number].configuration.model for number in selection.weights}
    watching = sorted(m for m in models if work.registry.model(m).tags.early_stopping)
    if not watching:
        return []
    return [
        f"{', '.join(watching)} stopped training where the rows that score them were predicted "
        "best, which makes the out-of-fold score slightly optimistic."
    ]


def _work(trial: Trial) -> float:
    """Worker seconds spent on fitting and predicting, those of failed folds included."""
    return sum(
        outcome.seconds
        if outcome.status.is_failure
        else outcome.fit_seconds + outcome.predict_seconds
        for outcome in trial.outcomes.values()
    )


def failure_causes(trials: Sequence[Trial]) -> dict[str, int]:
    """How often trials failed, by cause, the most frequent first; lost races do not count."""
    causes = Counter(
        f"{trial.configuration.model} {trial.status}: {trial.error}"
        for trial in trials
        if trial.status.is_failure
    )
    return dict(causes.most_common(20))


def no_model_problem(trials: Sequence[Trial]) -> str | None:
    """What to tell the user if the baseline is all there is; None if a model was fitted."""
    tried = [trial for trial in trials if trial.origin != "baseline"]
    if any(trial.loss is not None for trial in tried):
        return None
    causes = [f"{count} x {cause}" for cause, count in failure_causes(tried).items()]
    why = f"All trials failed ({'; '.join(causes[:5])})" if causes else "No trial was finished"
    return f"{why}; the answer is the baseline, which does not look at the features."


def plugin_failure(trial: Trial, registry: Registry) -> str | None:
    """Which third-party plugin a failed trial is to blame on; None for all other trials."""
    if not trial.status.is_failure:
        return None
    name = trial.configuration.model
    plugin = registry.entry("model", name).plugin
    if plugin.is_own:
        return None
    return f"Plugin {plugin.label!r}: model {name!r} {trial.status}: {trial.error}"
