"""How long known configurations take on a table of another size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["Durations", "size_features"]

_POOLED_PENALTY = 1.0
_OWN_PENALTY = 4.0
_SHORTEST = 1e-3
# Configurations differ much in speed and little in how it grows.
_STIFFNESS = (0.1, 1.0, 1.0, 1.0, 1.0, 1.0)


def size_features(rows: np.ndarray, features: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """What durations are predicted from.

    Parameters
    ----------
    rows, features, classes : ndarray of shape (datasets,)
        Training rows, columns, classes (0 in regression).

    Returns
    -------
    ndarray of shape (datasets, 6)
        Logarithms, their products, and a constant.
    """
    n = np.log(np.maximum(rows, 1.0)) - 7.0
    p = np.log(np.maximum(features, 1.0)) - 3.0
    k = np.log(np.maximum(classes, 2.0)) - np.log(2.0)
    return np.column_stack([np.ones_like(n), n, p, k, n * p, n * n])


class Durations:
    """Seconds of one fit of each configuration, learned from stored ones.

    A ridge regression of the logarithm of the seconds on the size of the table: one for all
    configurations together, and a correction of each towards its own measurements.

    Parameters
    ----------
    sizes : ndarray of shape (datasets, 6)
        `size_features` of the known tables.
    seconds : ndarray of shape (datasets, configurations)
        Seconds of one fit; NaN where unknown.
    models : sequence of str
        Model of each configuration.
    """

    def __init__(self, sizes: np.ndarray, seconds: np.ndarray, models: Sequence[str]) -> None:
        self.models = list(models)
        logs = np.log(np.maximum(seconds, _SHORTEST))
        is_known = np.isfinite(logs)
        everything = np.nonzero(is_known)
        pooled = _ridge(
            sizes[everything[0]], logs[everything], np.zeros(sizes.shape[1]), _POOLED_PENALTY
        )
        of_model = {}
        names = np.asarray(self.models, dtype=object)
        for model in dict.fromkeys(self.models):
            rows, columns = np.nonzero(is_known & (names == model)[None, :])
            of_model[model] = _ridge(sizes[rows], logs[rows, columns], pooled, _OWN_PENALTY)
        self._of_model = of_model
        self._own = np.array(
            [
                _ridge(
                    sizes[is_known[:, column]],
                    logs[is_known[:, column], column],
                    of_model[model],
                    _OWN_PENALTY,
                )
                for column, model in enumerate(self.models)
            ]
        ).reshape(len(self.models), sizes.shape[1])

    def predict(self, size: np.ndarray) -> np.ndarray:
        """Seconds of one fit of each configuration; ``size`` has shape (6,)."""
        return np.asarray(np.exp(np.clip(self._own @ size, np.log(_SHORTEST), 12.0)))

    def of_model(self, model: str, size: np.ndarray) -> float | None:
        """Seconds of one fit of a model in general; None for an unknown one."""
        if model not in self._of_model:
            return None
        return float(np.exp(np.clip(self._of_model[model] @ size, np.log(_SHORTEST), 12.0)))


def _ridge(sizes: np.ndarray, logs: np.ndarray, prior: np.ndarray, penalty: float) -> np.ndarray:
    """Coefficients drawn to those of a prior."""
    gram = sizes.T @ sizes + penalty * np.diag(_STIFFNESS)
    residual = logs - sizes @ prior
    return np.asarray(prior + np.linalg.solve(gram, sizes.T @ residual))
