"""How long boosting takes on a table: the yardstick for splits and for the first trials."""

from __future__ import annotations

from metaauto.task import Role, Task

__all__ = ["boosting_seconds"]

_SECONDS_PER_CELL = 2.5e-6
_TEXT_WIDTH = 50


def boosting_seconds(task: Task, rows: int, per_class: bool = True) -> float:
    """Core-seconds that 100 rounds of boosting are expected to take on some rows of a table.

    A text counts as 50 columns; every class has its own trees, unless told otherwise. The figure
    is rough; the search corrects it by what it sees.
    """
    texts = len(task.positions(Role.TEXT))
    width = len(task.features) + (_TEXT_WIDTH - 1) * texts
    outputs = max(task.n_classes - 1, 1) if per_class else 1
    return float(_SECONDS_PER_CELL * rows * max(width, 1) * outputs**0.7)
