"""The contract of an explainer: what reports rely on."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd

from metaauto.components.explainer import Explainer, ExplainerInput
from metaauto.testing.global_state import heavy_imports_of, no_traces

__all__ = ["ExplainerContract", "make_question"]


class ExplainerContract:
    """Everything that an explainer promises.

    Subclass it in a test module, under a name that starts with ``Test``, and set `explainer`.

    Attributes
    ----------
    explainer : Explainer
        The component under test.
    tolerance : float
        How far the contribution of a column that the prediction ignores may lie from zero.

    Examples
    --------
    >>> from metaauto.api import Explainer
    >>> class TestMine(ExplainerContract):
    ...     explainer = Explainer("nothing", lambda table: table.X.notna() * 0.0)
    """

    explainer: Explainer
    tolerance: float = 1e-6

    def explain(self, question: ExplainerInput) -> pd.DataFrame:
        """Explain, and check the form of the answer."""
        found = self.explainer.explain(question)
        assert isinstance(found, pd.DataFrame), f"it returned a {type(found).__name__}"
        assert list(found.columns) == list(question.X.columns), "a column for each column of X"
        assert found.index.equals(question.X.index), "the index of X"
        assert np.isfinite(found.to_numpy(dtype=np.float64)).all(), "no NaN and no infinity"
        return found.astype(np.float64)

    def test_finds_what_matters(self) -> None:
        """Columns that the prediction ignores add nothing, the one it rests on adds most."""
        found = self.explain(make_question(12)).abs().mean()
        ignored = found[["small", "note", "when", "flag"]]
        assert (ignored <= self.tolerance).all(), f"columns that do nothing: {dict(ignored)}"
        assert found["size"] == found.max()
        assert found["tree"] > self.tolerance, "categories matter, too"

    def test_tells_the_direction(self) -> None:
        """What raises the prediction adds, what lowers it takes away."""
        question = make_question(30)
        added = self.explain(question)["size"].to_numpy()
        size = question.X["size"].to_numpy()
        known = np.isfinite(size)
        assert np.corrcoef(added[known], size[known])[0, 1] > 0.9

    def test_difficult_tables(self) -> None:
        """No row, one row, one column, one row to compare with, categories that are missing."""
        question = make_question(6)
        self.explain(make_question(6, rows=slice(0, 0)))
        self.explain(make_question(6, rows=slice(3, 4)))
        self.explain(make_question(6, others=1))
        first = ExplainerInput(
            lambda frame: frame["size"].fillna(0.0).to_numpy(),
            question.X[["size"]],
            question.background[["size"]],
        )
        self.explain(first)

    def test_same_seed_same_answer(self) -> None:
        """It repeats itself."""
        first, second = (self.explain(make_question(6, seed=3)) for _ in range(2))
        pd.testing.assert_frame_equal(first, second)

    def test_manners(self) -> None:
        """Neither the rows nor the process are changed."""
        question = make_question(5)
        X, background = pickle.loads(pickle.dumps((question.X, question.background)))
        self.explain(question)
        with no_traces():
            self.explain(question)
        pd.testing.assert_frame_equal(question.X, X)
        pd.testing.assert_frame_equal(question.background, background)

    def test_imports_nothing_heavy(self) -> None:
        """The plugin's module is imported in every process: libraries wait until explain."""
        component = self.explainer
        heavy = heavy_imports_of(component.explain.__module__, component.requires)
        assert not heavy, f"Import {', '.join(heavy)} inside explain."


def make_question(
    n_rows: int, seed: int = 0, rows: slice = slice(None), others: int = 25
) -> ExplainerInput:
    """Rows with every kind of column, and a prediction that uses ``size`` and ``tree`` alone.

    Parameters
    ----------
    n_rows : int
        Rows to explain, before `rows` selects some of them.
    seed : int
        Seed handed to the explainer; the rows are always the same.
    rows : slice
        Which of them to explain.
    others : int
        Rows to compare with.
    """
    random = np.random.default_rng(0)
    total = n_rows + others
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
    return 4.0 * size + oak
