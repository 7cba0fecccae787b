"""Mutual information by binning, for feature selection and metafeatures."""

from __future__ import annotations

import numpy as np

__all__ = ["bin_codes", "entropy", "mutual_information"]


def bin_codes(values: np.ndarray, bins: int = 10) -> np.ndarray:
    """Return bin indices from 0 for bins of about equal size; NaN gets the last index."""
    known = values[~np.isnan(values)]
    if not len(known):
        return np.zeros(len(values), dtype=np.int64)
    edges = np.unique(np.quantile(known, np.linspace(0.0, 1.0, bins + 1)[1:-1]))
    codes = np.searchsorted(edges, values, side="left")
    return np.where(np.isnan(values), len(edges) + 1, codes)


def entropy(codes: np.ndarray) -> float:
    """Return the entropy of non-negative codes in nats."""
    shares = np.bincount(codes) / max(len(codes), 1)
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())


def mutual_information(left: np.ndarray, right: np.ndarray) -> float:
    """Return the plug-in estimate of the mutual information of two code arrays, in nats."""
    width = int(right.max(initial=0)) + 1
    pairs = np.bincount(left * width + right, minlength=(int(left.max(initial=0)) + 1) * width)
    joint = pairs.reshape(-1, width) / max(len(left), 1)
    expected = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    filled = joint > 0
    return float((joint[filled] * np.log(joint[filled] / expected[filled])).sum())
