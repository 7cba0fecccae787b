"""Expected fit time of gradient boosting, used to plan the splits and the first trials."""

from __future__ import annotations

from metaauto.task import Role, Task

__all__ = ["boosting_seconds"]

_SECONDS_PER_CELL = 2.5e-6
_TEXT_WIDTH = 50


def boosting_seconds(task: Task, rows: int, per_class: bool = True) -> float:
    """Return the expected core-seconds of 100 boosting rounds on some rows of a table.

    A text column counts as 50 columns. Every class has its own trees unless ``per_class`` is
    false. The estimate is rough; the search corrects it by the times it observes.
    """
    texts = len(task.positions(Role.TEXT))
    width = len(task.features) + (_TEXT_WIDTH - 1) * texts
    outputs = max(task.n_classes - 1, 1) if per_class else 1
    return float(_SECONDS_PER_CELL * rows * max(width, 1) * outputs**0.7)
