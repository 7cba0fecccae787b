"""What a model file records of its fit for the report: scores in plots, history, source."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np

from metaauto.analysis.curves import diagnose
from metaauto.analysis.intervals import score_intervals
from metaauto.components import Deadline
from metaauto.ensemble import Selection, blend
from metaauto.fit_state import FitState
from metaauto.metrics import Metric
from metaauto.model import FinalModel
from metaauto.search import Search, Status, Trial
from metaauto.task import Task
from metaauto.warmstart import KnowledgeStrategy

__all__ = [
    "command_of",
    "holdout_facts",
    "holdout_record",
    "report_record",
    "shown_options",
    "without_folders",
]

_LOCAL = ("run_dir", "remember", "plugins", "memory")
_MOST_ROWS = 20_000
_MOST_TRIALS = 1_000
_REASONS = 20
_SIMILAR = 8
_ON_COMMAND_LINE = (
    *("task", "metric", "budget", "trials", "cores", "cv", "holdout", "groups", "time", "weights"),
)
_PART_ROWS = 2_000


def report_record(
    model: FinalModel,
    state: FitState,
    search: Search,
    selection: Selection,
    options: Mapping[str, Any],
    limit: Deadline,
) -> dict[str, Any]:
    """All that the report shows of a fit and `fit_facts` do not hold, JSON-ready.

    Nothing of it are rows; of the table's values there are class labels alone, and summaries of
    many rows each.

    Parameters
    ----------
    model : FinalModel
        The model; its calibration and decision belong to its predictions.
    state : FitState
        The table and its folds.
    search : Search
        The trials and their out-of-fold predictions.
    selection : Selection
        The ensemble.
    options : mapping
        What was asked for, without places on this machine.
    limit : Deadline
        Ends the drawing of samples for intervals.
    """
    return {
        "out_of_fold": _out_of_fold(model, state, search, selection, limit),
        "history": _history(search.trials, state.metric),
        "warm_start": _warm_start(state),
        "command": command_of(options, state.run.settings.get("data"), state.dataset.task),
    }


def holdout_record(
    model: FinalModel,
    state: FitState,
    rows: np.ndarray,
    prediction: np.ndarray,
    limit: Deadline,
) -> dict[str, Any]:
    """Plots and interval of predictions of the holdout."""
    y, weights = state.answers(rows)
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
    return {**found, "diagnosis": diagnose(model.task, y, prediction, weights, model.decision)}


def _out_of_fold(
    model: FinalModel, state: FitState, search: Search, selection: Selection, deadline: Deadline
) -> dict[str, Any]:
    places = np.arange(len(state.splits.evaluated))
    if len(places) > _MOST_ROWS:
        places = np.sort(np.random.default_rng(0).choice(places, _MOST_ROWS, replace=False))
    rows = state.splits.evaluated[places]
    y, weights = state.answers(rows)
    groups = None if state.dataset.groups is None else state.dataset.groups[rows]
    members = [search.out_of_fold(search.trials[number])[places] for number in selection.weights]
    blended = blend(members, list(selection.weights.values()))
    if model.calibrator is not None:
        blended = model.calibrator.apply(blended)
    rivals = _rivals(search)
    losses = {"ensemble": selection.loss, **{name: trial.loss for name, trial in rivals.items()}}
    found = score_intervals(
        state.metric,
        y,
        {
            "ensemble": blended,
            **{name: search.out_of_fold(trial)[places] for name, trial in rivals.items()},
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
    diagnosis = diagnose(model.task, y, blended, weights, model.decision)
    return {**found, "diagnosis": diagnosis, "folds": len(state.splits.folds)}


def _rivals(search: Search) -> dict[str, Trial]:
    """The best single model and the baseline."""
    scored = [
        trial
        for trial in search.trials
        if trial.status is Status.SUCCESS and trial.loss is not None and trial.source != "baseline"
    ]
    best = min(scored, key=lambda trial: (trial.loss, trial.number), default=None)
    found = {} if best is None else {best.name: best}
    return {**found, "baseline": search.trials[0]}


def _history(trials: Sequence[Trial], metric: Metric) -> list[dict[str, Any]]:
    """When each trial ended, who proposed it and what it scored, in the order of their ends."""
    ended = [t for t in trials if t.finished is not None]
    ended.sort(key=lambda t: (t.finished, t.number))
    lines = []
    for place, trial in enumerate(ended[:_MOST_TRIALS]):
        scored = trial.status is Status.SUCCESS and trial.loss is not None
        line = {
            "name": trial.name,
            "source": trial.source,
            "at": round(float(trial.finished or 0.0), 2),
            "status": str(trial.status),
            "score": metric.loss_to_score(float(trial.loss or 0.0)) if scored else None,
        }
        if place < _REASONS:
            line["why"] = trial.why
        lines.append(line)
    return lines


def _warm_start(state: FitState) -> dict[str, Any] | None:
    """Which known tables are similar, and what was known of them; None after a cold start."""
    strategy = state.strategy
    if not isinstance(strategy, KnowledgeStrategy):
        return None
    about = strategy.summary()
    about["similar"] = [
        {"dataset": name, "weight": round(weight, 5)} for name, weight in strategy.similar(_SIMILAR)
    ]
    return about


def command_of(kept: Mapping[str, Any], source: Any, task: Task) -> str:
    """The command that asks for the same again.

    Parameters
    ----------
    kept : mapping
        What was asked for, as plain values, without places on this machine.
    source : str or None
        Where the table came from; None if it was in memory.
    task : Task
        What was learned.
    """
    table = "TABLE" if source is None else without_folders(str(source))
    words = ["metaauto", "fit", table, "--target", task.target]
    for name in _ON_COMMAND_LINE:
        value = kept.get(name)
        if isinstance(value, (str, int, float)) and value not in ("auto", 0.0):
            words += [f"--{name}", f"{value:g}s" if name == "budget" else str(value)]
    for name in ("include", "exclude"):
        for value in kept.get(name) or ():
            words += [f"--{name}", str(value)]
    for column, role in (kept.get("roles") or {}).items():
        words += ["--role", f"{column}={role}"]
    if kept.get("knowledge") is False:
        words.append("--no-knowledge")
    elif isinstance(kept.get("knowledge"), str):
        words += ["--knowledge", kept["knowledge"]]
    words += ["--seed", str(kept.get("seed", 0))]
    return shlex.join(words)


def holdout_facts(
    model: FinalModel, state: FitState, deadline: Deadline, limit: Deadline
) -> dict[str, Any]:
    """Score of the final model on rows that nothing has seen; empty without a holdout.

    Parameters
    ----------
    model : FinalModel
        The model.
    state : FitState
        What was fitted.
    deadline : Deadline
        Rows are predicted part by part, drawn at random, until then; those that were predicted
        must do.
    limit : Deadline
        Ends the drawing of samples for the interval.
    """
    holdout = state.splits.holdout
    if holdout is None:
        return {}
    count = -(-len(holdout) // _PART_ROWS) if deadline.at < float("inf") else 1
    drawn = np.random.default_rng(0).permutation(holdout) if count > 1 else holdout
    parts = np.array_split(drawn, count)
    predictions: dict[int, Any] = {}
    for number, part in enumerate(parts):
        if not (predictions and deadline.passed()):
            predictions[number] = model.predict_typed(state.dataset.X.iloc[part])
    rows = np.concatenate([parts[number] for number in predictions])
    prediction = np.concatenate(list(predictions.values()))
    y, weights = state.answers(rows)
    return {
        "holdout_score": float(state.metric.score(y, prediction, weights, model.decision)),
        "holdout_rows": len(rows),
        "holdout": holdout_record(model, state, rows, prediction, limit),
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
