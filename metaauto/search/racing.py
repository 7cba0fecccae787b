"""Racing: which trials deserve their remaining folds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from metaauto.search.trial import Status, Trial

__all__ = ["should_continue", "required_gain", "lost_at", "projected_loss"]

_MIN_FINISHED = 3
_REFERENCE_RANK = 8
_DEVIATIONS = 1.0
_FREE_SHARE = 0.03
_GAIN_PER_SHARE = 0.02
_DECAY = 0.7


def should_continue(trial: Trial, others: Sequence[Trial]) -> bool:
    """Whether a trial can still become useful to the ensemble, given its folds so far.

    It is compared, fold by fold, with the eighth best finished trial (the ensemble seldom wants
    more), and dropped if it is worse by more than the usual fluctuation between two trials over
    as many folds. Comparing the same folds removes most of the noise, as in F-race (Birattari et
    al. 2002).

    Parameters
    ----------
    trial : Trial
        With the losses of some folds.
    others : sequence of Trial
        Trials to compare with.
    """
    finished = sorted(
        (t for t in others if t.status is Status.SUCCESS and t.loss is not None and t is not trial),
        key=lambda t: (t.loss, t.number),
    )
    # A trial taken over from an interrupted run may lack the losses of its folds.
    finished = [t for t in finished if t.fold_losses.keys() >= trial.fold_losses.keys()]
    if len(finished) < _MIN_FINISHED:
        return True
    reference = finished[min(_REFERENCE_RANK, len(finished)) - 1]
    gaps = _gaps(trial, reference)
    if not gaps:
        return True
    allowed = _DEVIATIONS * _typical_spread(finished) / len(gaps) ** 0.5
    return statistics.fmean(gaps) <= allowed


def lost_at(trial: Trial, others: Sequence[Trial], length: int) -> int | None:
    """After how many of its first folds a trial has lost the race; None if it has not."""
    for count in range(1, length + 1):
        part = Trial(trial.number, trial.configuration, trial.source)
        part.fold_losses = {fold: trial.fold_losses[fold] for fold in range(count)}
        if not should_continue(part, others):
            return count
    return None


def projected_loss(trial: Trial, others: Sequence[Trial]) -> float | None:
    """What a dropped trial would about have reached: the best trial's loss plus the gap."""
    known = [t for t in others if t.loss is not None]
    known = [t for t in known if t.fold_losses.keys() >= trial.fold_losses.keys()]
    best = min(known, key=lambda t: (t.loss, t.number), default=None)
    if best is None or best.loss is None:
        return None
    gaps = _gaps(trial, best)
    return best.loss + max(statistics.fmean(gaps), 0.0) if gaps else best.loss


def required_gain(share: float, pruned_in_a_row: int = 0) -> float:
    """What remaining folds must bring to be worth a share of the whole budget.

    A search as a whole takes some hundredths off the loss of the ensemble that its first trials
    make; whoever wants a large part of its time must bring a like part of that.

    Parameters
    ----------
    share : float
        Of the worker seconds of the budget, 0 to 1.
    pruned_in_a_row : int, default=0
        Trials in a row that did not bring enough. What else the time may be spent on is then worth
        less than was thought, and each makes the price of the next lower.

    Returns
    -------
    float
        Share of its loss that the ensemble must lose by the trial on the folds that were run; 0 for
        what costs next to nothing.
    """
    return _GAIN_PER_SHARE * _DECAY**pruned_in_a_row * share if share >= _FREE_SHARE else 0.0


def _gaps(trial: Trial, other: Trial) -> list[float]:
    """Differences of the losses on the folds of the first where the metric has a value."""
    gaps = (trial.fold_losses[f] - other.fold_losses[f] for f in sorted(trial.fold_losses))
    return [gap for gap in gaps if math.isfinite(gap)]


def _typical_spread(finished: Sequence[Trial]) -> float:
    """Usual standard deviation, over folds, of the difference between two good trials."""
    best = finished[0]
    spreads = []
    for other in finished[1:_REFERENCE_RANK]:
        if other.fold_losses.keys() >= best.fold_losses.keys():
            gaps = _gaps(best, other)
            spreads.append(statistics.pstdev(gaps) if len(gaps) > 1 else 0.0)
    return statistics.median(spreads) if spreads else 0.0
