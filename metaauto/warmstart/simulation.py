"""Judge warm starts by replaying a knowledge matrix, leaving each group of tables out in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from metaauto.knowledge import KnowledgeMatrix
from metaauto.warmstart.acquisition import KnownTables, Scheduler
from metaauto.warmstart.candidates import seconds_of_one_fit, sizes_of
from metaauto.warmstart.normalization import on_one_scale, relative_losses
from metaauto.warmstart.runtime_model import Durations, Timing
from metaauto.warmstart.similarity import row_weights, spread_by_size

__all__ = ["FOLDS", "POLICIES", "SECONDS", "TRIALS", "Case", "Regrets", "cases", "replay"]

TRIALS = (1, 3, 5, 10, 20)
"""Numbers of trials after which the regret is told."""

SECONDS = (2.0, 5.0, 10.0, 30.0, 60.0)
"""Budgets in seconds after which the regret is told."""

FOLDS = 3
"""Folds that a trial is taken to have."""

_CAP = 3.0
_LEAST_MEASURED = 5
_MOST_TRIALS = 200


@dataclass(frozen=True)
class Case:
    """One table that is taken for new, and what the others say.

    Parameters
    ----------
    label : str
        Name of the table.
    group : str
        Its group, which the others do not belong to.
    regret : ndarray of shape (configurations,)
        How far each configuration is from the best on it: 0 the best, 1 the median; NaN where it
        was not measured, 1 where it failed or is worse.
    seconds : ndarray of shape (configurations,)
        What each really took, all folds.
    loss : ndarray of shape (configurations,)
        Its real losses; NaN for failures.
    durations : Durations
        What the others say of seconds.
    size : ndarray of shape (6,)
        `size_features` of the table.
    known : KnownTables
        The others, weighed by likeness.
    even : KnownTables
        The others, all alike.
    """

    label: str
    group: str
    regret: np.ndarray
    seconds: np.ndarray
    loss: np.ndarray
    durations: Durations
    size: np.ndarray
    known: KnownTables
    even: KnownTables


@dataclass(frozen=True)
class Regrets:
    """Regret of one policy on every case.

    Parameters
    ----------
    by_trials : ndarray of shape (cases, len(TRIALS))
        After so many trials.
    by_seconds : ndarray of shape (cases, len(SECONDS))
        After so many seconds.
    """

    by_trials: np.ndarray
    by_seconds: np.ndarray


def cases(
    matrix: KnowledgeMatrix,
    replayed: np.ndarray | None = None,
    known: np.ndarray | None = None,
) -> Iterator[Case]:
    """Each table with enough measurements, beside all tables of other groups.

    Parameters
    ----------
    matrix : KnowledgeMatrix
        What is known of one kind of task.
    replayed : ndarray of shape (rows,), bool, optional
        Rows that are taken for new in turn; by default the fullest one of each table.
    known : ndarray of shape (rows,), bool, optional
        Rows that are known beside them; by default all.
    """
    measured = (matrix.n_seen > 0).sum(axis=0) >= _LEAST_MEASURED
    models = [fact.model for fact in np.array(matrix.configurations, dtype=object)[measured]]
    loss, n_seen = matrix.loss[:, measured], matrix.n_seen[:, measured]
    seconds, sizes = seconds_of_one_fit(matrix)[:, measured], sizes_of(matrix)
    enough = np.isfinite(loss).sum(axis=1) >= _LEAST_MEASURED
    replayed = _fullest(matrix.tables, n_seen) if replayed is None else replayed
    known = np.ones(len(enough), dtype=bool) if known is None else known
    for group in dict.fromkeys(matrix.groups):
        inside = matrix.groups == group
        others = ~inside & enough & known
        if not others.any():
            continue
        rest = matrix.rows(others)
        relative = relative_losses(loss[others], n_seen[others], models, rest.tables).values
        durations = Durations(sizes[others], seconds[others], models)
        tables = int(rest.tables.max()) + 1
        even = np.full(tables, 1.0 / tables)
        for row in np.flatnonzero(inside & enough & replayed):
            rows = matrix.training_rows[row]
            weights = row_weights(rest, matrix.metafeatures[row], rows)
            yield Case(
                label=matrix.datasets[row].label or "",
                group=str(group),
                regret=_regret(loss[row], n_seen[row]),
                seconds=FOLDS * seconds[row],
                loss=loss[row],
                durations=durations,
                size=sizes[row],
                known=KnownTables(relative, weights),
                even=KnownTables(relative, spread_by_size(rest, even, rows)),
            )


def _fullest(tables: np.ndarray, n_seen: np.ndarray) -> np.ndarray:
    """Shape (rows,), bool: the row of each table with the most measurements, the first of them."""
    counts = (n_seen > 0).sum(axis=1)
    order = np.lexsort((np.arange(len(tables)), -counts, tables))
    found = np.zeros(len(tables), dtype=bool)
    found[order[np.unique(tables[order], return_index=True)[1]]] = True
    return found


def _regret(loss: np.ndarray, n_seen: np.ndarray) -> np.ndarray:
    regret = on_one_scale(loss, 1.0)
    return np.where(np.isfinite(regret), regret, np.where(n_seen > 0, 1.0, np.nan))


class _Random:
    def __init__(self, case: Case, seed: int) -> None:
        self._order = iter(np.random.default_rng(seed).permutation(len(case.regret)))
        self._measured = np.isfinite(case.regret)

    def next(self, left: float) -> int | None:
        return next((int(c) for c in self._order if self._measured[c]), None)

    def observe(self, column: int, loss: float) -> None:
        """Chance learns nothing."""


class _InOrder:
    """Goes through a fixed order."""

    def __init__(self, order: Sequence[int]) -> None:
        self._order = iter(order)

    def next(self, left: float) -> int | None:
        return next(self._order, None)

    def observe(self, column: int, loss: float) -> None:
        """A fixed order learns nothing."""


class _Scheduled:
    """The shipped warm start, which corrects its seconds by those it sees."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._scheduler = Scheduler(case.known)
        self._timing = Timing(case.durations, case.size, case.known.weights)
        self._allowed = np.isfinite(case.regret)
        self._longest: float | None = None

    def next(self, left: float) -> int | None:
        if self._longest is None:
            self._longest = left / _CAP
        seconds = FOLDS * self._timing.seconds
        choice = self._scheduler.next(seconds, left, self._allowed, longest=self._longest)
        return None if choice is None else choice.column

    def observe(self, column: int, loss: float) -> None:
        seen = min(float(self._case.seconds[column]), self._longest or np.inf)
        self._timing.observe(column, seen / FOLDS)
        self._scheduler.observe(column, loss)


