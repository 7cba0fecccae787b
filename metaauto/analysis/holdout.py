"""What the rows that nothing has seen say of the final model."""

from __future__ import annotations

from typing import Any

import numpy as np

from metaauto.analysis.fit_record import holdout_record
from metaauto.components import Deadline
from metaauto.fit_state import Work
from metaauto.model import FinalModel

__all__ = ["holdout_facts"]

_PART_ROWS = 2_000


def holdout_facts(
    model: FinalModel, work: Work, deadline: Deadline, limit: Deadline
) -> dict[str, Any]:
    """Score of the final model on rows that nothing has seen; empty without a holdout.

    Parameters
    ----------
    model : FinalModel
        The model.
    work : Work
        What was fitted.
    deadline : Deadline
        Rows are predicted part by part, drawn at random, until then; those that were predicted
        must do.
    limit : Deadline
        Ends the drawing of samples for the interval.
    """
    holdout = work.splits.holdout
    if holdout is None:
        return {}
    count = -(-len(holdout) // _PART_ROWS) if deadline.at < float("inf") else 1
    drawn = np.random.default_rng(0).permutation(holdout) if count > 1 else holdout
    parts = np.array_split(drawn, count)
    predictions: dict[int, Any] = {}
    for number, part in enumerate(parts):
        if not (predictions and deadline.passed()):
            predictions[number] = model.predict_typed(work.dataset.X.iloc[part])
    rows = np.concatenate([parts[number] for number in predictions])
    prediction = np.concatenate(list(predictions.values()))
    y, weights = work.answers(rows)
    return {
        "holdout_score": float(work.metric.score(y, prediction, weights, model.decision)),
        "holdout_rows": len(rows),
        "holdout": holdout_record(model, work, rows, prediction, limit),
    }
