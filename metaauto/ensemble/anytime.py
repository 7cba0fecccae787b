"""An anytime ensemble: available after the first trial, updated while trials finish."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from metaauto.components import Deadline
from metaauto.ensemble.blend import blend
from metaauto.ensemble.objectives import prediction_loss
from metaauto.ensemble.selection import FEW_ROWS, NO_LIMIT, Selection, select_ensemble
from metaauto.errors import SettingError
from metaauto.metrics.base import Metric

__all__ = ["AnytimeEnsemble"]

NEW_MEMBER_WEIGHTS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
"""Weights at which a new member is evaluated; 0.0 stands for the ensemble without it."""

MIN_ROWS = 500
"""Minimum number of rows to estimate the gain of a new member."""

_MIN_LOSS_SHARE = 0.1


@dataclass(frozen=True)
class _Candidate:
    key: Any
    prediction: np.ndarray
    loss: float
    family: str


class AnytimeEnsemble:
    """Keeps the best candidates and selects an ensemble of them on request.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Target of the rows of all predictions: class codes 0..k-1, or floats.
    metric : Metric
        Loss to minimise.
    sample_weight : ndarray of shape (n,), optional
        Weight of each row.
    size, max_members, seed, tolerance, decide
        As in `select_ensemble`.
    pool : int
        Maximum number of candidates: the best of each family first, then those of lowest loss.
    keep_incumbent : bool, default=False
        Whether an ensemble is replaced only by a better one, from `FEW_ROWS` rows on. Because the
        search is greedy, more candidates may lead to a slightly worse ensemble. On few rows, the
        minimum over many ensembles would be optimistically biased.

    Notes
    -----
    Without `keep_incumbent` the selection depends only on the candidates, not on the order in
    which they were added nor on the time of `update`, if that ended before its deadline. Keys must
    therefore be sortable (trial numbers).

    Examples
    --------
    >>> import numpy as np
    >>> from metaauto.ensemble import AnytimeEnsemble
    >>> from metaauto.metrics import METRICS
    >>> y = np.array([1.0, 2.0, 3.0])
    >>> ensemble = AnytimeEnsemble(y, METRICS["rmse"])
    >>> ensemble.add(7, y + 1, loss=1.0)
    True
    >>> ensemble.current.weights
    {7: 1.0}
    >>> ensemble.add(9, y - 1, loss=1.0)
    True
    >>> ensemble.update()
    True
    >>> ensemble.current.weights
    {7: 0.5, 9: 0.5}
    """

    def __init__(
        self,
        y: np.ndarray,
        metric: Metric,
        sample_weight: np.ndarray | None = None,
        *,
        size: int = 50,
        max_members: int | None = None,
        pool: int = 50,
        seed: int = 0,
        tolerance: float = 1e-6,
        decide: bool = False,
        keep_incumbent: bool = False,
    ) -> None:
        self.y = y
        self.metric = metric
        self.sample_weight = sample_weight
        self.pool = max(pool, 1)
        self._keep_incumbent = keep_incumbent and len(y) >= FEW_ROWS
        self._options: dict[str, Any] = {
            "size": size,
            "max_members": max_members,
            "pool": self.pool,
            "seed": seed,
            "tolerance": tolerance,
            "decide": decide,
        }
        self._candidates: dict[Any, _Candidate] = {}
        self._current: Selection | None = None
        self._fallback: Selection | None = None
        self._stale = False
        self._seconds = 0.0

    @property
    def current(self) -> Selection | None:
        """Return the best ensemble so far, by key; None before the first candidate."""
        current, fallback = self._current, self._fallback
        if current is None or (fallback is not None and fallback.loss < current.loss):
            return fallback
        return current

    @property
    def keys(self) -> frozenset[Any]:
        """Return the keys of the candidates that are still in use; others may be deleted."""
        held = set(self._candidates)
        return frozenset(held | set(self._current.weights if self._current else ()))

    def set_fallback(self, key: Any, loss: float) -> None:
        """Set the model used until a candidate is better, such as the baseline; never a member.

        Parameters
        ----------
        key : sortable
            Name of the model.
        loss : float
            Loss of the model on the rows of the target.
        """
        self._fallback = Selection({key: 1.0}, loss, loss)

    def add(self, key: Any, prediction: np.ndarray, loss: float, family: str = "") -> bool:
        """Add a candidate; it replaces the current ensemble if it is better alone.

        Parameters
        ----------
        key : sortable
            Name of the candidate, such as the trial's number; a known key is replaced.
        prediction : ndarray of shape (n, k) or (n,)
            Out-of-fold prediction of all rows; may be memory-mapped, is not copied.
        loss : float
            Loss on these rows (with `decide`, at the threshold of `quick_decision`).
        family : str
            Kind of model; the best of each family stays in the pool for diversity.

        Returns
        -------
        bool
            Whether it is kept as a candidate.

        Raises
        ------
        SettingError
            If the number of rows of the prediction and the target differ.
        """
        if len(prediction) != len(self.y):
            raise SettingError(
                f"The prediction of {key!r} has {len(prediction)} rows; expected {len(self.y)}.",
                hint="Add only candidates that were evaluated on every fold.",
            )
        loss = float(loss)
        if not np.isfinite(loss) or not np.isfinite(prediction).all():
            return False
        self._candidates[key] = _Candidate(key, prediction, loss, family)
        self._trim()
        if key not in self._candidates:
            return False
        self._stale = True
        if self._current is None or loss < self._current.loss:
            self._current = Selection({key: 1.0}, loss, loss)
        return True

    def discard(self, key: Any) -> None:
        """Remove a candidate that turned out to be unusable; the best other one replaces it."""
        self._candidates.pop(key, None)
        if self._current is not None and key in self._current.weights:
            best = min(self._candidates.values(), key=lambda c: (c.loss, c.key), default=None)
            alone = None if best is None else Selection({best.key: 1.0}, best.loss, best.loss)
            self._current, self._stale = alone, True

    def update(self, deadline: Deadline = NO_LIMIT, *, force: bool = False) -> bool:
        """Select the ensemble again if candidates were added and enough time is left.

        Parameters
        ----------
        deadline : Deadline
            Time limit. Nothing is done if the last selection took longer than the remaining time.
        force : bool
            Start even if the last selection took longer; the deadline still applies.

        Returns
        -------
        bool
            Whether a selection was run.
        """
        if not self._stale or not self._candidates:
            return False
        if not force and self._seconds > deadline.remaining():
            return False
        started = time.monotonic()
        ordered = sorted(self._candidates.values(), key=lambda c: c.key)
        selection = select_ensemble(
            [c.prediction for c in ordered],
            self.y,
            self.metric,
            self.sample_weight,
            losses=[c.loss for c in ordered],
            deadline=deadline,
            **self._options,
        ).renamed([c.key for c in ordered])
        self._seconds = time.monotonic() - started
        cut_short = deadline.passed()
        self._stale = cut_short
        may_worsen = not cut_short and not self._keep_incumbent
        if self._current is None or may_worsen or selection.loss < self._current.loss:
            self._current = selection
        return True

    @property
    def seconds(self) -> float:
        """Return the seconds that the last selection took."""
        return self._seconds

    def restricted_to(self, selection: Selection, keys: Collection[Any]) -> Selection:
        """Return a selection restricted to some of its members, with the new loss.

        If one of the remaining members is better alone, only this member is selected.

        Parameters
        ----------
        selection : Selection
            Selection of candidates that are still kept.
        keys : collection
            Keys to keep; at least one member of the selection.
        """
        kept = {key: weight for key, weight in selection.weights.items() if key in keys}
        if len(kept) == len(selection.weights):
            return selection
        total = sum(kept.values())
        weights = {key: weight / total for key, weight in kept.items()}
        mixed = blend([self._candidates[k].prediction for k in weights], list(weights.values()))
        decide = self._options["decide"]
        loss = prediction_loss(self.metric, self.y, mixed, self.sample_weight, decide)
        best = min(weights, key=lambda key: (self._candidates[key].loss, key))
        if (alone := self._candidates[best].loss) < loss:
            return Selection({best: 1.0}, alone, selection.single_loss, selection.trajectory)
        return Selection(weights, loss, selection.single_loss, selection.trajectory)

    def relative_gain(self, rows: np.ndarray, prediction: np.ndarray) -> float:
        """Return the relative reduction of the current ensemble's loss by a new member.

        Parameters
        ----------
        rows : ndarray of shape (m,), int
            Positions among the rows of the target.
        prediction : ndarray of shape (m, k) or (m,)
            The new member's prediction of these rows.

        Returns
        -------
        float
            Reduction on these rows at the best of a few weights. Infinite where it cannot be
            estimated: before the first candidate, for fewer than `MIN_ROWS` rows, and for rows on
            which the ensemble has less than 10 % of its overall loss.
        """
        if self._current is None or not self._candidates.keys() >= self._current.weights.keys():
            return np.inf
        if len(rows) < MIN_ROWS:
            return np.inf
        members = [self._candidates[key].prediction[rows] for key in self._current.weights]
        mixed = blend(members, list(self._current.weights.values()))
        weight = None if self.sample_weight is None else self.sample_weight[rows]
        y, decide = self.y[rows], self._options["decide"]
        losses = [
            prediction_loss(self.metric, y, blend([mixed, prediction], [1 - w, w]), weight, decide)
            for w in NEW_MEMBER_WEIGHTS
        ]
        if not np.isfinite(losses).all() or losses[0] < _MIN_LOSS_SHARE * self._current.loss:
            return np.inf
        return (losses[0] - min(losses)) / max(abs(losses[0]), 1e-12)

    def _trim(self) -> None:
        """Keep the best of each family, then the lowest losses, up to the size of the pool.

        With `keep_incumbent` the members of the current ensemble are kept too.
        """
        if len(self._candidates) <= self.pool:
            return
        ordered = sorted(self._candidates.values(), key=lambda c: (c.loss, c.key))
        first: dict[str, Any] = {}
        for candidate in ordered:
            first.setdefault(candidate.family, candidate.key)
        reserved = list(first.values())[: self.pool]
        others = [c.key for c in ordered if c.key not in set(reserved)]
        keep = set(reserved) | set(others[: self.pool - len(reserved)])
        if self._keep_incumbent and self._current is not None:
            keep |= set(self._current.weights)
        self._candidates = {k: c for k, c in self._candidates.items() if k in keep}
