"""Build the leaderboard: the ensemble and all trials, scored on the same rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from metaauto.ensemble import Selection
from metaauto.errors import SettingError
from metaauto.metrics import METRICS, Metric
from metaauto.run import RunRecord
from metaauto.search.trial import Status, Trial

__all__ = ["LEADERBOARD_COLUMNS", "build_leaderboard", "leaderboard_frame", "run_leaderboard"]

LEADERBOARD_COLUMNS: Mapping[str, str] = {
    "rank": "Rank by score; none for trials without a score over all rows.",
    "name": "The ensemble, or the model and number of the trial.",
    "score": "Out-of-fold score in the direction of the metric, over the same rows in every line.",
    "weight": "Weight in the ensemble; 0 for models that are not in it.",
    "status": "success, dropped (pruned on its first folds), failed, crashed, timeout, memory or "
    "stopped (the budget ended first).",
    "source": "Source of the configuration: baseline, earlier model, portfolio, knowledge, smac or "
    "random.",
    "seconds": "Worker seconds of all its folds.",
    "fit_seconds": "Seconds of it for fitting, of preprocessing and model.",
    "predict_seconds": "Seconds of it for predicting the validation rows.",
    "memory": "Peak memory of its worker, MiB.",
    "error": "Reason for a missing score.",
    "configuration": "The model and its hyperparameter values.",
}

_SECONDS = ("seconds", "fit_seconds", "predict_seconds")


def build_leaderboard(
    trials: Sequence[Trial], selection: Selection, metric: Metric
) -> list[dict[str, Any]]:
    """Return the rows of the leaderboard, best first.

    Parameters
    ----------
    trials : sequence of Trial
        All trials of the fit.
    selection : Selection
        The ensemble, by trial number.
    metric : Metric
        Metric of the fit.

    Returns
    -------
    list of dict
        With the keys of `LEADERBOARD_COLUMNS`.
    """
    scored = [t for t in trials if t.status is Status.SUCCESS and t.loss is not None]
    rest = [t for t in trials if t.status is not Status.SUCCESS or t.loss is None]
    lines = [_ensemble_row(trials, selection, metric)]
    lines += [_trial_row(t, selection, metric) for t in scored]
    # Ties: the ensemble comes before a single model, earlier trials before later ones.
    lines.sort(key=lambda row: row["loss"])
    for place, row in enumerate(lines, start=1):
        row["rank"] = place
    lines += [_trial_row(t, selection, metric) for t in rest]
    for row in lines:
        del row["loss"]
    return lines


def run_leaderboard(record: RunRecord) -> list[dict[str, Any]]:
    """Return the leaderboard of a running, killed or finished run, from its directory.

    Parameters
    ----------
    record : RunRecord
        From `read_run`. Without a result there is no line of the ensemble; scores by the metric of
        a plugin are not known.

    Returns
    -------
    list of dict
        As from `build_leaderboard`.
    """
    metric = METRICS.get(str(record.settings.get("metric_used")))
    members: Mapping[str, float] = record.result.get("members", {})
    lines = []
    for trial in record.trials:
        is_scored = trial["status"] == "success" and trial["loss"] is not None
        score = metric.loss_to_score(trial["loss"]) if metric is not None and is_scored else None
        lines.append({**trial, "score": score, "weight": members.get(trial["name"], 0.0)})
    if record.result.get("score") is not None:
        chosen = [line for line in lines if line["weight"]]
        ensemble = {
            "name": "ensemble",
            "score": record.result["score"],
            "weight": 1.0,
            "status": "success",
            "source": "ensemble",
            **{name: sum(line[name] for line in chosen) for name in _SECONDS},
            "memory": max((line["memory"] for line in chosen), default=0.0),
        }
        lines.insert(0, ensemble)
    sign = -1 if record.result.get("greater_is_better", metric and metric.greater_is_better) else 1
    scored = [line for line in lines if line["score"] is not None]
    scored.sort(key=lambda line: sign * line["score"])
    for rank, line in enumerate(scored, start=1):
        line["rank"] = rank
    scored += [line for line in lines if line["score"] is None]
    empty = dict.fromkeys(LEADERBOARD_COLUMNS) | {"error": ""}
    return [{name: {**empty, **line}[name] for name in empty} for line in scored]


def leaderboard_frame(
    rows: Sequence[Mapping[str, Any]], columns: Iterable[str], top: int | None = None
) -> pd.DataFrame:
    """Return lines of a leaderboard as a table with these columns.

    Raises
    ------
    SettingError
        `top` is not positive.
    """
    if top is not None and top < 1:
        raise SettingError(f"top must be >= 1 (got {top}).", hint="Give the number of lines.")
    names = list(columns)
    return pd.DataFrame(list(rows[:top]), columns=names).astype({"rank": "Int64"})


def _ensemble_row(trials: Sequence[Trial], selection: Selection, metric: Metric) -> dict[str, Any]:
    members = [t for t in trials if t.number in selection.weights]
    return {
        "rank": None,
        "name": "ensemble",
        "score": metric.loss_to_score(selection.loss),
        "weight": 1.0,
        "status": "success",
        "source": "ensemble",
        "seconds": sum(t.seconds for t in members),
        "fit_seconds": sum(_fold_seconds(t, "fit_seconds") for t in members),
        "predict_seconds": sum(_fold_seconds(t, "predict_seconds") for t in members),
        "memory": max((t.memory for t in members), default=0.0),
        "error": "",
        "configuration": None,
        "loss": selection.loss,
    }


def _trial_row(trial: Trial, selection: Selection, metric: Metric) -> dict[str, Any]:
    is_scored = trial.status is Status.SUCCESS and trial.loss is not None
    return {
        "rank": None,
        "name": trial.name,
        "score": metric.loss_to_score(trial.loss) if is_scored and trial.loss is not None else None,
        "weight": float(selection.weights.get(trial.number, 0.0)),
        "status": str(trial.status),
        "source": trial.source,
        "seconds": trial.seconds,
        "fit_seconds": _fold_seconds(trial, "fit_seconds"),
        "predict_seconds": _fold_seconds(trial, "predict_seconds"),
        "memory": trial.memory,
        "error": trial.error,
        "configuration": trial.configuration.to_json(),
        "loss": trial.loss,
    }


def _fold_seconds(trial: Trial, name: str) -> float:
    return float(sum(getattr(outcome, name) for outcome in trial.outcomes.values()))
