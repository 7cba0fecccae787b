"""How long one job may take, given what is left."""

from __future__ import annotations

from metaauto.budget import Budget

__all__ = ["job_limits"]

_SHARE = 1 / 3
_SHORTEST = 1.0
_HAND_OVER = 0.05
_UNTIMED_HARD_SECONDS = 3600.0


def job_limits(budget: Budget, workers: int, folds_left: int) -> tuple[float, float]:
    """Soft and hard seconds for one job.

    A trial may take a third of what is left; a model that minds its deadline keeps what it has
    learned by then, another is stopped at one and a half times that. Without a time budget only
    a guard against hanging remains, because a deadline would make results depend on the clock.

    Parameters
    ----------
    budget : Budget
        The clock.
    workers : int
        Jobs that run at once.
    folds_left : int
        Folds of the trial that are still to be run, this one included.
    """
    if not budget.is_timed:
        return float("inf"), _UNTIMED_HARD_SECONDS
    left = max(budget.for_search(), 0.0)
    rounds = -(-max(folds_left, 1) // max(workers, 1))
    soft = max(_SHARE * left / rounds, _SHORTEST)
    soft = min(soft, left * (1 - _HAND_OVER) - 0.02)
    return max(soft, 0.01), max(min(1.5 * soft + 1.0, left), 0.01)
