"""What a configuration is worth to an ensemble, which wants what is good and unlike the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metaauto.warmstart.surrogate import expected_improvement, normal_cdf

__all__ = ["Blending", "kinship"]

# In units of relative loss. How the gain fades with the number and the likeness of what was tried
# is what ensembles of the first five to twenty-five configurations of fits showed; its size was
# chosen by replays of whole fits, for which it pays to try what is unlike the rest early.
_AT_PAR = 1.0
_FADES_WITH_NUMBER = 0.8
_FADES_WITH_KIN = 1.4
_REACH = 5.0


def kinship(relative: np.ndarray) -> np.ndarray:
    """How alike configurations are: 1 for equal ones, 0 for those that have nothing in common.

    Parameters
    ----------
    relative : ndarray of shape (datasets, configurations)
        Relative losses.

    Returns
    -------
    ndarray of shape (configurations, configurations)
        The positive part of the correlation over tables, once what makes a table hard for all is
        taken out: configurations of one model are alike, and all sorts of boosted trees, ...
    """
    centred = relative - relative.mean(axis=1, keepdims=True)
    centred = centred - centred.mean(axis=0)
    products = centred.T @ centred
    norms = np.sqrt(np.diag(products))
    scale = np.outer(norms, norms)
    found = np.divide(products, scale, out=np.zeros_like(products), where=scale > 0)
    np.fill_diagonal(found, 1.0)
    return np.asarray(np.clip(found, 0.0, 1.0))


@dataclass(frozen=True)
class Blending:
    """Gain of an ensemble by one more configuration.

    What is better than the best that was tried gains the difference. Besides, at equal loss it
    gains more the fewer were tried and the less they are of its kind, and a little less the more it
    is behind.

    Parameters
    ----------
    at_par : ndarray of shape (configurations,)
        Gain of what is as good as the best that was tried, in relative loss.
    """

    at_par: np.ndarray

    @classmethod
    def after(cls, tried: Sequence[int], kin: np.ndarray) -> Blending:
        """With what was tried so far.

        Parameters
        ----------
        tried : sequence of int
            Configurations that were tried or are running.
        kin : ndarray of shape (configurations, configurations)
            Their `kinship`.
        """
        columns = np.array(tried, dtype=np.int64)
        close = 1.0 + kin[:, columns].sum(axis=1)
        number = max(len(columns), 1)
        return cls(_AT_PAR * number**-_FADES_WITH_NUMBER * close**-_FADES_WITH_KIN)

    def worth(self, gaps: np.ndarray) -> np.ndarray:
        """Gain by each.

        Parameters
        ----------
        gaps : ndarray of shape (..., configurations)
            How far it is behind the best tried, in relative loss; negative if it is better.
        """
        behind = np.maximum(gaps, 0.0)
        return np.asarray(behind - gaps + self.at_par * np.exp(-behind / _REACH))

    def expected_worth(self, gaps: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        """Mean of `worth` where the gaps are known up to a Gaussian error.

        Parameters
        ----------
        gaps, deviation : ndarray of shape (configurations,)
            Mean and standard deviation of each gap.
        """
        z = gaps / deviation
        better = expected_improvement(gaps, deviation)
        # The mean of exp(-gap / reach) over the positive gaps.
        ratio = deviation / _REACH
        tail = np.exp(np.minimum(0.5 * ratio**2 - gaps / _REACH, 50.0)) * normal_cdf(z - ratio)
        return np.asarray(better + self.at_par * (normal_cdf(-z) + np.minimum(tail, 1.0)))
