"""What the name of a protocol tells: how many folds there were, and how many rows at most.

Names are such as ``3-fold/seed0/rows<=4000``, ``openml-task-3/10-fold/rows<=4000``, ``fit/5-fold``.
"""

from __future__ import annotations

import re

from metaauto.knowledge.records import DatasetFact

__all__ = ["measured_rows", "training_rows"]

_FOLDS = re.compile(r"(\d+)-fold")
_ROWS = re.compile(r"rows<=(\d+)")
_USUAL_FOLDS = 3


def measured_rows(protocol: str, dataset: DatasetFact) -> int:
    """Rows of a table that were measured under a protocol."""
    found = _ROWS.search(protocol)
    return min(dataset.n_rows, int(found[1])) if found else dataset.rows_used


def training_rows(protocol: str, dataset: DatasetFact) -> float:
    """Rows of a table that each of its models was trained on."""
    found = _FOLDS.search(protocol)
    folds = max(int(found[1]), 2) if found else _USUAL_FOLDS
    return measured_rows(protocol, dataset) * (folds - 1) / folds
