"""An ensemble that is always there, and gets better while trials finish."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from metaauto.components import Deadline
from metaauto.ensemble.blend import blend
from metaauto.ensemble.objectives import judged
from metaauto.ensemble.selection import FEW_ROWS, NO_LIMIT, Selection, select_ensemble
from metaauto.errors import SettingError
from metaauto.metrics.base import Metric

__all__ = ["AnytimeEnsemble"]

SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
"""Weights at which a new member is tried, the first for none."""

LEAST_ROWS = 500
"""Fewer rows say nothing of what a new member brings."""

_TOO_EASY = 0.1


@dataclass(frozen=True)
class _Candidate:
    key: Any
    prediction: np.ndarray
    loss: float
    family: str


class AnytimeEnsemble:
    """Keeps the best candidates and selects an ensemble of them now and then.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Class codes 0..k-1, or floats, of the rows that all predictions are for.
    metric : Metric
        Loss to minimise.
    sample_weight : ndarray of shape (n,), optional
        Weight of each row.
    size, max_members, seed, tolerance, decide
        As in `select_ensemble`.
    pool : int
        Most candidates kept: the best of each family first, then those of lowest loss.
    keeps_better : bool, default=False
        Whether an answer stays until a better one is selected, from `FEW_ROWS` rows on. The search
        is greedy, so more candidates may lead it to a slightly worse one; on few rows the best of
        many answers would be a lucky one.

    Notes
    -----
    Unless what is better is kept, the selection depends on the candidates alone, not on the order
    in which they came nor on the time that `update` took, as long as it ended before its deadline.
    Keys must therefore be sortable (trial numbers).

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
        keeps_better: bool = False,
    ) -> None:
        self.y = y
        self.metric = metric
        self.sample_weight = sample_weight
        self.pool = max(pool, 1)
        self._keeps_better = keeps_better and len(y) >= FEW_ROWS
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
        """The best answer so far, by key; None before the first candidate."""
        current, fallback = self._current, self._fallback
        if current is None or (fallback is not None and fallback.loss < current.loss):
            return fallback
        return current

    @property
    def keys(self) -> frozenset[Any]:
        """Keys of the candidates that an update can still choose; the others may be deleted."""
        held = set(self._candidates)
        return frozenset(held | set(self._current.weights if self._current else ()))

    def fall_back_on(self, key: Any, loss: float) -> None:
        """Name what answers until a candidate beats it, such as the baseline; it never mixes in.

        Parameters
        ----------
        key : sortable
            Its name.
        loss : float
            Its loss on the rows of the target.
        """
        self._fallback = Selection({key: 1.0}, loss, loss)

    def add(self, key: Any, prediction: np.ndarray, loss: float, family: str = "") -> bool:
        """Offer a candidate; at once it is the answer, if it beats the current one alone.

        Parameters
        ----------
        key : sortable
            Name of the candidate, such as the trial's number; a known key is replaced.
        prediction : ndarray of shape (n, k) or (n,)
            Out-of-fold prediction of all rows; may be memory-mapped, is not copied.
        loss : float
            Its loss on these rows (with `decide`, at its quick decision).
        family : str
            Kind of model; the best of each family stays in the pool for diversity.

        Returns
        -------
        bool
            Whether it is kept as a candidate.

        Raises
        ------
        SettingError
            If the prediction has other rows than the target.
        """
        if len(prediction) != len(self.y):
            raise SettingError(
                f"The prediction of {key!r} has {len(prediction)} rows, the target {len(self.y)}.",
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

    def update(self, deadline: Deadline = NO_LIMIT, *, force: bool = False) -> bool:
        """Select anew, if something was added and the last selection's time is left.

        Parameters
        ----------
        deadline : Deadline
            ``Deadline.after(seconds)`` allows so many seconds. Nothing is done if the last
            selection took longer than is left.
        force : bool
            Start in spite of the last selection's time; the deadline is still kept.

        Returns
        -------
        bool
            Whether a selection was made.
        """
        if not self._stale or not self._candidates:
            return False
        if not force and self._seconds > deadline.remaining():
            return False
        began = time.monotonic()
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
        self._seconds = time.monotonic() - began
        cut_short = deadline.passed()
        self._stale = cut_short
        may_worsen = not cut_short and not self._keeps_better
        if self._current is None or may_worsen or selection.loss < self._current.loss:
            self._current = selection
        return True

    @property
    def seconds(self) -> float:
        """What the last selection took."""
        return self._seconds

    def narrowed(self, selection: Selection, keys: Collection[Any]) -> Selection:
        """A selection without the members whose keys are not given, with the loss that it has then.

        If one of those that are left is better alone, it is the selection.

        Parameters
        ----------
        selection : Selection
            Of candidates that are still kept.
        keys : collection
            At least one of its members.
        """
        kept = {key: weight for key, weight in selection.weights.items() if key in keys}
        if len(kept) == len(selection.weights):
            return selection
        total = sum(kept.values())
        weights = {key: weight / total for key, weight in kept.items()}
        mixed = blend([self._candidates[k].prediction for k in weights], list(weights.values()))
        decide = self._options["decide"]
        loss = judged(self.metric, self.y, mixed, self.sample_weight, decide)
        best = min(weights, key=lambda key: (self._candidates[key].loss, key))
        if (alone := self._candidates[best].loss) < loss:
            return Selection({best: 1.0}, alone, selection.single_loss, selection.trajectory)
        return Selection(weights, loss, selection.single_loss, selection.trajectory)

    def relative_gain(self, rows: np.ndarray, prediction: np.ndarray) -> float:
        """What share of its loss on some rows the current answer would lose by a new member.

        Parameters
        ----------
        rows : ndarray of shape (m,), int
            Positions among the rows of the target.
        prediction : ndarray of shape (m, k) or (m,)
            The new member's prediction of them.

        Returns
        -------
        float
            For the best of a few weights; infinite where nothing can be said: before the first
            candidate, of fewer than `LEAST_ROWS` rows, and of rows that are so easy that the answer
            has less than a tenth of its loss there.
        """
        if self._current is None or not self._candidates.keys() >= self._current.weights.keys():
            return np.inf
        if len(rows) < LEAST_ROWS:
            return np.inf
        members = [self._candidates[key].prediction[rows] for key in self._current.weights]
        mixed = blend(members, list(self._current.weights.values()))
        weight = None if self.sample_weight is None else self.sample_weight[rows]
        y, decide = self.y[rows], self._options["decide"]
        losses = [
            judged(self.metric, y, blend([mixed, prediction], [1 - share, share]), weight, decide)
            for share in SHARES
        ]
        if not np.isfinite(losses).all() or losses[0] < _TOO_EASY * self._current.loss:
            return np.inf
        return (losses[0] - min(losses)) / max(abs(losses[0]), 1e-12)

    def _trim(self) -> None:
        """Keep the best of each family, then the lowest losses, up to the pool's size.

        The members of an answer that stays are kept besides.
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
        if self._keeps_better and self._current is not None:
            keep |= set(self._current.weights)
        self._candidates = {k: c for k, c in self._candidates.items() if k in keep}
