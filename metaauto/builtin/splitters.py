"""Built-in splitters; the splits by size of the table are in `metaauto.data.splits`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from metaauto.api import Refused, SplitInput, Splitter

__all__ = ["SPLITTERS"]

_FOLDS = 5


def sliding(given: SplitInput) -> Iterator[tuple[Any, Any]]:
    """Yield folds whose training part is a window before the validation part.

    The parts have similar numbers of distinct times, so that rows of one time stay together.
    Groups of the validation part are left out of the training part.
    """
    from sklearn.model_selection import TimeSeriesSplit

    if given.times is None:
        raise Refused("Sliding windows need a time column.", hint="Name it with --time or time=.")
    distinct, codes = np.unique(given.times, return_inverse=True)
    if len(distinct) <= _FOLDS:
        raise Refused(
            f"Sliding windows need more than {_FOLDS} distinct times (got {len(distinct)}).",
            hint="Use another value of cv.",
        )
    size = 2 * len(distinct) // (_FOLDS + 1)
    for training, validation in TimeSeriesSplit(_FOLDS, max_train_size=size).split(distinct):
        window, block = np.isin(codes, training), np.isin(codes, validation)
        if given.groups is not None:
            window &= ~np.isin(given.groups, given.groups[block])
        yield window, block


SPLITTERS = (
    Splitter(
        "sliding",
        sliding,
        "five time-ordered folds, each trained on a window of the latest times before it",
    ),
)
