"""What a fit gives to the user's own store when it is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from metaauto.configuration import Configuration
from metaauto.fit_state import FitState
from metaauto.knowledge import (
    ConfigurationFact,
    DatasetFact,
    EvaluationFact,
    KnowledgeStore,
    MetafeatureFact,
    here,
    own_store,
)
from metaauto.knowledge.provenance import calibrate
from metaauto.metafeatures import Metafeatures
from metaauto.metrics import METRICS
from metaauto.plugins.registry import Registry
from metaauto.search import Search, Status, Trial
from metaauto.space import SearchSpace
from metaauto.task import reference_task
from metaauto.warmstart import (
    KnowledgeStrategy,
    task_metafeatures,
)

__all__ = ["remember"]

_MOST_OF_OWN = 10
_LIBRARIES = ("numpy", "scikit-learn", "lightgbm", "xgboost", "xgboost-cpu", "catboost")


def remember(state: FitState, search: Search, store: str | Path | None = None) -> int:
    """Add a fit to the user's own store: metafeatures, configurations, losses, seconds.

    Nothing of the rows, the names of columns or their values is stored. Of the configurations
    that were proposed beyond the known ones only the ten best are kept, for others tell later
    fits nothing.

    Parameters
    ----------
    state : FitState
        The fit.
    search : Search
        When it is over.
    store : str or Path, optional
        By default the user's own store.

    Returns
    -------
    int
        Evaluations that were added; none if the metric is not one of metaauto's own.

    Raises
    ------
    KnowledgeError
        If the store cannot be written.
    """
    metric = state.metric.name
    if metric not in METRICS:
        return 0
    trials = _worth_remembering(search.trials)
    if not trials:
        return 0
    path = Path(store) if store is not None else own_store()
    path.parent.mkdir(parents=True, exist_ok=True)
    said = here("fit", libraries=_LIBRARIES, cores=1, speed=calibrate(1))
    originals = _originals(state)
    with KnowledgeStore.create(path, exist_ok=True) as known, known.transaction():
        provenance = known.add_provenance(said)
        dataset = _dataset_fact(state, search, provenance)
        known.add_dataset(dataset)
        count = 0
        for trial in trials:
            configuration = _configuration_fact(trial, originals, state.registry, provenance)
            known.add_configuration(configuration)
            count += known.add_evaluations(
                _evaluation_facts(trial, dataset, configuration, state, provenance)
            )
    return count


def _worth_remembering(trials: Sequence[Trial]) -> list[Trial]:
    own = [t for t in trials if t.source in ("smac", "random") and t.status is Status.SUCCESS]
    own.sort(key=lambda trial: (trial.loss, trial.number))
    kept = {trial.number for trial in own[:_MOST_OF_OWN]}
    known = ("knowledge", "portfolio")
    return [t for t in trials if t.outcomes and (t.source in known or t.number in kept)]


def _originals(state: FitState) -> Mapping[str, Configuration]:
    """Configurations as knowledge has them, with a choice for every slot, by the key tried here."""
    found: dict[str, Configuration] = {}
    whole = SearchSpace(state.registry, reference_task(state.dataset.task.kind))
    for model in state.space.models:
        for configuration in whole.portfolio(model) if model in whole.ranges else ():
            key = state.space.repair(configuration).configuration.key
            found.setdefault(key, configuration)
    if isinstance(state.strategy, KnowledgeStrategy):
        found.update(state.strategy.originals())
    return found


def _dataset_fact(state: FitState, search: Search, provenance: str) -> DatasetFact:
    task = state.dataset.task
    described = search.description.metafeatures if search.description is not None else None
    if described is None:
        versions = {e.name: e.version for e in state.registry.metafeatures() if e.name == "simple"}
        described = Metafeatures(task_metafeatures(task) if versions else {}, versions=versions)
    return DatasetFact(
        fingerprint=state.dataset.fingerprint,
        kind=task.kind,
        n_rows=task.n_rows,
        n_features=len(task.features),
        n_classes=task.n_classes,
        rows_used=len(state.dataset.y),
        source="fit",
        provenance=provenance,
        metafeatures=MetafeatureFact.all_of(described),
    )


def _configuration_fact(
    trial: Trial, originals: Mapping[str, Configuration], registry: Registry, provenance: str
) -> ConfigurationFact:
    entry = registry.entry("model", trial.configuration.model)
    return ConfigurationFact(
        originals.get(trial.configuration.key, trial.configuration),
        provenance,
        entry.component.space_version,
        entry.plugin.distribution,
        entry.plugin.version,
    )


def _evaluation_facts(
    trial: Trial,
    dataset: DatasetFact,
    configuration: ConfigurationFact,
    state: FitState,
    provenance: str,
) -> list[EvaluationFact]:
    protocol = f"fit/{len(state.splits.folds)}-fold"
    found = []
    for fold, outcome in sorted(trial.outcomes.items()):
        losses: dict[str, Any] = {}
        if outcome.status is Status.SUCCESS:
            losses = {state.metric.name: trial.fold_losses.get(fold, float("nan"))}
            losses = {name: loss for name, loss in losses.items() if loss == loss}
            if not losses:
                continue
        elif outcome.status in (Status.STOPPED, Status.TIMEOUT):
            # The limit was what was left of this fit's budget, which says nothing of another's.
            continue
        found.append(
            EvaluationFact(
                dataset.fingerprint,
                dataset.kind,
                configuration.key,
                protocol,
                fold,
                str(outcome.status),
                provenance,
                losses,
                outcome.own_seconds,
                outcome.predict_seconds,
                outcome.memory,
            )
        )
    return found
