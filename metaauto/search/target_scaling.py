"""Scaling of regression targets that single precision cannot represent well."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["TargetScaling"]

# Trees and float32 lose the variation of a target beyond this multiple of its deviation.
MAX_RELATIVE_OFFSET = 1e3
# scikit-learn's trees treat smaller variances as zero; gradients are float32 in boosting.
MIN_DEVIATION, MAX_DEVIATION = 1e-6, 1e12


@dataclass(frozen=True)
class TargetScaling:
    """The target with which models are fitted: ``(y - center) / scale``."""

    center: float = 0.0
    scale: float = 1.0

    @classmethod
    def of(cls, y: np.ndarray) -> TargetScaling:
        """Return the scaling for the training target of a regression.

        Ordinary targets are not changed, so models see them in their own unit.
        """
        center, deviation = float(y.mean()), float(y.std())
        is_ordinary = (
            abs(center) <= MAX_RELATIVE_OFFSET * deviation
            and MIN_DEVIATION <= deviation <= MAX_DEVIATION
        )
        if deviation == 0.0 or is_ordinary:
            return cls()
        # Division by a power of two is exact.
        return cls(center, math.ldexp(1.0, math.frexp(deviation)[1]))

    def apply(self, y: np.ndarray) -> np.ndarray:
        """Return the target that models are fitted with."""
        return y if self == TargetScaling() else (y - self.center) / self.scale

    def restored(self, estimator: Any) -> Any:
        """Return a fitted estimator that predicts in the original unit."""
        if self == TargetScaling():
            return estimator
        from metaauto.search.rescaled_regressor import RescaledRegressor

        return RescaledRegressor(estimator, self.center, self.scale)
