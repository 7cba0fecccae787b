"""A splitter for metaauto: five parts of neighbouring rows.

A fit with `--cv` calls it once. It yields the training and validation rows of each fold, as
positions or masks; the fit checks them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from metaauto.api import Refused, Register, SplitInput, Splitter, hookimpl


def split(given: SplitInput) -> Iterator[tuple[Any, Any]]:
    """Yield the folds."""
    if given.groups is not None:
        raise Refused("The splitter cannot keep groups together.", hint="Leave out --groups.")
    if len(given.y) < 10:
        raise Refused("The splitter needs 10 rows.", hint="Choose another --cv.")
    rows = np.arange(len(given.y))
    for part in np.array_split(rows, 5):
        yield np.setdiff1d(rows, part), part


SPLITTER = Splitter("example", split, "five parts of neighbouring rows")


@hookimpl
def register_splitters(register: Register) -> None:
    """Offer the splitter."""
    register.splitter(SPLITTER)
