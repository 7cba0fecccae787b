"""A running fit in calm lines of text, and what it came to in a few more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from metaauto.search import Event
from metaauto.task import Role, Task

__all__ = ["Progress", "format_score", "summary_lines"]

_SILENCE = 60.0
_FEW_CLASSES = 6
_OTHER_TASK = "does not do"
_SERIOUS = ("leak",)
_ENDINGS = {
    "success": "successful",
    "dropped": "dropped early",
    "timeout": "over time",
    "memory": "out of memory",
    "stopped": "cut off",
}


def format_score(score: float | None) -> str:
    """A score with five significant digits, ``-`` for none."""
    return "-" if score is None or score != score else f"{score:.5g}"


class Progress:
    """Turns the events of a fit into lines: the table, the splits, each better answer.

    Parameters
    ----------
    write : callable
        Takes a line.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._metric = ""
        self._shown = ""
        self._last = 0.0
        self._trials = 0
        self._is_better = False

    def __call__(self, event: Event) -> None:
        """Show an event, if it is worth a line."""
        if event.kind == "table":
            task: Task = event.data["task"]
            self._metric = task.metric
            for line in table_lines(task):
                self._write(line)
        elif event.kind == "splits":
            self._write(f"Validation: {event.message}")
        elif event.kind == "warning":
            is_note = "code" in event.data and event.data["code"] not in _SERIOUS
            self._write(f"{'Note' if is_note else 'Warning'}: {event.message}")
        elif event.kind == "stage":
            self._stage(event)
        elif event.kind == "incumbent":
            self._is_better = True
        elif event.kind == "trial_finished":
            self._trial(event)

    def _stage(self, event: Event) -> None:
        models = event.data.get("models")
        if not models:
            self._write(event.message)
            return
        skipped: Mapping[str, str] = event.data.get("skipped", {})
        self._write(f"{event.message} among {', '.join(models)}")
        for name, why in skipped.items():
            if why.startswith(_OTHER_TASK):
                continue
            self._write(f"  not {name}: {why}")

    def _trial(self, event: Event) -> None:
        self._trials += 1
        best = format_score(event.data.get("best"))
        is_news = self._is_better and best != self._shown
        self._is_better = False
        if not is_news and event.seconds - self._last < _SILENCE:
            return
        cause = f"  with {event.data.get('name', '')}" if is_news else ""
        count = f"{self._trials} trial{'s' if self._trials > 1 else ''}"
        self._write(f"{event.seconds:8.1f} s  {self._metric} {best}{cause}  ({count})")
        self._shown, self._last = best, event.seconds


def table_lines(task: Task) -> list[str]:
    """What is to be learned from what: rows, target, roles of the columns."""
    lines = [f"{task.n_rows:,} rows; target {task.target!r}: {_target_words(task)}"]
    counts = Counter(column.role for column in task.columns)
    kinds = [f"{counts[role]:,} {role}" for role in Role if role.is_used and counts[role]]
    features = len(task.features)
    lines.append(f"{features:,} feature{'s' if features != 1 else ''}: {', '.join(kinds)}")
    if task.groups is not None:
        lines.append(f"Rows with the same {task.groups!r} stay together")
    if task.time is not None:
        lines.append(f"Later {task.time!r} is predicted from earlier")
    return [*lines, f"Metric: {task.metric}"]


def _target_words(task: Task) -> str:
    if task.classes is None:
        return "an amount (regression)"
    counts = task.class_counts or ()
    shown = [
        f"{label!s} {count:,}"
        for label, count in list(zip(task.classes, counts, strict=False))[:_FEW_CLASSES]
    ]
    more = ", ..." if len(task.classes) > _FEW_CLASSES else ""
    return f"{len(task.classes)} classes ({', '.join(shown)}{more})"


def summary_lines(
    metric: str,
    facts: Mapping[str, Any],
    members: Sequence[tuple[str, float]],
    leaderboard: Sequence[Mapping[str, Any]],
) -> list[str]:
    """What a fit came to.

    Parameters
    ----------
    metric : str
        Name of the metric.
    facts : mapping
        Of the final model.
    members : sequence of (str, float)
        Names and weights of the ensemble.
    leaderboard : sequence of mapping
        Of the final model.
    """
    singles = [row for row in leaderboard if row["name"] != "ensemble" and row["rank"] is not None]
    best = singles[0]["name"] if singles else ""
    total = sum(weight for _, weight in members) or 1.0
    heaviest = sorted(members, key=lambda member: -member[1])
    parts = [f"{name} {weight / total:.0%}" for name, weight in heaviest]
    direction = "" if facts.get("greater_is_better", True) else " (lower is better)"
    endings = Counter(row["status"] for row in leaderboard if row["name"] != "ensemble")
    outcomes = ", ".join(f"{n} {_ENDINGS.get(status, status)}" for status, n in endings.items())
    lines = [
        f"Score        {metric} {format_score(facts.get('score'))}{direction}",
        f"Best single  {metric} {format_score(facts.get('single_score'))}  {best}",
        f"Baseline     {metric} {format_score(facts.get('baseline_score'))}",
        f"Members      {', '.join(parts)}",
        f"Trials       {sum(endings.values())} in {facts.get('seconds', 0.0):.1f} s: {outcomes}",
    ]
    if facts.get("holdout_score") is not None:
        held = f"on {facts['holdout_rows']:,} rows that nothing has seen"
        lines.insert(1, f"Holdout      {metric} {format_score(facts['holdout_score'])}  {held}")
    else:
        lines.append(
            "The score is out-of-fold, but the same rows chose the members, so it is a little "
            "optimistic; --holdout 0.2 keeps rows apart for an honest one."
        )
        lines += facts.get("notes", [])
    return lines
