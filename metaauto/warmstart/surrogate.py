"""What results on a new table say of the configurations that were not tried there."""

from __future__ import annotations

from dataclasses import dataclass
from math import erf

import numpy as np

__all__ = ["Surrogate", "Posterior", "expected_improvement", "normal_cdf"]

_RANK = 12
_NOISE = 0.15
_SCALES = np.geomspace(0.05, 20.0, 40)
_SCALE_SPREAD = 1.5
# By so much the errors on tables that were left out exceed what the few tables alike say.
_OVERCONFIDENCE = 1.6


@dataclass(frozen=True)
class Posterior:
    """Relative losses expected on the new table.

    Parameters
    ----------
    mean, deviation : ndarray of shape (configurations,)
        Of each configuration's relative loss.
    best : float
        Relative loss of the best that was observed.
    location, scale : float
        A loss is ``location + scale * relative loss``.
    """

    mean: np.ndarray
    deviation: np.ndarray
    best: float
    location: float
    scale: float

    def expected_gain(self) -> np.ndarray:
        """Expected improvement over the best (Mockus 1975), shape (configurations,)."""
        return expected_improvement(self.mean - self.best, self.deviation)


class Surrogate:
    """A Gaussian over the relative losses of all configurations, as known tables show them.

    Its mean is the weighted mean of the tables, its covariance the leading twelve directions in
    which they differ and an independent rest (probabilistic matrix factorisation over datasets
    and configurations, as in Fusi, Sheth, Elibol 2018, https://arxiv.org/abs/1705.05355). How the
    losses of the new table translate to the relative scale is estimated with it.

    Parameters
    ----------
    relative : ndarray of shape (datasets, configurations)
        Relative losses of the known tables.
    weights : ndarray of shape (datasets,)
        Sum to one.
    """

    def __init__(self, relative: np.ndarray, weights: np.ndarray) -> None:
        self.mean = weights @ relative
        centred = np.sqrt(weights)[:, None] * (relative - self.mean)
        _, scale, right = np.linalg.svd(centred, full_matrices=False)
        rank = min(_RANK, len(scale))
        self._factors = (scale[:rank, None] * right[:rank]).T
        total = (centred**2).sum(axis=0)
        self._rest = np.maximum(total - (self._factors**2).sum(axis=1), 1e-4)

    def given(self, columns: np.ndarray, losses: np.ndarray) -> Posterior:
        """The belief after losses were observed.

        Parameters
        ----------
        columns : ndarray of shape (observations,), int
            Configurations that were tried.
        losses : ndarray of shape (observations,), float
            Their losses on the new table; NaN for those that failed.
        """
        is_scored = np.isfinite(losses)
        columns, losses = columns[is_scored], losses[is_scored]
        factors = self._factors[columns]
        covariance = factors @ factors.T + np.diag(self._rest[columns] + _NOISE**2)
        inverse = np.linalg.inv(covariance)
        _, log_determinant = np.linalg.slogdet(covariance)
        location, scale = self._translation(columns, losses, inverse, log_determinant)
        seen = (losses - location) / scale
        gain = inverse @ (seen - self.mean[columns])
        cross = self._factors @ factors.T
        # What is peculiar to a configuration is learned from its own result alone.
        cross[columns, np.arange(len(columns))] += self._rest[columns]
        mean = self.mean + cross @ gain
        prior = (self._factors**2).sum(axis=1) + self._rest
        variance = prior - np.einsum("ij,jk,ik->i", cross, inverse, cross)
        deviation = _OVERCONFIDENCE * np.sqrt(np.maximum(variance, 1e-6))
        return Posterior(mean, deviation, float(seen.min()), location, scale)

    def _translation(
        self, columns: np.ndarray, losses: np.ndarray, inverse: np.ndarray, log_determinant: float
    ) -> tuple[float, float]:
        """Location and scale of the losses: the most likely of a grid of scales."""
        expected = self.mean[columns]
        usual = self._usual_scale(losses, expected)
        middle = float(losses.mean())
        # Inner products of losses, expectations and ones say all that the likelihood needs. In
        # units of their scale around their mean, they lose no digits.
        sides = np.stack([(losses - middle) / usual, expected, np.ones(len(columns))])
        (ll, le, lo), (_, ee, eo), (_, _, oo) = sides @ inverse @ sides.T
        scales = _SCALES
        locations = (lo - scales * eo) / oo
        squares = ll + scales**2 * ee + locations**2 * oo
        squares -= 2.0 * (scales * le + locations * lo - scales * locations * eo)
        fit = -0.5 * np.maximum(squares, 0.0) / scales**2 - 0.5 * log_determinant
        fit -= max(len(columns) - 1, 0) * np.log(scales)
        fit -= 0.5 * (np.log(_SCALES) / _SCALE_SPREAD) ** 2
        best = int(np.argmax(fit))
        return middle + usual * float(locations[best]), usual * float(scales[best])

    @staticmethod
    def _usual_scale(losses: np.ndarray, expected: np.ndarray) -> float:
        spread = float(losses.std())
        if len(losses) < 2 or spread <= 0:
            return max(0.1 * abs(float(losses.mean())), 1e-9)
        return spread / max(float(expected.std()), 0.2)


def expected_improvement(gaps: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Mean of what gaps are below zero, if they are known up to a Gaussian error."""
    z = gaps / deviation
    density = np.exp(-0.5 * z**2) / np.sqrt(2.0 * np.pi)
    return np.asarray(deviation * density - gaps * normal_cdf(-z))


def normal_cdf(z: np.ndarray) -> np.ndarray:
    """Cumulative distribution of the standard normal."""
    return np.array([0.5 * (1.0 + erf(value / 2.0**0.5)) for value in z])
