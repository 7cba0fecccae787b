"""Show the progress of a fit as lines of text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from metaauto.events import Event
from metaauto.task import Role, Task
from metaauto.text import counted, format_score

__all__ = ["WARNING_CODES", "Progress", "table_lines", "without_repeats"]

_LINE_SECONDS = 60.0
_FEW_CLASSES = 6
_OTHER_TASK = "does not support"
WARNING_CODES = ("leak", "near-zero")


def without_repeats(write: Callable[[str], None]) -> Callable[[str], None]:
    """Return a writer that skips repeated warnings, which may come as event and as log record."""
    written: set[str] = set()

    def write_once(line: str) -> None:
        if line.startswith("Warning: "):
            if line in written:
                return
            written.add(line)
        write(line)

    return write_once


class Progress:
    """Write the events of a fit as lines: the table, the splits, each improvement.

    Parameters
    ----------
    write : callable
        Function that takes a line.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._metric = ""
        self._shown = ""
        self._last = 0.0
        self._trials = 0
        self._is_better = False

    def __call__(self, event: Event) -> None:
        """Write a line for the event, if it is shown."""
        if event.kind == "table":
            task: Task = event.data["task"]
            self._metric = task.metric_label
            for line in table_lines(task):
                self._write(line)
        elif event.kind == "splits":
            self._write(f"Validation: {event.message}")
        elif event.kind == "warm_start":
            self._write(f"Knowledge: {event.message}")
        elif event.kind == "warning":
            is_note = "code" in event.data and event.data["code"] not in WARNING_CODES
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
        self._write(f"{event.message}. Models: {', '.join(models)}")
        for name, why in skipped.items():
            if why.startswith(_OTHER_TASK):
                continue
            self._write(f"  skipped {name}: {why}")

    def _trial(self, event: Event) -> None:
        self._trials += 1
        best = format_score(event.data.get("best"))
        is_improved = self._is_better and best != self._shown
        self._is_better = False
        if not is_improved and event.seconds - self._last < _LINE_SECONDS:
            return
        cause = f"  by {event.data.get('name', '')}" if is_improved else ""
        count = counted(self._trials, "trial")
        self._write(f"{event.seconds:8.1f} s  {self._metric} {best}{cause}  ({count})")
        self._shown, self._last = best, event.seconds


def table_lines(task: Task) -> list[str]:
    """Return lines on the task: rows, target, roles of the columns, metric."""
    lines = [f"{counted(task.n_rows, 'row')}; target {task.target!r}: {_target_words(task)}"]
    counts = Counter(column.role for column in task.columns)
    kinds = [f"{counts[role]:,} {role}" for role in Role if role.is_used and counts[role]]
    features = len(task.features)
    lines.append(f"{counted(features, 'feature')}: {', '.join(kinds)}")
    if task.groups is not None:
        lines.append(f"Groups: {task.groups!r}")
    if task.time is not None:
        lines.append(f"Time: {task.time!r} (validation on later rows)")
    return [*lines, f"Metric: {task.metric_label}"]


def _target_words(task: Task) -> str:
    if task.classes is None:
        return "numeric (regression)"
    counts = task.class_counts or ()
    shown = [
        f"{label!s} {count:,}"
        for label, count in list(zip(task.classes, counts, strict=False))[:_FEW_CLASSES]
    ]
    more = ", ..." if len(task.classes) > _FEW_CLASSES else ""
    positive = "" if task.positive is None else f", positive class {task.positive!r}"
    return f"{len(task.classes)} classes ({', '.join(shown)}{more}){positive}"
