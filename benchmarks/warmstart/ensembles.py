"""Simulate fits on collected predictions: regret of the ensemble by the order of trials.

python -m benchmarks.warmstart.ensembles replay STORE FOLDER --out R.json
python -m benchmarks.warmstart.ensembles gains STORE FOLDER
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import click
import numpy as np
from sklearn.linear_model import PoissonRegressor

from benchmarks.warmstart.collected import Collected, Tried, read_collected
from benchmarks.warmstart.replay import METRICS
from metaauto.components.strategy import Observation, WarmStart
from metaauto.ensemble import AnytimeEnsemble
from metaauto.knowledge import KnowledgeMatrix, KnowledgeStore
from metaauto.metafeatures import Metafeatures
from metaauto.plugins.manager import load_plugins
from metaauto.search import Status, Trial
from metaauto.search.racing import lost_at, projected_loss
from metaauto.space import SearchSpace
from metaauto.warmstart import RuntimeModel
from metaauto.warmstart.acquisition import loss_correlation
from metaauto.warmstart.candidates import known_configurations
from metaauto.warmstart.evaluation import interval
from metaauto.warmstart.knowledge_strategy import KnowledgeStrategy
from metaauto.warmstart.portfolio import DefaultPortfolio

BUDGETS = (4.0, 8.0, 16.0, 32.0, 60.0)
ARMS = ("cold", "best single", "ensemble")
_CAUTION = 1.3
_LOOKS = (5, 8, 12, 17, 24)
_GAPS = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0)
_CORRELATIONS = (0.0, 0.5, 1.0, 2.0, 4.0, np.inf)


@dataclass(frozen=True)
class Bench:
    """A collected dataset, and the knowledge of other datasets."""

    table: Collected
    others: KnowledgeMatrix
    metafeatures: Metafeatures


@click.group()
def main() -> None:
    """Simulate fits, or tabulate the gain of an ensemble by one more configuration."""


@main.command()
@click.argument("store", type=click.Path(exists=True, dir_okay=False))
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@click.option("--cores", default=2, show_default=True)
@click.option("--out", type=click.Path(dir_okay=False), help="A JSON file.")
def replay(store: str, folder: str, cores: int, out: str | None) -> None:
    """Print the regret of each order of trials after some worker seconds."""
    found = list(benches(Path(store), Path(folder)))
    with ProcessPoolExecutor(cores) as pool:
        regrets = np.array(list(pool.map(_regrets, found)))
    if out is not None:
        labels = [bench.table.label for bench in found]
        rows = {"budgets": BUDGETS, "arms": ARMS, "tables": labels, "regrets": regrets.tolist()}
        Path(out).write_text(json.dumps(rows) + "\n", encoding="utf-8")
    click.echo(f"{len(found)} tables. Regret: 0 the ensemble of all, 1 the baseline.")
    click.echo("| order | worker seconds | mean regret | median | better / worse than cold |")
    click.echo("|---|---|---|---|---|")
    for arm, name in enumerate(ARMS):
        for place, budget in enumerate(BUDGETS):
            values, cold = regrets[:, arm, place], regrets[:, 0, place]
            better = f"{(values < cold - 1e-4).sum()} / {(values > cold + 1e-4).sum()}"
            low, high = interval(cold - values)
            better += f" ({100 * low:+.1f} to {100 * high:+.1f})" if arm else ""
            mean, middle = 100 * values.mean(), 100 * np.median(values)
            click.echo(f"| {name} | {budget:g} | {mean:.2f} % | {middle:.2f} % | {better} |")


@main.command()
@click.argument("store", type=click.Path(exists=True, dir_okay=False))
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
def gains(store: str, folder: str) -> None:
    """Print the gain of an ensemble by one more configuration, by gap and correlation."""
    of_tables = [_gains(bench) for bench in benches(Path(store), Path(folder))]
    rows = np.concatenate(of_tables)
    # Every dataset has the same weight.
    weights = np.concatenate([np.full(len(of), 1.0 / len(of)) for of in of_tables])
    click.echo(
        "| gap, by correlation | " + " | ".join(f"from {k:g}" for k in _CORRELATIONS[:-1]) + " |"
    )
    click.echo("|---" * len(_CORRELATIONS) + "|")
    for low, high in pairwise(_GAPS):
        cells = []
        for least, most in pairwise(_CORRELATIONS):
            of = (rows[:, 0] >= low) & (rows[:, 0] < high)
            of &= (rows[:, 1] >= least) & (rows[:, 1] < most)
            mean = np.average(rows[of, 3], weights=weights[of]) if of.any() else np.nan
            cells.append(f"{mean:.4f} ({of.sum()})" if of.any() else "")
        click.echo(f"| {low:g} to {high:g} | " + " | ".join(cells) + " |")
    of = rows[:, 0] >= 0
    known = np.column_stack(
        [np.log(1.0 + rows[of, 1]), np.log(rows[of, 2]), rows[of, 0].clip(0, 3)]
    )
    fit = PoissonRegressor(alpha=1e-6, max_iter=2000)
    fit.fit(known, rows[of, 3], sample_weight=weights[of])
    close, number, gap = fit.coef_
    click.echo(
        f"\nGain without improvement: {np.exp(fit.intercept_):.2f} * (1 + c)^{close:.2f} * "
        f"number^{number:.2f} * exp({gap:.2f} gap)."
    )


def benches(store: Path, folder: Path) -> Iterator[Bench]:
    """Yield each collected dataset with the store without its group."""
    with KnowledgeStore.open(store) as opened:
        matrices = {kind: opened.matrix(kind, metric) for kind, metric in METRICS.items()}
    for table in read_collected(folder):
        matrix = matrices[table.task.kind]
        labels = np.array([fact.label for fact in matrix.datasets])
        place = int(np.flatnonzero(labels == table.label)[0])
        names = matrix.metafeature_names
        values = dict(zip(names, map(float, matrix.metafeatures[place]), strict=True))
        others = matrix.rows((labels != table.label) & (matrix.groups != table.group))
        yield Bench(table, others, Metafeatures(values, dict(matrix.extractors)))


def _regrets(bench: Bench) -> list[list[float]]:
    table = bench.table
    registry = load_plugins().registry
    space = SearchSpace(registry, table.task)
    known = known_configurations(bench.others, space)
    folds = len(table.working[0].seconds)
    arms: list[Callable[[RuntimeModel], WarmStart]] = [partial(DefaultPortfolio, space)]
    for for_ensemble in (False, True):
        arms.append(partial(_warm, space, known, folds, for_ensemble))
    best = blended(table, table.working)
    return [
        [
            _regret(table, best, _fit(bench, make, RuntimeModel(space, folds), budget))
            for budget in BUDGETS
        ]
        for make in arms
    ]


def _warm(space, known, folds, for_ensemble, runtime) -> WarmStart:  # type: ignore[no-untyped-def]
    return KnowledgeStrategy(space, runtime, known, folds, for_ensemble)


def _regret(table: Collected, best: float, loss: float) -> float:
    return float(np.clip((loss - best) / max(table.baseline - best, 1e-12), 0.0, 1.0))


def _fit(
    bench: Bench, make: Callable[[RuntimeModel], WarmStart], runtime: RuntimeModel, budget: float
) -> float:
    """Return the loss of the final ensemble; trials take their measured seconds."""
    states = list(_replayed(bench, make(runtime), runtime, budget))
    return blended(bench.table, states[-1][1] if states else [])


def _replayed(
    bench: Bench, strategy: WarmStart, runtime: RuntimeModel, budget: float
) -> Iterator[tuple[list[Trial], list[Tried]]]:
    """Yield the trials and the candidate members after each trial of a fit."""
    known = {one.configuration.key: one for one in bench.table.tried}
    members: list[Tried] = []
    trials: list[Trial] = []
    spent = 0.0
    while spent < budget:
        found = strategy.recommend((budget - spent) / _CAUTION)
        if found is None:
            break
        one = known.pop(found.configuration.key, None)
        if one is None:
            continue
        trial, share = _run(one, trials)
        seconds = sum(one.seconds[: round(share * len(one.seconds))])
        spent += seconds
        if spent > budget:
            break
        if trial.status is Status.SUCCESS:
            members.append(one)
        if not trials:
            strategy.inform(bench.metafeatures)
        trials.append(trial)
        strategy.observe(Observation(found.configuration, trial.loss, seconds, share))
        runtime.observe(found.configuration, seconds, share)
        yield trials, members


def blended(table: Collected, members: Sequence[Tried]) -> float:
    """Return the loss of the ensemble selected from members; the baseline's if none."""
    ensemble = AnytimeEnsemble(table.y, table.metric, pool=max(len(members), 1))
    for number, one in enumerate(members):
        if one.prediction is not None:
            ensemble.add(number, one.prediction, one.loss, one.configuration.model)
    ensemble.update()
    return ensemble.current.loss if ensemble.current else table.baseline


