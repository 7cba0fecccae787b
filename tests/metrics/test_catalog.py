"""Every named metric keeps the contract that metrics of plugins are held to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaauto.metrics import METRICS
from metaauto.testing import MetricContract

_named = METRICS.values() if hasattr(METRICS, "values") else METRICS
for _metric in _named:
    _name = "Test" + "".join(part.title() for part in _metric.name.split("_"))
    globals()[_name] = type(_name, (MetricContract,), {"metric": _metric, "__module__": __name__})


@pytest.mark.parametrize("name", METRICS)
@given(st.integers(0, 10**6), st.integers(2, 4), st.floats(0.01, 50.0))
def test_no_score_is_beyond_the_range(name: str, seed: int, classes: int, scale: float) -> None:
    metric, random = METRICS[name], np.random.default_rng(seed)
    assert metric.worst is not None
    if "regression" in metric.tasks:
        y, prediction = random.gamma(1.0, scale, 20), random.gamma(1.0, 3.0, 20)
    else:
        k = 2 if metric.tasks == ("binary",) else classes
        y = np.concatenate([np.arange(k), random.integers(0, k, 20)])
        prediction = random.dirichlet(np.full(k, 1.0 / scale), len(y))
    score = metric.score(y, prediction)
    low, high = sorted((metric.worst, metric.optimum))
    assert low - 1e-9 <= score <= high + 1e-9
    assert (metric.optimum > metric.worst) == metric.greater_is_better
