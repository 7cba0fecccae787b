"""Every named metric keeps the contract that metrics of plugins are held to."""

from __future__ import annotations

from metaauto.metrics import METRICS
from metaauto.testing import MetricContract

_named = METRICS.values() if hasattr(METRICS, "values") else METRICS
for _metric in _named:
    _name = "Test" + "".join(part.title() for part in _metric.name.split("_"))
    globals()[_name] = type(_name, (MetricContract,), {"metric": _metric, "__module__": __name__})
