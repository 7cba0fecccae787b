"""Metrics of predicted values in regression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metaauto.errors import SettingError

__all__ = ["Pinball", "mae", "mape", "max_error", "median_ae", "mse", "msle", "r2", "rmse", "rmsle"]


def _error(y: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.asarray(values, dtype=np.float64) - y


def mse(y: np.ndarray, values: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
    """Return the mean squared error."""
    return float(np.average(_error(y, values) ** 2, weights=sample_weight))


def rmse(y: np.ndarray, values: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
    """Return the root mean squared error."""
    return float(np.sqrt(mse(y, values, sample_weight)))


def mae(y: np.ndarray, values: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
    """Return the mean absolute error."""
    return float(np.average(np.abs(_error(y, values)), weights=sample_weight))


def median_ae(y: np.ndarray, values: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
    """Return the median absolute error."""
    if sample_weight is None:
        return float(np.median(np.abs(_error(y, values))))
    from sklearn.metrics import median_absolute_error

    return float(median_absolute_error(y, values, sample_weight=sample_weight))


def max_error(y: np.ndarray, values: np.ndarray) -> float:
    """Return the largest absolute error."""
    return float(np.abs(_error(y, values)).max())


def mape(y: np.ndarray, values: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
    """Return the mean absolute error relative to the target (0.1 is 10 %)."""
    share = np.abs(_error(y, values)) / np.maximum(np.abs(y), np.finfo(np.float64).eps)
    return float(np.average(share, weights=sample_weight))


def r2(y: np.ndarray, values: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
    """Return the explained share of the target's variance; NaN below two rows."""
    if len(y) < 2:
        return float("nan")
    weight = np.ones(len(y)) if sample_weight is None else sample_weight
    left = float(np.sum(weight * _error(y, values) ** 2))
    spread = float(np.sum(weight * (y - np.average(y, weights=weight)) ** 2))
    if spread == 0:
        return 1.0 if left == 0 else 0.0
    return 1.0 - left / spread


def msle(y: np.ndarray, values: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
    """Return the mean squared error of log(1 + value); negative predictions are clipped to 0.

    Raises
    ------
    SettingError
        If a target is negative.
    """
    if np.min(y) < 0:
        raise SettingError(
            f"Logarithmic errors require targets >= 0 (the lowest is {np.min(y):g}).",
            hint="Use rmse or mae, or shift the target.",
        )
    given = np.log1p(np.maximum(np.asarray(values, dtype=np.float64), 0.0))
    return float(np.average((np.log1p(y) - given) ** 2, weights=sample_weight))


def rmsle(y: np.ndarray, values: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
    """Return the square root of `msle`; it raises the same error."""
    return float(np.sqrt(msle(y, values, sample_weight)))


@dataclass(frozen=True)
class Pinball:
    """The mean pinball loss of a quantile prediction (Koenker and Bassett, 1978)."""

    alpha: float

    def __call__(
        self, y: np.ndarray, values: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> float:
        """Return the loss: alpha per unit of under-prediction, 1 - alpha of over-prediction."""
        over = _error(y, values)
        cost = np.maximum(-self.alpha * over, (1.0 - self.alpha) * over)
        return float(np.average(cost, weights=sample_weight))
