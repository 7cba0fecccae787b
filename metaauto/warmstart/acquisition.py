"""Acquisition function of the warm start: expected gain per second of known configurations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metaauto.warmstart.surrogate import Posterior, Surrogate, expected_improvement, normal_cdf

__all__ = ["Acquisition", "EnsembleGain", "KnownDatasets", "Proposal", "loss_correlation"]

_OVERHEAD_SHARE = 0.02
_SURROGATE_FROM = 5
# Predicted seconds have about this standard deviation on the logarithmic scale.
_LOG_SECONDS_DEVIATION = 0.5
_MIN_PROBABILITY = 0.1
_MIN_SECONDS = 1e-6
_MEDIAN_LOSS = 1.0
# The decays were estimated from ensembles of the first 5 to 25 configurations of fits. The size of
# the bonus (in units of normalised loss) was chosen by simulating complete fits.
_BONUS_SIZE = 1.0
_NUMBER_DECAY = 0.8
_CORRELATION_DECAY = 1.4
_GAP_SCALE = 5.0


@dataclass(frozen=True)
class KnownDatasets:
    """Results on other datasets, and their similarity to the new one.

    Parameters
    ----------
    losses : ndarray of shape (datasets, configurations), float64
        Normalised losses without missing values.
    weights : ndarray of shape (datasets,)
        Similarity to the new dataset; the weights sum to one.
    """

    losses: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class Proposal:
    """The configuration with the highest acquisition value.

    Parameters
    ----------
    column : int
        Index of the configuration.
    gain : float
        Expected reduction of the normalised loss of the incumbent.
    """

    column: int
    gain: float


class Acquisition:
    """Select configurations by expected gain per second.

    The gain is multiplied by the probability that the configuration finishes in time, because
    predicted seconds are uncertain.

    The first configurations are selected greedily as a portfolio: a dataset counts with the lowest
    loss of the configurations selected so far, weighted by its similarity to the new dataset, so
    that the configurations complement each other. From `surrogate_from` results on, a surrogate
    that is conditioned on the results predicts the losses of all other configurations.

    Parameters
    ----------
    known : KnownDatasets
        Results on other datasets.
    surrogate_from : int, default=5
        Number of results from which on the surrogate is used.
    for_ensemble : bool, default=False
        Whether an ensemble is built from the configurations. Then the gain has a diversity bonus;
        see `EnsembleGain`.
    """

    def __init__(
        self,
        known: KnownDatasets,
        surrogate_from: int = _SURROGATE_FROM,
        for_ensemble: bool = False,
    ) -> None:
        self._surrogate_from = surrogate_from
        self._for_ensemble = for_ensemble
        self._results: dict[int, float] = {}
        self._pending: dict[int, None] = {}
        self.set_known(known)

    def set_known(self, known: KnownDatasets) -> None:
        """Replace the known datasets or their weights; results are kept."""
        self._known = known
        self._surrogate = Surrogate(known.losses, known.weights) if len(known.losses) else None
        if self._for_ensemble:
            self._correlation = loss_correlation(known.losses)

    @property
    def n_results(self) -> int:
        """Number of results so far."""
        return len(self._results)

    def observe(self, column: int, loss: float) -> None:
        """Record a result; NaN for a failure."""
        self._pending.pop(column, None)
        self._results[column] = loss

    def release(self, column: int) -> None:
        """Undo a proposal that is not tried."""
        self._pending.pop(column, None)

    def propose(
        self,
        seconds: np.ndarray,
        left: float,
        allowed: np.ndarray,
        *,
        needed: np.ndarray | None = None,
        longest: float = np.inf,
    ) -> Proposal | None:
        """Return the configuration with the highest gain per second, and mark it as pending.

        Parameters
        ----------
        seconds : ndarray of shape (configurations,)
            Expected worker seconds.
        left : float
            Worker seconds left.
        allowed : ndarray of shape (configurations,), bool
            Configurations that may be proposed.
        needed : ndarray of shape (configurations,), optional
            Expected worker seconds after which a configuration gives a result, if it stops early;
            by default `seconds`.
        longest : float
            Worker seconds after which a trial is stopped.
        """
        limit = min(left, longest)
        probability = _in_time_probability(seconds if needed is None else needed, limit)
        eligible = allowed & (probability >= _MIN_PROBABILITY)
        eligible[[*self._results, *self._pending]] = False
        if not eligible.any() or self._surrogate is None:
            return None
        posterior = self._posterior()
        gains = self._portfolio_gains() if posterior is None else self._surrogate_gains(posterior)
        # Without a time limit the proposals must not depend on seconds.
        costs = np.ones(len(seconds))
        if np.isfinite(left):
            costs = np.minimum(seconds, limit) + _OVERHEAD_SHARE * left
            # A trial that is stopped early has a higher loss.
            shortened = np.minimum(limit / np.maximum(seconds, _MIN_SECONDS), 1.0)
            probability = probability * np.sqrt(shortened)
        rates = np.where(eligible, gains * probability / costs, -1.0)
        column = int(np.argmax(rates))
        self._pending[column] = None
        return Proposal(column, float(gains[column]))

    def _posterior(self) -> Posterior | None:
        scored = [column for column, loss in self._results.items() if np.isfinite(loss)]
        if len(scored) < self._surrogate_from or self._surrogate is None:
            return None
        columns = np.array(scored)
        return self._surrogate.posterior(columns, np.array([self._results[c] for c in scored]))

    def _portfolio_gains(self) -> np.ndarray:
        """Return the mean gain over the configurations selected so far on the known datasets."""
        losses, weights = self._known.losses, self._known.weights
        current = np.full(len(losses), _MEDIAN_LOSS)
        tried = self._tried()
        if tried:
            current = np.minimum(current, losses[:, tried].min(axis=1))
        gaps = losses - current[:, None]
        if not self._for_ensemble or not tried:
            return np.asarray(weights @ np.maximum(-gaps, 0.0))
        return np.asarray(weights @ EnsembleGain.from_tried(tried, self._correlation).gains(gaps))

    def _surrogate_gains(self, posterior: Posterior) -> np.ndarray:
        """Return the expected gain over the incumbent, or over the ensemble."""
        if not self._for_ensemble:
            return posterior.expected_gain()
        ensemble_gain = EnsembleGain.from_tried(self._tried(), self._correlation)
        return ensemble_gain.expected_gains(posterior.mean - posterior.best, posterior.deviation)

    def _tried(self) -> list[int]:
        """Return the configurations that succeeded or are pending."""
        return [c for c in [*self._results, *self._pending] if self._is_useful(c)]

    def _is_useful(self, column: int) -> bool:
        return bool(np.isfinite(self._results.get(column, 0.0)))


def _in_time_probability(seconds: np.ndarray, limit: float) -> np.ndarray:
    """Return the probability to finish within a limit (log-normal around expected seconds)."""
    if not np.isfinite(limit):
        return np.ones(len(seconds))
    if limit <= 0:
        return np.zeros(len(seconds))
    return normal_cdf(np.log(limit / np.maximum(seconds, _MIN_SECONDS)) / _LOG_SECONDS_DEVIATION)


def loss_correlation(losses: np.ndarray) -> np.ndarray:
    """Return the positive part of the correlation of configurations over datasets.

    Parameters
    ----------
    losses : ndarray of shape (datasets, configurations)
        Normalised losses.

    Returns
    -------
    ndarray of shape (configurations, configurations)
        0 to 1, after the mean of each dataset (its difficulty) and of each configuration is
        subtracted. Configurations of one model, or of related models such as boosted trees, are
        highly correlated.
    """
    centred = losses - losses.mean(axis=1, keepdims=True)
    centred = centred - centred.mean(axis=0)
    products = centred.T @ centred
    norms = np.sqrt(np.diag(products))
    scale = np.outer(norms, norms)
    correlation = np.divide(products, scale, out=np.zeros_like(products), where=scale > 0)
    np.fill_diagonal(correlation, 1.0)
    return np.asarray(np.clip(correlation, 0.0, 1.0))


@dataclass(frozen=True)
class EnsembleGain:
    """Gain of an ensemble by one more configuration.

    Gain = improvement over the incumbent + a diversity bonus that decays with the number and the
    correlation of configurations already tried. The bonus also decays with the distance of the
    configuration to the incumbent.

    Parameters
    ----------
    bonus : ndarray of shape (configurations,)
        Diversity bonus of a configuration that is as good as the incumbent, in normalised loss.
    """

    bonus: np.ndarray

    @classmethod
    def from_tried(cls, tried: Sequence[int], correlation: np.ndarray) -> EnsembleGain:
        """Compute the bonus from the configurations already tried.

        Parameters
        ----------
        tried : sequence of int
            Configurations that succeeded or are pending.
        correlation : ndarray of shape (configurations, configurations)
            From `loss_correlation`.
        """
        columns = np.array(tried, dtype=np.int64)
        total_correlation = 1.0 + correlation[:, columns].sum(axis=1)
        number = max(len(columns), 1)
        return cls(_BONUS_SIZE * number**-_NUMBER_DECAY * total_correlation**-_CORRELATION_DECAY)

    def gains(self, gaps: np.ndarray) -> np.ndarray:
        """Return the gain by each configuration.

        Parameters
        ----------
        gaps : ndarray of shape (..., configurations)
            Normalised loss minus that of the incumbent; negative for an improvement.
        """
        behind = np.maximum(gaps, 0.0)
        return np.asarray(behind - gaps + self.bonus * np.exp(-behind / _GAP_SCALE))

    def expected_gains(self, gaps: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        """Return the mean of `gains` under Gaussian gaps.

        Parameters
        ----------
        gaps, deviation : ndarray of shape (configurations,)
            Mean and standard deviation of each gap.
        """
        z = gaps / deviation
        better = expected_improvement(gaps, deviation)
        # Mean of exp(-gap / scale) over the positive gaps.
        ratio = deviation / _GAP_SCALE
        tail = np.exp(np.minimum(0.5 * ratio**2 - gaps / _GAP_SCALE, 50.0)) * normal_cdf(z - ratio)
        return np.asarray(better + self.bonus * (normal_cdf(-z) + np.minimum(tail, 1.0)))
