"""Contract of metrics."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest

from metaauto.metrics import Metric
from metaauto.testing.applicable import Contract, only_if
from metaauto.testing.global_state import unchanged_global_state

__all__ = ["MetricContract"]


class MetricContract(Contract):
    """Contract tests of a metric.

    Subclass it in a test module, under a name that starts with ``Test``, and set `metric`.
    The check of weights is not collected for metrics without ``weighted``.

    Attributes
    ----------
    metric : Metric
        The component under test.
    tolerance : float
        Absolute tolerance between the value of a perfect prediction and the optimum.

    Examples
    --------
    >>> import numpy as np
    >>> from metaauto.api import Metric
    >>> def hits(y, labels, sample_weight=None):
    ...     return float(np.average(y == labels, weights=sample_weight))
    >>> class TestHits(MetricContract):
    ...     metric = Metric("hits", ("binary", "multiclass"), "labels", hits)
    """

    component_attribute = "metric"
    metric: Metric
    tolerance: float = 1e-6

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Parametrise the checks with a ``kind`` argument by the tasks of the metric."""
        if "kind" in metafunc.fixturenames:
            metafunc.parametrize("kind", self.metric.tasks)

    def rows(self, kind: str, n_rows: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return true values, a perfect prediction and a constant prediction."""
        if kind == "regression":
            values = np.linspace(1.0, 9.0, n_rows)
            return values, values.copy(), np.full(n_rows, 5.0)
        classes = 2 if kind == "binary" else 3
        codes = np.arange(n_rows) % classes
        perfect = np.eye(classes)[codes]
        return codes, perfect, np.full((n_rows, classes), 1.0 / classes)

    def blend(self, kind: str, quality: float) -> tuple[np.ndarray, np.ndarray]:
        """Return true values and a noisy prediction of quality 0 (constant) to 1 (perfect)."""
        y, perfect, constant = self.rows(kind)
        random = np.random.default_rng(0)
        if kind == "regression":
            return y, perfect + (1.0 - quality) * random.normal(size=len(y)) * 2.0
        wrong = np.roll(perfect, 1, axis=1)
        missed = random.random(len(y)) > quality
        return y, np.where(
            missed[:, None], 0.6 * wrong + 0.4 * constant, 0.8 * perfect + 0.2 * constant
        )

    def test_perfect_prediction_is_the_optimum(self, kind: str) -> None:
        """The value of a perfect prediction is ``optimum``."""
        y, perfect, constant = self.rows(kind)
        value = self.metric.score(y, perfect)
        if math.isinf(self.metric.optimum):
            assert self.metric.loss(y, perfect) < self.metric.loss(y, constant)
        else:
            assert value == pytest.approx(self.metric.optimum, abs=self.tolerance)

    def test_better_predictions_have_less_loss(self, kind: str) -> None:
        """Better predictions have a lower loss, as ``greater_is_better`` states."""
        losses = [self.metric.loss(*self.blend(kind, quality)) for quality in (0.5, 0.8, 0.98)]
        assert losses == sorted(losses, reverse=True), f"losses of better predictions: {losses}"
        assert losses[0] > losses[-1]

    def test_constant_prediction_has_a_value(self, kind: str) -> None:
        """The loss of a constant prediction is finite."""
        y, _, constant = self.rows(kind)
        assert math.isfinite(self.metric.loss(y, constant))

    def test_order_of_rows_does_not_matter(self, kind: str) -> None:
        """The value does not depend on the order of the rows."""
        y, prediction = self.blend(kind, 0.7)
        order = np.random.default_rng(1).permutation(len(y))
        shuffled = self.metric.score(y[order], prediction[order])
        assert shuffled == pytest.approx(self.metric.score(y, prediction), rel=1e-9)

    @only_if(lambda metric: metric.weighted)
    def test_weights_equal_repeated_rows(self, kind: str) -> None:
        """An integer weight in ``weighted`` metrics equals repeating the row."""
        y, prediction = self.blend(kind, 0.7)
        weight = np.random.default_rng(2).integers(1, 5, len(y)).astype(float)
        repeated = np.repeat(np.arange(len(y)), weight.astype(int))
        assert self.metric.score(y, prediction, weight) == pytest.approx(
            self.metric.score(y[repeated], prediction[repeated]), rel=1e-6
        )

    def test_predictions_in_single_precision(self, kind: str) -> None:
        """Predictions in float32, as the search stores probabilities, give the same value."""
        y, prediction = self.blend(kind, 0.7)
        single = self.metric.score(y, prediction.astype(np.float32))
        assert single == pytest.approx(self.metric.score(y, prediction), rel=1e-3, abs=1e-4)

    def test_no_side_effects(self, kind: str) -> None:
        """The metric can be pickled and changes neither its arguments nor global state."""
        y, prediction = self.blend(kind, 0.7)
        copies = y.copy(), prediction.copy()
        value = self.metric.score(y, prediction)
        with unchanged_global_state():
            again = pickle.loads(pickle.dumps(self.metric)).score(y, prediction)
        assert isinstance(value, float)
        assert again == value
        assert np.array_equal(y, copies[0])
        assert np.array_equal(prediction, copies[1])
