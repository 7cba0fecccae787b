"""Built-in explainer: local permutation importance."""

from __future__ import annotations

import numpy as np
import pandas as pd

from metaauto.api import Explainer, ExplainerInput

__all__ = ["EXPLAINERS", "permutation"]

_SAMPLES = 20
_CHUNK_ROWS = 20_000


def permutation(table: ExplainerInput) -> pd.DataFrame:
    """Compute local permutation importance: the change of each prediction per permuted column.

    Parameters
    ----------
    table : ExplainerInput
        Rows, background and model.

    Returns
    -------
    DataFrame
        Prediction of the row minus the mean prediction with the column's cell replaced by those of
        at most 20 background rows. All rows use the same background rows, so the explanation of a
        row does not depend on the other rows.

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
    effects = pd.DataFrame(0.0, index=X.index, columns=X.columns)
    if X.empty:
        return effects
    background = table.background
    if len(background) > _SAMPLES:
        background = background.sample(_SAMPLES, random_state=table.seed)
    step = max(_CHUNK_ROWS // len(background), 1)
    for start in range(0, len(X), step):
        rows = X.iloc[start : start + step]
        base = np.asarray(table.predict(rows), dtype=np.float64)
        repeated = rows.iloc[np.repeat(np.arange(len(rows)), len(background))]
        repeated = repeated.reset_index(drop=True)
        samples = np.tile(np.arange(len(background)), len(rows))
        for position, column in enumerate(X.columns):
            permuted = repeated.copy()
            permuted[column] = background[column].iloc[samples].reset_index(drop=True)
            predictions = np.asarray(table.predict(permuted), dtype=np.float64)
            mean = predictions.reshape(len(rows), len(background)).mean(axis=1)
            effects.iloc[start : start + step, position] = base - mean
    return effects


EXPLAINERS: tuple[Explainer, ...] = (
    Explainer(
        "permutation",
        permutation,
        "Change of the prediction when the column's value is replaced by those of other rows.",
    ),
)