def _cheapest(case: Case) -> _InOrder:
    order = [int(c) for c in np.argsort(case.durations.predict(case.size), kind="stable")]
    return _InOrder([c for c in order if np.isfinite(case.regret[c])])


def _portfolio(case: Case) -> _InOrder:
    """Greedy over all tables alike, blind to seconds (as in auto-sklearn 2)."""
    scheduler = Scheduler(case.even)
    allowed = np.isfinite(case.regret)
    order: list[int] = []
    nothing = np.zeros(len(allowed))
    while len(order) < _MOST_TRIALS:
        choice = scheduler.next(nothing, np.inf, allowed)
        if choice is None:
            break
        order.append(choice.column)
    return _InOrder(order)


POLICIES: Mapping[str, Callable[[Case, int], object]] = {
    "random": _Random,
    "cheapest first": lambda case, seed: _cheapest(case),
    "global portfolio": lambda case, seed: _portfolio(case),
    "metaauto": lambda case, seed: _Scheduled(case),
}
"""Policies by name; the oracle is told by `replay` itself."""


def replay(
    found: Sequence[Case],
    policies: Mapping[str, Callable[[Case, int], object]] = POLICIES,
    seeds: int = 10,
) -> dict[str, Regrets]:
    """Regret of each policy and of the oracle after some trials and after some seconds.

    A trial may take a third of the budget; one that would take longer costs so much and gives
    nothing, for every policy alike. Before the first result the regret is 1.

    Parameters
    ----------
    found : sequence of Case
        From `cases`.
    policies : mapping of str to callable
        ``policy(case, seed)`` with ``next(seconds left)`` and ``observe(column, loss)``.
    seeds : int, default=10
        Runs of a policy named ``random``, which are averaged.
    """
    results = {}
    for name, make in policies.items():
        runs = range(seeds) if name == "random" else range(1)
        by_trials = np.array(
            [np.mean([_by_trials(c, make(c, seed)) for seed in runs], axis=0) for c in found]
        )
        by_seconds = np.array(
            [
                [np.mean([_within(c, make(c, s), budget) for s in runs]) for budget in SECONDS]
                for c in found
            ]
        )
        results[name] = Regrets(by_trials, by_seconds)
    best = np.array([[np.nanmin(c.regret) for _ in TRIALS] for c in found])
    in_time = np.array([[_best_within(c, budget) for budget in SECONDS] for c in found])
    results["oracle"] = Regrets(best, in_time)
    return results


def _by_trials(case: Case, policy: object) -> list[float]:
    best, curve = 1.0, []
    for _ in range(TRIALS[-1]):
        column = policy.next(np.inf)  # type: ignore[attr-defined]
        if column is not None:
            best = min(best, float(case.regret[column]))
            policy.observe(column, float(case.loss[column]))  # type: ignore[attr-defined]
        curve.append(best)
    return [curve[count - 1] for count in TRIALS]


def _within(case: Case, policy: object, budget: float) -> float:
    best, left = 1.0, budget
    while left > 0:
        column = policy.next(left)  # type: ignore[attr-defined]
        if column is None:
            break
        cost, cap = float(case.seconds[column]), budget / _CAP
        if cost > min(cap, left):
            left -= min(cap, left)
            policy.observe(column, float("nan"))  # type: ignore[attr-defined]
            continue
        left -= cost
        best = min(best, float(case.regret[column]))
        policy.observe(column, float(case.loss[column]))  # type: ignore[attr-defined]
    return best


def _best_within(case: Case, budget: float) -> float:
    may = np.isfinite(case.regret) & (case.seconds <= budget / _CAP)
    return float(case.regret[may].min()) if may.any() else 1.0
