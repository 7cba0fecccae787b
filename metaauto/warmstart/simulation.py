"""Simulate warm starts on a knowledge matrix, leave-one-group-out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from metaauto.knowledge import KnowledgeMatrix
from metaauto.warmstart.acquisition import Acquisition, KnownDatasets
from metaauto.warmstart.candidates import seconds_of_one_fit, sizes_of
from metaauto.warmstart.normalization import normalise, normalise_losses
from metaauto.warmstart.runtime_model import Correction, Durations
from metaauto.warmstart.similarity import row_weights, spread_by_size

__all__ = ["FOLDS", "POLICIES", "SECONDS", "TRIALS", "Case", "Regrets", "cases", "simulate"]

TRIALS = (1, 3, 5, 10, 20)
"""Numbers of trials after which the regret is computed."""

SECONDS = (2.0, 5.0, 10.0, 30.0, 60.0)
"""Budgets in seconds for which the regret is computed."""

FOLDS = 3
"""Assumed folds per trial."""

_TRIALS_PER_BUDGET = 3.0
_MIN_EVALUATED = 5
_MAX_TRIALS = 200


@dataclass(frozen=True)
class Case:
    """One dataset that is treated as new, and the knowledge of the other groups.

    Parameters
    ----------
    label : str
        Name of the dataset.
    group : str
        Its group, none of whose datasets are known.
    regret : ndarray of shape (configurations,)
        Normalised loss of each configuration on the dataset: 0 for the best, 1 for the median and
        for worse or failed ones; NaN where the configuration was not evaluated.
    seconds : ndarray of shape (configurations,)
        Actual seconds of all folds.
    loss : ndarray of shape (configurations,)
        Actual losses; NaN for failures.
    durations : Durations
        Runtime model of the other datasets.
    size : ndarray of shape (6,)
        `size_features` of the dataset.
    known : KnownDatasets
        Other datasets, weighted by similarity.
    uniform : KnownDatasets
        Other datasets with equal weights.
    """

    label: str
    group: str
    regret: np.ndarray
    seconds: np.ndarray
    loss: np.ndarray
    durations: Durations
    size: np.ndarray
    known: KnownDatasets
    uniform: KnownDatasets


@dataclass(frozen=True)
class Regrets:
    """Regret of one policy on every case.

    Parameters
    ----------
    by_trials : ndarray of shape (cases, len(TRIALS))
        Regret after each number of trials.
    by_seconds : ndarray of shape (cases, len(SECONDS))
        Regret at each budget in seconds.
    """

    by_trials: np.ndarray
    by_seconds: np.ndarray


def cases(
    matrix: KnowledgeMatrix,
    evaluated: np.ndarray | None = None,
    known: np.ndarray | None = None,
) -> Iterator[Case]:
    """Yield each dataset with enough evaluations, with the datasets of all other groups.

    Parameters
    ----------
    matrix : KnowledgeMatrix
        Knowledge of one kind of task.
    evaluated : ndarray of shape (rows,), bool, optional
        Rows that are treated as new in turn; by default the row of each dataset with the most
        evaluations.
    known : ndarray of shape (rows,), bool, optional
        Rows that may be known; by default all.
    """
    columns = (matrix.n_seen > 0).sum(axis=0) >= _MIN_EVALUATED
    models = [fact.model for fact in np.array(matrix.configurations, dtype=object)[columns]]
    loss, n_seen = matrix.loss[:, columns], matrix.n_seen[:, columns]
    seconds, sizes = seconds_of_one_fit(matrix)[:, columns], sizes_of(matrix)
    enough = np.isfinite(loss).sum(axis=1) >= _MIN_EVALUATED
    evaluated = _fullest(matrix.tables, n_seen) if evaluated is None else evaluated
    known = np.ones(len(enough), dtype=bool) if known is None else known
    for group in dict.fromkeys(matrix.groups):
        inside = matrix.groups == group
        others = ~inside & enough & known
        if not others.any():
            continue
        rest = matrix.rows(others)
        losses = normalise_losses(loss[others], n_seen[others], models, rest.tables).values
        durations = Durations(sizes[others], seconds[others], models)
        n_datasets = int(rest.tables.max()) + 1
        uniform = np.full(n_datasets, 1.0 / n_datasets)
        for row in np.flatnonzero(inside & enough & evaluated):
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
                known=KnownDatasets(losses, weights),
                uniform=KnownDatasets(losses, spread_by_size(rest, uniform, rows)),
            )


def _fullest(tables: np.ndarray, n_seen: np.ndarray) -> np.ndarray:
    """Mark the first row of each dataset with the most evaluations; shape (rows,), bool."""
    counts = (n_seen > 0).sum(axis=1)
    order = np.lexsort((np.arange(len(tables)), -counts, tables))
    marked = np.zeros(len(tables), dtype=bool)
    marked[order[np.unique(tables[order], return_index=True)[1]]] = True
    return marked


def _regret(loss: np.ndarray, n_seen: np.ndarray) -> np.ndarray:
    regret = normalise(loss, 1.0)
    return np.where(np.isfinite(regret), regret, np.where(n_seen > 0, 1.0, np.nan))


class _RandomPolicy:
    def __init__(self, case: Case, seed: int) -> None:
        self._order = iter(np.random.default_rng(seed).permutation(len(case.regret)))
        self._allowed = np.isfinite(case.regret)

    def next(self, left: float) -> int | None:
        return next((int(c) for c in self._order if self._allowed[c]), None)

    def observe(self, column: int, loss: float) -> None:
        """Do nothing: random order does not depend on results."""


class _FixedOrderPolicy:
    """Try configurations in a fixed order."""

    def __init__(self, order: Sequence[int]) -> None:
        self._order = iter(order)

    def next(self, left: float) -> int | None:
        return next(self._order, None)

    def observe(self, column: int, loss: float) -> None:
        """Do nothing: a fixed order does not depend on results."""


class _WarmStartPolicy:
    """The knowledge strategy, with its runtime model corrected by observed seconds."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._acquisition = Acquisition(case.known)
        self._predicted = case.durations.log_seconds(case.size, case.known.weights)
        self._correction = Correction(*case.durations.factors())
        self._ratios: dict[int, float] = {}
        self._allowed = np.isfinite(case.regret)
        self._longest: float | None = None

    def next(self, left: float) -> int | None:
        if self._longest is None:
            self._longest = left / _TRIALS_PER_BUDGET
        seconds = FOLDS * np.exp(self._predicted + self._correction.shift(self._ratios))
        proposal = self._acquisition.propose(seconds, left, self._allowed, longest=self._longest)
        return None if proposal is None else proposal.column

    def observe(self, column: int, loss: float) -> None:
        seconds = min(float(self._case.seconds[column]), self._longest or np.inf)
        if seconds > 0:
            self._ratios[column] = float(np.log(seconds / FOLDS) - self._predicted[column])
        self._acquisition.observe(column, loss)


