"""The contract of a strategy: what a search relies on."""

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
from metaauto.testing.global_state import heavy_imports_of, no_traces
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
    """Everything that a strategy promises.

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

    def start(self, kind: str = "binary", is_known: bool = True) -> WarmStart | None:
        """Start it on a table of a kind, with some knowledge or none."""
        return self.strategy.start(make_strategy_input(kind, is_known))

    def test_recommends_what_can_be_tried(self) -> None:
        """Configurations of models that are there, none twice, and an end."""
        for kind in ("binary", "multiclass", "regression"):
            for is_known in (True, False):
                space = make_strategy_input(kind, is_known).space
                found = _drained(self.start(kind, is_known), math.inf)
                assert all(one.configuration.model in space.ranges for one in found)
                keys = [space.repair(one.configuration).configuration.key for one in found]
                assert len(keys) == len(set(keys)), "a configuration comes twice"
                assert all(one.source and one.why for one in found), "source and why are empty"

    def test_learns_from_anything(self) -> None:
        """Failures, strangers, results before the first question, metafeatures late or unknown."""
        warm = self.start()
        if warm is None:
            return
        stranger = Configuration("never_heard_of", {"x": 1})
        warm.observe(Observation(stranger, 0.5, 1.0))
        warm.observe(Observation(stranger, None, 0.0, 0.0))
        for place in range(20):
            found = warm.recommend(math.inf)
            if place == 3:
                warm.inform(Metafeatures({"simple.log_rows": math.nan}))
            if found is None:
                break
            loss = None if place % 3 == 0 else 1.0 / (1 + place)
            warm.observe(Observation(found.configuration, loss, 0.1 * place, 0.5))

    def test_minds_the_time(self) -> None:
        """Nothing is recommended when no time is left."""
        warm = self.start()
        if warm is not None:
            assert warm.recommend(0.0) is None

    def test_same_results_same_recommendations(self) -> None:
        """Where only trials count it repeats itself."""
        orders = [_observed(self.start(), 15) for _ in range(2)]
        assert orders[0] == orders[1]

    def test_manners(self) -> None:
        """The process is as it was."""
        with no_traces():
            _observed(self.start(), 5)

    def test_imports_nothing_heavy(self) -> None:
        """The plugin's module is imported in every process: libraries wait until start."""
        heavy = heavy_imports_of(self.strategy.start.__module__, ())
        assert not heavy, f"Import {', '.join(heavy)} inside start."


def make_strategy_input(kind: str = "binary", is_known: bool = True) -> StrategyInput:
    """What a strategy starts from: a small table, the models over scikit-learn, some knowledge.

    Parameters
    ----------
    kind : {'binary', 'multiclass', 'regression'}
        Kind of task.
    is_known : bool
        Whether anything is known of other tables.
    """
    registry = load_plugins(PluginSettings(only=())).registry
    space = SearchSpace(registry, reference_task(kind))
    runtime = RuntimeModel(space, _FOLDS)
    known = _knowledge(space, kind) if is_known else None

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
    """Made-up losses of what the authors recommend, on tables of two sorts."""
    configurations = [c for model in space.models for c in space.portfolio(model)]
    shape = (_TABLES, len(configurations))
    random = np.random.default_rng(0)
    sort = np.arange(_TABLES) % 2
    loss = 0.2 + 0.1 * random.random(shape) + 0.3 * (np.arange(shape[1]) % 2 != sort[:, None])
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
        metafeatures=np.where(sort, 9.0, 4.0)[:, None],
        metafeature_names=("simple.log_rows",),
        extractors={"simple": 1},
    )


def _drained(warm: WarmStart | None, seconds: float) -> list[Recommendation]:
    found: list[Recommendation] = []
    while warm is not None and (one := warm.recommend(seconds)) is not None:
        assert isinstance(one, Recommendation), f"it recommends a {type(one).__name__}"
        found.append(one)
        assert len(found) < _MOST, f"it goes on after {_MOST} recommendations"
    return found


def _observed(warm: WarmStart | None, count: int) -> Sequence[str]:
    keys: list[str] = []
    while warm is not None and len(keys) < count:
        found = warm.recommend(math.inf)
        if found is None:
            break
        keys.append(found.configuration.key)
        loss = 0.1 + 0.01 * (len(keys) * 7 % 5)
        warm.observe(Observation(found.configuration, loss, 0.2))
    return keys
