"""The strategy keeps the contract of its kind; its checks are inherited."""

from metaauto_example import STRATEGY

from metaauto.testing import StrategyContract


class TestExample(StrategyContract):
    strategy = STRATEGY
