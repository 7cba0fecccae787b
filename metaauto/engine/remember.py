"""Add the results of a finished fit to the user's own knowledge store."""

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
from metaauto.warmstart import task_metafeatures
from metaauto.warmstart.candidates import repaired_configurations
from metaauto.warmstart.earlier import EARLIER_MODEL

__all__ = ["remember"]

_MAX_SEARCHED = 10
_LIBRARIES = ("numpy", "scikit-learn", "lightgbm", "xgboost", "xgboost-cpu", "catboost")


def remember(
    state: FitState,
    search: Search,
    store: str | Path | None = None,
    *,
    timeout: float = 30.0,
    speed: float | None = None,
) -> int:
    """Add a fit to the user's own store: metafeatures, configurations, losses, seconds.

    Rows, column names and values are not stored. Of the configurations proposed by SMAC or random
    search only the ten best are kept, because the others are not useful for later fits.

    Parameters
    ----------
    state : FitState
        The fit.
    search : Search
        The finished search.
    store : str or Path, optional
        Path of the store; by default the user's own store.
    timeout : float, default=30.0
        Seconds to wait for another writing process.
    speed : float, optional
        Speed of the machines that ran the trials, see `calibrate`; by default it is measured here.

    Returns
    -------
    int
        Number of added evaluations; 0 if the metric is not built in.

    Raises
    ------
    KnowledgeError
        If the store cannot be written.
    """
    metric = state.metric.name
    if metric not in METRICS:
        return 0
    trials = _useful_trials(search.trials)
    if not trials:
        return 0
    path = Path(store) if store is not None else own_store()
    path.parent.mkdir(parents=True, exist_ok=True)
    provenance_fact = here(
        "fit", libraries=_LIBRARIES, cores=1, speed=calibrate(1) if speed is None else speed
    )
    originals = _originals(state)
    with KnowledgeStore.create(path, exist_ok=True, timeout=timeout) as own, own.transaction():
        provenance = own.add_provenance(provenance_fact)
        dataset = _dataset_fact(state, search, provenance)
        own.add_dataset(dataset)
        count = 0
        for trial in trials:
            configuration = _configuration_fact(trial, originals, state.registry, provenance)
            own.add_configuration(configuration)
            count += own.add_evaluations(
                _evaluation_facts(trial, dataset, configuration, state, provenance)
            )
    return count


def _useful_trials(trials: Sequence[Trial]) -> list[Trial]:
    # Losses of other numbers of rows, or of a part of the training, are not comparable.
    trials = [t for t in trials if t.rows is None and t.share == 1.0]
    searched = [t for t in trials if t.source in ("smac", "random") and t.status is Status.SUCCESS]
    searched.sort(key=lambda trial: (trial.loss, trial.number))
    kept = {trial.number for trial in searched[:_MAX_SEARCHED]}
    warm_start = (EARLIER_MODEL, "knowledge", "portfolio")
    return [t for t in trials if t.outcomes and (t.source in warm_start or t.number in kept)]


def _originals(state: FitState) -> Mapping[str, Configuration]:
    """Return the complete configurations, with a value for every slot, by the repaired key."""
    originals: dict[str, Configuration] = {}
    complete = SearchSpace(state.registry, reference_task(state.dataset.task.kind))
    for model in state.space.models:
        for configuration in complete.portfolio(model) if model in complete.ranges else ():
            key = state.space.repair(configuration).configuration.key
            originals.setdefault(key, configuration)
    if state.knowledge.matrix is not None:
        stored = state.knowledge.matrix.configurations
        chosen, _ = repaired_configurations(state.knowledge.matrix, state.space)
        originals |= {repaired.key: stored[n].configuration for repaired, n in chosen.items()}
    return originals


def _dataset_fact(state: FitState, search: Search, provenance: str) -> DatasetFact:
    task = state.dataset.task
    metafeatures = search.description.metafeatures if search.description is not None else None
    if metafeatures is None:
        versions = {e.name: e.version for e in state.registry.metafeatures() if e.name == "simple"}
        metafeatures = Metafeatures(task_metafeatures(task) if versions else {}, versions=versions)
    return DatasetFact(
        fingerprint=state.dataset.fingerprint,
        kind=task.kind,
        n_rows=task.n_rows,
        n_features=len(task.features),
        n_classes=task.n_classes,
        rows_used=len(state.dataset.y),
        source="fit",
        provenance=provenance,
        metafeatures=MetafeatureFact.all_of(metafeatures),
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
    facts = []
    for fold, outcome in sorted(trial.outcomes.items()):
        losses: dict[str, Any] = {}
        if outcome.status is Status.SUCCESS:
            losses = {state.metric.name: trial.fold_losses.get(fold, float("nan"))}
            losses = {name: loss for name, loss in losses.items() if loss == loss}
            if not losses:
                continue
        elif outcome.status in (Status.STOPPED, Status.TIMEOUT):
            # The time limit was the rest of this fit's budget and does not apply to other fits.
            continue
        facts.append(
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
    return facts
