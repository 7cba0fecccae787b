"""What to try first on a table, and why, without trying anything."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from metaauto.components import SLOTS
from metaauto.components.hyperparameters import Scalar
from metaauto.components.strategy import Recommendation, WarmStart
from metaauto.configuration import Configuration
from metaauto.data import Dataset, Splits, plan_splits
from metaauto.errors import Refused
from metaauto.metafeatures import describe
from metaauto.metrics import METRICS
from metaauto.plugins.registry import Registry
from metaauto.space import SearchSpace
from metaauto.task import Role, Task
from metaauto.warmstart.knowledge_strategy import KnowledgeStrategy
from metaauto.warmstart.portfolio import DefaultPortfolio
from metaauto.warmstart.runtime_model import RuntimeModel
from metaauto.warmstart.select import KNOWLEDGE, knowledge_for_task, select_strategy

__all__ = ["Suggested", "Suggestion", "suggest"]

_PLENTY = 3600.0
_DESCRIBE_SECONDS = 1.5


@dataclass(frozen=True)
class Suggested:
    """One configuration of a `Suggestion`.

    Parameters
    ----------
    configuration : Configuration
        As it would be tried on this table.
    changes : mapping of str to scalar
        Those of its values that are not the model's default here, its own hyperparameters first.
    source : str
        ``"knowledge"``, or ``"portfolio"`` where its author recommends it.
    why : str
        One clause for people.
    worker_seconds : float, optional
        Seconds all its folds are expected to take on this machine, one after the other.
    seconds : float, optional
        The same with the folds spread over the cores.
    score : float, optional
        Its mean score on similar tables by `Suggestion.known_metric`, where scores of different
        tables can be compared.
    """

    configuration: Configuration
    changes: Mapping[str, Scalar]
    source: str
    why: str
    worker_seconds: float | None = None
    seconds: float | None = None
    score: float | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        about = {name: value for name, value in asdict(self).items() if name != "configuration"}
        return {**self.configuration.to_json(), **about}


@dataclass(frozen=True)
class Suggestion:
    """What a table is, what it resembles, and what to try first on it.

    Parameters
    ----------
    task : Task
        What is to be learned.
    folds : int
        Folds each configuration would be judged by.
    validation : str
        How the rows would be split, for people.
    stores : mapping of str to int
        Tables of this kind by store; empty if nothing is known.
    known_metric : str
        The stored metric that stands for the task's; empty if nothing is known.
    datasets, known : int
        Known tables that are compared, and stored configurations that can be tried here.
    similar : tuple of (str, float)
        The known tables most like this one, and their weights; all weights sum to one.
    configurations : tuple of Suggested
        What to try first, in this order.
    skipped : mapping of str to int
        Why stored configurations cannot be tried here, and how many.
    unfit : mapping of str to str
        Installed models that cannot do this task, and why.
    problems : tuple of str
        Stores that could not be used, and why.
    """

    task: Task
    folds: int
    validation: str
    stores: Mapping[str, int]
    known_metric: str
    datasets: int
    known: int
    similar: tuple[tuple[str, float], ...]
    configurations: tuple[Suggested, ...]
    skipped: Mapping[str, int]
    unfit: Mapping[str, str]
    problems: tuple[str, ...] = ()

    @property
    def roles(self) -> dict[str, int]:
        """How many of the columns that models see have which role."""
        counts = Counter(column.role for column in self.task.features)
        return {str(role): counts[role] for role in Role if counts[role]}

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        task = self.task
        return {
            "task": task.kind,
            "target": task.target,
            "metric": task.metric,
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
            "configurations": [found.to_json() for found in self.configurations],
            "skipped": dict(self.skipped),
            "unfit": dict(self.unfit),
            "problems": list(self.problems),
        }


def suggest(
    dataset: Dataset,
    registry: Registry,
    *,
    knowledge: bool | str | Path = True,
    strategy: str = KNOWLEDGE,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    top: int = 10,
    cores: int = 1,
    similar: int = 5,
    describe_seconds: float = _DESCRIBE_SECONDS,
    seed: int = 0,
    splits: Splits | None = None,
) -> Suggestion:
    """Recommend the first configurations of a fit with time enough, without fitting any.

    The table is described by its metafeatures, compared with the tables of the knowledge stores,
    and the strategy that a fit would follow is asked again and again.

    Parameters
    ----------
    dataset : Dataset
        From `metaauto.data.prepare`; its task names the metric.
    registry : Registry
        Installed components.
    knowledge : bool, str or Path, default=True
        As in `metaauto.engine.options.FitOptions`.
    strategy : str, default='knowledge'
        Name of the strategy that is asked.
    include, exclude : sequence of str
        Models or plugins to use alone, or not at all.
    top : int, default=10
        So many configurations at most.
    cores : int, default=1
        Cores that folds are spread over.
    similar : int, default=5
        So many similar tables are named at most.
    describe_seconds : float, default=1.5
        Time limit of the metafeatures.
    seed : int, default=0
        Seed of the folds and of the sample that is described.
    splits : Splits, optional
        How the rows are split; by default as a fit without further options would.

    Returns
    -------
    Suggestion

    Raises
    ------
    KnowledgeError
        The store that was named cannot be used.
    Refused
        No model can do this task.
    UnknownName
        There is no strategy of that name, or no model or plugin to include or exclude.

    Examples
    --------
    >>> import pandas as pd
    >>> from metaauto.data import prepare
    >>> from metaauto.plugins.manager import PluginSettings, load_plugins
    >>> registry = load_plugins(PluginSettings(only=())).registry
    >>> table = pd.DataFrame({"size": [1.5, 2, 3, 2.5] * 10, "sold": ["yes", "no"] * 20})
    >>> found = suggest(prepare(table, "sold"), registry, knowledge=False, include=["lda"])
    >>> found.configurations[0].configuration.model, found.folds
    ('lda', 8)
    """
    selected = registry.select(include, exclude)
    space = SearchSpace(selected, dataset.task)
    if not space.models:
        reasons = "; ".join(f"{name} {why}" for name, why in space.skipped.items())
        raise Refused(f"No model can do this task: {reasons}.", hint="Include others.")
    splits = splits or plan_splits(dataset, seed=seed, cores=cores)
    folds = len(splits.folds)
    runtime = RuntimeModel(space, folds)
    loaded = knowledge_for_task(dataset, knowledge, selected)
    start = select_strategy(loaded, space, runtime, folds, name=strategy)
    warm = start if isinstance(start, KnowledgeStrategy) else None
    # What its authors recommend is the same for every table, and describing one takes a second.
    if not isinstance(start, DefaultPortfolio):
        extractors = selected.metafeatures()
        start.inform(describe(dataset, extractors, seconds=describe_seconds, seed=seed))
    about = {} if warm is None else warm.summary()
    return Suggestion(
        task=dataset.task,
        folds=folds,
        validation=splits.description,
        stores={} if warm is None else dict(loaded.used),
        known_metric="" if warm is None else loaded.metric,
        datasets=about.get("datasets", 0),
        known=about.get("configurations", 0),
        similar=() if warm is None else tuple(warm.similar(similar)),
        configurations=_first(start, space, loaded.metric if warm else "", top, folds, cores),
        skipped=about.get("skipped", {}),
        unfit=dict(space.skipped),
        problems=loaded.problems,
    )


def _first(
    strategy: WarmStart, space: SearchSpace, metric: str, top: int, folds: int, cores: int
) -> tuple[Suggested, ...]:
    found: list[Suggested] = []
    while len(found) < top:
        recommended = strategy.recommend(_PLENTY)
        if recommended is None:
            break
        found.append(_told(recommended, space, metric, folds, cores))
    return tuple(found)


def _told(
    recommended: Recommendation, space: SearchSpace, metric: str, folds: int, cores: int
) -> Suggested:
    configuration, loss = recommended.configuration, recommended.expected_loss
    usual = space.default(configuration.model).values
    changed = [
        name for name, value in configuration.values.items() if usual.get(name, ...) != value
    ]
    changed.sort(key=lambda name: (name.partition(".")[0] in SLOTS, name))
    seconds = recommended.expected_seconds
    rounds = math.ceil(folds / max(cores, 1))
    return Suggested(
        configuration,
        {name: configuration.values[name] for name in changed},
        recommended.source,
        recommended.why,
        seconds,
        None if seconds is None else seconds * rounds / folds,
        METRICS[metric].loss_to_score(loss) if loss is not None and metric in METRICS else None,
    )
