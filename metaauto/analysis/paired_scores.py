"""Compare models by their scores on the same rows, with paired intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from metaauto.analysis.evaluation import known_targets, metrics_for, score_and_note
from metaauto.analysis.intervals import difference_intervals
from metaauto.data.cells import without_words
from metaauto.errors import Refused
from metaauto.metrics import Metric
from metaauto.model import FinalModel
from metaauto.plugins.registry import Registry

__all__ = ["PairedScore", "PairedScores", "paired_scores"]


@dataclass(frozen=True)
class PairedScore:
    """Score of a model on rows that other models are scored on, too.

    Parameters
    ----------
    name : str
        The model.
    score : float
        Score in the direction of the metric; NaN if it is undefined.
    difference, low, high : float, optional
        Its score minus that of the best model, with the ends of the 95 % interval; None for the
        best model and where it is undefined.
    """

    name: str
    score: float
    difference: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def is_level(self) -> bool:
        """Whether the difference may be due to chance."""
        if self.low is None or self.high is None:
            return True
        return self.low <= 0.0 <= self.high


@dataclass(frozen=True)
class PairedScores:
    """Scores of several models on the same rows.

    Parameters
    ----------
    scores : tuple of PairedScore
        The best first.
    metric : Metric
        Metric of the scores.
    rows, dropped_rows : int
        Number of scored rows, and of rows without a target.
    """

    scores: tuple[PairedScore, ...]
    metric: Metric
    rows: int
    dropped_rows: int

    def result(self) -> str:
        """Return in one sentence which model is best on the rows."""
        best, *others = self.scores
        if best.score != best.score:
            return "The score is undefined on these rows."
        level = [other.name for other in others if other.is_level]
        if not level:
            return f"{best.name} is best on these rows."
        return (
            f"{best.name} has the best score on these rows; the difference to {', '.join(level)} "
            "may be due to chance."
        )


def paired_scores(
    models: Mapping[str, FinalModel],
    frame: pd.DataFrame,
    *,
    target: str | None = None,
    metric: Any = None,
    registry: Registry | None = None,
) -> PairedScores:
    """Score models on the same rows, and compare each with the best one.

    The intervals are of a paired bootstrap over rows: they cover the sampling of the rows, not the
    variation of training.

    Parameters
    ----------
    models : mapping of str to FinalModel
        By name, for the same target.
    frame : pandas.DataFrame of shape (rows, columns)
        The columns of the training tables and the target; rows without a target are dropped.
    target : str, optional
        Column of the target; by default the one of the training tables.
    metric : str, scorer or callable, optional
        Metric of the scores; by default that of the first model.
    registry : Registry, optional
        Installed components, for the metrics of plugins.

    Raises
    ------
    Refused
        The models have different tasks, targets or classes.
    TargetError
        There is no such column, no row has a target, or a class is unknown to a model.
    """
    _check_same_task(models)
    first = next(iter(models.values()))
    found: dict[str, tuple[Metric, np.ndarray, np.ndarray, FinalModel]] = {}
    rows = dropped = 0
    for name, model in models.items():
        table = without_words(frame, model.schema.missing)
        present, y = known_targets(table, model.task, target)
        wanted = first.metric_name if metric is None else metric
        own = metrics_for(model.task, (wanted,), registry)[0]
        found[name] = own, y, model.predict_raw(table.loc[present]), model
        rows, dropped = int(present.sum()), int((~present).sum())
    chosen = found[next(iter(models))][0]

    def score_of(name: str, place: Any) -> float:
        own, y, prediction, model = found[name]
        return score_and_note(own, y[place], prediction[place], model)[0]

    scores = {name: score_of(name, slice(None)) for name in found}
    sign = -1.0 if chosen.greater_is_better else 1.0
    names = sorted(found, key=lambda n: (scores[n] != scores[n], sign * scores[n]))
    apart = difference_intervals(score_of, names, rows)
    lines = [PairedScore(names[0], scores[names[0]])]
    for name, (difference, half) in apart.items():
        ends = (difference - half, difference + half) if half == half else (None, None)
        given = difference if difference == difference else None
        lines.append(PairedScore(name, scores[name], given, *ends))
    return PairedScores(tuple(lines), chosen, rows, dropped)


def _check_same_task(models: Mapping[str, FinalModel]) -> None:
    (name, first), *others = models.items()
    for other, model in others:
        for what in ("kind", "target"):
            one, two = getattr(first.task, what), getattr(model.task, what)
            if one != two:
                raise Refused(
                    f"The models cannot be compared: the {what} of {name} is {one!r}, that of "
                    f"{other} is {two!r}.",
                    hint="Compare models of the same target.",
                )
        if set(first.task.classes or ()) != set(model.task.classes or ()):
            raise Refused(
                f"The models cannot be compared: {name} and {other} have different classes.",
                hint="Compare models of the same classes.",
            )
