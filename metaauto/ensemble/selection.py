"""Greedy ensemble selection with replacement over out-of-fold predictions."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from metaauto.components import Deadline
from metaauto.ensemble.blend import blend
from metaauto.ensemble.objectives import Objective, judged, objective_for
from metaauto.errors import SettingError
from metaauto.metrics.base import Metric

__all__ = ["Selection", "select_ensemble"]

NO_LIMIT = Deadline()
PATIENCE = 10
SCAN_EVERY = 5
MIN_WATCHED = 8
FEW_ROWS = 1_000
FEW_ADDITIONS = 20
FIRST = 5
FIRST_SHARE = 4
NEAR = 0.3


@dataclass(frozen=True)
class Selection:
    """Members of an ensemble and their weights.

    Parameters
    ----------
    weights : dict of hashable to float
        Weight by member, all positive, adding up to one; members by index or key, in its order.
    loss : float
        Loss of the blend on all given rows.
    single_loss : float
        Loss of the best member alone on the same rows.
    trajectory : tuple of float
        Loss after each step of the search (on the rows that the search looked at).
    """

    weights: Mapping[Any, float]
    loss: float
    single_loss: float
    trajectory: tuple[float, ...] = field(default=(), compare=False)

    @property
    def members(self) -> tuple[Any, ...]:
        """The members, in order of index or key."""
        return tuple(self.weights)

    def renamed(self, keys: Sequence[Hashable]) -> Selection:
        """Return the same selection with ``keys[index]`` in place of each index."""
        named = {keys[index]: weight for index, weight in self.weights.items()}
        return Selection(named, self.loss, self.single_loss, self.trajectory)


def select_ensemble(
    predictions: Sequence[np.ndarray],
    y: np.ndarray,
    metric: Metric,
    sample_weight: np.ndarray | None = None,
    *,
    size: int = 50,
    max_members: int | None = None,
    pool: int = 50,
    seed: int = 0,
    deadline: Deadline = NO_LIMIT,
    tolerance: float = 1e-6,
    losses: Sequence[float] | None = None,
    decide: bool = False,
) -> Selection:
    """Select members and weights greedily, with replacement (Caruana et al., 2004).

    Starting from nothing, the member that lowers the loss of the mean most is added again and
    again; how often a member was added is its weight. The shortest prefix of the additions that
    reaches the lowest loss (within `tolerance`) counts. Ties go to the lower index.

    Parameters
    ----------
    predictions : sequence of ndarray of shape (n, k) or (n,)
        Out-of-fold probabilities or values of each candidate, over the same rows.
    y : ndarray of shape (n,)
        Class codes 0..k-1, or floats.
    metric : Metric
        Loss to minimise.
    sample_weight : ndarray of shape (n,), optional
        Weight of each row.
    size : int
        Most additions; below `FEW_ROWS` rows at most `FEW_ADDITIONS` after the first members.
    max_members : int, optional
        Most distinct members.
    pool : int
        Only this many candidates of lowest loss are looked at.
    seed : int
        Seed of samples of rows.
    deadline : Deadline
        When it passes, the additions made so far count.
    tolerance : float
        Share of the best single loss that is too small a gain to matter.
    losses : sequence of float, optional
        Loss of each candidate on these rows, if known (computed otherwise).
    decide : bool
        Judge label metrics of binary tasks at the threshold of `quick_decision`.

    Returns
    -------
    Selection
        Its loss is over all rows. From `FEW_ROWS` rows on it is never higher than that of the best
        single candidate.

    Raises
    ------
    SettingError
        If there is no candidate, or a candidate has other rows than `y`.

    Notes
    -----
    Squared errors and the Brier score are searched exactly through the products of residuals, log
    loss through the true class's probabilities (at most 20,000 rows), other metrics on a
    stratified sample of at most 10,000 rows; there, two or so of three candidates are looked at in
    every fifth step only. The final comparison is on all rows.

    On few rows the best of many candidates owes much to luck. So below 1,000 rows the search begins
    with the best five together (with fewer if there are under twenty candidates, and with none
    whose loss is over 1.3 times the best; Caruana et al., section 2.2), adds 20 more at most, and
    counts even if the best alone has a lower loss. Selected on a part of the rows of 23 tables and
    judged on the others, this took 0.1 to 0.9 % of the way from the baseline to the best off the
    loss on 150 to 600 rows, and next to nothing on more. Bags of rows were about as good with more
    members (`docs/decisions`, 9).

    References
    ----------
    Caruana, R., Niculescu-Mizil, A., Crew, G. and Ksikes, A. (2004). Ensemble selection from
    libraries of models. ICML. https://doi.org/10.1145/1015330.1015432

    Examples
    --------
    >>> import numpy as np
    >>> from metaauto.ensemble import select_ensemble
    >>> from metaauto.metrics import METRICS
    >>> y = np.array([1.0, 2.0, 3.0])
    >>> selection = select_ensemble([y + 1, y - 1], y, METRICS["rmse"])
    >>> selection.weights, selection.loss
    ({0: 0.5, 1: 0.5}, 0.0)
    """
    _check_shapes(predictions, y)
    alone = _single_losses(predictions, y, metric, sample_weight, losses, decide)
    order = np.lexsort((np.arange(len(alone)), alone))
    best = int(order[0])
    single = Selection({best: 1.0}, float(alone[best]), float(alone[best]))
    chosen = sorted(int(i) for i in order[: max(pool, 1)] if np.isfinite(alone[i]))
    if len(chosen) < 2 or size < 2 or max_members == 1 or deadline.passed():
        return single
    members = [predictions[i] for i in chosen]
    objective = objective_for(members, y, metric, sample_weight, seed=seed, decide=decide)
    has_few_rows = len(y) < FEW_ROWS
    first: list[int] = []
    if has_few_rows:
        most = min(size, max_members or size, FIRST, len(chosen) // FIRST_SHARE)
        first = [chosen.index(i) for i in _best_few(order, alone, most)]
        size = min(size, len(first) + FEW_ADDITIONS)
    search = _Search(objective, size, max_members, tolerance * abs(single.loss), deadline)
    counts, trajectory = search.climb(range(len(chosen)), first)
    if not counts:
        return single
    total = sum(counts.values())
    weights = {chosen[i]: count / total for i, count in sorted(counts.items())}
    mixed = blend((predictions[i] for i in weights), list(weights.values()))
    loss = judged(metric, y, mixed, sample_weight, decide)
    if not has_few_rows and not loss < single.loss:
        return Selection(single.weights, single.loss, single.loss, tuple(trajectory))
    return Selection(weights, loss, single.loss, tuple(trajectory))


def _check_shapes(predictions: Sequence[np.ndarray], y: np.ndarray) -> None:
    if not len(predictions):
        raise SettingError("There is no candidate for an ensemble.", hint="Give at least one.")
    shape = predictions[0].shape
    for index, prediction in enumerate(predictions):
        if prediction.shape != shape or len(prediction) != len(y):
            raise SettingError(
                f"Candidate {index} has the shape {prediction.shape}; the first has {shape} and "
                f"the target {len(y)} rows.",
                hint="Give predictions of the same rows and classes.",
            )


def _single_losses(
    predictions: Sequence[np.ndarray],
    y: np.ndarray,
    metric: Metric,
    weight: np.ndarray | None,
    losses: Sequence[float] | None,
    decide: bool,
) -> np.ndarray:
    """Loss of each candidate alone; infinite where its predictions are not finite."""
    if losses is not None:
        if len(losses) != len(predictions):
            raise SettingError(
                f"There are {len(predictions)} candidates and {len(losses)} losses.",
                hint="Give one loss each.",
            )
        known = np.asarray(losses, dtype=np.float64)
        return np.where(np.isnan(known), np.inf, known)
    found = np.full(len(predictions), np.inf)
    for index, prediction in enumerate(predictions):
        if np.isfinite(prediction).all():
            found[index] = judged(metric, y, blend([prediction]), weight, decide)
    return found


def _best_few(order: np.ndarray, alone: np.ndarray, most: int) -> list[int]:
    """The best, and others of low loss that are not far behind it."""
    best = alone[order[0]]
    near = best + NEAR * abs(best)
    return [int(i) for i in order[: max(most, 1)] if alone[i] <= near]


@dataclass
class _Search:
    objective: Objective
    size: int
    max_members: int | None
    tolerance: float
    deadline: Deadline

    def climb(
        self, candidates: Sequence[int], first: Sequence[int] = ()
    ) -> tuple[dict[int, float], list[float]]:
        """How often each candidate was added up to the lowest loss, and the loss of each step.

        The first ones are added whatever they bring.
        """
        self.objective.start()
        for index in first:
            self.objective.add(index)
        path = list(first)
        trajectory: list[float] = []
        reached, lowest = len(path), np.inf
        allowed = list(candidates)
        watched = allowed
        while len(path) < self.size and not self.deadline.passed():
            if self.max_members is not None and len(set(path)) >= self.max_members:
                allowed = watched = sorted(set(path))
            every = not self.objective.costly or len(path) < 3 or len(path) % SCAN_EVERY == 0
            looked = allowed if every else watched
            losses = self.objective.losses(looked, self.deadline)
            if losses is None or not np.isfinite(losses).any():
                break
            if every:
                near = np.argsort(losses, kind="stable")[: max(MIN_WATCHED, len(looked) // 4)]
                watched = sorted(looked[i] for i in near)
            place = int(np.argmin(losses))
            self.objective.add(looked[place])
            path.append(looked[place])
            trajectory.append(float(losses[place]))
            if losses[place] < lowest - self.tolerance:
                reached, lowest = len(path), float(losses[place])
            if lowest <= 0 <= self.tolerance or len(path) - reached >= PATIENCE:
                break
        counts: dict[int, float] = {}
        for index in path[:reached]:
            counts[index] = counts.get(index, 0.0) + 1.0
        return counts, trajectory
