"""Contract of metafeature extractors."""

from __future__ import annotations

import math
import pickle
import time
import warnings
from typing import Any

import numpy as np
import pandas as pd

from metaauto.components import MetafeatureExtractor, MetafeatureInput
from metaauto.task import Role
from metaauto.testing.global_state import heavy_imports_of, unchanged_global_state
from metaauto.testing.problems import make_problem

__all__ = ["MetafeatureContract", "make_metafeature_input"]


class MetafeatureContract:
    """Contract tests of a metafeature extractor.

    Subclass it in a test module, under a name that starts with ``Test``, and set `metafeature`.

    Attributes
    ----------
    metafeature : MetafeatureExtractor
        The component under test.
    slowdown : float
        Largest ratio of the time on the largest input to the declared ``seconds``; large, because
        test machines may be slow.

    Examples
    --------
    >>> from metaauto.api import MetafeatureExtractor
    >>> def shape(table):
    ...     return {"rows": float(table.n_rows)}
    >>> class TestMine(MetafeatureContract):
    ...     metafeature = MetafeatureExtractor("shape", shape, keys=("rows",))
    """

    metafeature: MetafeatureExtractor
    slowdown: float = 20.0

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Parametrise the checks with a ``kind`` argument by the tasks of the extractor."""
        if "kind" in metafunc.fixturenames:
            metafunc.parametrize("kind", self.metafeature.tasks)

    def extract(self, table: MetafeatureInput) -> dict[str, float]:
        """Extract, and check the form of the result."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = dict(self.metafeature.extract(table))
        assert set(values) == set(self.metafeature.keys), "the result must contain all keys"
        for key, value in values.items():
            assert isinstance(value, (int, float, np.number)), f"{key} is {value!r}"
            assert not math.isinf(float(value)), f"{key} is infinite; return NaN instead"
        return {key: float(value) for key, value in values.items()}

    def test_extracts_values(self, kind: str) -> None:
        """At least one value of an ordinary table is not NaN."""
        values = self.extract(make_metafeature_input(kind))
        assert any(not math.isnan(value) for value in values.values())

    def test_same_table_same_values(self, kind: str) -> None:
        """Two calls with the same table and seed give the same values."""
        first, second = (self.extract(make_metafeature_input(kind)) for _ in range(2))
        assert all(
            first[key] == second[key] or (math.isnan(first[key]) and math.isnan(second[key]))
            for key in first
        ), "the same table and seed give different values"

    def test_difficult_tables(self, kind: str) -> None:
        """One column, few rows, constant columns and more columns than rows are accepted."""
        self.extract(make_metafeature_input(kind, n_features=1))
        self.extract(make_metafeature_input(kind, n_rows=6, n_features=3))
        self.extract(make_metafeature_input(kind, n_rows=30, n_features=100))
        constant = make_metafeature_input(kind)
        constant.X[:] = 1.0
        self.extract(constant)

    def test_rare_class(self) -> None:
        """A class with a single row is accepted."""
        if "multiclass" not in self.metafeature.tasks:
            return
        table = make_metafeature_input("multiclass")
        table.y[:] = np.where(table.y == 2, 0, table.y)
        table.y[0] = 2
        self.extract(table)

    def test_time_limit(self, kind: str) -> None:
        """The time on the largest possible input is at most ``slowdown`` times ``seconds``."""
        table = make_metafeature_input(kind, n_rows=2_000, n_features=50)
        self.extract(table)
        began = time.monotonic()
        self.extract(table)
        took = time.monotonic() - began
        bound = self.slowdown * max(self.metafeature.seconds, 0.05)
        assert took < bound, (
            f"It took {took:.2f} s; it declares seconds={self.metafeature.seconds}."
        )

    def test_no_side_effects(self, kind: str) -> None:
        """Neither the table nor global state is changed."""
        table = make_metafeature_input(kind)
        copy = pickle.loads(pickle.dumps(table))
        self.extract(table)
        with unchanged_global_state():
            self.extract(table)
        assert np.array_equal(table.X, copy.X, equal_nan=True), "it changed X"
        assert np.array_equal(table.y, copy.y), "it changed y"
        assert table.frame.equals(copy.frame), "it changed the frame"

    def test_imports_no_heavy_library(self) -> None:
        """Heavy libraries are imported in ``extract``, not when the plugin is loaded."""
        heavy = heavy_imports_of(self.metafeature.extract.__module__)
        assert not heavy, f"Import {', '.join(heavy)} inside extract."


def make_metafeature_input(kind: str, n_rows: int = 150, n_features: int = 6) -> MetafeatureInput:
    """Make the input of an extractor: a small table with numbers, categories and missing cells.

    Parameters
    ----------
    kind : {'binary', 'multiclass', 'regression'}
        Kind of task.
    n_rows, n_features : int
        Shape of the table.

    Returns
    -------
    MetafeatureInput
        Deterministic for given arguments.
    """
    problem = make_problem(kind, n_rows=n_rows, n_features=n_features)
    X = np.array(problem.X)
    frame = pd.DataFrame(X, columns=[f"number{i}" for i in range(n_features)])
    roles = dict.fromkeys(frame.columns, Role.NUMERIC)
    if n_features > 2:
        frame.iloc[::10, 1] = np.nan
        codes = np.clip(np.floor(X[:, 2] + 1.5), 0, 2).astype(int)
        frame["number2"] = pd.Categorical.from_codes(codes, ["low", "middle", "high"])
        roles["number2"] = Role.CATEGORICAL
        X[:, 2] = codes
        X[::10, 1] = np.nanmedian(X[:, 1])
    return MetafeatureInput(
        X=X,
        y=problem.y,
        kind=kind,
        frame=frame,
        roles=roles,
        n_rows=n_rows,
        n_features=n_features,
        n_classes=problem.n_classes,
        missing=float(frame.isna().to_numpy().mean()),
    )
