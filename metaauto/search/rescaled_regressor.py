"""A fitted regressor whose predictions are mapped back to the unit of the target."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

__all__ = ["RescaledRegressor"]


class RescaledRegressor(RegressorMixin, BaseEstimator):
    """A fitted regressor of ``(y - center) / scale`` that predicts y.

    Parameters
    ----------
    estimator : object
        The fitted regressor.
    center, scale : float
        The scaling of the target.
    """

    def __init__(self, estimator: Any, center: float, scale: float) -> None:
        self.estimator = estimator
        self.center = center
        self.scale = scale

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, X: Any, y: Any) -> RescaledRegressor:
        """Return self: the estimator is already fitted."""
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return float64 values in the unit of the target."""
        value = np.asarray(self.estimator.predict(X), dtype=np.float64).reshape(-1)
        return value * self.scale + self.center
