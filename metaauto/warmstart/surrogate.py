"""Gaussian surrogate: predict losses of untried configurations from the results so far."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Surrogate", "Posterior", "expected_improvement", "normal_cdf"]

_RANK = 12
_NOISE = 0.15
_SCALES = np.geomspace(0.05, 20.0, 40)
_SCALE_SPREAD = 1.5
# Ratio of the errors on left-out datasets to the predicted standard deviations.
_DEVIATION_FACTOR = 1.6


@dataclass(frozen=True)
class Posterior:
    """Predicted normalised losses on the new dataset.

    Parameters
    ----------
    mean, deviation : ndarray of shape (configurations,)
        Mean and standard deviation of the normalised loss of each configuration.
    best : float
        Normalised loss of the incumbent.
    location, scale : float
        A loss is ``location + scale * normalised loss``.
    """

    mean: np.ndarray
    deviation: np.ndarray
    best: float
    location: float
    scale: float

    def expected_gain(self) -> np.ndarray:
        """Return the expected improvement over the incumbent (Mockus 1975)."""
        return expected_improvement(self.mean - self.best, self.deviation)


class Surrogate:
    """A Gaussian over the normalised losses of all configurations, estimated on known datasets.

    The mean is the weighted mean over datasets. The covariance has twelve factors and independent
    residuals (probabilistic matrix factorisation over datasets and configurations, as in Fusi,
    Sheth, Elibol 2018, https://arxiv.org/abs/1705.05355). The location and scale of the losses of
    the new dataset are estimated by maximum likelihood.

    Parameters
    ----------
    losses : ndarray of shape (datasets, configurations)
        Normalised losses on the known datasets.
    weights : ndarray of shape (datasets,)
        Weights of the datasets; they sum to one.
    """

    def __init__(self, losses: np.ndarray, weights: np.ndarray) -> None:
        self.mean = weights @ losses
        centred = np.sqrt(weights)[:, None] * (losses - self.mean)
        _, scale, right = np.linalg.svd(centred, full_matrices=False)
        rank = min(_RANK, len(scale))
        self._factors = (scale[:rank, None] * right[:rank]).T
        total = (centred**2).sum(axis=0)
        self._rest = np.maximum(total - (self._factors**2).sum(axis=1), 1e-4)

    def posterior(self, columns: np.ndarray, losses: np.ndarray) -> Posterior:
        """Condition on observed losses.

        Parameters
        ----------
        columns : ndarray of shape (observations,), int
            Configurations that were tried.
        losses : ndarray of shape (observations,), float
            Their losses on the new dataset; NaN for failures.
        """
        is_scored = np.isfinite(losses)
        columns, losses = columns[is_scored], losses[is_scored]
        factors = self._factors[columns]
        covariance = factors @ factors.T + np.diag(self._rest[columns] + _NOISE**2)
        inverse = np.linalg.inv(covariance)
        _, log_determinant = np.linalg.slogdet(covariance)
        location, scale = self._location_and_scale(columns, losses, inverse, log_determinant)
        observed = (losses - location) / scale
        gain = inverse @ (observed - self.mean[columns])
        cross = self._factors @ factors.T
        # The independent residual of a configuration is known from its own result only.
        cross[columns, np.arange(len(columns))] += self._rest[columns]
        mean = self.mean + cross @ gain
        prior = (self._factors**2).sum(axis=1) + self._rest
        variance = prior - np.einsum("ij,jk,ik->i", cross, inverse, cross)
        deviation = _DEVIATION_FACTOR * np.sqrt(np.maximum(variance, 1e-6))
        return Posterior(mean, deviation, float(observed.min()), location, scale)

    def _location_and_scale(
        self, columns: np.ndarray, losses: np.ndarray, inverse: np.ndarray, log_determinant: float
    ) -> tuple[float, float]:
        """Return the location and scale of the losses with the highest likelihood on a grid."""
        expected = self.mean[columns]
        typical = self._typical_scale(losses, expected)
        middle = float(losses.mean())
        # The likelihood depends on inner products of losses, means and ones only. Standardised
        # losses avoid cancellation.
        sides = np.stack([(losses - middle) / typical, expected, np.ones(len(columns))])
        (ll, le, lo), (_, ee, eo), (_, _, oo) = sides @ inverse @ sides.T
        scales = _SCALES
        locations = (lo - scales * eo) / oo
        squares = ll + scales**2 * ee + locations**2 * oo
        squares -= 2.0 * (scales * le + locations * lo - scales * locations * eo)
        likelihood = -0.5 * np.maximum(squares, 0.0) / scales**2 - 0.5 * log_determinant
        likelihood -= max(len(columns) - 1, 0) * np.log(scales)
        likelihood -= 0.5 * (np.log(_SCALES) / _SCALE_SPREAD) ** 2
        best = int(np.argmax(likelihood))
        return middle + typical * float(locations[best]), typical * float(scales[best])

    @staticmethod
    def _typical_scale(losses: np.ndarray, expected: np.ndarray) -> float:
        spread = float(losses.std())
        if len(losses) < 2 or spread <= 0:
            return max(0.1 * abs(float(losses.mean())), 1e-9)
        return spread / max(float(expected.std()), 0.2)


def expected_improvement(gaps: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Return the mean of ``max(-gap, 0)`` under Gaussian gaps."""
    z = gaps / deviation
    density = np.exp(-0.5 * z**2) / np.sqrt(2.0 * np.pi)
    return np.asarray(deviation * density - gaps * normal_cdf(-z))


def normal_cdf(z: np.ndarray) -> np.ndarray:
    """Return the cumulative distribution function of the standard normal."""
    # scipy takes time to import, which commands without a search need not spend.
    from scipy.special import ndtr

    return np.asarray(ndtr(z))
