"""Summarise a fit in a few lines, with warnings and next steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from metaauto.model import FinalModel
from metaauto.model.fit_record import FitRecord, Interval
from metaauto.task import Role
from metaauto.text import ENDINGS, counted, format_interval, format_score

__all__ = ["SUMMARY_INDENT", "summary_lines"]

SUMMARY_INDENT = 13
"""Column at which the text of each line begins, after its label."""
_MAX_MEMBERS = 6
_MAX_NAMES = 6


def summary_lines(model: FinalModel) -> list[str]:
    """Return the lines of a summary: scores, ensemble, columns, trials, warnings, next steps.

    Parameters
    ----------
    model : FinalModel
        The result of a fit, or a loaded model; unknown values are left out.
    """
    record = model.record
    lines = [
        *_scores(model.metric_label, record, model.leaderboard_rows),
        ("Ensemble", _members([(member.name, member.weight) for member in model.members])),
        *_all_rows(model),
        *_columns(record),
        ("Trials", _trials(model.leaderboard_rows, record)),
    ]
    for place, warning in enumerate(record.warnings):
        text = f"{warning.message.rstrip('.')}. {warning.advice}"
        lines.append(("" if place else "Warnings", f"- {text}"))
    steps = [*record.next_steps, *record.notes]
    lines += [("" if place else "Next steps", f"- {step}") for place, step in enumerate(steps)]
    return [f"{label:<{SUMMARY_INDENT}}{text}" for label, text in lines]


def _scores(
    metric: str, record: FitRecord, leaderboard: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, str]]:
    direction = "" if record.greater_is_better else ", lower is better"
    if record.holdout_score is not None:
        found = f"{metric} {format_score(record.holdout_score)}{direction}"
        rows = counted(record.holdout_rows or 0, "unseen row")
        yield "Holdout", f"{found}{_interval(record.holdout_interval, rows)}"
        direction = ""
    interval = record.interval
    rows = f"{interval.rows:,} out-of-fold rows" if interval else "out-of-fold rows"
    found = f"{metric} {format_score(record.score)}{direction}"
    yield "Score", f"{found}{_interval(interval, rows)}"
    singles = [row for row in leaderboard if row["name"] != "ensemble" and row["rank"] is not None]
    best = f"  {singles[0]['name']}" if singles else ""
    yield "Best single", f"{metric} {format_score(record.single_score)}{best}"
    yield "Baseline", f"{metric} {format_score(record.baseline_score)}"
    if record.refit_note:
        yield "Refit", record.refit_note


def _all_rows(model: FinalModel) -> Iterator[tuple[str, str]]:
    names = [member.name for member in model.members if member.all_rows]
    if names:
        whole = "all members" if len(names) == len(model.members) else ", ".join(names)
        yield "All rows", f"{whole}: half of the weight is that of a model trained on all rows"


def _interval(interval: Interval | None, rows: str) -> str:
    if not interval:
        return f" over {rows}"
    ends = format_interval(interval.low, interval.high)
    return f" ({interval.level:.0%} interval {ends}, {rows})"


def _members(members: Sequence[tuple[str, float]]) -> str:
    total = sum(weight for _, weight in members) or 1.0
    heaviest = sorted(members, key=lambda member: -member[1])
    parts = [f"{name} {weight / total:.0%}" for name, weight in heaviest[:_MAX_MEMBERS]]
    if len(heaviest) > _MAX_MEMBERS:
        rest = sum(weight for _, weight in heaviest[_MAX_MEMBERS:])
        parts.append(f"{len(heaviest) - _MAX_MEMBERS} more {rest / total:.0%}")
    return ", ".join(parts)


def _columns(record: FitRecord) -> Iterator[tuple[str, str]]:
    counts = record.roles
    if not counts:
        return
    kinds = {role: n for role, n in counts.items() if Role(role).is_used}
    text = f"{sum(kinds.values()):,} used: " + ", ".join(f"{n:,} {r}" for r, n in kinds.items())
    unused = sum(counts.values()) - sum(kinds.values())
    if unused:
        excluded = record.left_out[:_MAX_NAMES]
        named = [f"{column.name!r} ({column.role})" for column in excluded]
        named += [f"{unused - _MAX_NAMES:,} more"] if unused > _MAX_NAMES else []
        text += f"; {unused:,} excluded: {', '.join(named)}"
    yield "Columns", text


def _trials(leaderboard: Sequence[Mapping[str, Any]], record: FitRecord) -> str:
    endings = Counter(row["status"] for row in leaderboard if row["name"] != "ensemble")
    outcomes = ", ".join(f"{n} {ENDINGS.get(status, status)}" for status, n in endings.items())
    return f"{sum(endings.values())} in {record.seconds or 0.0:.1f} s: {outcomes}"
