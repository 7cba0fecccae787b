"""Model-agnostic explainers of shap for tables with any kind of column."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd

from metaauto.api import ExplainerInput

with warnings.catch_warnings():
    # Importing shap's unused plots emits deprecation warnings of matplotlib.
    warnings.simplefilter("ignore")
    import shap

__all__ = ["Coding", "shapley_values"]


class Coding:
    """Encode tables as integer matrices and back, because shap supports numeric matrices only.

    Parameters
    ----------
    *tables : DataFrame
        Tables with the same columns; only their values can be encoded.
    """

    def __init__(self, *tables: pd.DataFrame) -> None:
        together = pd.concat(tables, ignore_index=True)
        self.columns = list(together.columns)
        self._values: list[Any] = []
        codes = []
        for column in self.columns:
            code, values = pd.factorize(together[column], use_na_sentinel=False)
            codes.append(code)
            self._values.append(values)
        matrix = np.column_stack(codes).astype(np.float64)
        ends = np.cumsum([len(table) for table in tables])
        self.matrices = np.split(matrix, ends[:-1])

    def decode(self, matrix: Any) -> pd.DataFrame:
        """Return the table of an encoded matrix, with the original dtypes."""
        codes = np.asarray(matrix).astype(np.int64)
        cells = {
            column: values.take(codes[:, position])
            for position, (column, values) in enumerate(
                zip(self.columns, self._values, strict=True)
            )
        }
        return pd.DataFrame(cells, columns=self.columns)


def shapley_values(
    table: ExplainerInput, exact_columns: int, background_rows: int, permutations: int
) -> pd.DataFrame:
    """Compute the Shapley value of every cell.

    Parameters
    ----------
    table : ExplainerInput
        Rows, background and model.
    exact_columns : int
        Up to this many columns, exact values are computed from all subsets of columns.
    background_rows : int
        Maximum number of background rows.
    permutations : int
        Antithetic permutations of the columns, for tables with more columns.

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
    reference, rows = coding.matrices

    def predict(matrix: Any) -> np.ndarray:
        return np.asarray(table.predict(coding.decode(matrix)), dtype=np.float64)

    masker = shap.maskers.Independent(reference, max_samples=len(reference))
    # shap seeds numpy's global generator.
    state = np.random.get_state()
    try:
        if X.shape[1] <= exact_columns:
            result = shap.explainers.Exact(predict, masker)(rows, silent=True)
        else:
            explainer = shap.explainers.Permutation(predict, masker, seed=table.seed)
            evaluations = permutations * (2 * X.shape[1] + 1)
            result = explainer(rows, max_evals=evaluations, silent=True)
    finally:
        np.random.set_state(state)
    return pd.DataFrame(np.asarray(result.values), index=X.index, columns=X.columns)
