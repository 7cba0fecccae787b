"""Draw the numeric subsample that metafeature extractors receive."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from metaauto.components import MetafeatureInput
from metaauto.task import Role

__all__ = ["sample_rows", "view"]

_DAY = 86_400e9  # nanoseconds
_KEPT_PER_CLASS = 2


def view(dataset: Any, seed: int, max_rows: int, max_columns: int) -> MetafeatureInput:
    """Draw the subsample and convert it to numbers.

    Categories become codes (-1 for missing), dates become days, texts their number of characters;
    missing numbers are imputed by the median.
    """
    task, frame, y = dataset.task, dataset.X, np.asarray(dataset.y)
    random = np.random.default_rng(seed)
    rows = sample_rows(y, task.kind != "regression", max_rows, random)
    features = task.features
    chosen = np.arange(len(features))
    if len(features) > max_columns:
        chosen = np.sort(random.choice(len(features), max_columns, replace=False))
    roles = {features[i].name: features[i].role for i in chosen}
    part = frame.iloc[rows, chosen].reset_index(drop=True)
    columns = [_numbers(part.iloc[:, j], role) for j, role in enumerate(roles.values())]
    return MetafeatureInput(
        X=np.stack(columns, axis=1) if columns else np.empty((len(rows), 0)),
        y=y[rows],
        kind=task.kind,
        frame=part,
        roles=roles,
        n_rows=len(frame),
        n_features=len(features),
        n_classes=task.n_classes,
        missing=float(np.mean([c.missing for c in features])) if features else 0.0,
        seed=seed,
    )


def sample_rows(
    y: np.ndarray, stratify: bool, max_rows: int, random: np.random.Generator
) -> np.ndarray:
    """Return sorted positions of at most ``max_rows`` rows, or slightly more with many classes."""
    if len(y) <= max_rows:
        return np.arange(len(y))
    order = random.permutation(len(y))
    if not stratify:
        return np.sort(order[:max_rows])
    codes, counts = np.unique(y, return_inverse=True, return_counts=True)[1:]
    quota = np.maximum(np.floor(counts * (max_rows / len(y))), np.minimum(counts, _KEPT_PER_CLASS))
    grouped = order[np.argsort(codes[order], kind="stable")]
    starts = np.cumsum(counts) - counts
    rank_in_class = np.arange(len(y)) - np.repeat(starts, counts)
    return np.sort(grouped[rank_in_class < np.repeat(quota, counts)])


def _numbers(column: pd.Series, role: Role) -> np.ndarray:
    if role is Role.CATEGORICAL:
        return column.cat.codes.to_numpy(dtype=np.float64)
    if role is Role.TEXT:
        return column.map(len).to_numpy(dtype=np.float64)
    if role is Role.DATETIME:
        values = column.to_numpy("datetime64[ns]")
        numbers = np.where(np.isnat(values), np.nan, values.astype(np.int64) / _DAY)
    else:
        numbers = column.to_numpy(dtype=np.float64)
    missing = np.isnan(numbers)
    if missing.any():
        numbers = np.where(
            missing, np.median(numbers[~missing]) if not missing.all() else 0.0, numbers
        )
    return numbers
