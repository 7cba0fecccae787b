"""Assignment of rows to folds: stratified by the target, by group, by time.

The result is one fold number (from 0) per row; `TRAINING` marks rows that are always in training.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = [
    "TRAINING",
    "cover_classes",
    "grouped",
    "grouped_fraction",
    "stratified",
    "stratified_fraction",
    "time_blocks",
]

TRAINING = -1
BINS = 10
FRACTION_PARTS = 20


def stratified(y: np.ndarray, k: int, rng: np.random.Generator, is_class: bool) -> np.ndarray:
    """Assign rows to k folds of equal size, stratified by the target.

    The rows of a class are assigned round-robin; numbers are sorted and every k consecutive rows
    are assigned to k different folds.
    """
    n = len(y)
    order = rng.permutation(n)
    order = order[np.argsort(y[order], kind="stable")]
    parts = np.empty(n, dtype=np.int64)
    if is_class:
        parts[order] = (np.arange(n) + rng.integers(k)) % k
        return parts
    blocks = rng.permuted(np.tile(np.arange(k), (n // k + 1, 1)), axis=1)
    parts[order] = blocks.ravel()[:n]
    return parts


def stratified_fraction(y: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Assign a fraction of the rows, stratified by the sorted target, to fold 0."""
    n = len(y)
    order = rng.permutation(n)
    order = order[np.argsort(y[order], kind="stable")]
    steps = np.floor(np.arange(n + 1) * fraction + rng.random())
    parts = np.full(n, TRAINING, dtype=np.int64)
    parts[order[np.diff(steps) > 0]] = 0
    return parts


def grouped(
    y: np.ndarray,
    groups: np.ndarray,
    k: int,
    rng: np.random.Generator,
    is_class: bool,
) -> np.ndarray:
    """Assign groups to k folds of similar size and target distribution.

    Groups are assigned in order of falling size, each to the fold with the fewest rows of the
    group's stratum: its most frequent class, or the decile of its mean target. No fold is empty
    if there are at least k groups.
    """
    names, inverse, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    strata = _group_strata(y, inverse, sizes, is_class)
    order = rng.permutation(len(names))
    order = order[np.argsort(-sizes[order], kind="stable")]
    filled = [[0] * k for _ in range(int(strata.max()) + 1)]
    total = [0] * k
    fold_of = np.empty(len(names), dtype=np.int64)
    for group in order:
        size, own = int(sizes[group]), filled[strata[group]]
        _, _, fold = min(zip(own, total, range(k), strict=True))
        own[fold] += size
        total[fold] += size
        fold_of[group] = fold
    return fold_of[inverse]


def grouped_fraction(
    y: np.ndarray,
    groups: np.ndarray,
    fraction: float,
    rng: np.random.Generator,
    is_class: bool,
) -> np.ndarray:
    """Assign groups with about a fraction of the rows to fold 0."""
    k = min(len(np.unique(groups)), max(FRACTION_PARTS, int(np.ceil(1 / fraction))))
    folds = grouped(y, groups, k, rng, is_class)
    chosen = min(max(1, round(fraction * k)), max(1, k - 1))
    return np.where(folds < chosen, 0, TRAINING)


def _group_strata(
    y: np.ndarray, inverse: np.ndarray, sizes: np.ndarray, is_class: bool
) -> np.ndarray:
    if is_class:
        pairs, counts = np.unique(inverse * (int(y.max()) + 1) + y, return_counts=True)
        strata = np.zeros(len(sizes), dtype=np.int64)
        order = np.argsort(counts, kind="stable")  # the most frequent class is assigned last
        members, classes = np.divmod(pairs[order], int(y.max()) + 1)
        strata[members] = classes
        return strata
    means = np.bincount(inverse, weights=y) / sizes
    bins = max(1, min(BINS, len(sizes) // BINS))
    return (np.argsort(np.argsort(means)) * bins // len(means)).astype(np.int64)


def cover_classes(parts: np.ndarray, y: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """Move a class that lies in one fold only, with its groups, to training."""
    parts = parts.copy()
    width = int(y.max()) + 1
    total = np.bincount(y, minlength=width)
    for part in range(int(parts.max()) + 1):
        inside = parts == part
        complete = (np.bincount(y[inside], minlength=width) == total) & (total > 0)
        if not complete.any():
            continue
        kept = inside & complete[y]
        if groups is not None:
            kept = np.isin(groups, groups[kept])
        parts[kept] = TRAINING
    return parts


def time_blocks(times: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """Split the rows into consecutive time blocks; rows with the same time share a block.

    Parameters
    ----------
    times : ndarray of shape (rows,)
        Numbers or dates.
    shares : sequence of float
        Requested share of rows per block; the sum is 1.

    Returns
    -------
    ndarray of shape (rows,), int64
        Block numbers from 0; fewer blocks than requested if there are too few distinct times.
    """
    distinct_times, inverse, counts = np.unique(times, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    requested = np.cumsum(shares)[:-1] * len(times)
    cuts = np.unique(np.searchsorted(ends, requested - 1e-9) + 1)
    cuts = cuts[cuts < len(distinct_times)]
    if len(cuts) < min(len(shares), len(distinct_times)) - 1:
        # With many ties, distribute the distinct times evenly instead of the rows.
        cuts = np.unique(np.round(np.cumsum(shares)[:-1] * len(distinct_times)).astype(np.intp))
        cuts = cuts[(cuts > 0) & (cuts < len(distinct_times))]
    blocks = np.searchsorted(cuts, np.arange(len(distinct_times)), side="right")
    return blocks[inverse].astype(np.int64)
