"""Information-theoretic metafeatures: mutual information of single columns with the target."""

from __future__ import annotations

import numpy as np

from metaauto.api import MetafeatureInput
from metaauto.builtin.mutual_information import bin_codes, entropy, mutual_information

__all__ = ["KEYS", "information"]

KEYS = ("class_entropy", "mean_share", "max_share", "informative_share", "log_noise_to_signal")

_MAX_COLUMNS = 150
_BINS = 8


def information(table: MetafeatureInput) -> dict[str, float]:
    """Compute the mutual information with the target, over 8 bins, of at most 150 columns.

    Shares are relative to the entropy of the target. The bias of the estimate for independent
    columns is subtracted (G. A. Miller, Note on the bias of information estimates, 1955).
    """
    values = dict.fromkeys(KEYS, float("nan"))
    n_rows, n_columns = table.X.shape
    if table.kind == "regression":
        target = bin_codes(table.y.astype(np.float64), _BINS)
    else:
        target = table.y.astype(np.int64)
        if table.n_classes > 1:
            values["class_entropy"] = entropy(target) / float(np.log(table.n_classes))
    total = entropy(target)
    if total <= 0 or not n_columns:
        return values
    columns = np.unique(np.linspace(0, n_columns - 1, _MAX_COLUMNS).astype(np.int64))
    shared, own = np.empty(len(columns)), np.empty(len(columns))
    target_width = len(np.unique(target))
    for i, j in enumerate(columns):
        codes = bin_codes(table.X[:, j], _BINS)
        bias = (len(np.unique(codes)) - 1) * (target_width - 1) / (2.0 * n_rows)
        shared[i] = max(mutual_information(codes, target) - bias, 0.0)
        own[i] = entropy(codes)
    values["mean_share"] = float(shared.mean() / total)
    values["max_share"] = float(shared.max() / total)
    values["informative_share"] = float(np.mean(shared > 0.01 * total))
    # Adding 0.001 nats keeps the ratio finite for a table of pure noise.
    noise = max(float(own.mean() - shared.mean()), 0.0)
    values["log_noise_to_signal"] = float(np.log((noise + 1e-3) / (shared.mean() + 1e-3)))
    return values
