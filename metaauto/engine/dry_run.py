"""Plan a fit without fitting: column roles, folds, metric and first configurations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from metaauto.budget import Budget
from metaauto.data import Dataset, plan_splits, read_table
from metaauto.engine.options import FitOptions
from metaauto.engine.setup import check_options, check_splits, prepare_task
from metaauto.plugins.manager import PluginSettings, load_plugins
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
    """

    dataset: Dataset
    suggestion: Suggestion
    holdout_rows: int
    clock: Budget

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


def plan_fit(data: Any, target: Any = None, options: FitOptions | None = None) -> Plan:
    """Plan a fit: roles of the columns, folds, metric and first configurations.

    Parameters
    ----------
    data : str, Path, DataFrame, array or dict
        As in `metaauto.fit`.
    target : str or array, optional
        The target column or its values; by default the target named by the data source.
    options : FitOptions, optional
        Options of the fit.

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
    settings = options.plugins or PluginSettings.from_environment()
    registry = load_plugins(settings, options.plugin_objects).registry
    check_options(options, registry)
    frame = read_table(data, registry.readers(), columns=options.named_columns(target))
    target = frame.attrs.get("target") if target is None else target
    dataset, metric = prepare_task(frame, target, options, registry)
    splits = plan_splits(
        dataset,
        cv=options.cv,
        holdout=options.holdout,
        seed=options.seed,
        budget_seconds=clock.seconds if clock.is_timed else None,
        cores=clock.cores,
    )
    check_splits(metric, dataset, splits)
    suggestion = suggest(
        dataset,
        registry,
        knowledge=options.knowledge,
        strategy=options.strategy,
        include=options.include,
        exclude=options.exclude,
        cores=clock.cores,
        splits=splits,
        seed=options.seed,
    )
    holdout = 0 if splits.holdout is None else len(splits.holdout)
    return Plan(dataset, suggestion, holdout, clock)
