"""Simulate whole fits on the predictions of a build: the search itself, with a simulated clock.

Proposals, racing and ensemble selection are those of a fit; only the workers and the clock are
replaced: a job returns the recorded predictions after the recorded seconds. SMAC is not simulated,
since its proposals are not recorded. The ensemble is judged on rows that no fold contains.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from metaauto.budget import Budget
from metaauto.collect import PredictedDataset, PredictionFile, Source
from metaauto.collect.predictions import EXTRA_PART
from metaauto.collect.table import METRICS, some_rows, subsampled
from metaauto.components.strategy import WarmStart
from metaauto.configuration import Configuration
from metaauto.data import Dataset, plan_splits, prepare
from metaauto.ensemble import AnytimeEnsemble, blend
from metaauto.knowledge import KnowledgeStore
from metaauto.metafeatures import Metafeatures
from metaauto.metrics import Metric, resolve_metric
from metaauto.plugins.registry import Registry
from metaauto.search import Inputs, Job, Outcome, Proposer, Search, Status, Trial, baseline_trial
from metaauto.search.trial import DescribeJob, Description, WorkerJob
from metaauto.space import SearchSpace
from metaauto.warmstart import RuntimeModel

START_SECONDS = 2.0
"""Seconds from the start of the command to the first job: imports, reading, preparing."""
JOB_SECONDS = 0.05
"""Seconds of a job besides fitting: sending, predicting, writing, loading the model."""
_RESERVE_SHARE, _RESERVE_SECONDS = 0.03, 1.5
_MEMBERS = 15

Records = Mapping[Configuration, Mapping[int, tuple[float, np.ndarray | None]]]
"""Seconds and prediction (None of a failure) by configuration and fold."""


@dataclass(frozen=True)
class RecordedTable:
    """A dataset and what a build recorded about it.

    Parameters
    ----------
    predicted : PredictedDataset
        Targets and parts of the rows.
    dataset : Dataset
        The rows that are in folds.
    folds : list of (ndarray, ndarray)
        Training and validation rows, positions in ``dataset``.
    records : Records
        Seconds and predictions; of the validation rows first, then of the rows of no fold.
    metafeatures : Metafeatures
        Metafeatures of the dataset.
    """

    predicted: PredictedDataset
    dataset: Dataset
    folds: list[tuple[np.ndarray, np.ndarray]]
    records: Records
    metafeatures: Metafeatures

    @property
    def metric(self) -> Metric:
        """Metric of the fits."""
        kind = self.predicted.kind
        return resolve_metric(METRICS[kind][0], kind, positive=self.dataset.task.positive_code)

    @property
    def extra(self) -> np.ndarray:
        """Targets of the rows of no fold."""
        return self.predicted.y[self.predicted.parts == EXTRA_PART]

    @property
    def fold_scale(self) -> float:
        """Seconds of all folds of a real fit, relative to those of the recorded folds.

        A real fit has more folds, and more rows in the training part of each.
        """
        real = len(plan_splits(self.dataset, cv="auto").folds)
        return (real - 1) / (len(self.folds) - 1)


@dataclass(frozen=True)
class Step:
    """The ensemble after some simulated seconds, and its loss on rows of no fold."""

    seconds: float
    loss: float
    validation_loss: float
    trials: int
    members: int


class SimulatedClock(Budget):
    """A budget whose time passes only where it is told."""

    now = 0.0

    def elapsed(self) -> float:
        """Return the simulated seconds since the start."""
        return self.now


class RecordedExecutor:
    """Return recorded results after the recorded seconds of the simulated clock."""

    setup_seconds = 0.0

    def __init__(
        self, table: RecordedTable, records: Records, folder: Path, clock: SimulatedClock
    ) -> None:
        self.workers = clock.cores
        self._table = table
        self._records = records
        self._folder = folder
        self._clock = clock
        self._running: list[tuple[float, Any, Any]] = []

    def start(self) -> None:
        """Do nothing: there are no processes."""

    def set_up(self, setup: Any) -> None:
        """Do nothing: there are no processes."""

    def close(self) -> None:
        """Forget all jobs."""
        self._running = []

    def free(self) -> int:
        """Return the number of idle workers."""
        return self.workers - len(self._running)

    def submit(self, job: WorkerJob) -> None:
        """Start a job at the simulated time."""
        result: Outcome | Description
        if isinstance(job, DescribeJob):
            result = Description(self._table.metafeatures, JOB_SECONDS)
        elif isinstance(job, Job):
            result = self._outcome(job)
        else:
            raise TypeError(f"A {type(job).__name__} cannot be simulated.")
        self._running.append((self._clock.now + result.seconds, job, result))

    def wait(self, seconds: float) -> list[Any]:
        """Let time pass to the end of the next job, at most so many seconds."""
        end = self._clock.now + seconds
        ended = min(self._running, key=lambda one: one[0], default=None)
        if ended is None or ended[0] > end:
            self._clock.now = end
            return []
        self._running.remove(ended)
        self._clock.now = max(self._clock.now, ended[0])
        return [ended[2]]

    def cancel(self, trial: int) -> None:
        """Stop the jobs of a trial."""
        self._running = [one for one in self._running if getattr(one[1], "trial", -1) != trial]

    def _outcome(self, job: Job) -> Outcome:
        recorded = self._records.get(job.configuration, {}).get(job.fold)
        fitted, prediction = (0.0, None) if recorded is None else recorded
        fitted *= self._table.fold_scale
        seconds = fitted + JOB_SECONDS
        if seconds > job.hard_seconds:
            return Outcome(job.trial, job.fold, Status.TIMEOUT, seconds=job.hard_seconds)
        if prediction is None:
            return Outcome(
                job.trial, job.fold, Status.FAILED, seconds=seconds, error="not recorded"
            )
        name = f"predictions/{job.stem}.npy"
        rows = len(self._table.folds[job.fold][1])
        np.save(self._folder / name, prediction[:rows])
        return Outcome(
            job.trial,
            job.fold,
            Status.SUCCESS,
            seconds=seconds,
            fit_seconds=fitted,
            check_seconds=JOB_SECONDS,
            prediction=name,
        )


class _Unrecorded:
    """The recorder of a run that cannot be resumed."""

    def record_trial(self, trial: dict[str, Any]) -> None:
        """Do nothing."""

    def record_outcome(self, outcome: Outcome) -> None:
        """Do nothing."""


def recorded_tables(
    sources: Sequence[Source], file: PredictionFile, store: KnowledgeStore, rows: int
) -> list[RecordedTable]:
    """Return the datasets of a build that have rows in no fold.

    Parameters
    ----------
    sources : sequence of Source
        The tables of the build.
    file : PredictionFile
        Its predictions.
    store : KnowledgeStore
        Its evaluations.
    rows : int
        Maximum number of rows of the build.
    """
    of_label = {source.label: source for source in sources}
    known = {fact.key: fact.configuration for fact in store.configurations()}
    metafeatures = {kind: _metafeatures(store, kind) for kind in METRICS}
    tables = []
    for predicted in file.datasets():
        is_kept = predicted.parts != EXTRA_PART
        if is_kept.all() or predicted.label not in of_label:
            continue
        source = of_label[predicted.label]
        full = subsampled(prepare(source.load(), source.target, task=predicted.kind), rows)
        if not np.array_equal(full.y, predicted.y):
            raise ValueError(f"{predicted.label} is not the table of the build.")
        predictions = file.predictions(predicted)
        records: dict[Configuration, dict[int, tuple[float, np.ndarray | None]]] = {}
        for fact in store.evaluations(predicted.kind, fingerprint=predicted.fingerprint):
            if fact.protocol == predicted.protocol:
                found = predictions.get(fact.configuration, {}).get(fact.fold)
                of_folds = records.setdefault(known[fact.configuration], {})
                of_folds[fact.fold] = (fact.seconds, found)
        kept = np.flatnonzero(is_kept)
        parts = predicted.parts[kept]
        folds = [
            (np.flatnonzero(parts != fold), np.flatnonzero(parts == fold))
            for fold in range(parts.max() + 1)
        ]
        described = metafeatures[predicted.kind][predicted.fingerprint]
        tables.append(RecordedTable(predicted, some_rows(full, kept), folds, records, described))
    return tables


def _metafeatures(store: KnowledgeStore, kind: str) -> dict[str, Metafeatures]:
    """Return the metafeatures of the datasets of a kind by fingerprint."""
    matrix = store.matrix(kind, METRICS[kind][0])
    return {
        fingerprint: Metafeatures(
            dict(zip(matrix.metafeature_names, map(float, values), strict=True)),
            dict(matrix.extractors),
        )
        for fingerprint, values in zip(matrix.fingerprints, matrix.metafeatures, strict=True)
    }


def simulated_fit(
    table: RecordedTable,
    registry: Registry,
    strategy_of: Callable[[SearchSpace, RuntimeModel, int], WarmStart],
    seconds: float,
    cores: int = 1,
) -> list[Step]:
    """Simulate one fit; return the ensembles in the order of time, the final one last.

    Parameters
    ----------
    table : RecordedTable
        The dataset.
    registry : Registry
        The models.
    strategy_of : callable
        ``strategy_of(space, runtime, folds) -> WarmStart``.
    seconds : float
        The budget.
    cores : int, default=1
        Number of workers.
    """
    metric, data = table.metric, table.dataset
    task = replace(data.task, metric=metric.name)
    space = SearchSpace(registry, task)
    runtime = RuntimeModel(space, len(table.folds))
    evaluated = np.unique(np.concatenate([validation for _, validation in table.folds]))
    reserve = min(max(_RESERVE_SHARE * seconds, _RESERVE_SECONDS), seconds / 3)
    clock = SimulatedClock(seconds, cores=cores, reserve=reserve)
    clock.now = START_SECONDS
    ensemble = AnytimeEnsemble(
        data.y[evaluated], metric, max_members=_MEMBERS, decide=False, keep_incumbent=True
    )
    steps: list[Step | None] = []
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        folder = Path(name)
        (folder / "predictions").mkdir()
        (folder / "models").mkdir()
        records = _repaired(table.records, space)
        executor = RecordedExecutor(table, records, folder, clock)
        search = Search(
            proposals=Proposer(
                space,
                strategy_of(space, runtime, len(table.folds)),
                runtime,
                len(table.folds),
                seed=0,
                reproducible=False,
            ),
            executor=executor,
            budget=clock,
            folder=folder,
            folds=table.folds,
            evaluated=evaluated,
            loss=lambda rows, prediction: metric.loss(data.y[rows], prediction, None, None),
            seed=0,
            recorder=_Unrecorded(),
            describe_seconds=1.0,
            gain=ensemble.relative_gain if task.is_classification else None,
        )
        inputs = Inputs(task, data.X, data.y, None, table.folds)
        baseline = baseline_trial(inputs, registry, folder, 0)
        search.add_finished(baseline)
        ensemble.set_fallback(baseline.number, baseline.loss or 0.0)
        for trial in search.run():
            if trial.status is not Status.SUCCESS or trial.loss is None:
                continue
            prediction = search.out_of_fold(trial)
            ensemble.add(trial.number, prediction, trial.loss, trial.configuration.model)
            ensemble.update()
            steps.append(_step(table, ensemble, search.trials, records, clock.now))
        ensemble.update(force=True)
        steps.append(_step(table, ensemble, search.trials, records, seconds))
    return [step for step in steps if step is not None]


def _repaired(records: Records, space: SearchSpace) -> Records:
    """Return the records by the configurations as a fit proposes them."""
    found: dict[Configuration, Mapping[int, tuple[float, np.ndarray | None]]] = {}
    for configuration, of_folds in records.items():
        if configuration.model in space.ranges:
            found.setdefault(space.repair(configuration).configuration, of_folds)
    return found


def _step(
    table: RecordedTable,
    ensemble: AnytimeEnsemble,
    trials: Sequence[Trial],
    records: Records,
    seconds: float,
) -> Step | None:
    """Return the current ensemble; None while it is the baseline."""
    selection = ensemble.current
    if selection is None or trials[0].number in selection.weights:
        return None
    rows = len(table.extra)
    members = []
    for number in selection.weights:
        of_folds = records[trials[number].configuration].values()
        members.append(np.mean([p[-rows:] for _, p in of_folds if p is not None], axis=0))
    blended = blend(members, list(selection.weights.values()))
    loss = float(table.metric.loss(table.extra, blended, None, None))
    finished = sum(trial.is_over for trial in trials)
    return Step(seconds, loss, selection.loss, finished, len(members))