def _run(one: Tried, trials: list[Trial]) -> tuple[Trial, float]:
    """Return the trial after racing, and the share of its folds that it ran."""
    trial = Trial(len(trials), one.configuration, "replay")
    if not one.works:
        trial.status = Status.FAILED
        return trial, 1.0
    trial.fold_losses = dict(enumerate(one.fold_losses))
    folds = len(one.fold_losses)
    lost = lost_at(trial, trials, folds - 1)
    if lost is None:
        trial.status, trial.loss = Status.SUCCESS, one.loss
        return trial, 1.0
    trial.fold_losses = {fold: trial.fold_losses[fold] for fold in range(lost)}
    trial.status, trial.loss = Status.DROPPED, projected_loss(trial, trials)
    return trial, lost / folds


def _gains(bench: Bench) -> np.ndarray:
    """Return gap, correlation, number of trials and gain in normalised loss, (cases, 4)."""
    table = bench.table
    space = SearchSpace(load_plugins().registry, table.task)
    known = known_configurations(bench.others, space)
    columns = {c.key: column for column, c in enumerate(known.configurations)}
    correlation = loss_correlation(known.losses.values)
    losses = np.array([one.loss for one in table.working])
    spread = max(float(np.median(losses) - losses.min()), 1e-12)
    runtime = RuntimeModel(space, len(table.working[0].seconds))
    strategy = _warm(space, known, len(table.working[0].seconds), True, runtime)
    rows = []
    for trials, members in _replayed(bench, strategy, runtime, BUDGETS[-1]):
        if len(trials) not in _LOOKS or not members:
            continue
        tried = [trial.configuration.key for trial in trials]
        before, best = blended(table, members), min(one.loss for one in members)
        near = [columns[key] for key in tried if key in columns]
        for other in table.working:
            key = other.configuration.key
            if key in tried or key not in columns:
                continue
            gain = max(before - blended(table, [*members, other]), 0.0) / spread
            gap = (other.loss - best) / spread
            rows.append((gap, correlation[columns[key], near].sum(), len(near), gain))
    return np.array(rows)


if __name__ == "__main__":
    main()