def _cheapest(case: Case) -> _FixedOrderPolicy:
    order = [int(c) for c in np.argsort(case.durations.log_seconds(case.size), kind="stable")]
    return _FixedOrderPolicy([c for c in order if np.isfinite(case.regret[c])])


def _portfolio(case: Case) -> _FixedOrderPolicy:
    """Build a greedy portfolio over all datasets, without seconds (as in auto-sklearn 2)."""
    acquisition = Acquisition(case.uniform)
    allowed = np.isfinite(case.regret)
    order: list[int] = []
    no_seconds = np.zeros(len(allowed))
    while len(order) < _MAX_TRIALS:
        proposal = acquisition.propose(no_seconds, np.inf, allowed)
        if proposal is None:
            break
        order.append(proposal.column)
    return _FixedOrderPolicy(order)


POLICIES: Mapping[str, Callable[[Case, int], object]] = {
    "random": _RandomPolicy,
    "cheapest first": lambda case, seed: _cheapest(case),
    "global portfolio": lambda case, seed: _portfolio(case),
    "metaauto": lambda case, seed: _WarmStartPolicy(case),
}
"""Policies by name; `simulate` adds the oracle."""


def simulate(
    evaluated: Sequence[Case],
    policies: Mapping[str, Callable[[Case, int], object]] = POLICIES,
    seeds: int = 10,
) -> dict[str, Regrets]:
    """Return the regret of each policy and of the oracle, by trials and by seconds.

    A trial may use a third of the budget. A longer trial costs a third of the budget and gives no
    result, for every policy. Before the first result the regret is 1.

    Parameters
    ----------
    evaluated : sequence of Case
        From `cases`.
    policies : mapping of str to callable
        ``policy(case, seed)`` with ``next(seconds left)`` and ``observe(column, loss)``.
    seeds : int, default=10
        Number of runs of the policy ``random``; its regrets are averaged.
    """
    results = {}
    for name, make in policies.items():
        runs = range(seeds) if name == "random" else range(1)
        by_trials = np.array(
            [np.mean([_by_trials(c, make(c, seed)) for seed in runs], axis=0) for c in evaluated]
        )
        by_seconds = np.array(
            [
                [np.mean([_within(c, make(c, s), budget) for s in runs]) for budget in SECONDS]
                for c in evaluated
            ]
        )
        results[name] = Regrets(by_trials, by_seconds)
    best = np.array([[np.nanmin(c.regret) for _ in TRIALS] for c in evaluated])
    in_time = np.array([[_best_within(c, budget) for budget in SECONDS] for c in evaluated])
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
        cost, limit = float(case.seconds[column]), budget / _TRIALS_PER_BUDGET
        if cost > min(limit, left):
            left -= min(limit, left)
            policy.observe(column, float("nan"))  # type: ignore[attr-defined]
            continue
        left -= cost
        best = min(best, float(case.regret[column]))
        policy.observe(column, float(case.loss[column]))  # type: ignore[attr-defined]
    return best


def _best_within(case: Case, budget: float) -> float:
    is_in_time = np.isfinite(case.regret) & (case.seconds <= budget / _TRIALS_PER_BUDGET)
    return float(case.regret[is_in_time].min()) if is_in_time.any() else 1.0
