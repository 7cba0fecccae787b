"""A metric for metaauto: the share of rows with a relative error of at most 20 %.

`needs` says what the function gets: "values" of a regression, "labels" or "probabilities" of a
classification. With `--metric` the search optimises it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from metaauto.api import Metric, Register, hookimpl


def near(y: Any, values: Any, sample_weight: Any = None) -> float:
    """Return the share of rows whose prediction is near the true value."""
    return float(np.average(np.abs(y - values) <= np.abs(y) / 5, weights=sample_weight))


METRIC = Metric("example", tasks=("regression",), needs="values", function=near)


@hookimpl
def register_metrics(register: Register) -> None:
    """Offer the metric."""
    register.metric(METRIC)
