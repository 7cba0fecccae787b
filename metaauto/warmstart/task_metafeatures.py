"""What can be said of a table before any metafeature extractor ran."""

from __future__ import annotations

import math

from metaauto.task import Role, Task

__all__ = ["first_glance"]


def first_glance(task: Task) -> dict[str, float]:
    """Metafeatures that the task alone tells, by the names of the extractor ``simple``."""
    rows, features = max(task.n_rows, 1), task.features
    width = max(len(features), 1)
    found = {
        "simple.log_rows": math.log(rows),
        "simple.log_features": math.log(width),
        "simple.log_rows_per_feature": math.log(rows / width),
        "simple.missing_share": sum(column.missing for column in features) / width,
    }
    for role in (Role.NUMERIC, Role.BOOLEAN, Role.CATEGORICAL, Role.DATETIME, Role.TEXT):
        count = sum(column.role is role for column in features)
        found[f"simple.{role.value}_share"] = count / width
    counts = [count for count in task.class_counts or () if count > 0]
    if counts:
        found["simple.classes"] = float(task.n_classes)
        found["simple.majority_share"] = max(counts) / sum(counts)
        found["simple.log_imbalance"] = math.log(max(counts) / min(counts))
    return found
