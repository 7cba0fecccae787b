"""Which known configuration to try next: gain per second."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metaauto.warmstart.belief import Belief, Posterior

__all__ = ["Choice", "KnownTables", "Scheduler"]

_PATIENCE = 0.02
_BELIEF_FROM = 5
_CAUTION = 1.3
_USUAL = 1.0


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
class Choice:
    """A configuration to try.

    Parameters
    ----------
    column : int
        Which.
    gain : float
        Relative loss it is expected to take off the best so far.
    expected : float
        Its expected relative loss.
    """

    column: int
    gain: float
    expected: float


class Scheduler:
    """Picks the configuration with the highest expected gain per second.

    The first ones are picked greedily so that together they are good on the known tables that
    resemble the new one (each table counts with its best so far, which makes them complement each
    other); their results then correct the belief about all others.

    Parameters
    ----------
    known : KnownTables
        Other tables.
    belief_from : int, default=5
        Results from which on the belief decides.
    """

    def __init__(self, known: KnownTables, belief_from: int = _BELIEF_FROM) -> None:
        self._belief_from = belief_from
        self._results: dict[int, float] = {}
        self._pending: dict[int, None] = {}
        self.use(known)

    def use(self, known: KnownTables) -> None:
        """Go on with other weights, or other tables."""
        self._known = known
        self._belief = Belief(known.relative, known.weights) if len(known.relative) else None

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

    def next(self, seconds: np.ndarray, left: float, allowed: np.ndarray) -> Choice | None:
        """Pick one, and remember that it was.

        Parameters
        ----------
        seconds : ndarray of shape (configurations,)
            Expected worker seconds of each.
        left : float
            Worker seconds left.
        allowed : ndarray of shape (configurations,), bool
            Which may be tried.
        """
        taken = [*self._results, *self._pending]
        may = allowed & (_CAUTION * seconds <= left)
        may[taken] = False
        if not may.any() or self._belief is None:
            return None
        posterior = self._posterior()
        gains = self._complement() if posterior is None else posterior.expected_gain()
        # Without a limit in time results alone may count.
        costs = seconds + _PATIENCE * left if np.isfinite(left) else np.ones(len(seconds))
        rates = np.where(may, gains / costs, -1.0)
        column = int(np.argmax(rates))
        expected = self._belief.mean if posterior is None else posterior.mean
        self._pending[column] = None
        return Choice(column, float(gains[column]), float(expected[column]))

    def _posterior(self) -> Posterior | None:
        scored = [column for column, loss in self._results.items() if np.isfinite(loss)]
        if len(scored) < self._belief_from or self._belief is None:
            return None
        columns = np.array(scored)
        return self._belief.given(columns, np.array([self._results[c] for c in scored]))

    def _complement(self) -> np.ndarray:
        """How much each would take off the best of what was picked, over the known tables."""
        relative, weights = self._known.relative, self._known.weights
        current = np.full(len(relative), _USUAL)
        picked = [c for c in [*self._results, *self._pending] if self._is_useful(c)]
        if picked:
            current = np.minimum(current, relative[:, picked].min(axis=1))
        gains: np.ndarray = weights @ np.maximum(current[:, None] - relative, 0.0)
        return gains

    def _is_useful(self, column: int) -> bool:
        return bool(np.isfinite(self._results.get(column, 0.0)))
