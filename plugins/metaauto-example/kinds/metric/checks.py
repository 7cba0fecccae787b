"""The metric keeps the contract of its kind; its checks are inherited."""

from metaauto_example import METRIC

from metaauto.testing import MetricContract


class TestExample(MetricContract):
    metric = METRIC
