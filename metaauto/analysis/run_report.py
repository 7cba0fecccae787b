"""The manifest of a run: what the report shows of a run directory, without a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metaauto.analysis.comparison import Compared, of_run
from metaauto.analysis.leaderboard import run_leaderboard
from metaauto.analysis.reliability import excluded_columns, role_counts
from metaauto.analysis.report_record import command_of
from metaauto.errors import RunError
from metaauto.model.fit_record import FinishedTrial, FitRecord, ReportRecord
from metaauto.run import RunRecord
from metaauto.task import Task
from metaauto.text import FAILURES

__all__ = ["run_manifest"]

_UNFINISHED = (
    "The run is not finished: it is running, or was killed and can be resumed. It has no ensemble "
    "yet; the scores are those of single models."
)


def run_manifest(name: str, record: RunRecord) -> dict[str, Any]:
    """Return what the report shows of a running, killed or finished run, as a manifest.

    Parameters
    ----------
    name : str
        Name of the run directory, for messages.
    record : RunRecord
        From `read_run`.

    Returns
    -------
    dict
        The fields of the manifest of a model file that `report_html` reads.

    Raises
    ------
    RunError
        The record is damaged, or of an earlier release, which did not store the columns.
    """
    run = of_run(name, record)
    stored, versions = record.settings.get("task_record"), record.settings.get("versions")
    if stored is None:
        raise RunError(
            f"The run in {name!r} is of an earlier metaauto, which stored no columns in it.",
            hint="Resume it, and report the model file.",
        )
    try:
        task = Task.from_json(stored)
        versions = {str(key): str(text) for key, text in dict(versions or {}).items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(
            f"The record of the run in {name!r} is damaged: {type(error).__name__}: {error}.",
            hint="Copy its directory again.",
        ) from error
    facts = dict(record.result) if "report" in record.result else _facts(run, record, task)
    board = run_leaderboard(record)
    configurations = {line["name"]: line["configuration"] for line in board}
    return {
        "created": "",
        "versions": versions,
        "task": task.to_json(),
        "metric": run.metric,
        "members": [
            {"name": member, "weight": weight, **_configuration(configurations.get(member))}
            for member, weight in run.members.items()
        ],
        "calibrator": record.result.get("calibrator"),
        "decision": record.result.get("decision"),
        "leaderboard": board,
        "facts": facts,
    }


def _configuration(found: Mapping[str, Any] | None) -> dict[str, Any]:
    found = found or {}
    return {"model": str(found.get("model") or ""), "values": dict(found.get("values") or {})}


def _facts(run: Compared, record: RunRecord, task: Task) -> dict[str, Any]:
    """Return the record of a fit that is not finished."""
    scores = {line["name"]: line["score"] for line in run_leaderboard(record)}
    history = tuple(
        FinishedTrial(
            trial["name"],
            trial["source"],
            float(trial["finished"]),
            trial["status"],
            scores.get(trial["name"]),
            trial["why"] or "",
        )
        for trial in record.trials
        if trial["finished"] is not None
    )
    failures: dict[str, int] = {}
    for trial in record.trials:
        if trial["status"] in FAILURES:
            cause = f"{trial['configuration'].get('model')} {trial['status']}: {trial['error']}"
            failures[cause] = failures.get(cause, 0) + 1
    options = run.options
    return FitRecord(
        score=run.single_score,
        single_score=run.single_score,
        baseline_score=run.baseline_score,
        greater_is_better=run.greater_is_better,
        notes=(_UNFINISHED,),
        roles=role_counts(task),
        left_out=excluded_columns(task),
        rows=task.n_rows,
        fingerprint=run.fingerprint,
        trials=len(record.trials),
        failures=failures,
        seconds=record.seconds,
        options=options,
        seed=options.get("seed"),
        report=ReportRecord(
            history=history, command=command_of(options, record.settings.get("data"), task)
        ),
    ).to_json()
