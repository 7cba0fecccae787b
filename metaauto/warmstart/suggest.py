"""Suggest the first configurations of a fit, with reasons, without fitting any."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from metaauto.components import SLOTS
from metaauto.components.hyperparameters import Scalar
from metaauto.components.strategy import Recommendation, WarmStart
from metaauto.configuration import Configuration
from metaauto.data import Dataset, Splits
from metaauto.knowledge import LoadedKnowledge
from metaauto.metafeatures import describe
from metaauto.metrics import METRICS
from metaauto.space import SearchSpace
from metaauto.task import Role, Task

__all__ = ["SuggestedConfiguration", "Suggestion", "suggest"]

_AMPLE_SECONDS = 3600.0
_DESCRIBE_SECONDS = 1.5


@dataclass(frozen=True)
class SuggestedConfiguration:
    """One configuration of a `Suggestion`.

    Parameters
    ----------
    configuration : Configuration
        The configuration, repaired into the search space.
    changes : mapping of str to scalar
        Values that differ from the model's default, its own hyperparameters first.
    source : str
        ``"knowledge"``, or ``"portfolio"`` for a recommendation of the model's author.
    why : str
        The reason, one clause.
    worker_seconds : float, optional
        Expected seconds of all folds on this machine, one after the other.
    seconds : float, optional
        Expected seconds with the folds distributed over the cores.
    score : float, optional
        Mean score on similar datasets by `Suggestion.known_metric`, where scores of different
        datasets are comparable.
    """

    configuration: Configuration
    changes: Mapping[str, Scalar]
    source: str
    why: str
    worker_seconds: float | None = None
    seconds: float | None = None
    score: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        values = {name: value for name, value in asdict(self).items() if name != "configuration"}
        return {**self.configuration.to_json(), **values}


@dataclass(frozen=True)
class Suggestion:
    """The task, the similar datasets, and the first configurations of a fit.

    Parameters
    ----------
    task : Task
        Kind of task, target, metric and columns.
    folds : int
        Folds per configuration.
    validation : str
        Description of the validation.
    stores : mapping of str to int
        Number of datasets of this kind by store; empty without knowledge.
    known_metric : str
        The stored metric used for the task's metric; empty without knowledge.
    datasets, known : int
        Number of known datasets, and of stored configurations that can be tried.
    similar : tuple of (str, float)
        The most similar known datasets and their weights; the weights of all datasets sum to one.
    configurations : tuple of SuggestedConfiguration
        The first configurations, in order.
    skipped : mapping of str to int
        Number of stored configurations that cannot be tried, by reason.
    unfit : mapping of str to str
        Installed models that do not support this task, with the reason.
    problems : tuple of str
        Stores that could not be used, with the reason.
    """

    task: Task
    folds: int
    validation: str
    stores: Mapping[str, int]
    known_metric: str
    datasets: int
    known: int
    similar: tuple[tuple[str, float], ...]
    configurations: tuple[SuggestedConfiguration, ...]
    skipped: Mapping[str, int]
    unfit: Mapping[str, str]
    problems: tuple[str, ...] = ()

    @property
    def roles(self) -> dict[str, int]:
        """Number of features by role."""
        counts = Counter(column.role for column in self.task.features)
        return {str(role): counts[role] for role in Role if counts[role]}

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        task = self.task
        return {
            "task": task.kind,
            "target": task.target,
            "metric": task.metric,
            "positive": task.positive,
            "rows": task.n_rows,
            "columns": len(task.columns),
            "features": self.roles,
            "classes": task.n_classes,
            "folds": self.folds,
            "validation": self.validation,
            "stores": dict(self.stores),
            "known_metric": self.known_metric,
            "known_tables": self.datasets,
            "known_configurations": self.known,
            "similar": [{"dataset": name, "weight": weight} for name, weight in self.similar],
            "configurations": [entry.to_json() for entry in self.configurations],
            "skipped": dict(self.skipped),
            "unfit": dict(self.unfit),
            "problems": list(self.problems),
        }


def suggest(
    dataset: Dataset,
    splits: Splits,
    space: SearchSpace,
    knowledge: LoadedKnowledge,
    strategy: WarmStart,
    *,
    top: int = 10,
    cores: int = 1,
    similar: int = 5,
    describe_seconds: float = _DESCRIBE_SECONDS,
    seed: int = 0,
) -> Suggestion:
    """Suggest the first configurations of a fit without fitting any; an ample budget is assumed.

    The metafeatures of the dataset are computed and compared with those of the known datasets.
    Then the strategy is asked for its recommendations, without results.

    Parameters
    ----------
    dataset : Dataset
        The dataset; its task defines the metric.
    splits : Splits
        Folds and holdout.
    space : SearchSpace
        The search space.
    knowledge : LoadedKnowledge
        Knowledge of other datasets.
    strategy : WarmStart
        A strategy that was not asked yet.
    top : int, default=10
        Maximum number of configurations.
    cores : int, default=1
        Cores that folds are distributed over.
    similar : int, default=5
        Maximum number of similar datasets to list.
    describe_seconds : float, default=1.5
        Time limit of the metafeatures.
    seed : int, default=0
        Seed of the subsample for metafeatures.

    Returns
    -------
    Suggestion
    """
    folds = len(splits.folds)
    # Computing them takes about a second.
    if strategy.uses_metafeatures:
        extractors = space.registry.metafeatures()
        strategy.inform(describe(dataset, extractors, seconds=describe_seconds, seed=seed))
    known = strategy.summary()
    is_known = known.configurations > 0
    return Suggestion(
        task=dataset.task,
        folds=folds,
        validation=splits.description,
        stores=dict(knowledge.used) if is_known else {},
        known_metric=knowledge.metric if is_known else "",
        datasets=known.datasets,
        known=known.configurations,
        similar=known.similar[:similar],
        configurations=_first(
            strategy, space, knowledge.metric if is_known else "", top, folds, cores
        ),
        skipped=known.skipped,
        unfit=dict(space.skipped),
        problems=knowledge.problems,
    )


def _first(
    strategy: WarmStart, space: SearchSpace, metric: str, top: int, folds: int, cores: int
) -> tuple[SuggestedConfiguration, ...]:
    suggested: list[SuggestedConfiguration] = []
    while len(suggested) < top:
        recommendation = strategy.recommend(_AMPLE_SECONDS)
        if recommendation is None:
            break
        suggested.append(_suggested(recommendation, space, metric, folds, cores))
    return tuple(suggested)


def _suggested(
    recommendation: Recommendation, space: SearchSpace, metric: str, folds: int, cores: int
) -> SuggestedConfiguration:
    configuration, loss = recommendation.configuration, recommendation.expected_loss
    defaults = space.default(configuration.model).values
    changed = [
        name for name, value in configuration.values.items() if defaults.get(name, ...) != value
    ]
    changed.sort(key=lambda name: (name.partition(".")[0] in SLOTS, name))
    seconds = recommendation.expected_seconds
    rounds = math.ceil(folds / max(cores, 1))
    return SuggestedConfiguration(
        configuration,
        {name: configuration.values[name] for name in changed},
        recommendation.source,
        recommendation.why,
        seconds,
        None if seconds is None else seconds * rounds / folds,
        METRICS[metric].loss_to_score(loss) if loss is not None and metric in METRICS else None,
    )
