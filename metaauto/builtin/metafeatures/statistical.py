"""Statistical metafeatures: distributions and correlations of the numeric columns."""

from __future__ import annotations

import numpy as np

from metaauto.api import MetafeatureInput, Role

__all__ = ["KEYS", "statistical"]

KEYS = (
    "skew",
    "tail",
    "near_normal_share",
    "outlier_share",
    "zero_share",
    "distinct_share",
    "correlation",
    "correlated_share",
    "effective_share",
)

_MAX_COLUMNS = 100


def statistical(table: MetafeatureInput) -> dict[str, float]:
    """Compute statistics of at most 100 numeric columns, without constant columns."""
    values = dict.fromkeys(KEYS, float("nan"))
    numeric = [role is Role.NUMERIC for role in table.roles.values()]
    columns = _evenly_spaced(np.flatnonzero(numeric), _MAX_COLUMNS)
    matrix = table.X[:, columns]
    matrix = matrix[:, matrix.max(axis=0, initial=-np.inf) > matrix.min(axis=0, initial=np.inf)]
    if len(matrix) < 3 or not matrix.shape[1]:
        return values
    # Powers of large numbers overflow; skewness and kurtosis do not depend on the scale.
    scaled = matrix / np.maximum(np.abs(matrix).max(axis=0), 1e-280)
    values.update(_shapes(scaled))
    values["zero_share"] = float(np.mean(matrix == 0.0))
    distinct = (np.diff(np.sort(matrix, axis=0), axis=0) > 0).sum(axis=0) + 1
    values["distinct_share"] = float(np.median(distinct) / len(matrix))
    values.update(_dependence(scaled))
    return values


def _evenly_spaced(columns: np.ndarray, most: int) -> np.ndarray:
    if len(columns) <= most:
        return columns
    return columns[np.linspace(0, len(columns) - 1, most).astype(np.int64)]


def _shapes(matrix: np.ndarray) -> dict[str, float]:
    centred = matrix - matrix.mean(axis=0)
    deviation = np.maximum(centred.std(axis=0), 1e-12)
    z = centred / deviation
    skew, kurtosis = np.abs((z**3).mean(axis=0)), (z**4).mean(axis=0) - 3.0
    q1, q3 = np.quantile(matrix, (0.25, 0.75), axis=0)
    margin = 1.5 * (q3 - q1)
    outside = (matrix < q1 - margin) | (matrix > q3 + margin)
    return {
        "skew": float(np.log1p(np.median(skew))),
        "tail": float(np.log1p(np.median(np.maximum(kurtosis, 0.0)))),
        "near_normal_share": float(np.mean((skew < 0.5) & (np.abs(kurtosis) < 1.0))),
        "outlier_share": float(outside.mean()),
    }


def _dependence(matrix: np.ndarray) -> dict[str, float]:
    """Return correlation statistics and the share of components for 95 % of the variance."""
    z = matrix - matrix.mean(axis=0)
    z = z / np.maximum(np.sqrt((z**2).sum(axis=0)), 1e-280)
    correlations = z.T @ z
    width = len(correlations)
    if width < 2:
        return {"correlation": 0.0, "correlated_share": 0.0, "effective_share": 1.0}
    strength = np.abs(correlations[np.triu_indices(width, k=1)])
    shares = np.maximum(np.linalg.eigvalsh(correlations)[::-1], 0.0).cumsum() / width
    needed = min(int(np.searchsorted(shares, 0.95)) + 1, width)
    return {
        "correlation": float(strength.mean()),
        "correlated_share": float(np.mean(strength > 0.9)),
        "effective_share": needed / width,
    }
