"""shap's model-agnostic explainers over tables of any kind of column."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd

from metaauto.api import ExplainerInput

with warnings.catch_warnings():
    # shap's plots, which are not used here, warn of matplotlib's plans.
    warnings.simplefilter("ignore")
    import shap

__all__ = ["Coding", "shapley_values"]


class Coding:
    """Tables as matrices of whole numbers and back: shap mixes the cells of numeric matrices only.

    Parameters
    ----------
    *tables : DataFrame
        Tables of the same columns; only cells that they hold can be encoded.
    """

    def __init__(self, *tables: pd.DataFrame) -> None:
        together = pd.concat(tables, ignore_index=True)
        self.columns = list(together.columns)
        self._known: list[Any] = []
        codes = []
        for column in self.columns:
            code, known = pd.factorize(together[column], use_na_sentinel=False)
            codes.append(code)
            self._known.append(known)
        matrix = np.column_stack(codes).astype(np.float64)
        ends = np.cumsum([len(table) for table in tables])
        self.matrices = np.split(matrix, ends[:-1])

    def decode(self, matrix: Any) -> pd.DataFrame:
        """The table of a matrix, in the dtypes of the tables."""
        codes = np.asarray(matrix).astype(np.int64)
        cells = {
            column: known.take(codes[:, place])
            for place, (column, known) in enumerate(zip(self.columns, self._known, strict=True))
        }
        return pd.DataFrame(cells, columns=self.columns)


def shapley_values(
    table: ExplainerInput, exact_columns: int, background_rows: int, walks: int
) -> pd.DataFrame:
    """Shapley values of every cell.

    Parameters
    ----------
    table : ExplainerInput
        Rows, background and model.
    exact_columns : int
        Up to so many columns all subsets of columns are tried.
    background_rows : int
        Rows of the background that stand in for columns that are not known.
    walks : int
        Orders of the columns, each walked there and back, where subsets are too many.

    References
    ----------
    Lundberg and Lee, "A unified approach to interpreting model predictions", NeurIPS 2017.
    """
    X = table.X
    if X.empty:
        return pd.DataFrame(0.0, index=X.index, columns=X.columns)
    background = table.background
    if len(background) > background_rows:
        background = background.sample(background_rows, random_state=table.seed)
    coding = Coding(background, X)
    others, rows = coding.matrices

    def predict(matrix: Any) -> np.ndarray:
        return np.asarray(table.predict(coding.decode(matrix)), dtype=np.float64)

    masker = shap.maskers.Independent(others, max_samples=len(others))
    # shap seeds numpy's global generator.
    state = np.random.get_state()
    try:
        if X.shape[1] <= exact_columns:
            found = shap.explainers.Exact(predict, masker)(rows, silent=True)
        else:
            explainer = shap.explainers.Permutation(predict, masker, seed=table.seed)
            evaluations = walks * (2 * X.shape[1] + 1)
            found = explainer(rows, max_evals=evaluations, silent=True)
    finally:
        np.random.set_state(state)
    return pd.DataFrame(np.asarray(found.values), index=X.index, columns=X.columns)
