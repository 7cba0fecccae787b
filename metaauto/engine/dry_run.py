"""Plan a fit without fitting: column roles, folds, metric and first configurations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from metaauto.budget import Budget
from metaauto.data import Dataset
from metaauto.engine.options import FitOptions
from metaauto.engine.setup import prepare_fit
from metaauto.progress.reporter import EventReporter
from metaauto.warmstart.select import source_of_first
from metaauto.warmstart.suggest import Suggestion, suggest

__all__ = ["Plan", "plan_fit"]


@dataclass(frozen=True)
class Plan:
    """The plan of a fit.

    Parameters
    ----------
    dataset : Dataset
        The dataset with the roles of its columns.
    suggestion : Suggestion
        The validation and the first configurations, with reasons.
    holdout_rows : int
        Rows of the holdout.
    clock : Budget
        Limits of seconds, trials, cores and memory.
    source : str
        Where the first configurations come from, as a phrase for the user.
    """

    dataset: Dataset
    suggestion: Suggestion
    holdout_rows: int
    clock: Budget
    source: str

    @property
    def fitting_in(self) -> int:
        """Number of the first configurations that are expected to finish within the budget."""
        left, count = self.clock.seconds - self.clock.reserve, 0
        for suggested in self.suggestion.configurations:
            left -= suggested.seconds or 0.0
            if left < 0:
                break
            count += 1
        return count

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        task = self.dataset.task
        return {
            **self.suggestion.to_json(),
            "columns": [
                {
                    "name": column.name,
                    "role": str(column.role),
                    "distinct": column.n_unique,
                    "missing": column.missing,
                    "reason": column.reason,
                }
                for column in task.columns
            ],
            "findings": [
                {"code": finding.code, "message": finding.message, "column": finding.column}
                for finding in self.dataset.findings
            ],
            "dropped_rows": self.dataset.dropped_rows,
            "holdout_rows": self.holdout_rows,
            "groups": task.groups,
            "time": task.time,
            "weighted": task.weighted,
            "budget": self.clock.seconds if self.clock.is_timed else None,
            "trials": self.clock.trials,
            "cores": self.clock.cores,
            "memory": self.clock.memory,
            "fitting_in": self.fitting_in,
        }


def plan_fit(
    data: Any, target: Any = None, options: FitOptions | None = None, top: int = 10
) -> Plan:
    """Plan a fit: roles of the columns, folds, metric and first configurations.

    Parameters
    ----------
    data : str, Path, DataFrame, array or dict
        As in `metaauto.fit`.
    target : str or array, optional
        The target column or its values; by default the target named by the data source.
    options : FitOptions, optional
        Options of the fit.
    top : int, default=10
        Maximum number of configurations.

    Returns
    -------
    Plan

    Raises
    ------
    MetaautoError
        The data or an option is invalid; the same error as in the fit.

    Examples
    --------
    >>> from metaauto.engine.options import FitOptions
    >>> from metaauto.plugins.manager import PluginSettings
    >>> no_plugins = PluginSettings(only=())
    >>> plan = plan_fit("sklearn:iris", options=FitOptions(knowledge=False, plugins=no_plugins))
    >>> plan.dataset.task.kind, plan.suggestion.folds
    ('multiclass', 8)
    """
    options = options or FitOptions()
    clock = options.clock()
    fit = prepare_fit(data, target, options, clock, EventReporter(clock))
    suggestion = suggest(
        fit.dataset,
        fit.splits,
        fit.space,
        fit.knowledge,
        fit.strategy,
        top=top,
        cores=clock.cores,
        seed=options.seed,
    )
    holdout = 0 if fit.splits.holdout is None else len(fit.splits.holdout)
    source = source_of_first(fit.strategy.summary(), options.strategy, options.knowledge)
    return Plan(fit.dataset, suggestion, holdout, clock, source)
