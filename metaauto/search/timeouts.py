"""How long one job may take, given what is left."""

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
    """Soft and hard seconds for one job.

    A trial may take two fifths of what is left, or what it is expected to need if that fits; a
    model that minds its deadline keeps what it has learned by then, another is stopped at twice
    that. Without a time budget only a guard against hanging remains, because a deadline would make
    results depend on the clock.

    Parameters
    ----------
    budget : Budget
        The clock.
    workers : int
        Jobs that run at once.
    folds_left : int
        Folds of the trial that are still to be run, this one included.
    expected : float
        Seconds that this job is expected to take if it is not cut short.
    overrun : float
        Seconds that it will take after its soft ones: a fit may notice them late, and predicting
        does not mind them.
    """
    if not budget.is_timed:
        return float("inf"), UNTIMED_HARD_SECONDS
    left = max(budget.for_search(), 0.0)
    rounds = -(-max(folds_left, 1) // max(workers, 1))
    soft = max(_SHARE * left / rounds, _TIME_MARGIN * expected, _MIN_SECONDS)
    room = left / rounds
    soft = min(soft, room * (1 - _RESERVE), room * (1 - 0.5 * _RESERVE) - overrun)
    return max(soft, 0.01), max(min(2.0 * soft + 1.0, left), 0.01)
