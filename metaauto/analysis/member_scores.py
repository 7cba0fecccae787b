"""Score the members of an ensemble on a table with the target."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import pandas as pd

from metaauto.analysis.evaluation import metrics_for, score_and_note
from metaauto.analysis.examine import known_rows
from metaauto.errors import Refused
from metaauto.metrics import Metric
from metaauto.model import FinalModel
from metaauto.model.prediction import mean_of_folds, mean_of_parts
from metaauto.plugins.registry import Registry

__all__ = ["SCORED_COLUMNS", "MemberScores", "member_scores"]

SCORED_COLUMNS: Mapping[str, str] = {
    "rank": "Rank by score on the table; none if it is undefined.",
    "name": "The ensemble, or the model and number of the trial.",
    "score": "Score on the table, in the direction of the metric.",
    "out_of_fold_score": "Score of the fit, over the out-of-fold rows; none for other metrics.",
    "weight": "Weight in the ensemble.",
    "fit_seconds": "Seconds for fitting all its folds.",
    "predict_seconds": "Seconds for predicting the table, with all its fold models.",
    "configuration": "The model and its hyperparameter values.",
}


@dataclass(frozen=True)
class MemberScores:
    """Scores of the members of an ensemble on a table.

    Parameters
    ----------
    lines : list of dict
        One for the ensemble and for each member, with the keys of `SCORED_COLUMNS`, best first.
    metric : Metric
        Metric of the scores.
    rows, dropped_rows : int
        Number of scored rows, and of rows without a target.
    """

    lines: list[dict[str, Any]]
    metric: Metric
    rows: int
    dropped_rows: int


def member_scores(
    model: FinalModel,
    frame: pd.DataFrame,
    *,
    target: str | None = None,
    metric: Any = None,
    registry: Registry | None = None,
) -> MemberScores:
    """Score the ensemble and each member on a table.

    Parameters
    ----------
    model : FinalModel
        The model.
    frame : pandas.DataFrame of shape (rows, columns)
        The columns of the training table and the target; rows without a target are dropped.
    target : str, optional
        Its column; by default the one of the training table.
    metric : str, scorer or callable, optional
        Metric of the scores; by default the model's own.
    registry : Registry, optional
        Installed components, for the metrics of plugins.

    Returns
    -------
    MemberScores
        The members are not calibrated; the decision rule of the ensemble gives their labels.

    Raises
    ------
    TargetError
        There is no such column, no row has a target, or a class is unknown to the model.
    Refused
        The fold models are in a child process.
    """
    members = [member for member in model.members if member.weight > 0]
    if not all(member.estimators for member in members):
        raise Refused(
            "The members cannot be scored: the fold models are in a child process.",
            hint="Load the model without isolated=True if you trust its source.",
        )
    rows = known_rows(model, frame, model.task.target if target is None else target)
    assert rows.y is not None
    chosen = metrics_for(model.task, () if metric is None else (metric,), registry)[0]
    count, n_classes, parts, found = len(rows.typed), model.task.n_classes, [], []
    for member in members:
        start = time.perf_counter()
        models = (part[-1] for part in member.parts)
        means = (mean_of_folds(member.name, m, rows.typed, n_classes) for m in models)
        part = reduce(mean_of_parts, means)
        seconds = time.perf_counter() - start
        alone = replace(model, members=[member], calibrator=None).combine([part], count)
        score, _ = score_and_note(chosen, rows.y, alone, model)
        found.append((member.name, score, seconds))
        parts.append(part)
    blended = replace(model, members=members).combine(parts, count)
    score, _ = score_and_note(chosen, rows.y, blended, model)
    found.append(("ensemble", score, sum(seconds for _, _, seconds in found)))
    # The best first; the ensemble before a member with the same score, undefined scores last.
    found.sort(key=lambda line: (_loss(chosen, line[1]), line[0] != "ensemble"))
    known = {row["name"]: row for row in model.leaderboard_rows}
    is_own = chosen.name == model.metric_name
    lines = [
        {
            "rank": rank if score == score else None,
            "name": name,
            "score": score,
            "out_of_fold_score": known.get(name, {}).get("score") if is_own else None,
            "weight": known.get(name, {}).get("weight"),
            "fit_seconds": known.get(name, {}).get("fit_seconds"),
            "predict_seconds": seconds,
            "configuration": known.get(name, {}).get("configuration"),
        }
        for rank, (name, score, seconds) in enumerate(found, start=1)
    ]
    return MemberScores(lines, chosen, count, rows.dropped)


def _loss(metric: Metric, score: float) -> float:
    return metric.score_to_loss(score) if score == score else math.inf
