"""Summarise a fit in a few lines, with warnings and next steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from metaauto.model import FinalModel
from metaauto.task import Role
from metaauto.text import ENDINGS, counted, format_score

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
        The result of a fit, or a loaded model; missing facts are skipped.
    """
    facts = model.facts
    lines = [
        *_scores(model.metric_label, facts, model.leaderboard),
        ("Ensemble", _members([(member.name, member.weight) for member in model.members])),
        *_columns(facts),
        ("Trials", _trials(model.leaderboard, facts)),
    ]
    for place, warning in enumerate(facts.get("warnings") or []):
        text = f"{warning['message'].rstrip('.')}. {warning['advice']}"
        lines.append(("" if place else "Warnings", f"- {text}"))
    steps = [*(facts.get("next") or []), *(facts.get("notes") or [])]
    lines += [("" if place else "Next steps", f"- {step}") for place, step in enumerate(steps)]
    return [f"{label:<{SUMMARY_INDENT}}{text}" for label, text in lines]


def _scores(
    metric: str, facts: Mapping[str, Any], leaderboard: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, str]]:
    direction = "" if facts.get("greater_is_better", True) else ", lower is better"
    if facts.get("holdout_score") is not None:
        found = f"{metric} {format_score(facts['holdout_score'])}{direction}"
        rows = counted(facts["holdout_rows"], "unseen row")
        yield "Holdout", f"{found}{_interval(facts.get('holdout_interval'), rows)}"
        direction = ""
    interval = facts.get("interval")
    rows = f"{interval['rows']:,} out-of-fold rows" if interval else "out-of-fold rows"
    found = f"{metric} {format_score(facts.get('score'))}{direction}"
    yield "Score", f"{found}{_interval(interval, rows)}"
    singles = [row for row in leaderboard if row["name"] != "ensemble" and row["rank"] is not None]
    best = f"  {singles[0]['name']}" if singles else ""
    yield "Best single", f"{metric} {format_score(facts.get('single_score'))}{best}"
    yield "Baseline", f"{metric} {format_score(facts.get('baseline_score'))}"


def _interval(interval: Mapping[str, Any] | None, rows: str) -> str:
    if not interval:
        return f" over {rows}"
    low, high = format_score(interval["low"]), format_score(interval["high"])
    return f" ({interval['level']:.0%} interval {low} to {high}, {rows})"


def _members(members: Sequence[tuple[str, float]]) -> str:
    total = sum(weight for _, weight in members) or 1.0
    heaviest = sorted(members, key=lambda member: -member[1])
    parts = [f"{name} {weight / total:.0%}" for name, weight in heaviest[:_MAX_MEMBERS]]
    if len(heaviest) > _MAX_MEMBERS:
        rest = sum(weight for _, weight in heaviest[_MAX_MEMBERS:])
        parts.append(f"{len(heaviest) - _MAX_MEMBERS} more {rest / total:.0%}")
    return ", ".join(parts)


def _columns(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    counts: Mapping[str, int] | None = facts.get("roles")
    if not counts:
        return
    kinds = {role: n for role, n in counts.items() if Role(role).is_used}
    text = f"{sum(kinds.values()):,} used: " + ", ".join(f"{n:,} {r}" for r, n in kinds.items())
    unused = sum(counts.values()) - sum(kinds.values())
    if unused:
        excluded = facts.get("left_out") or []
        named = [f"{column['name']!r} ({column['role']})" for column in excluded[:_MAX_NAMES]]
        named += [f"{unused - _MAX_NAMES:,} more"] if unused > _MAX_NAMES else []
        text += f"; {unused:,} excluded: {', '.join(named)}"
    yield "Columns", text


def _trials(leaderboard: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]) -> str:
    endings = Counter(row["status"] for row in leaderboard if row["name"] != "ensemble")
    outcomes = ", ".join(f"{n} {ENDINGS.get(status, status)}" for status, n in endings.items())
    return f"{sum(endings.values())} in {facts.get('seconds', 0.0):.1f} s: {outcomes}"
