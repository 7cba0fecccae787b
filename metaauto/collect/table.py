"""Evaluate configurations on one dataset, which is prepared once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from metaauto.collect.candidates import Candidate
from metaauto.collect.openml_splits import official_folds
from metaauto.collect.plan import BuildPlan
from metaauto.collect.predictions import (
    EXTRA_PART,
    NO_PART,
    PredictedDataset,
    PredictionFile,
)
from metaauto.collect.sources import Source
from metaauto.configuration import Configuration
from metaauto.data import Dataset, plan_splits, prepare
from metaauto.ensemble import quick_decision
from metaauto.files import TemporaryFolder
from metaauto.knowledge import (
    ConfigurationFact,
    DatasetFact,
    EvaluationFact,
    KnowledgeStore,
    MetafeatureFact,
)
from metaauto.metafeatures import describe
from metaauto.metafeatures.sample import sample_rows
from metaauto.metrics import Metric, resolve_metric
from metaauto.plugins.manager import LoadedPlugins, pack_objects
from metaauto.search import Executor, Inputs, Job, Outcome, Setup, Status, write_inputs
from metaauto.space import SearchSpace

__all__ = ["METRICS", "TableEvaluator", "is_small", "slow_models", "some_rows", "subsampled"]

METRICS = {
    "binary": ("roc_auc", "log_loss", "accuracy", "balanced_accuracy", "f1"),
    "multiclass": ("log_loss", "accuracy", "balanced_accuracy", "f1_macro", "roc_auc"),
    "regression": ("rmse", "mae", "median_ae", "r2"),
}
"""Metrics whose losses are stored, by kind of task."""

_SMALL_ROWS = 1500
_SMALL_CELLS = 20_000
_POLL_SECONDS = 1.0


def is_small(rows: int, features: int) -> bool:
    """Return whether all folds are evaluated at once: one fold is noisy, and all are fast."""
    return rows <= _SMALL_ROWS and rows * features <= _SMALL_CELLS


def slow_models(
    facts: Sequence[EvaluationFact], model_of: Mapping[str, str], seconds: float
) -> set[str]:
    """Return the models to skip on a dataset: those with a time-out or with slow fits on average.

    Parameters
    ----------
    facts : sequence of EvaluationFact
        All evaluations of one dataset under one protocol.
    model_of : mapping of str to str
        Model by the key of a configuration.
    seconds : float
        Maximum mean seconds per fit.
    """
    spent: dict[str, list[float]] = {}
    for fact in facts:
        is_late = fact.status == str(Status.TIMEOUT)
        spent.setdefault(model_of[fact.configuration], []).append(
            float("inf") if is_late else fact.seconds
        )
    return {
        model
        for model, found in spent.items()
        if (mean := sum(found) / len(found)) > seconds or mean == float("inf")
    }


class TableEvaluator:
    """Evaluate configurations on a public dataset and store the results.

    Parameters
    ----------
    source : Source
        The dataset.
    store : KnowledgeStore
        Store for the results.
    plugins : LoadedPlugins
        Installed components.
    plan : BuildPlan
        Folds, rows and limits.
    provenance : str
        Key of the provenance of the facts.
    predictions : PredictionFile, optional
        Where to keep the predictions.

    Attributes
    ----------
    seconds : float
        Worker seconds of its evaluations, including those of earlier builds.
    is_described : bool
        Whether metafeatures of this dataset were added to the store.
    """

    def __init__(
        self,
        source: Source,
        store: KnowledgeStore,
        plugins: LoadedPlugins,
        plan: BuildPlan,
        provenance: str,
        predictions: PredictionFile | None = None,
    ) -> None:
        self.source = source
        self._store = store
        self._plugins = plugins
        self._plan = plan
        self._provenance = provenance
        self.protocol = source.protocol(plan.protocol, plan.rows)
        frame = source.load()
        full = prepare(frame, source.target, task=source.kind)
        self.dataset = subsampled(full, plan.rows)
        self.kind = self.dataset.task.kind
        self.space = SearchSpace(plugins.registry, self.dataset.task)
        self._extra = None
        if source.splits is None:
            splits = plan_splits(self.dataset, cv=plan.folds, holdout=plan.holdout, seed=0)
            self._folds, self._extra = splits.folds, splits.holdout
        else:
            self._folds = official_folds(self.dataset, source.splits(), len(frame), plan.folds)
        code = self.dataset.task.positive_code
        self._metrics = [
            resolve_metric(name, self.kind, positive=code) for name in METRICS[self.kind]
        ]
        self._fingerprint = full.fingerprint
        self.is_described = self._describe(full)
        self._predictions = predictions
        self._predicted = self._predicted_dataset()
        if predictions is not None:
            predictions.add_dataset(self._predicted)
        self._done = store.done_keys(self.protocol, self.kind)
        stored = self._stored_evaluations()
        model_of = {fact.key: fact.model for fact in store.configurations()}
        self._too_slow = slow_models(stored, model_of, plan.expected_seconds)
        self.seconds = sum(fact.seconds for fact in stored)
        self._folder = TemporaryFolder("metaauto-build-")

    def __enter__(self) -> TableEvaluator:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def first_folds(self) -> tuple[int, ...]:
        """Return the folds to evaluate first: all folds of a small dataset, otherwise one."""
        task = self.dataset.task
        count = len(self._folds) if is_small(task.n_rows, len(task.features)) else 1
        return tuple(range(count))

    def other_folds(self) -> tuple[int, ...]:
        """Return the remaining folds."""
        first = self.first_folds()
        return tuple(fold for fold in range(len(self._folds)) if fold not in first)

    def evaluate(
        self, selected: Sequence[Candidate], folds: Sequence[int], executor: Executor
    ) -> int:
        """Evaluate configurations on some folds; return the number of new evaluations."""
        waiting = [
            (c.configuration, fold)
            for c in sorted(selected, key=self._cost, reverse=True)
            for fold in folds
            if self._is_due(c.configuration, fold)
        ]
        if not waiting or self.seconds > self._plan.table_seconds:
            return 0
        folder = Path(self._folder.name)
        data = self.dataset
        inputs = Inputs(data.task, data.X, data.y, None, self._folds, self._extra)
        write_inputs(folder / "data", inputs)
        executor.set_up(
            Setup(str(folder), self._plugins.settings, pack_objects(()), keeps_models=False)
        )
        running: dict[int, Configuration] = {}
        number = count = 0
        while waiting or running:
            if self.seconds > self._plan.table_seconds:
                waiting = []
            while waiting and executor.free():
                configuration, fold = waiting.pop(0)
                if configuration.model in self._too_slow:
                    continue
                number += 1
                running[number] = configuration
                executor.submit(self._job(number, configuration, fold))
            for outcome in executor.wait(_POLL_SECONDS):
                if isinstance(outcome, Outcome):
                    self._record(running.pop(outcome.trial), outcome)
                    count += 1
        # The folder must not be removed while a worker reads the dataset.
        while executor.free() < executor.workers:
            executor.wait(_POLL_SECONDS)
        return count

    def _cost(self, candidate: Candidate) -> float:
        return self._plugins.registry.model(candidate.configuration.model).cost

    def _is_due(self, configuration: Configuration, fold: int) -> bool:
        model = configuration.model
        if model not in self.space.ranges or model in self._too_slow:
            return False
        fact = self._fact(configuration)
        key = (self._fingerprint, self.kind, fact.key, self.protocol, fold)
        return key not in self._done

    def _stored_evaluations(self) -> list[EvaluationFact]:
        facts = self._store.evaluations(self.kind, fingerprint=self._fingerprint)
        return [fact for fact in facts if fact.protocol == self.protocol]

    def _job(self, number: int, configuration: Configuration, fold: int) -> Job:
        repaired = self.space.repair(configuration).configuration
        plan = self._plan
        return Job(number, fold, repaired, fold, plan.soft_seconds, plan.hard_seconds)

    def _fact(self, configuration: Configuration) -> ConfigurationFact:
        entry = self._plugins.registry.entry("model", configuration.model)
        return ConfigurationFact(
            configuration,
            self._provenance,
            entry.component.space_version,
            entry.plugin.distribution,
            entry.plugin.version,
        )

    def _record(self, configuration: Configuration, outcome: Outcome) -> None:
        fact = self._fact(configuration)
        losses: dict[str, float] = {}
        status = outcome.status
        if status is Status.TIMEOUT:
            self._too_slow.add(configuration.model)
        if status is Status.SUCCESS:
            prediction = np.load(Path(self._folder.name) / outcome.prediction)
            losses = self._losses(outcome.fold, prediction)
            status = status if losses else Status.FAILED
            # Before the evaluation, so that a killed build does not count it as done.
            if self._predictions is not None:
                self._predictions.add(self._predicted, fact.key, outcome.fold, prediction)
        evaluation = EvaluationFact(
            self._fingerprint,
            self.kind,
            fact.key,
            self.protocol,
            outcome.fold,
            str(status),
            self._provenance,
            losses,
            outcome.own_seconds,
            outcome.predict_seconds,
            outcome.memory,
            self._plan.hard_seconds,
        )
        with self._store.transaction():
            self._store.add_configuration(fact)
            self._store.add_evaluations([evaluation])
        self.seconds += evaluation.seconds
        if outcome.prediction:
            (Path(self._folder.name) / outcome.prediction).unlink(missing_ok=True)

    def _losses(self, fold: int, prediction: np.ndarray) -> dict[str, float]:
        y = self.dataset.y[self._folds[fold][1]]
        prediction = prediction[: len(y)]
        losses = {}
        for metric in self._metrics:
            loss = _loss(metric, y, prediction)
            if np.isfinite(loss):
                losses[metric.name] = loss
        return losses

    def _predicted_dataset(self) -> PredictedDataset:
        parts = np.full(len(self.dataset.y), NO_PART, dtype=np.int8)
        for number, (_, validation) in enumerate(self._folds):
            parts[validation] = number
        if self._extra is not None:
            parts[self._extra] = EXTRA_PART
        source, y = self.source, self.dataset.y
        key = (self._fingerprint, self.kind, self.protocol)
        return PredictedDataset(*key, source.label, source.group, y, parts)

    def _describe(self, full: Dataset) -> bool:
        """Store the dataset with the metafeatures that the store lacks; return if it changed."""
        stored = next(iter(self._store.datasets(self.kind, fingerprint=self._fingerprint)), None)
        known = set() if stored is None else {f.key[:2] for f in stored.metafeatures}
        extractors = self._plugins.registry.metafeatures()
        missing = [e for e in extractors if (e.name, e.version) not in known]
        missing = [e for e in missing if self.kind in e.tasks]
        if stored is not None and not missing:
            if stored.rows_used < len(self.dataset.y):
                self._store.add_dataset(replace(stored, rows_used=len(self.dataset.y)))
            return False
        metafeatures = describe(full, missing, seconds=60.0, seed=0)
        task = full.task
        return self._store.add_dataset(
            DatasetFact(
                fingerprint=self._fingerprint,
                kind=self.kind,
                n_rows=task.n_rows,
                n_features=len(task.features),
                n_classes=task.n_classes,
                rows_used=len(self.dataset.y),
                source="build",
                provenance=self._provenance,
                metafeatures=MetafeatureFact.all_of(metafeatures),
                openml_id=self.source.openml_id,
                label=self.source.label,
                group=self.source.group,
            )
        )


def _loss(metric: Metric, y: np.ndarray, prediction: np.ndarray) -> float:
    decision = None
    if metric.needs == "labels":
        decision = quick_decision(prediction, y, metric)
    return float(metric.loss(y, prediction, None, decision))


def subsampled(dataset: Dataset, rows: int) -> Dataset:
    """Return at most so many rows, stratified by class, with a fixed seed."""
    if len(dataset.y) <= rows:
        return dataset
    is_class = dataset.task.is_classification
    return some_rows(dataset, sample_rows(dataset.y, is_class, rows, np.random.default_rng(0)))


def some_rows(dataset: Dataset, kept: np.ndarray) -> Dataset:
    """Return some rows of a dataset that has no weights, groups or times."""
    X, y, task = dataset.X.iloc[kept].reset_index(drop=True), dataset.y[kept], dataset.task
    counts = None
    if task.is_classification:
        counts = tuple(int(n) for n in np.bincount(y, minlength=task.n_classes))
    task = replace(task, n_rows=len(kept), class_counts=counts)
    return replace(dataset, task=task, X=X, y=y, rows=dataset.rows[kept])
