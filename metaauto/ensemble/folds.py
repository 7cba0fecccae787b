"""Deterministic splits of out-of-fold rows, to validate rules that are tuned on them."""

from __future__ import annotations

import numpy as np

__all__ = ["stratified_folds", "stratified_rows"]


def stratified_folds(y: np.ndarray, folds: int, seed: int) -> list[np.ndarray]:
    """Return the sorted rows of each fold, stratified by class."""
    random = np.random.default_rng(seed)
    shuffled = random.permutation(len(y))
    by_class = shuffled[np.argsort(y[shuffled], kind="stable")]
    return [np.sort(by_class[start::folds]) for start in range(folds)]


def stratified_rows(
    y: np.ndarray, size: int, seed: int, *, classes: bool, balanced: bool = False
) -> np.ndarray:
    """Return about `size` sorted rows at most; all rows if there are not more.

    With `classes` the sample is stratified, with at least one row of each class. With `balanced`
    each class gets the same number of rows, if it has enough (for metrics that do not depend on
    prevalence).
    """
    if len(y) <= size:
        return np.arange(len(y))
    random = np.random.default_rng(seed)
    if not classes:
        return np.sort(random.choice(len(y), size, replace=False))
    codes, counts = np.unique(y, return_counts=True)
    sizes = np.ceil(counts * size / len(y)).astype(int)
    if balanced:
        sizes = _even(counts, size)
    picked = [
        random.choice(np.flatnonzero(y == code), int(number), replace=False)
        for code, number in zip(codes, sizes, strict=True)
    ]
    return np.sort(np.concatenate(picked))


def _even(counts: np.ndarray, size: int) -> np.ndarray:
    """Return the number of rows of each class, as equal as possible, about `size` in total."""
    sizes = np.zeros(len(counts), dtype=int)
    left = size
    for place, index in enumerate(np.argsort(counts, kind="stable")):
        sizes[index] = min(counts[index], max(left // (len(counts) - place), 1))
        left -= sizes[index]
    return sizes
