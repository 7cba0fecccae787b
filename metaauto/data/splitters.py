"""Rows dealt out into parts: by class or size of the target, by group, by time.

A part is a number from 0 up; `TRAINING` marks rows that are always in training.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = [
    "TRAINING",
    "cover_classes",
    "deal",
    "deal_fraction",
    "deal_groups",
    "deal_groups_fraction",
    "time_blocks",
]

TRAINING = -1
BINS = 10
FRACTION_PARTS = 20


def deal(y: np.ndarray, k: int, rng: np.random.Generator, is_class: bool) -> np.ndarray:
    """Deal rows into k parts of equal size and equal mix of the target.

    Classes are dealt round robin; numbers are sorted, and each k neighbours go to k parts.
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


def deal_fraction(y: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Put a fraction of the rows, evenly over the sorted target, into part 0, the rest nowhere."""
    n = len(y)
    order = rng.permutation(n)
    order = order[np.argsort(y[order], kind="stable")]
    steps = np.floor(np.arange(n + 1) * fraction + rng.random())
    parts = np.full(n, TRAINING, dtype=np.int64)
    parts[order[np.diff(steps) > 0]] = 0
    return parts


def deal_groups(
    y: np.ndarray,
    groups: np.ndarray,
    k: int,
    rng: np.random.Generator,
    is_class: bool,
) -> np.ndarray:
    """Deal whole groups into k parts of like size and like mix of the target.

    Large groups go first, each to the part that has fewest rows of the group's kind: its
    commonest class, or the tenth of the table that its mean target lies in. No part stays empty
    if there are k groups.
    """
    names, inverse, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    kinds = _group_kinds(y, inverse, sizes, is_class)
    order = rng.permutation(len(names))
    order = order[np.argsort(-sizes[order], kind="stable")]
    filled = [[0] * k for _ in range(int(kinds.max()) + 1)]
    total = [0] * k
    part_of = np.empty(len(names), dtype=np.int64)
    for group in order:
        size, own = int(sizes[group]), filled[kinds[group]]
        _, _, part = min(zip(own, total, range(k), strict=True))
        own[part] += size
        total[part] += size
        part_of[group] = part
    return part_of[inverse]


def deal_groups_fraction(
    y: np.ndarray,
    groups: np.ndarray,
    fraction: float,
    rng: np.random.Generator,
    is_class: bool,
) -> np.ndarray:
    """Put whole groups with about a fraction of the rows into part 0, the rest nowhere."""
    k = min(len(np.unique(groups)), max(FRACTION_PARTS, int(np.ceil(1 / fraction))))
    dealt = deal_groups(y, groups, k, rng, is_class)
    chosen = min(max(1, round(fraction * k)), max(1, k - 1))
    return np.where(dealt < chosen, 0, TRAINING)


def _group_kinds(
    y: np.ndarray, inverse: np.ndarray, sizes: np.ndarray, is_class: bool
) -> np.ndarray:
    if is_class:
        pairs, counts = np.unique(inverse * (int(y.max()) + 1) + y, return_counts=True)
        kinds = np.zeros(len(sizes), dtype=np.int64)
        order = np.argsort(counts, kind="stable")  # the commonest class is written last
        owners, classes = np.divmod(pairs[order], int(y.max()) + 1)
        kinds[owners] = classes
        return kinds
    means = np.bincount(inverse, weights=y) / sizes
    bins = max(1, min(BINS, len(sizes) // BINS))
    return (np.argsort(np.argsort(means)) * bins // len(means)).astype(np.int64)


def cover_classes(parts: np.ndarray, y: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """Keep in training what would leave a class out of it: rows, or their whole groups."""
    parts = parts.copy()
    width = int(y.max()) + 1
    total = np.bincount(y, minlength=width)
    for part in range(int(parts.max()) + 1):
        inside = parts == part
        whole = (np.bincount(y[inside], minlength=width) == total) & (total > 0)
        if not whole.any():
            continue
        kept = inside & whole[y]
        if groups is not None:
            kept = np.isin(groups, groups[kept])
        parts[kept] = TRAINING
    return parts


def time_blocks(times: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """Cut the rows into blocks along time; rows of one time are in one block.

    Parameters
    ----------
    times : ndarray of shape (rows,)
        Numbers or dates.
    shares : sequence of float
        Wanted share of rows per block, adding up to 1.

    Returns
    -------
    ndarray of shape (rows,), int64
        Block numbers from 0; fewer blocks than asked for if there are too few distinct times.
    """
    moments, inverse, counts = np.unique(times, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    wanted = np.cumsum(shares)[:-1] * len(times)
    cuts = np.unique(np.searchsorted(ends, wanted - 1e-9) + 1)
    cuts = cuts[cuts < len(moments)]
    if len(cuts) < min(len(shares), len(moments)) - 1:
        # Many ties: cut the distinct times evenly instead of the rows.
        cuts = np.unique(np.round(np.cumsum(shares)[:-1] * len(moments)).astype(np.intp))
        cuts = cuts[(cuts > 0) & (cuts < len(moments))]
    return np.searchsorted(cuts, np.arange(len(moments)), side="right")[inverse].astype(np.int64)
