"""metaauto's own explainer: what becomes of a prediction when one column is not known."""

from __future__ import annotations

import numpy as np
import pandas as pd

from metaauto.api import Explainer, ExplainerInput

__all__ = ["EXPLAINERS", "permutation"]

_SAMPLES = 20
_CHUNK_ROWS = 20_000


def permutation(table: ExplainerInput) -> pd.DataFrame:
    """Compare each prediction with those for the same row with one cell of other rows.

    Parameters
    ----------
    table : ExplainerInput
        Rows, background and model.

    Returns
    -------
    DataFrame
        Prediction of the row minus the mean prediction with the column's cell taken from at most
        20 background rows. The same background rows serve every row, so that a row is explained
        alike whatever its company.

    References
    ----------
    Robnik-Sikonja and Kononenko, "Explaining classifications for individual instances", 2008,
    doi:10.1109/TKDE.2007.190734.

    Examples
    --------
    >>> X = pd.DataFrame({"a": [3.0, 5.0], "b": [1.0, 1.0]})
    >>> background = pd.DataFrame({"a": [1.0], "b": [7.0]})
    >>> permutation(ExplainerInput(lambda frame: frame["a"].to_numpy(), X, background))
         a    b
    0  2.0  0.0
    1  4.0  0.0
    """
    X = table.X
    found = pd.DataFrame(0.0, index=X.index, columns=X.columns)
    if X.empty:
        return found
    others = table.background
    if len(others) > _SAMPLES:
        others = others.sample(_SAMPLES, random_state=table.seed)
    step = max(_CHUNK_ROWS // len(others), 1)
    for start in range(0, len(X), step):
        rows = X.iloc[start : start + step]
        base = np.asarray(table.predict(rows), dtype=np.float64)
        repeated = rows.iloc[np.repeat(np.arange(len(rows)), len(others))].reset_index(drop=True)
        taken = np.tile(np.arange(len(others)), len(rows))
        for place, column in enumerate(X.columns):
            changed = repeated.copy()
            changed[column] = others[column].iloc[taken].reset_index(drop=True)
            without = np.asarray(table.predict(changed), dtype=np.float64)
            mean = without.reshape(len(rows), len(others)).mean(axis=1)
            found.iloc[start : start + step, place] = base - mean
    return found


EXPLAINERS: tuple[Explainer, ...] = (
    Explainer(
        "permutation",
        permutation,
        "How far the prediction moves when the column's value is not known.",
    ),
)
