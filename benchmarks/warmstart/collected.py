"""Collect out-of-fold predictions of many configurations for simulations of ensembles.

python -m benchmarks.warmstart.collected STORE --tables FOLDER --names a,b --out FOLDER
"""

from __future__ import annotations

import pickle
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.warmstart.replay import METRICS
from metaauto.collect.build import BuildPlan
from metaauto.collect.candidates import Candidate, candidates
from metaauto.collect.sources import folder_sources
from metaauto.collect.table import TableEvaluator
from metaauto.configuration import Configuration
from metaauto.knowledge import KnowledgeStore, here
from metaauto.metrics import Metric, resolve_metric
from metaauto.plugins.manager import load_plugins
from metaauto.search import LocalExecutor, Outcome, Status
from metaauto.task import Task
from metaauto.warmstart.candidates import seconds_of_one_fit

__all__ = ["Collected", "Tried", "read_collected"]


@dataclass(frozen=True)
class Tried:
    """One configuration on one dataset: seconds and losses by fold, out-of-fold predictions.

    Only seconds if it failed.
    """

    configuration: Configuration
    seconds: tuple[float, ...]
    fold_losses: tuple[float, ...] = ()
    prediction: np.ndarray | None = None
    loss: float = float("nan")

    @property
    def works(self) -> bool:
        """Whether the configuration has predictions."""
        return self.prediction is not None


@dataclass(frozen=True)
class Collected:
    """A dataset and all configurations tried on it."""

    label: str
    group: str
    task: Task
    y: np.ndarray
    baseline: float
    tried: tuple[Tried, ...]

    @property
    def metric(self) -> Metric:
        """Metric of the losses."""
        return resolve_metric(METRICS[self.task.kind], self.task.kind)

    @property
    def working(self) -> list[Tried]:
        """Configurations with predictions."""
        return [one for one in self.tried if one.works]


class _Collector(TableEvaluator):
    """Keep the predictions that a build discards."""

    outcomes: dict[Configuration, dict[int, tuple[Outcome, np.ndarray | None]]]

    def _record(self, configuration: Configuration, outcome: Outcome) -> None:
        prediction = None
        if outcome.status is Status.SUCCESS:
            prediction = np.load(Path(self._folder.name) / outcome.prediction)
        self.outcomes.setdefault(configuration, {})[outcome.fold] = (outcome, prediction)
        super()._record(configuration, outcome)

    def collected(self) -> Collected:
        """Return the configurations that were evaluated on all folds."""
        task, y = self.dataset.task, self.dataset.y
        metric = resolve_metric(METRICS[self.kind], self.kind)
        tried: dict[Configuration, Tried] = {}
        for configuration, outcomes in self.outcomes.items():
            repaired = self.space.repair(configuration).configuration
            if len(outcomes) == len(self._folds):
                tried.setdefault(repaired, self._tried(repaired, outcomes, metric))
        guess = np.full(len(y), y.mean())
        if task.is_classification:
            guess = np.tile(np.bincount(y, minlength=task.n_classes) / len(y), (len(y), 1))
        baseline = float(metric.loss(y, guess, None, None))
        group = self.source.group
        return Collected(self.source.label, group, task, y, baseline, tuple(tried.values()))

    def _tried(self, configuration: Configuration, outcomes: Any, metric: Metric) -> Tried:
        seconds = tuple(outcomes[fold][0].own_seconds for fold in sorted(outcomes))
        if any(prediction is None for _, prediction in outcomes.values()):
            return Tried(configuration, seconds)
        y = self.dataset.y
        whole = np.empty((len(y), *outcomes[0][1].shape[1:]))
        losses = []
        for fold, (_, validation) in enumerate(self._folds):
            whole[validation] = outcomes[fold][1]
            losses.append(float(metric.loss(y[validation], outcomes[fold][1], None, None)))
        loss = float(metric.loss(y, whole, None, None))
        if not np.isfinite([loss, *losses]).all():
            return Tried(configuration, seconds)
        return Tried(configuration, seconds, tuple(losses), whole.astype(np.float32), loss)


def read_collected(folder: Path) -> list[Collected]:
    """Return all datasets of a folder."""
    return [pickle.loads(path.read_bytes()) for path in sorted(folder.glob("*.pickle"))]


@click.command()
@click.argument("store", type=click.Path(exists=True, dir_okay=False))
@click.option("--tables", type=click.Path(exists=True, file_okay=False), required=True)
@click.option("--names", required=True, help="Comma-separated file names without suffix.")
@click.option("--rows", default=4000, show_default=True, help="Maximum rows of a dataset.")
@click.option("--slow", default=2.5, show_default=True, help="Skip fits of so many seconds.")
@click.option("--cores", default=2, show_default=True)
@click.option("--out", type=click.Path(file_okay=False), required=True)
def main(store: str, tables: str, names: str, rows: int, slow: float, cores: int, out: str) -> None:
    """Run the configurations of a store and of the authors on some datasets."""
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    sources = {source.label: source for source in folder_sources(tables)}
    plugins = load_plugins()
    plan = BuildPlan(rows=rows, soft_seconds=2 * slow, hard_seconds=4 * slow)
    with KnowledgeStore.open(store) as known, KnowledgeStore.create(folder / "own.db") as own:
        matrices = {kind: known.matrix(kind, metric) for kind, metric in METRICS.items()}
        provenance = own.add_provenance(here("build"))
        for name in names.split(","):
            path = folder / f"{name}.pickle"
            if path.exists():
                continue
            began = time.monotonic()
            table = _Collector(sources[name], own, plugins, plan, provenance)
            table.outcomes = {}
            wanted = [*_quick(matrices[table.kind], name, slow)]
            wanted += [c.configuration for c in candidates(plugins.registry, table.kind, 0)]
            order = [Candidate(configuration, 0) for configuration in dict.fromkeys(wanted)]
            with table, LocalExecutor(cores, threads=1, memory=plan.memory) as executor:
                executor.start()
                table.evaluate(order, range(plan.folds), executor)
                found = table.collected()
            path.write_bytes(pickle.dumps(found))
            click.echo(f"{name}: {len(found.tried)} in {time.monotonic() - began:.0f} s")


def _quick(matrix: Any, label: str, slow: float) -> list[Configuration]:
    """Return stored configurations that are not slow on a dataset, or on most."""
    seconds = seconds_of_one_fit(matrix)
    usual = np.nanmedian(seconds, axis=0)
    rows = [place for place, fact in enumerate(matrix.datasets) if fact.label == label]
    own = seconds[rows[0]] if rows else np.full(len(usual), np.nan)
    guess = np.where(np.isfinite(own), own, usual)
    facts = zip(matrix.configurations, guess, strict=True)
    return [fact.configuration for fact, needed in facts if needed < slow]


if __name__ == "__main__":
    main()
