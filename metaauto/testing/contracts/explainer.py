"""Contract of explainers."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd

from metaauto.components.explainer import Explainer, ExplainerInput
from metaauto.testing.global_state import heavy_imports_of, unchanged_global_state

__all__ = ["ExplainerContract", "make_explainer_input"]


class ExplainerContract:
    """Contract tests of an explainer.

    Subclass it in a test module, under a name that starts with ``Test``, and set `explainer`.

    Attributes
    ----------
    explainer : Explainer
        The component under test.
    tolerance : float
        Largest absolute contribution of a column that the prediction ignores.

    Examples
    --------
    >>> from metaauto.api import Explainer
    >>> class TestMine(ExplainerContract):
    ...     explainer = Explainer("nothing", lambda table: table.X.notna() * 0.0)
    """

    explainer: Explainer
    tolerance: float = 1e-6

    def explain(self, table: ExplainerInput) -> pd.DataFrame:
        """Explain, and check the form of the result."""
        result = self.explainer.explain(table)
        assert isinstance(result, pd.DataFrame), (
            f"expected a DataFrame, got a {type(result).__name__}"
        )
        assert list(result.columns) == list(table.X.columns), "the columns differ from those of X"
        assert result.index.equals(table.X.index), "the index differs from that of X"
        assert np.isfinite(result.to_numpy(dtype=np.float64)).all(), "the result is not finite"
        return result.astype(np.float64)

    def test_relevant_columns(self) -> None:
        """Ignored columns contribute nothing, the most important column contributes most."""
        result = self.explain(make_explainer_input(12)).abs().mean()
        ignored = result[["small", "note", "when", "flag"]]
        assert (ignored <= self.tolerance).all(), (
            f"contributions of ignored columns: {dict(ignored)}"
        )
        assert result["size"] == result.max()
        assert result["tree"] > self.tolerance, "the categorical column has no contribution"

    def test_sign_of_contributions(self) -> None:
        """Cells that raise the prediction have positive contributions."""
        table = make_explainer_input(30)
        contributions = self.explain(table)["size"].to_numpy()
        size = table.X["size"].to_numpy()
        known = np.isfinite(size)
        assert np.corrcoef(contributions[known], size[known])[0, 1] > 0.9

    def test_difficult_tables(self) -> None:
        """No row, one row, one background row, one column and missing categories are accepted."""
        table = make_explainer_input(6)
        self.explain(make_explainer_input(6, rows=slice(0, 0)))
        self.explain(make_explainer_input(6, rows=slice(3, 4)))
        self.explain(make_explainer_input(6, background_rows=1))
        first = ExplainerInput(
            lambda frame: frame["size"].fillna(0.0).to_numpy(),
            table.X[["size"]],
            table.background[["size"]],
        )
        self.explain(first)

    def test_same_seed_same_result(self) -> None:
        """Two calls with the same seed give the same result."""
        first, second = (self.explain(make_explainer_input(6, seed=3)) for _ in range(2))
        pd.testing.assert_frame_equal(first, second)

    def test_no_side_effects(self) -> None:
        """Neither the input nor global state is changed."""
        table = make_explainer_input(5)
        X, background = pickle.loads(pickle.dumps((table.X, table.background)))
        self.explain(table)
        with unchanged_global_state():
            self.explain(table)
        pd.testing.assert_frame_equal(table.X, X)
        pd.testing.assert_frame_equal(table.background, background)

    def test_imports_no_heavy_library(self) -> None:
        """Heavy libraries are imported in ``explain``, not when the plugin is loaded."""
        component = self.explainer
        heavy = heavy_imports_of(component.explain.__module__, component.requires)
        assert not heavy, f"Import {', '.join(heavy)} inside explain."


def make_explainer_input(
    n_rows: int, seed: int = 0, rows: slice = slice(None), background_rows: int = 25
) -> ExplainerInput:
    """Make rows with all kinds of columns; the prediction depends on ``size`` and ``tree`` only.

    Parameters
    ----------
    n_rows : int
        Number of rows before `rows` selects some of them.
    seed : int
        Seed of the explainer; the rows do not depend on it.
    rows : slice
        Rows to explain.
    background_rows : int
        Number of background rows.
    """
    random = np.random.default_rng(0)
    total = n_rows + background_rows
    trees = pd.Categorical.from_codes(random.integers(-1, 3, total), ["ash", "elm", "oak"])
    frame = pd.DataFrame(
        {
            "small": random.normal(size=total),
            "size": np.where(random.random(total) < 0.1, np.nan, random.normal(size=total)),
            "tree": trees,
            "flag": (random.random(total) < 0.5).astype(np.float64),
            "when": pd.Timestamp("2021-03-04") + pd.to_timedelta(np.arange(total), unit="D"),
            "note": pd.Series([f"note {i % 7}" for i in range(total)], dtype=object),
        }
    )
    frame.loc[2, "when"] = pd.NaT
    return ExplainerInput(
        _predict,
        frame.iloc[:n_rows].iloc[rows].copy(),
        frame.iloc[n_rows:].reset_index(drop=True),
        seed,
    )


def _predict(frame: Any) -> np.ndarray:
    size = frame["size"].fillna(0.0).to_numpy(dtype=np.float64)
    oak = (frame["tree"] == "oak").to_numpy(dtype=np.float64)
    return np.asarray(4.0 * size + oak)
