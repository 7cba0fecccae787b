"""The splitter keeps the contract of its kind; its checks are inherited."""

from metaauto_example import SPLITTER

from metaauto.testing import SplitterContract


class TestExample(SplitterContract):
    splitter = SPLITTER
