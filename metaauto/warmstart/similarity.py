"""Dataset similarity by metafeatures."""

from __future__ import annotations

import math

import numpy as np

from metaauto.knowledge import KnowledgeMatrix
from metaauto.task import Role, Task

__all__ = ["distances", "task_metafeatures", "row_weights", "similarity_weights", "spread_by_size"]

_NEIGHBOURS = 15
# Bandwidth on the logarithm of the training rows.
_LOG_ROWS_SCALE = 0.7
_UNKNOWN_SQUARE = 0.15
_UNIFORM_SHARE = 0.5


def distances(known: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Return the distance of a new dataset to each known one, by ranks of the metafeatures.

    Ranks are robust to scales and outliers. An unknown value counts as a medium difference.

    Parameters
    ----------
    known : ndarray of shape (datasets, metafeatures), float64
        NaN where unknown.
    new : ndarray of shape (metafeatures,), float64
        NaN where unknown.

    Returns
    -------
    ndarray of shape (datasets,)
        Root mean square of the rank differences, 0 to 1.
    """
    if known.shape[1] == 0:
        return np.zeros(known.shape[0])
    squares = np.full(known.shape, _UNKNOWN_SQUARE)
    for column in range(known.shape[1]):
        values = known[:, column]
        is_known = np.isfinite(values)
        if not np.isfinite(new[column]) or not is_known.any():
            continue
        ordered = np.sort(values[is_known])
        new_rank = _rank(ordered, new[column : column + 1])
        squares[is_known, column] = (_rank(ordered, values[is_known]) - new_rank) ** 2
    return np.sqrt(squares.mean(axis=1))


def _rank(ordered: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the share of values below, ties counted half."""
    below = np.searchsorted(ordered, values, side="left")
    upto = np.searchsorted(ordered, values, side="right")
    return np.asarray((below + upto) / (2.0 * len(ordered)))


def similarity_weights(distance: np.ndarray, uniform: float = _UNIFORM_SHARE) -> np.ndarray:
    """Return weights of the known datasets that sum to one.

    Part of the weight is uniform, because a few neighbours alone are unreliable. The rest is a
    Gaussian kernel of the distance, scaled by the distance of the fifteenth neighbour.

    Parameters
    ----------
    distance : ndarray of shape (datasets,)
        Distance to each known dataset.
    uniform : float, default=0.5
        Share of the uniform weight.
    """
    count = len(distance)
    if count == 0:
        return np.zeros(0)
    ordered = np.sort(distance)
    scale = max(float(ordered[min(_NEIGHBOURS, count) - 1] - ordered[0]), 1e-6)
    near = np.exp(-0.5 * ((distance - ordered[0]) / (0.5 * scale)) ** 2)
    return np.asarray(uniform / count + (1.0 - uniform) * near / near.sum())


def row_weights(matrix: KnowledgeMatrix, new: np.ndarray, rows: float) -> np.ndarray:
    """Return weights of the rows of a matrix for a new dataset; they sum to one.

    The total weight of a dataset does not depend on its number of rows in the matrix.

    Parameters
    ----------
    matrix : KnowledgeMatrix
        Knowledge of other datasets.
    new : ndarray of shape (metafeatures,), float64
        Metafeatures of the new dataset, in the order of the matrix; NaN where unknown.
    rows : float
        Training rows of one fit on the new dataset.

    Returns
    -------
    ndarray of shape (rows of the matrix,)
    """
    _, first = np.unique(matrix.tables, return_index=True)
    weights = similarity_weights(distances(matrix.metafeatures[first], new))
    return spread_by_size(matrix, weights, rows)


def spread_by_size(matrix: KnowledgeMatrix, weights: np.ndarray, rows: float) -> np.ndarray:
    """Distribute the weight of each dataset over its rows in the matrix, by similar size.

    Parameters
    ----------
    matrix : KnowledgeMatrix
        Knowledge of other datasets.
    weights : ndarray of shape (datasets,)
        Weight of each dataset, by its number in ``matrix.tables``.
    rows : float
        Training rows of one fit on the new dataset.

    Returns
    -------
    ndarray of shape (rows of the matrix,)
    """
    tables = matrix.tables
    difference = np.log(np.maximum(matrix.training_rows, 1.0)) - np.log(max(rows, 1.0))
    squares = 0.5 * (difference / _LOG_ROWS_SCALE) ** 2
    nearest = np.full(len(weights), np.inf)
    np.minimum.at(nearest, tables, squares)
    similarity = np.exp(nearest[tables] - squares)
    return np.asarray(weights[tables] * similarity / np.bincount(tables, similarity)[tables])


def task_metafeatures(task: Task) -> dict[str, float]:
    """Return the metafeatures of extractor ``simple`` that follow from the task alone."""
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
