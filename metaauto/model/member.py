"""A member of an ensemble: one configuration and its fitted models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

__all__ = ["Member"]


@dataclass
class Member:
    """One configuration of the ensemble, with a fitted model for each fold.

    Parameters
    ----------
    name : str
        Name on the leaderboard, such as ``"lightgbm-12"``.
    model : str
        Name of the model component.
    values : dict
        Configuration values, JSON-ready.
    weight : float
        Weight in the ensemble; weights need not sum to one.
    estimators : sequence of sklearn.pipeline.Pipeline
        Fold models, which take typed frames; a fold may lack a class. After a fit they are loaded
        when they are first used.
    plugin, distribution, version : str
        Source of the component: plugin, distribution (pip name) and version.
    trusted : tuple of str, optional
        Types that plugins declare as trusted. A member with another type cannot be saved, since
        its file could not be loaded. By default any type can be saved.
    rounds : int, optional
        Mean training rounds of the fold models, for a refit; None for models without early
        stopping, and those that need validation rows for it.
    all_rows : sequence of sklearn.pipeline.Pipeline
        At most one model that was trained on the rows of all folds; it counts as much as the fold
        models together.
    """

    name: str
    model: str
    values: dict[str, Any]
    weight: float
    estimators: Sequence[Any]
    plugin: str = "builtin"
    distribution: str = ""
    version: str = ""
    trusted: tuple[str, ...] | None = field(default=None, repr=False)
    rounds: int | None = None
    all_rows: Sequence[Any] = ()

    @property
    def parts(self) -> list[tuple[str, float, Sequence[Any]]]:
        """Return name, weight and models of what `average` takes the mean of."""
        if not self.all_rows:
            return [(self.name, self.weight, self.estimators)]
        return [(self.name, self.weight / 2, part) for part in (self.estimators, self.all_rows)]

    def of_folds(self, folds: int | None) -> Member:
        """Return the member with some of its models; see `FinalModel.prune`."""
        if folds == 1 and self.all_rows:
            return replace(self, estimators=self.all_rows, all_rows=())
        return replace(self, estimators=self.estimators[:folds])
