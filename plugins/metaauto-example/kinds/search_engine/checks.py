"""The search engine keeps the contract of its kind; its checks are inherited."""

from metaauto_example import SEARCH_ENGINE

from metaauto.testing import SearchEngineContract


class TestExample(SearchEngineContract):
    search_engine = SEARCH_ENGINE
