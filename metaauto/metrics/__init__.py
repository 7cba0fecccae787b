"""Metrics: named ones, those of scikit-learn, and the user's own."""

from __future__ import annotations

from metaauto.metrics.base import Metric
from metaauto.metrics.catalog import ALIASES, DEFAULTS, METRICS, names_for, quantile
from metaauto.metrics.resolve import check_metric, resolve_metric

__all__ = [
    "ALIASES",
    "DEFAULTS",
    "METRICS",
    "Metric",
    "check_metric",
    "names_for",
    "quantile",
    "resolve_metric",
]
