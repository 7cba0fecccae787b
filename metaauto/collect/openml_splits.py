"""Official folds of a table, restricted to the evaluated rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np

from metaauto.data import Dataset
from metaauto.errors import SplitError

__all__ = ["official_folds"]

Fold = tuple[np.ndarray, np.ndarray]


def official_folds(
    dataset: Dataset, pairs: Sequence[Any], total: int, max_folds: int
) -> list[Fold]:
    """Return the first official folds of a table, restricted to the rows of a dataset.

    Rows without a target and rows outside of the subsample are removed. If a class has no training
    row, because of this or because it has one row only, its test rows are moved to training, as no
    model can predict an unseen class.

    Parameters
    ----------
    dataset : Dataset
        From `prepare`, possibly subsampled; its ``rows`` are positions in the original table.
    pairs : sequence of (array, array)
        Training and test rows of each fold: positions in the original table.
    total : int
        Number of rows of the original table.
    max_folds : int
        Maximum number of folds.

    Returns
    -------
    list of (ndarray, ndarray)
        Training and test rows of each fold: sorted positions in the dataset.

    Raises
    ------
    SplitError
        A fold contains rows outside of the table, has a row in both parts, or has an empty part.
    """
    positions = np.full(total, -1, dtype=np.int64)
    positions[dataset.rows] = np.arange(len(dataset.rows))
    folds = [
        _restricted(dataset, pair, positions, number)
        for number, pair in enumerate(islice(pairs, max_folds))
    ]
    if not folds:
        raise SplitError("The table has no official folds.", hint="Do not give its splits.")
    return folds


def _restricted(dataset: Dataset, pair: Any, positions: np.ndarray, number: int) -> Fold:
    sides = []
    for side in pair:
        rows = np.asarray(side, dtype=np.int64)
        if len(rows) and (rows.min() < 0 or rows.max() >= len(positions)):
            raise SplitError(
                f"Fold {number} contains row {rows.max():,} of a table of {len(positions):,} rows.",
                hint="Use folds of this version of the table.",
            )
        kept = positions[rows]
        sides.append(np.unique(kept[kept >= 0]))
    train, test = sides
    both = np.intersect1d(train, test)
    if len(both):
        raise SplitError(
            f"Fold {number} trains and tests on row {int(dataset.rows[both[0]]):,}.",
            hint="Use folds whose training and test rows do not overlap.",
        )
    if dataset.task.is_classification:
        is_unseen = ~np.isin(dataset.y[test], dataset.y[train])
        train, test = np.sort(np.concatenate([train, test[is_unseen]])), test[~is_unseen]
    if not len(train) or not len(test):
        raise SplitError(
            f"Fold {number} has no {'test' if len(train) else 'training'} rows in the subsample.",
            hint="Use more rows.",
        )
    return train, test
