"""Racing: prune trials after their first folds."""

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
    """Return whether a trial may still be useful for the ensemble, given its folds so far.

    It is compared, fold by fold, with the eighth best finished trial (ensembles rarely use more
    members) and pruned if it is worse by more than the typical standard deviation between two
    trials over as many folds. Comparing the same folds removes most of the noise, as in F-race
    (Birattari et al. 2002).

    Parameters
    ----------
    trial : Trial
        Trial with the losses of some folds.
    others : sequence of Trial
        Trials to compare with.
    """
    finished = sorted(
        (t for t in others if t.status is Status.SUCCESS and t.loss is not None and t is not trial),
        key=lambda t: (t.loss, t.number),
    )
    # A trial restored from an interrupted run may lack fold losses.
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
    """Return after how many of its first folds a trial is pruned; None if it is not."""
    for count in range(1, length + 1):
        part = Trial(trial.number, trial.configuration, trial.source)
        part.fold_losses = {fold: trial.fold_losses[fold] for fold in range(count)}
        if not should_continue(part, others):
            return count
    return None


def projected_loss(trial: Trial, others: Sequence[Trial]) -> float | None:
    """Return the estimated loss of a pruned trial: the best trial's loss plus the mean gap."""
    known = [t for t in others if t.loss is not None]
    known = [t for t in known if t.fold_losses.keys() >= trial.fold_losses.keys()]
    best = min(known, key=lambda t: (t.loss, t.number), default=None)
    if best is None or best.loss is None:
        return None
    gaps = _gaps(trial, best)
    return best.loss + max(statistics.fmean(gaps), 0.0) if gaps else best.loss


def required_gain(share: float, pruned_in_a_row: int = 0) -> float:
    """Return the gain for the ensemble that justifies running the remaining folds of a trial.

    A complete search reduces the loss of the ensemble of its first trials by a few per cent. A
    trial that needs a large share of the time must contribute a similar share of this reduction.

    Parameters
    ----------
    share : float
        Share of the budget's worker seconds that the remaining folds need, 0 to 1.
    pruned_in_a_row : int, default=0
        Number of consecutive pruned trials. Each lowers the threshold by 30 %, because pruning
        shows that the alternatives gain less than assumed.

    Returns
    -------
    float
        Required relative reduction of the ensemble's loss on the completed folds; 0 for a share
        below 3 %.
    """
    return _GAIN_PER_SHARE * _DECAY**pruned_in_a_row * share if share >= _FREE_SHARE else 0.0


def _gaps(trial: Trial, other: Trial) -> list[float]:
    """Return the loss differences on the first trial's folds where the metric is defined."""
    gaps = (trial.fold_losses[f] - other.fold_losses[f] for f in sorted(trial.fold_losses))
    return [gap for gap in gaps if math.isfinite(gap)]


def _typical_spread(finished: Sequence[Trial]) -> float:
    """Return the typical standard deviation, over folds, of the difference of two good trials."""
    best = finished[0]
    spreads = []
    for other in finished[1:_REFERENCE_RANK]:
        if other.fold_losses.keys() >= best.fold_losses.keys():
            gaps = _gaps(best, other)
            spreads.append(statistics.pstdev(gaps) if len(gaps) > 1 else 0.0)
    return statistics.median(spreads) if spreads else 0.0
