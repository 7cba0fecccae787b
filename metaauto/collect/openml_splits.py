"""Folds that come with a table, brought to the rows that are measured."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np

from metaauto.data import Dataset
from metaauto.errors import SplitError

__all__ = ["official_folds"]

Fold = tuple[np.ndarray, np.ndarray]


def official_folds(dataset: Dataset, pairs: Sequence[Any], total: int, most: int) -> list[Fold]:
    """The first folds that come with a table, without the rows that are not measured.

    Rows whose target is missing, or that were cut off, are in no fold. Where this, or a class of
    one row, leaves a class without a training row, its test rows are moved to training: no model
    can predict what it never saw.

    Parameters
    ----------
    dataset : Dataset
        From `prepare`, perhaps cut; its ``rows`` say which rows of the table are left.
    pairs : sequence of (array, array)
        Training and test rows of each fold: positions in the table as given.
    total : int
        Rows of the table as given.
    most : int
        Take so many folds, or fewer if there are fewer.

    Returns
    -------
    list of (ndarray, ndarray)
        Training and test rows of each fold: sorted positions in the dataset.

    Raises
    ------
    SplitError
        A fold names rows that the table does not have, one row on both sides, or has an empty side.
    """
    place = np.full(total, -1, dtype=np.int64)
    place[dataset.rows] = np.arange(len(dataset.rows))
    folds = [
        _aligned(dataset, pair, place, number) for number, pair in enumerate(islice(pairs, most))
    ]
    if not folds:
        raise SplitError("The table comes without any fold.", hint="Leave out its splits.")
    return folds


def _aligned(dataset: Dataset, pair: Any, place: np.ndarray, number: int) -> Fold:
    sides = []
    for side in pair:
        rows = np.asarray(side, dtype=np.int64)
        if len(rows) and (rows.min() < 0 or rows.max() >= len(place)):
            raise SplitError(
                f"Fold {number} names row {rows.max():,} of a table of {len(place):,} rows.",
                hint="The folds belong to another version of the table.",
            )
        kept = place[rows]
        sides.append(np.unique(kept[kept >= 0]))
    train, test = sides
    both = np.intersect1d(train, test)
    if len(both):
        raise SplitError(
            f"Fold {number} trains and tests on row {int(dataset.rows[both[0]]):,}.",
            hint="Use folds whose sides do not overlap.",
        )
    if dataset.task.is_classification:
        is_unseen = ~np.isin(dataset.y[test], dataset.y[train])
        train, test = np.sort(np.concatenate([train, test[is_unseen]])), test[~is_unseen]
    if not len(train) or not len(test):
        raise SplitError(
            f"Fold {number} has no {'test' if len(train) else 'training'} rows among those that "
            "are measured.",
            hint="Measure more rows.",
        )
    return train, test
