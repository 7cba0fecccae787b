from __future__ import annotations

from metaauto.api import Recommendation, Strategy
from metaauto.builtin.random_search import SEARCH_ENGINES
from metaauto.builtin.strategies import STRATEGIES
from metaauto.testing import SearchEngineContract, StrategyContract, make_strategy_input
from metaauto.warmstart import DefaultPortfolio, KnowledgeStrategy

FOUND = {strategy.name: strategy for strategy in STRATEGIES}


class TestKnowledge(StrategyContract):
    strategy = FOUND["knowledge"]


class TestPortfolio(StrategyContract):
    strategy = FOUND["portfolio"]


class TestRandom(StrategyContract):
    strategy = FOUND["random"]


class OnlyRecommends:
    def __init__(self, given) -> None:
        self._left = [given.space.default("lda")] if "lda" in given.space.models else []

    def recommend(self, seconds):
        if not self._left or seconds <= 0:
            return None
        return Recommendation(self._left.pop(), "mine", "the only one")


class TestOptionalMethodsMayBeAbsent(StrategyContract):
    strategy = Strategy("mine", OnlyRecommends)


def test_random_ends_after_eight_draws_that_know_nothing_of_other_tables():
    drawn = [
        FOUND["random"].start(make_strategy_input("binary", has_knowledge))
        for has_knowledge in (True, False)
    ]
    found = [[start.recommend(1e6) for _ in range(9)] for start in drawn]
    assert found[0] == found[1]
    assert len({one.configuration.key for one in found[0][:8]}) == 8
    assert found[0][8] is None
    assert {one.source for one in found[0][:8]} == {"random"}


def test_random_draws_nothing_that_does_not_fit_into_the_time():
    start = FOUND["random"].start(make_strategy_input("binary", False))
    assert start.recommend(0.0) is None
    assert start.recommend(1e6) is not None


def test_knowledge_is_used_where_there_is_some():
    known, unknown = make_strategy_input("binary", True), make_strategy_input("binary", False)
    assert isinstance(FOUND["knowledge"].start(known), KnowledgeStrategy)
    assert isinstance(FOUND["knowledge"].start(unknown), DefaultPortfolio)
    assert isinstance(FOUND["portfolio"].start(known), DefaultPortfolio)


class TestRandomSearch(SearchEngineContract):
    search_engine = next(one for one in SEARCH_ENGINES if one.name == "random")
