from __future__ import annotations

from metaauto.builtin.strategies import STRATEGIES
from metaauto.testing import StrategyContract, make_strategy_input
from metaauto.warmstart import DefaultPortfolio, KnowledgeStrategy

FOUND = {strategy.name: strategy for strategy in STRATEGIES}


class TestKnowledge(StrategyContract):
    strategy = FOUND["knowledge"]


class TestPortfolio(StrategyContract):
    strategy = FOUND["portfolio"]


def test_knowledge_is_used_where_there_is_some():
    known, unknown = make_strategy_input("binary", True), make_strategy_input("binary", False)
    assert isinstance(FOUND["knowledge"].start(known), KnowledgeStrategy)
    assert isinstance(FOUND["knowledge"].start(unknown), DefaultPortfolio)
    assert isinstance(FOUND["portfolio"].start(known), DefaultPortfolio)
