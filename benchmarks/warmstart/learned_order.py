"""Learn an order of configurations on recorded predictions, and judge it in simulated fits.

python -m benchmarks.warmstart.learned_order TABLES STORE PREDICTIONS --rows 5000 --out rows.jsonl

The order is built greedily: the next configuration is the one with the highest mean reduction of
the loss of the ensemble, on rows of no fold, per logarithm of time (Xu et al. 2010, Feurer et al.
2022, arXiv 2007.04074, section 4.1, build portfolios greedily for the best single configuration).
Every order is judged on the groups of datasets that it was not learned on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.tables import append_row, read_rows
from benchmarks.warmstart.recorded_fit import (
    START_SECONDS,
    RecordedTable,
    Step,
    recorded_tables,
    simulated_fit,
)
from metaauto.collect import PredictionFile, folder_sources
from metaauto.components.strategy import Recommendation, WarmStart
from metaauto.configuration import Configuration
from metaauto.knowledge import KnowledgeMatrix, KnowledgeStore
from metaauto.plugins.manager import load_plugins
from metaauto.space import SearchSpace
from metaauto.warmstart import RuntimeModel
from metaauto.warmstart.candidates import known_configurations
from metaauto.warmstart.knowledge_strategy import KnowledgeStrategy
from metaauto.warmstart.portfolio import DefaultPortfolio

BUDGETS = (10.0, 30.0, 60.0)
_MOST_ROWS = 1000
_SHARES = np.array([0.03, 0.07, 0.15, 0.3, 0.5, 1.0])
_LENGTH = 60
_PARTS = 5


@dataclass(frozen=True)
class Candidates:
    """The predictions of all configurations on one dataset, and their seconds.

    Parameters
    ----------
    validation, extra : ndarray of shape (configurations, rows)
        What the loss needs of the predictions, out-of-fold and for rows of no fold: the probability
        of the second class (binary), that of the true class (multiclass), or the value; NaN if a
        configuration failed.
    y_validation, y_extra : ndarray of shape (rows,)
        Targets of these rows.
    seconds : ndarray of shape (configurations,)
        Seconds of a trial.
    kind : {'binary', 'multiclass', 'regression'}
        Kind of task.
    """

    validation: np.ndarray
    extra: np.ndarray
    y_validation: np.ndarray
    y_extra: np.ndarray
    seconds: np.ndarray
    kind: str

    @classmethod
    def of(cls, table: RecordedTable, configurations: Sequence[Configuration]) -> Candidates:
        """Return some rows of a table, the same for all configurations."""
        predicted, fold = table.predicted, 0
        rows = predicted.rows(fold)
        cut = len(rows) - len(table.extra)
        random = np.random.default_rng(0)
        chosen = [
            np.sort(random.permutation(part)[:_MOST_ROWS])
            for part in (np.arange(cut), np.arange(cut, len(rows)))
        ]
        places = np.concatenate(chosen)
        y = predicted.y[rows[places]]
        values = np.full((len(configurations), len(places)), np.nan)
        seconds = np.full(len(configurations), np.inf)
        for number, configuration in enumerate(configurations):
            took, found = table.records.get(configuration, {}).get(fold, (np.inf, None))
            seconds[number] = took * table.fold_scale * len(table.folds)
            if found is not None:
                values[number] = _needed(found[places], y, predicted.kind)
        ends = len(chosen[0])
        parts = (values[:, :ends], values[:, ends:], y[:ends], y[ends:])
        return cls(*parts, seconds, predicted.kind)

    def losses(self, values: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the loss of predictions of shape (..., rows); NaN if one is missing."""
        if self.kind == "regression":
            return np.asarray(np.sqrt(np.mean((values - y) ** 2, axis=-1)))
        if self.kind == "multiclass":
            return np.asarray(-np.mean(np.log(np.maximum(values, 1e-15)), axis=-1))
        ranks = np.argsort(np.argsort(values, axis=-1), axis=-1)
        positive = int((y == 1).sum())
        above = ranks[..., y == 1].sum(axis=-1) - positive * (positive - 1) / 2
        auc = above / (positive * (len(y) - positive))
        return np.where(np.isnan(values).any(axis=-1), np.nan, 1.0 - auc)


def _needed(prediction: np.ndarray, y: np.ndarray, kind: str) -> np.ndarray:
    if kind == "regression":
        return prediction
    codes = np.ones(len(y), dtype=np.int64) if kind == "binary" else y
    return np.asarray(np.take_along_axis(prediction, codes[:, None], axis=1)[:, 0])


