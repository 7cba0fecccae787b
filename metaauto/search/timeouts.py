"""Time limits of jobs, given the remaining budget."""

from __future__ import annotations

from metaauto.budget import Budget

__all__ = ["UNTIMED_HARD_SECONDS", "job_limits"]

_SHARE = 0.4
_MIN_SECONDS = 1.0
_TIME_MARGIN = 1.3
_RESERVE = 0.2
UNTIMED_HARD_SECONDS = 3600.0


def job_limits(
    budget: Budget, workers: int, folds_left: int, expected: float = 0.0, overrun: float = 0.0
) -> tuple[float, float]:
    """Return the soft and the hard time limit of one job in seconds.

    A trial may take 40 % of the remaining time, or its expected time if that fits. At the soft
    limit, a model that keeps its deadline stops and returns a usable model; other models are killed
    at about twice that time. Without a time budget only a hard limit against hanging jobs remains,
    because a deadline would make results depend on the clock.

    Parameters
    ----------
    budget : Budget
        The time budget.
    workers : int
        Number of jobs that run at the same time.
    folds_left : int
        Remaining folds of the trial, this one included.
    expected : float
        Seconds that this job is expected to take without a limit.
    overrun : float
        Seconds that the job is expected to take after its soft limit: a fit may check the limit
        late, and prediction does not check it.
    """
    if not budget.is_timed:
        return float("inf"), UNTIMED_HARD_SECONDS
    left = max(budget.for_search(), 0.0)
    rounds = -(-max(folds_left, 1) // max(workers, 1))
    soft = max(_SHARE * left / rounds, _TIME_MARGIN * expected, _MIN_SECONDS)
    room = left / rounds
    soft = min(soft, room * (1 - _RESERVE), room * (1 - 0.5 * _RESERVE) - overrun)
    return max(soft, 0.01), max(min(2.0 * soft + 1.0, left), 0.01)
