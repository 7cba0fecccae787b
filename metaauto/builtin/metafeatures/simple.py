"""Simple metafeatures: size, column roles and distribution of the target."""

from __future__ import annotations

import numpy as np

from metaauto.api import MetafeatureInput, Role

__all__ = ["KEYS", "simple"]

KEYS = (
    "log_rows",
    "log_features",
    "log_rows_per_feature",
    "classes",
    "majority_share",
    "log_imbalance",
    "numeric_share",
    "boolean_share",
    "categorical_share",
    "datetime_share",
    "text_share",
    "missing_share",
    "log_mean_categories",
    "log_max_categories",
    "target_skew",
    "target_tail",
    "target_distinct_share",
    "target_zero_share",
)


def simple(table: MetafeatureInput) -> dict[str, float]:
    """Compute counts and shares of rows, columns, classes and missing values."""
    values = dict.fromkeys(KEYS, float("nan"))
    n_rows, n_features = max(table.n_rows, 1), max(table.n_features, 1)
    values["log_rows"] = float(np.log(n_rows))
    values["log_features"] = float(np.log(n_features))
    values["log_rows_per_feature"] = float(np.log(n_rows / n_features))
    values["missing_share"] = float(table.missing)
    roles = list(table.roles.values())
    for role in (Role.NUMERIC, Role.BOOLEAN, Role.CATEGORICAL, Role.DATETIME, Role.TEXT):
        values[f"{role.value}_share"] = roles.count(role) / max(len(roles), 1)
    values.update(_categories(table))
    values.update(_classes(table) if table.kind != "regression" else _target(table))
    return values


def _categories(table: MetafeatureInput) -> dict[str, float]:
    """Return log numbers of categories; 0 if no column is categorical."""
    names = [name for name, role in table.roles.items() if role is Role.CATEGORICAL]
    counts = [max(len(table.frame[name].cat.categories), 1) for name in names] or [1]
    return {
        "log_mean_categories": float(np.log(np.mean(counts))),
        "log_max_categories": float(np.log(np.max(counts))),
    }


def _classes(table: MetafeatureInput) -> dict[str, float]:
    counts = np.bincount(table.y.astype(np.int64))
    counts = counts[counts > 0]
    return {
        "classes": float(table.n_classes),
        "majority_share": float(counts.max() / counts.sum()),
        "log_imbalance": float(np.log(counts.max() / counts.min())),
    }


def _target(table: MetafeatureInput) -> dict[str, float]:
    """Return the quantile skewness (-1 to 1), tail weight and repeated values of the target."""
    y = table.y.astype(np.float64)
    scaled = y / max(float(np.abs(y).max()), 1e-280)
    low, q1, median, q3, high = np.quantile(scaled, (0.05, 0.25, 0.5, 0.75, 0.95))
    iqr, width = q3 - q1, high - low
    varies = width > 1e-12
    return {
        "target_skew": float((high + low - 2.0 * median) / width) if varies else 0.0,
        # 0.89 for a normal distribution.
        "target_tail": float(np.log(width / iqr)) if varies and iqr > 1e-12 else float("nan"),
        "target_distinct_share": len(np.unique(y)) / len(y),
        "target_zero_share": float(np.mean(y == 0.0)),
    }
