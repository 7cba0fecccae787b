"""Contract of warm-start strategies."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from metaauto.components.strategy import (
    Observation,
    Recommendation,
    Strategy,
    StrategyInput,
    WarmStart,
)
from metaauto.configuration import Configuration
from metaauto.knowledge import ConfigurationFact, DatasetFact, KnowledgeMatrix
from metaauto.metafeatures import Metafeatures
from metaauto.plugins.manager import PluginSettings, load_plugins
from metaauto.space import SearchSpace
from metaauto.task import reference_task
from metaauto.testing.global_state import heavy_imports_of, unchanged_global_state
from metaauto.warmstart import (
    DefaultPortfolio,
    KnowledgeStrategy,
    RuntimeModel,
    known_configurations,
)

__all__ = ["StrategyContract", "make_strategy_input"]

_MOST = 500
_FOLDS = 3
_TABLES = 12


class StrategyContract:
    """Contract tests of a strategy.

    Subclass it in a test module, under a name that starts with ``Test``, and set `strategy`.

    Attributes
    ----------
    strategy : Strategy
        The component under test.

    Examples
    --------
    >>> from metaauto.api import Strategy
    >>> class TestMine(StrategyContract):
    ...     strategy = Strategy("authors", lambda given: given.from_authors())
    """

    strategy: Strategy

    def start(self, kind: str = "binary", with_knowledge: bool = True) -> WarmStart | None:
        """Start the strategy on a table of a kind, with or without knowledge."""
        return self.strategy.start(make_strategy_input(kind, with_knowledge))

    def test_recommendations_are_valid(self) -> None:
        """Recommendations are finite in number, distinct and of models in the space."""
        for kind in ("binary", "multiclass", "regression"):
            for with_knowledge in (True, False):
                space = make_strategy_input(kind, with_knowledge).space
                recommendations = _all_recommendations(self.start(kind, with_knowledge), math.inf)
                assert all(one.configuration.model in space.ranges for one in recommendations)
                keys = [
                    space.repair(one.configuration).configuration.key for one in recommendations
                ]
                assert len(keys) == len(set(keys)), "a configuration is recommended twice"
                assert all(one.source and one.why for one in recommendations), (
                    "source or why is empty"
                )

    def test_accepts_any_observation(self) -> None:
        """Failures, unseen models, early results and late or missing metafeatures are accepted."""
        warm = self.start()
        if warm is None:
            return
        unseen = Configuration("unseen_model", {"x": 1})
        _tell(warm, "observe", Observation(unseen, 0.5, 1.0))
        _tell(warm, "observe", Observation(unseen, None, 0.0, 0.0))
        for number in range(20):
            recommendation = warm.recommend(math.inf)
            if number == 3:
                _tell(warm, "inform", Metafeatures({"simple.log_rows": math.nan}))
            if recommendation is None:
                break
            loss = None if number % 3 == 0 else 1.0 / (1 + number)
            result = Observation(recommendation.configuration, loss, 0.1 * number, 0.5)
            _tell(warm, "observe", result)

    def test_no_recommendation_without_time(self) -> None:
        """``recommend(0)`` returns None."""
        warm = self.start()
        if warm is not None:
            assert warm.recommend(0.0) is None

    def test_same_results_same_recommendations(self) -> None:
        """The same observations give the same recommendations."""
        orders = [_observed(self.start(), 15) for _ in range(2)]
        assert orders[0] == orders[1]

    def test_keeps_global_state(self) -> None:
        """Global state is not changed."""
        with unchanged_global_state():
            _observed(self.start(), 5)

    def test_imports_no_heavy_library(self) -> None:
        """Heavy libraries are imported in ``start``, not when the plugin is loaded."""
        heavy = heavy_imports_of(self.strategy.start.__module__, ())
        assert not heavy, f"Import {', '.join(heavy)} inside start."


def make_strategy_input(kind: str = "binary", with_knowledge: bool = True) -> StrategyInput:
    """Make the input of a strategy: a small table, the built-in models and synthetic knowledge.

    Parameters
    ----------
    kind : {'binary', 'multiclass', 'regression'}
        Kind of task.
    with_knowledge : bool
        Whether to include knowledge of other datasets.
    """
    registry = load_plugins(PluginSettings(only=())).registry
    space = SearchSpace(registry, reference_task(kind))
    runtime = RuntimeModel(space, _FOLDS)
    known = _knowledge(space, kind) if with_knowledge else None

    def from_knowledge() -> WarmStart | None:
        if known is None:
            return None
        return KnowledgeStrategy(space, runtime, known_configurations(known, space), _FOLDS)

    return StrategyInput(
        space,
        runtime,
        known,
        _FOLDS,
        True,
        from_knowledge,
        lambda: DefaultPortfolio(space, runtime),
    )


def _knowledge(space: SearchSpace, kind: str) -> KnowledgeMatrix:
    """Make synthetic losses of the portfolio configurations on two groups of datasets."""
    configurations = [c for model in space.models for c in space.portfolio(model)]
    shape = (_TABLES, len(configurations))
    random = np.random.default_rng(0)
    group = np.arange(_TABLES) % 2
    loss = 0.2 + 0.1 * random.random(shape) + 0.3 * (np.arange(shape[1]) % 2 != group[:, None])
    seen = np.ones(shape, dtype=np.int64)
    classes = {"binary": 2, "multiclass": 3, "regression": 0}[kind]
    return KnowledgeMatrix(
        kind=kind,
        metric="rmse" if kind == "regression" else "log_loss",
        datasets=tuple(
            DatasetFact(f"{n:064x}", kind, 500, 10, classes, 500, "folder", "0" * 16)
            for n in range(_TABLES)
        ),
        configurations=tuple(ConfigurationFact(c, "0" * 16) for c in configurations),
        protocols=("3-fold/seed0/rows<=4000",) * _TABLES,
        metrics=("log_loss",) * _TABLES,
        loss=loss,
        seconds=0.1 + random.random(shape),
        n_folds=seen,
        n_seen=seen,
        timed_out=np.zeros(shape, dtype=bool),
        failed=np.zeros(shape, dtype=bool),
        speed=np.full(shape, np.nan),
        metafeatures=np.where(group, 9.0, 4.0)[:, None],
        metafeature_names=("simple.log_rows",),
        extractors={"simple": 1},
    )


def _all_recommendations(warm: WarmStart | None, seconds: float) -> list[Recommendation]:
    recommendations: list[Recommendation] = []
    while warm is not None and (one := warm.recommend(seconds)) is not None:
        assert isinstance(one, Recommendation), (
            f"expected a Recommendation, got a {type(one).__name__}"
        )
        recommendations.append(one)
        assert len(recommendations) < _MOST, f"no end after {_MOST} recommendations"
    return recommendations


def _observed(warm: WarmStart | None, count: int) -> Sequence[str]:
    keys: list[str] = []
    while warm is not None and len(keys) < count:
        recommendation = warm.recommend(math.inf)
        if recommendation is None:
            break
        keys.append(recommendation.configuration.key)
        loss = 0.1 + 0.01 * (len(keys) * 7 % 5)
        _tell(warm, "observe", Observation(recommendation.configuration, loss, 0.2))
    return keys


def _tell(warm: WarmStart, method: str, value: object) -> None:
    """Call an optional method of a warm start."""
    if (call := getattr(warm, method, None)) is not None:
        call(value)
