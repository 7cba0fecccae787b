"""All facts of a finished fit, as the model carries them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from metaauto.analysis.fit_facts import fit_facts, no_model_problem, shown_options
from metaauto.analysis.fit_record import report_record
from metaauto.analysis.holdout import holdout_facts
from metaauto.analysis.reliability import column_facts, reliability_facts
from metaauto.analysis.warnings import Concern, concerns, next_steps
from metaauto.budget import Budget
from metaauto.components import Deadline
from metaauto.ensemble import Selection
from metaauto.fit_state import Work
from metaauto.model import FinalModel
from metaauto.search import Search

__all__ = ["answer_of", "outcome_facts"]

_ANSWER = (
    *("score", "single_score", "baseline_score", "holdout_score", "greater_is_better"),
    *("interval", "holdout_interval", "seconds"),
)

_HOLDOUT_SHARE = 0.8
_INTERVAL_SHARE = 0.3
_INTERVAL_SECONDS = (0.1, 0.5)
_LEVEL = 0.95


def outcome_facts(
    model: FinalModel,
    work: Work,
    search: Search,
    selection: Selection,
    out_of_fold: Mapping[int, np.ndarray],
    clock: Budget,
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """All facts of a finished fit, JSON-ready.

    Parameters
    ----------
    model : FinalModel
        The model, whose facts they will be.
    work : Work
        What was fitted.
    search : Search
        What was tried.
    selection : Selection
        The ensemble, by trial number.
    out_of_fold : mapping of int to ndarray
        Predictions of its members over the evaluated rows.
    clock : Budget
        What was spent, and the time that is left.
    options : mapping
        What was asked for, JSON-ready.

    Returns
    -------
    dict
        Those of `fit_facts`, `reliability_facts`, `holdout_facts` and `column_facts`;
        ``interval`` and ``holdout_interval``: where the ensemble's scores lie; ``report``: see
        `report_record`; ``warnings``: what to mind, as `Concern`, the gravest first; ``next``:
        what to try.
    """
    deadline = Deadline()
    if clock.is_timed:
        deadline = Deadline.after(max(_HOLDOUT_SHARE * clock.remaining(), 0.0))
    shown = shown_options(options)
    facts = {
        "report": report_record(model, work, search, selection, shown, _limit(clock)),
        **holdout_facts(model, work, deadline, _limit(clock)),
        **reliability_facts(work, model, selection, out_of_fold),
        **column_facts(work.dataset.task),
        **fit_facts(work, search, selection, clock, options),
    }
    rows = len(work.splits.evaluated)
    facts["interval"] = _interval(facts["report"]["out_of_fold"], rows, "out-of-fold")
    if "holdout" in facts:
        facts["holdout_interval"] = _interval(facts["holdout"], facts["holdout_rows"], "holdout")
    problem = no_model_problem(search.trials)
    if problem is not None:
        minded = [Concern("no-model", problem, "Raise --budget, or mend what made trials fail.")]
    else:
        minded = concerns(work.dataset.task, facts, work.dataset.findings, work.metric.optimum)
    facts["warnings"] = [concern.to_json() for concern in minded]
    facts["next"] = next_steps(facts)
    return facts


def _limit(clock: Budget) -> Deadline:
    """Time for an interval; no limit where results may not depend on the clock."""
    if not clock.is_timed:
        return Deadline()
    least, most = _INTERVAL_SECONDS
    return Deadline.after(min(max(_INTERVAL_SHARE * clock.remaining(), least), most))


def _interval(record: Mapping[str, Any], rows: int, over: str) -> dict[str, Any] | None:
    """The interval of the ensemble's score, and what it is over; None where there is none."""
    found = record["intervals"]["ensemble"]
    if found["low"] is None:
        return None
    ends = {"low": found["low"], "high": found["high"]}
    return {**ends, "level": _LEVEL, "rows": rows, "over": over}


def answer_of(model: FinalModel) -> dict[str, Any]:
    """What a run directory notes of its model: the scores and the ensemble, JSON-ready."""
    facts = {name: model.facts[name] for name in _ANSWER if name in model.facts}
    return {**facts, "members": {member.name: member.weight for member in model.members}}
