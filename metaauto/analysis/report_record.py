"""Record for the report of a fit: curves, history, warm start, command."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np

from metaauto.analysis.curves import diagnose
from metaauto.analysis.intervals import score_intervals
from metaauto.components import Deadline
from metaauto.ensemble import Selection
from metaauto.fit_state import FitState
from metaauto.metrics import Metric
from metaauto.model import FinalModel
from metaauto.model.fit_record import (
    FinishedTrial,
    ReportRecord,
    Score,
    ScoredRows,
    SimilarDataset,
    WarmStartRecord,
)
from metaauto.search import Search, Status, Trial
from metaauto.task import Task

__all__ = [
    "command_of",
    "holdout_parts",
    "report_record",
    "scored_holdout",
    "shown_options",
    "without_folders",
]

_LOCAL = ("run_dir", "remember", "plugins", "memory")
_MAX_ROWS = 20_000
_MAX_TRIALS = 1_000
_REASONS = 20
_SIMILAR = 8
_ON_COMMAND_LINE = (
    *("format", "task", "metric", "budget", "trials", "cores", "cv", "holdout"),
    *("groups", "time", "weights"),
)
_PART_ROWS = 2_000


def report_record(
    model: FinalModel,
    state: FitState,
    search: Search,
    selection: Selection,
    blended: np.ndarray,
    options: Mapping[str, Any],
    limit: Deadline,
) -> ReportRecord:
    """Return the data of the report.

    Parameters
    ----------
    model : FinalModel
        The model, for its calibration and decision rule.
    state : FitState
        State of the fit.
    search : Search
        The trials and their out-of-fold predictions.
    selection : Selection
        The ensemble.
    blended : ndarray
        Its out-of-fold predictions over the evaluated rows.
    options : mapping
        Options of the fit, without paths of this machine.
    limit : Deadline
        End of the sampling for intervals.
    """
    return ReportRecord(
        _out_of_fold(model, state, search, selection, blended, limit),
        _history(search.trials, state.metric),
        _warm_start(state),
        command_of(options, state.run.settings.get("data"), state.dataset.task),
    )


def scored_holdout(
    model: FinalModel,
    state: FitState,
    rows: np.ndarray,
    prediction: np.ndarray,
    limit: Deadline,
) -> ScoredRows:
    """Return score, interval and curves of the predictions of the holdout.

    Parameters
    ----------
    model : FinalModel
        The model.
    state : FitState
        State of the fit.
    rows : ndarray
        The rows that were predicted.
    prediction : ndarray
        The predictions of the model.
    limit : Deadline
        End of the sampling for the interval.
    """
    y, weights = state.targets(rows)
    groups = None if state.dataset.groups is None else state.dataset.groups[rows]
    found = score_intervals(
        state.metric,
        y,
        {"ensemble": prediction},
        weights,
        model.decision,
        groups=groups,
        deadline=limit,
    )
    return _scored(found, diagnose(model.task, y, prediction, weights, model.decision))


def _out_of_fold(
    model: FinalModel,
    state: FitState,
    search: Search,
    selection: Selection,
    blended: np.ndarray,
    deadline: Deadline,
) -> ScoredRows:
    places = np.arange(len(state.splits.evaluated))
    if len(places) > _MAX_ROWS:
        places = np.sort(np.random.default_rng(0).choice(places, _MAX_ROWS, replace=False))
    rows = state.splits.evaluated[places]
    y, weights = state.targets(rows)
    groups = None if state.dataset.groups is None else state.dataset.groups[rows]
    blended = blended[places]
    if model.calibrator is not None:
        blended = model.calibrator.apply(blended)
    others = _compared_trials(search)
    losses = {"ensemble": selection.loss, **{name: trial.loss for name, trial in others.items()}}
    found = score_intervals(
        state.metric,
        y,
        {
            "ensemble": blended,
            **{name: search.out_of_fold(trial)[places] for name, trial in others.items()},
        },
        weights,
        model.decision,
        groups=groups,
        deadline=deadline,
        scores={
            n: state.metric.loss_to_score(loss) for n, loss in losses.items() if loss is not None
        },
        total=len(state.splits.evaluated),
    )
    return _scored(found, diagnose(model.task, y, blended, weights, model.decision))


def _scored(found: Mapping[str, Any], diagnosis: Mapping[str, Any]) -> ScoredRows:
    """Return the result of `score_intervals` with curves as a record."""
    intervals = {name: Score(**interval) for name, interval in found["intervals"].items()}
    return ScoredRows(diagnosis, intervals, found["beats"])


def _compared_trials(search: Search) -> dict[str, Trial]:
    """Return the best single model and the baseline."""
    scored = [
        trial
        for trial in search.trials
        if trial.status is Status.SUCCESS and trial.loss is not None and trial.source != "baseline"
    ]
    best = min(scored, key=lambda trial: (trial.loss, trial.number), default=None)
    found = {} if best is None else {best.name: best}
    return {**found, "baseline": search.trials[0]}


def _history(trials: Sequence[Trial], metric: Metric) -> tuple[FinishedTrial, ...]:
    """Return end time, source and score of each trial, in the order of their ends."""
    ended = [(t.finished, t.number, t) for t in trials if t.finished is not None]
    ended.sort(key=lambda one: one[:2])
    lines = []
    for place, (finished, _, trial) in enumerate(ended[:_MAX_TRIALS]):
        scored = trial.status is Status.SUCCESS and trial.loss is not None
        lines.append(
            FinishedTrial(
                trial.name,
                trial.source,
                round(float(finished), 2),
                str(trial.status),
                metric.loss_to_score(float(trial.loss or 0.0)) if scored else None,
                trial.why if place < _REASONS else "",
            )
        )
    return tuple(lines)


def _warm_start(state: FitState) -> WarmStartRecord | None:
    """Return the similar datasets and the size of the knowledge; None without knowledge."""
    known = state.strategy.summary()
    if not known.configurations:
        return None
    return WarmStartRecord(
        tuple(SimilarDataset(name, round(weight, 5)) for name, weight in known.similar[:_SIMILAR]),
        known.datasets,
        known.configurations,
        dict(known.skipped),
    )


def command_of(kept: Mapping[str, Any], source: Any, task: Task) -> str:
    """Return the command that repeats the fit.

    Parameters
    ----------
    kept : mapping
        Options as plain values, without paths of this machine.
    source : str or None
        Source of the table; None if it was in memory.
    task : Task
        The task.
    """
    table = "TABLE" if source is None else without_folders(str(source))
    words = ["metaauto", "fit", table, "--target", task.target]
    for name in _ON_COMMAND_LINE:
        value = kept.get(name)
        if isinstance(value, (str, int, float)) and value not in ("auto", 0.0):
            words += [f"--{name}", f"{value:g}s" if name == "budget" else str(value)]
    if kept.get("positive") is not None:
        words += ["--positive", str(kept["positive"])]
    for name in ("include", "exclude"):
        for value in kept.get(name) or ():
            words += [f"--{name}", str(value)]
    for column, role in (kept.get("roles") or {}).items():
        words += ["--role", f"{column}={role}"]
    if kept.get("knowledge") is False:
        words.append("--no-knowledge")
    elif isinstance(kept.get("knowledge"), str):
        words += ["--knowledge", kept["knowledge"]]
    if isinstance(kept.get("start_from"), str):
        words += ["--from", kept["start_from"]]
    words += ["--seed", str(kept.get("seed", 0))]
    return shlex.join(words)


def holdout_parts(holdout: np.ndarray | None, is_timed: bool) -> list[np.ndarray]:
    """Return random parts of the holdout, of which some may be predicted in time."""
    if holdout is None:
        return []
    count = -(-len(holdout) // _PART_ROWS) if is_timed else 1
    drawn = np.random.default_rng(0).permutation(holdout) if count > 1 else holdout
    return np.array_split(drawn, count)


def shown_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options without paths and resources of this machine."""
    shown = {name: value for name, value in options.items() if name not in _LOCAL}
    for name in ("knowledge", "start_from"):
        if isinstance(shown.get(name), str):
            shown[name] = without_folders(shown[name])
    return shown


def without_folders(place: str) -> str:
    """Return a file or address without its folders."""
    scheme, colon, rest = place.partition(":")
    if not colon or len(scheme) < 2:
        return PurePath(place.replace("\\", "/")).name
    return f"{scheme}:{rest.rpartition('/')[2]}"
