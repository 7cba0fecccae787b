"""A running fit in calm lines of text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from metaauto.events import Event
from metaauto.task import Role, Task
from metaauto.text import counted, format_score

__all__ = ["Progress", "table_lines", "without_repeats"]

_SILENCE = 60.0
_FEW_CLASSES = 6
_OTHER_TASK = ("does not do", "does not support")
_SERIOUS = ("leak",)


def without_repeats(write: Callable[[str], None]) -> Callable[[str], None]:
    """A writer that leaves out warnings it has written before, such as by event and by log."""
    said: set[str] = set()

    def write_once(line: str) -> None:
        if line.startswith("Warning: "):
            if line in said:
                return
            said.add(line)
        write(line)

    return write_once


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
        elif event.kind == "warm_start":
            self._write(f"Knowledge: {event.message}")
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
        count = counted(self._trials, "trial")
        self._write(f"{event.seconds:8.1f} s  {self._metric} {best}{cause}  ({count})")
        self._shown, self._last = best, event.seconds


def table_lines(task: Task) -> list[str]:
    """What is to be learned from what: rows, target, roles of the columns."""
    lines = [f"{counted(task.n_rows, 'row')}; target {task.target!r}: {_target_words(task)}"]
    counts = Counter(column.role for column in task.columns)
    kinds = [f"{counts[role]:,} {role}" for role in Role if role.is_used and counts[role]]
    features = len(task.features)
    lines.append(f"{counted(features, 'feature')}: {', '.join(kinds)}")
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
