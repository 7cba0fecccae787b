"""Contract of splitters."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from metaauto.components.splitter import Splitter
from metaauto.data import Dataset, Splits, plan_splits, prepare
from metaauto.errors import MetaautoError, SplitError
from metaauto.testing.global_state import heavy_imports_of, unchanged_global_state

__all__ = ["SplitterContract"]

_ROWS = 120


class SplitterContract:
    """Contract tests of a splitter.

    Subclass it in a test module, under a name that starts with ``Test``, and set `splitter`.

    Attributes
    ----------
    splitter : Splitter
        The component under test.

    Examples
    --------
    >>> from metaauto.api import Splitter
    >>> class TestMine(SplitterContract):
    ...     splitter = Splitter("halves", lambda given: [(given.y == 0, given.y == 1)])
    """

    splitter: Splitter

    def tables(self) -> Iterator[Dataset]:
        """Yield small tables of each task, with and without groups and times."""
        random = np.random.default_rng(0)
        X = pd.DataFrame({"x": random.normal(size=_ROWS)})
        targets = (np.arange(_ROWS) % 2, np.arange(_ROWS) % 3, random.normal(size=_ROWS))
        for y in targets:
            for groups in (None, np.arange(_ROWS) // 4):
                for time in (None, np.arange(_ROWS) // 2):
                    yield prepare(X, y, groups=groups, time=time)

    def split(self, data: Dataset, seed: int = 0) -> Splits | None:
        """Split a table; None if the splitter refuses it."""
        try:
            return plan_splits(data, cv=self.splitter, holdout=0.2, seed=seed)
        except SplitError:
            raise
        except MetaautoError:
            return None

    def test_folds_are_valid(self) -> None:
        """Some table is split, and every table that is not refused has valid folds."""
        made = [self.split(data) for data in self.tables()]
        assert any(splits is not None for splits in made), "no table is split"

    def test_same_seed_same_folds(self) -> None:
        """The same seed gives the same folds."""
        for data in self.tables():
            one, two = self.split(data, 3), self.split(data, 3)
            if one is not None and two is not None:
                for first, second in zip(one.folds, two.folds, strict=True):
                    assert all(map(np.array_equal, first, second))

    def test_keeps_rows_and_global_state(self) -> None:
        """The table and global state are not changed."""
        for data in self.tables():
            before = data.X.copy(), data.y.copy()
            with unchanged_global_state():
                self.split(data)
            pd.testing.assert_frame_equal(data.X, before[0])
            assert np.array_equal(data.y, before[1])

    def test_imports_no_heavy_library(self) -> None:
        """Heavy libraries are imported in ``split``, not when the plugin is loaded."""
        heavy = heavy_imports_of(self.splitter.split.__module__, ())
        assert not heavy, f"Import {', '.join(heavy)} inside split."
