"""Metrics: the catalogue of named metrics, scikit-learn scorers and functions of the user."""

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
