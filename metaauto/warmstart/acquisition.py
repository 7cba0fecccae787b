"""Which known configuration to try next: gain per second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metaauto.warmstart.surrogate import Posterior, Surrogate, expected_improvement, normal_cdf

__all__ = ["EnsembleGain", "NextConfiguration", "KnownTables", "Scheduler", "loss_correlation"]

_OVERHEAD_SHARE = 0.02
_SURROGATE_FROM = 5
# Seconds are predicted to about this standard deviation of their logarithm.
_LOG_SECONDS_DEVIATION = 0.5
_LEAST_CHANCE = 0.1
_SHORTEST = 1e-6
_USUAL = 1.0
# In units of relative loss. How the gain fades with the number and the likeness of what was tried
# is what ensembles of the first five to twenty-five configurations of fits showed; its size was
# chosen by replays of whole fits, for which it pays to try what is unlike the rest early.
_AT_INCUMBENT = 1.0
_NUMBER_DECAY = 0.8
_CORRELATION_DECAY = 1.4
_GAP_SCALE = 5.0


@dataclass(frozen=True)
class KnownTables:
    """What the scheduler knows of other tables.

    Parameters
    ----------
    relative : ndarray of shape (datasets, configurations), float64
        Relative losses, gaps filled.
    weights : ndarray of shape (datasets,)
        Similarity to the new table; sum to one.
    """

    relative: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class NextConfiguration:
    """A configuration to try.

    Parameters
    ----------
    column : int
        Which.
    gain : float
        Relative loss it is expected to take off the best so far.
    """

    column: int
    gain: float


class Scheduler:
    """Picks the configuration with the highest expected gain per second.

    The gain counts with the chance that the configuration is ready in time, for predicted seconds
    are vague.

    The first ones are picked greedily so that together they are good on the known tables that
    resemble the new one (each table counts with its best so far, which makes them complement each
    other); their results then correct the belief about all others.

    Parameters
    ----------
    known : KnownTables
        Other tables.
    surrogate_from : int, default=5
        Results from which on the belief decides.
    for_ensemble : bool, default=False
        Whether an ensemble is made of what is tried: what is unlike the rest is then gain_of trying
        even if it is no better alone.
    """

    def __init__(
        self,
        known: KnownTables,
        surrogate_from: int = _SURROGATE_FROM,
        for_ensemble: bool = False,
    ) -> None:
        self._belief_from = surrogate_from
        self._blends = for_ensemble
        self._results: dict[int, float] = {}
        self._pending: dict[int, None] = {}
        self.use(known)

    def use(self, known: KnownTables) -> None:
        """Go on with other weights, or other tables."""
        self._known = known
        self._surrogate = Surrogate(known.relative, known.weights) if len(known.relative) else None
        if self._blends:
            self._correlation = loss_correlation(known.relative)

    @property
    def results(self) -> int:
        """Results so far."""
        return len(self._results)

    def observe(self, column: int, loss: float) -> None:
        """Take in a result; NaN for a failure."""
        self._pending.pop(column, None)
        self._results[column] = loss

    def release(self, column: int) -> None:
        """Forget that a configuration was picked."""
        self._pending.pop(column, None)

    def next(
        self,
        seconds: np.ndarray,
        left: float,
        allowed: np.ndarray,
        *,
        needed: np.ndarray | None = None,
        longest: float = np.inf,
    ) -> NextConfiguration | None:
        """Pick one, and remember that it was.

        Parameters
        ----------
        seconds : ndarray of shape (configurations,)
            Expected worker seconds of each.
        left : float
            Worker seconds left.
        allowed : ndarray of shape (configurations,), bool
            Which may be tried.
        needed : ndarray of shape (configurations,), optional
            Expected worker seconds after which each is of use, if it stops early; by default all.
        longest : float
            A trial is ended after so many worker seconds.
        """
        limit = min(left, longest)
        chance = _in_time(seconds if needed is None else needed, limit)
        may = allowed & (chance >= _LEAST_CHANCE)
        may[[*self._results, *self._pending]] = False
        if not may.any() or self._surrogate is None:
            return None
        posterior = self._posterior()
        gains = self._complement() if posterior is None else self._improvement(posterior)
        # Without a limit in time results alone may count.
        costs = np.ones(len(seconds))
        if np.isfinite(left):
            costs = np.minimum(seconds, limit) + _OVERHEAD_SHARE * left
            # What is stopped early reaches less.
            chance = chance * np.sqrt(np.minimum(limit / np.maximum(seconds, _SHORTEST), 1.0))
        rates = np.where(may, gains * chance / costs, -1.0)
        column = int(np.argmax(rates))
        self._pending[column] = None
        return NextConfiguration(column, float(gains[column]))

    def _posterior(self) -> Posterior | None:
        scored = [column for column, loss in self._results.items() if np.isfinite(loss)]
        if len(scored) < self._belief_from or self._surrogate is None:
            return None
        columns = np.array(scored)
        return self._surrogate.given(columns, np.array([self._results[c] for c in scored]))

    def _complement(self) -> np.ndarray:
        """How much each would take off the best of what was picked, over the known tables."""
        relative, weights = self._known.relative, self._known.weights
        current = np.full(len(relative), _USUAL)
        picked = self._picked()
        if picked:
            current = np.minimum(current, relative[:, picked].min(axis=1))
        gaps = relative - current[:, None]
        if not self._blends or not picked:
            return np.asarray(weights @ np.maximum(-gaps, 0.0))
        return np.asarray(weights @ EnsembleGain.after(picked, self._correlation).gain_of(gaps))

    def _improvement(self, posterior: Posterior) -> np.ndarray:
        """How much each would take off the best so far, or off the loss of the ensemble."""
        if not self._blends:
            return posterior.expected_gain()
        ensemble_gain = EnsembleGain.after(self._picked(), self._correlation)
        return ensemble_gain.expected_gain_of(posterior.mean - posterior.best, posterior.deviation)

    def _picked(self) -> list[int]:
        """What was tried and did not fail, and what is running."""
        return [c for c in [*self._results, *self._pending] if self._is_useful(c)]

    def _is_useful(self, column: int) -> bool:
        return bool(np.isfinite(self._results.get(column, 0.0)))


def _in_time(seconds: np.ndarray, limit: float) -> np.ndarray:
    """Chance of each to be ready within some seconds (a log-normal around the expected ones)."""
    if not np.isfinite(limit):
        return np.ones(len(seconds))
    if limit <= 0:
        return np.zeros(len(seconds))
    return normal_cdf(np.log(limit / np.maximum(seconds, _SHORTEST)) / _LOG_SECONDS_DEVIATION)


def loss_correlation(relative: np.ndarray) -> np.ndarray:
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
class EnsembleGain:
    """Gain of an ensemble by one more configuration.

    What is better than the best that was tried gains the difference. Besides, at equal loss it
    gains more the fewer were tried and the less they are of its kind, and a little less the more it
    is behind.

    Parameters
    ----------
    at_incumbent : ndarray of shape (configurations,)
        Gain of what is as good as the best that was tried, in relative loss.
    """

    at_incumbent: np.ndarray

    @classmethod
    def after(cls, tried: Sequence[int], correlation: np.ndarray) -> EnsembleGain:
        """With what was tried so far.

        Parameters
        ----------
        tried : sequence of int
            Configurations that were tried or are running.
        correlation : ndarray of shape (configurations, configurations)
            Their `loss_correlation`.
        """
        columns = np.array(tried, dtype=np.int64)
        close = 1.0 + correlation[:, columns].sum(axis=1)
        number = max(len(columns), 1)
        return cls(_AT_INCUMBENT * number**-_NUMBER_DECAY * close**-_CORRELATION_DECAY)

    def gain_of(self, gaps: np.ndarray) -> np.ndarray:
        """Gain by each.

        Parameters
        ----------
        gaps : ndarray of shape (..., configurations)
            How far it is behind the best tried, in relative loss; negative if it is better.
        """
        behind = np.maximum(gaps, 0.0)
        return np.asarray(behind - gaps + self.at_incumbent * np.exp(-behind / _GAP_SCALE))

    def expected_gain_of(self, gaps: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        """Mean of `gain_of` where the gaps are known up to a Gaussian error.

        Parameters
        ----------
        gaps, deviation : ndarray of shape (configurations,)
            Mean and standard deviation of each gap.
        """
        z = gaps / deviation
        better = expected_improvement(gaps, deviation)
        # The mean of exp(-gap / reach) over the positive gaps.
        ratio = deviation / _GAP_SCALE
        tail = np.exp(np.minimum(0.5 * ratio**2 - gaps / _GAP_SCALE, 50.0)) * normal_cdf(z - ratio)
        return np.asarray(better + self.at_incumbent * (normal_cdf(-z) + np.minimum(tail, 1.0)))