def learned_order(tables: Sequence[Candidates], length: int = _LENGTH) -> list[int]:
    """Return the numbers of the configurations in the order in which a fit should try them."""
    states = [EnsembleState(table) for table in tables]
    order: list[int] = []
    while len(order) < length:
        rates = np.mean([state.rates() for state in states], axis=0)
        rates[order] = 0.0
        best = int(rates.argmax())
        if rates[best] <= 0.0:
            break
        order.append(best)
        for state in states:
            state.add(best)
    return order


class EnsembleState:
    """The ensemble of the configurations tried so far, on one dataset."""

    def __init__(self, table: Candidates) -> None:
        self.table = table
        alone = table.losses(table.extra, table.y_extra)
        finite = alone[np.isfinite(alone)]
        self.scale = max(float(np.median(finite) - finite.min()), 1e-9)
        self.validation: np.ndarray | None = None
        self.extra = np.zeros(len(table.y_extra))
        self.validation_loss = np.inf
        self.loss = float(np.quantile(finite, 0.9))
        self.spent = START_SECONDS

    def rates(self) -> np.ndarray:
        """Return the reduction of the normalised loss by each configuration per log second."""
        _, _, losses = self._joined(np.arange(len(self.table.seconds)))
        duration = np.log1p(self.table.seconds / self.spent)
        gains = np.clip((self.loss - losses) / self.scale, -1.0, 1.0)
        return np.where(np.isfinite(duration), gains / np.maximum(duration, 1e-9), 0.0)

    def add(self, number: int) -> None:
        """Try a configuration: time passes, and the ensemble uses it if that helps."""
        if not np.isfinite(self.table.seconds[number]):
            return
        self.spent += float(self.table.seconds[number])
        shares, validation_losses, losses = self._joined(np.array([number]))
        if not validation_losses[0] < self.validation_loss:
            return
        new = self.table.validation[number], self.table.extra[number]
        old = new if self.validation is None else (self.validation, self.extra)
        self.validation = old[0] + shares[0] * (new[0] - old[0])
        self.extra = old[1] + shares[0] * (new[1] - old[1])
        self.validation_loss, self.loss = float(validation_losses[0]), float(losses[0])

    def members(self, most: int = 15) -> list[int]:
        """Add the best configuration by validation loss until none helps; return those added."""
        found: list[int] = []
        while len(found) < most:
            _, validation_losses, _ = self._joined(np.arange(len(self.table.seconds)))
            best = int(validation_losses.argmin())
            if not validation_losses[best] < self.validation_loss:
                break
            self.add(best)
            found.append(best)
        return list(dict.fromkeys(found))

    def _joined(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return, for each configuration, its best share and the losses of that blend.

        The share is the one with the lowest loss on the validation rows; where no share is better
        than the ensemble without it, the losses are those of the ensemble.
        """
        table = self.table
        shares = np.array([1.0]) if self.validation is None else _SHARES
        new = table.validation[numbers][:, None, :]
        old = new if self.validation is None else self.validation
        of_shares = table.losses(old + shares[:, None] * (new - old), table.y_validation)
        of_shares = np.where(np.isnan(of_shares), np.inf, of_shares)
        best = of_shares.argmin(axis=1)
        validation_losses = of_shares[np.arange(len(numbers)), best]
        new = table.extra[numbers]
        old = new if self.validation is None else self.extra
        losses = table.losses(old + shares[best][:, None] * (new - old), table.y_extra)
        is_better = validation_losses < self.validation_loss
        losses = np.where(is_better, losses, self.loss)
        return shares[best], np.where(is_better, validation_losses, self.validation_loss), losses


class LearnedOrder(WarmStart):
    """Recommend configurations in a fixed order; those that do not fit into the time come later."""

    def __init__(
        self, configurations: Sequence[Configuration], space: SearchSpace, runtime: RuntimeModel
    ) -> None:
        repaired = [
            space.repair(c).configuration for c in configurations if c.model in space.ranges
        ]
        self._queue = list(dict.fromkeys(repaired))
        self._runtime = runtime

    def recommend(self, seconds: float) -> Recommendation | None:
        """Return the first configuration that is expected to finish in time."""
        for configuration in self._queue:
            expected = self._runtime.expected_seconds(configuration)
            if expected <= seconds:
                self._queue.remove(configuration)
                return Recommendation(configuration, "learned", "learned order", expected)
        return None


Arm = Callable[[SearchSpace, RuntimeModel, int], WarmStart]


def arms(order: Sequence[Configuration], others: KnowledgeMatrix) -> dict[str, Arm]:
    """Return the strategies to compare on one dataset."""

    def knowledge(space: SearchSpace, runtime: RuntimeModel, folds: int) -> WarmStart:
        known = known_configurations(others, space)
        return KnowledgeStrategy(space, runtime, known, folds, True)

    def learned(space: SearchSpace, runtime: RuntimeModel, folds: int) -> WarmStart:
        known = known_configurations(others, space)
        KnowledgeStrategy(space, runtime, known, folds, True)  # Loads the stored seconds.
        return LearnedOrder(order, space, runtime)

    return {
        "authors": lambda space, runtime, folds: DefaultPortfolio(space, runtime),
        "knowledge": knowledge,
        "learned": learned,
    }


def _judge(
    table: RecordedTable, order: Sequence[Configuration], others: KnowledgeMatrix
) -> Iterator[dict[str, Any]]:
    registry = load_plugins().registry
    for name, arm in arms(order, others).items():
        for budget in BUDGETS:
            steps = simulated_fit(table, registry, arm, budget)
            yield {
                "table": table.predicted.label,
                "kind": table.predicted.kind,
                "arm": name,
                "budget": budget,
                **_summary(steps),
            }


def _summary(steps: Sequence[Step]) -> dict[str, Any]:
    if not steps:
        return {"loss": None, "trials": 0, "members": 0}
    return {"loss": steps[-1].loss, "trials": steps[-1].trials, "members": steps[-1].members}


def _one(
    part: int, tables: Sequence[RecordedTable], configurations: Sequence[Configuration], matrix: Any
) -> list[dict[str, Any]]:
    """Learn without the datasets of one part, and judge on these."""
    held_out = [table for number, table in enumerate(tables) if number % _PARTS == part]
    groups = {table.predicted.group for table in held_out}
    seen = [table for table in tables if table.predicted.group not in groups]
    numbers = learned_order([Candidates.of(table, configurations) for table in seen])
    order = [configurations[number] for number in numbers]
    rows = []
    for table in held_out:
        others = matrix.without(table.predicted.fingerprint, table.predicted.group)
        rows += list(_judge(table, order, others))
    return rows


@click.command()
@click.argument("tables", type=click.Path(exists=True, file_okay=False))
@click.argument("store", type=click.Path(exists=True, dir_okay=False))
@click.argument("predictions", type=click.Path(exists=True, dir_okay=False))
@click.option("--rows", default=5000, show_default=True, help="Maximum rows of the build.")
@click.option("--cores", default=1, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(tables: str, store: str, predictions: str, rows: int, cores: int, out: Path) -> None:
    """Print wins and losses of the learned order on datasets that it was not learned on."""
    done = {(row["kind"], row["table"]) for row in read_rows(out)}
    with PredictionFile(predictions) as file, KnowledgeStore.open(store) as known:
        found = recorded_tables(folder_sources(tables), file, known, rows)
        for kind in ("binary", "multiclass", "regression"):
            of_kind = [table for table in found if table.predicted.kind == kind]
            if not of_kind or (kind, of_kind[0].predicted.label) in done:
                continue
            matrix = known.matrix(kind, of_kind[0].metric.name)
            configurations = list(dict.fromkeys(c for t in of_kind for c in t.records))
            one = partial(_one, tables=of_kind, configurations=configurations, matrix=matrix)
            with ProcessPoolExecutor(cores) as pool:
                for part in pool.map(one, range(min(_PARTS, len(of_kind)))):
                    for row in part:
                        append_row(out, row)
    print_wins(read_rows(out))


def print_wins(rows: Sequence[dict[str, Any]]) -> None:
    """Print wins, losses and the median ratio of losses of each arm against the authors' order."""
    losses = {(r["table"], r["arm"], r["budget"]): r["loss"] for r in rows if r["loss"] is not None}
    for kind in sorted({row["kind"] for row in rows}):
        names = sorted({row["table"] for row in rows if row["kind"] == kind})
        for arm in sorted({row["arm"] for row in rows} - {"authors"}):
            for budget in BUDGETS:
                pairs = [
                    (losses[name, arm, budget], losses[name, "authors", budget])
                    for name in names
                    if (name, arm, budget) in losses and (name, "authors", budget) in losses
                ]
                wins = sum(ours < theirs for ours, theirs in pairs)
                lost = sum(ours > theirs for ours, theirs in pairs)
                ratio = np.median([ours / theirs for ours, theirs in pairs if theirs]) - 1.0
                click.echo(f"{kind} {arm} {budget:g} s: {wins}-{lost}, median {100 * ratio:+.2f} %")


if __name__ == "__main__":
    main()
