"""Contract of search engines."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

from metaauto.components.search_engine import Optimizer, SearchEngine, SearchInput
from metaauto.components.strategy import Observation, Recommendation
from metaauto.search.smac import SmacSearch
from metaauto.testing.contracts.strategy import make_strategy_input
from metaauto.testing.global_state import heavy_imports_of, unchanged_global_state

__all__ = ["SearchEngineContract"]

_PENALTY = 0.9
_TRIALS = 12


class SearchEngineContract:
    """Contract tests of a search engine.

    Subclass it in a test module, under a name that starts with ``Test``, and set `search_engine`.

    Attributes
    ----------
    search_engine : SearchEngine
        The component under test.

    Examples
    --------
    >>> from metaauto.api import SearchEngine
    >>> class TestMine(SearchEngineContract):
    ...     search_engine = SearchEngine("mine", lambda given: given.from_smac())
    """

    search_engine: SearchEngine

    @contextmanager
    def started(self, kind: str = "binary", seed: int = 0) -> Iterator[tuple[Optimizer, list[str]]]:
        """Start the engine on a small table; yield it and the keys of its observed proposals."""
        known = make_strategy_input(kind, with_knowledge=False)
        given = SearchInput(
            known.space,
            known.runtime,
            known.n_folds,
            seed,
            True,
            lambda: _PENALTY,
            lambda: SmacSearch(given),
        )
        optimizer = self.search_engine.start(given)
        first = [known.space.default(model) for model in known.space.models]
        keys: list[str] = []
        try:
            optimizer.observe([Observation(c, 0.5, 1.0) for c in first])
            for number in range(_TRIALS):
                proposal = optimizer.recommend(math.inf)
                if proposal is None:
                    break
                assert isinstance(proposal, Recommendation), f"it is a {type(proposal).__name__}"
                assert proposal.source, "source is empty"
                assert proposal.why, "why is empty"
                assert proposal.configuration.model in known.space.ranges
                repaired = known.space.repair(proposal.configuration).configuration
                keys.append(repaired.key)
                loss = None if number % 4 == 3 else 0.3 + 0.01 * (number * 7 % 5)
                optimizer.observe([Observation(repaired, loss, 0.2)])
            yield optimizer, keys
        finally:
            optimizer.close()

    def test_proposes_for_every_task(self) -> None:
        """Configurations of models in the space are proposed, also after failed trials."""
        for kind in ("binary", "multiclass", "regression"):
            with self.started(kind) as (_, keys):
                assert keys, f"nothing is proposed for {kind}"

    def test_same_results_same_proposals(self) -> None:
        """The same seed and observations give the same proposals."""
        with self.started() as (_, one), self.started() as (_, two):
            assert one == two

    def test_keeps_global_state(self) -> None:
        """Global state is not changed."""
        with unchanged_global_state(), self.started():
            pass

    def test_imports_no_heavy_library(self) -> None:
        """Heavy libraries are imported in ``start``, not when the plugin is loaded."""
        heavy = heavy_imports_of(self.search_engine.start.__module__, ())
        assert not heavy, f"Import {', '.join(heavy)} inside start."
