"""Names and positions of many columns as arrays, which skops writes in one piece.

scikit-learn keeps them as Python objects, and skops makes a node of each: with 10 000 columns
saving took a minute and loading a quarter of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

__all__ = ["compacted", "expand"]

_NAMES = "feature_names_in_"
_PLACES = "_transformer_to_input_indices"


@contextmanager
def compacted(estimator: Any) -> Iterator[None]:
    """Hold names and positions as arrays while an estimator is written."""
    kept: list[tuple[Any, str, Any]] = []
    for step in _steps(estimator):
        names, places = vars(step).get(_NAMES), vars(step).get(_PLACES)
        if _are_texts(names):
            kept.append((step, _NAMES, names))
            step.__dict__[_NAMES] = names.astype(str)
        if isinstance(places, dict):
            kept.append((step, _PLACES, places))
            step.__dict__[_PLACES] = {
                name: np.asarray(indices, dtype=np.int64) for name, indices in places.items()
            }
    try:
        yield
    finally:
        for step, attribute, value in kept:
            step.__dict__[attribute] = value


def expand(estimator: Any) -> None:
    """Give a loaded estimator the objects back that scikit-learn expects."""
    for step in _steps(estimator):
        names, places = vars(step).get(_NAMES), vars(step).get(_PLACES)
        if isinstance(names, np.ndarray) and names.dtype.kind == "U":
            step.__dict__[_NAMES] = names.astype(object)
        if isinstance(places, dict):
            step.__dict__[_PLACES] = {
                name: indices.tolist() if isinstance(indices, np.ndarray) else indices
                for name, indices in places.items()
            }


def _steps(estimator: Any) -> Iterator[Any]:
    """The estimator, the steps of pipelines and the branches of column transformers."""
    if not hasattr(estimator, "__dict__"):
        return
    yield estimator
    for _, step in vars(estimator).get("steps") or ():
        yield from _steps(step)
    for _, branch, _ in vars(estimator).get("transformers_") or ():
        yield from _steps(branch)


def _are_texts(names: Any) -> bool:
    """Whether names come back unchanged from an array of text, which drops trailing NULs."""
    if not isinstance(names, np.ndarray) or names.dtype != object:
        return False
    return all(isinstance(name, str) and not name.endswith("\0") for name in names)
