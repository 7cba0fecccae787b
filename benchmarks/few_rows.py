"""Evaluate ensembles that are selected on few rows.

python -m benchmarks.few_rows FOLDER

The folder has the output of `benchmarks.warmstart.collected`. An ensemble is selected on the
out-of-fold predictions of some rows of a dataset, and evaluated on those of the other rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from unittest import mock

import click
import numpy as np

from benchmarks.warmstart.collected import Collected, Tried, read_collected
from metaauto.ensemble import Selection, blend, select_ensemble
from metaauto.ensemble.folds import stratified_rows
from metaauto.warmstart.evaluation import interval

ROWS = (150, 300, 450, 600, 800, 950)
CANDIDATES = (12, 30, 60)
PLAIN, SHIPPED, ALONE = "greedy from nothing", "shipped", "best alone"
_LEAST_OTHERS = 200
_PLAIN_SIZE = 10
_TIE = 1e-4


def judged(table: Collected, rows: int, candidates: int, draw: int) -> dict[str, float]:
    """Return the loss of each form of selection on the rows that it was not selected on."""
    order = np.random.default_rng(draw).permutation(len(table.working))[:candidates]
    tried = [table.working[place] for place in order]
    is_classes = table.task.is_classification
    chosen = stratified_rows(table.y, rows, draw, classes=is_classes)
    others = np.setdiff1d(np.arange(len(table.y)), chosen)
    y = table.y[chosen]
    members = [one.prediction[chosen] for one in tried]
    with mock.patch("metaauto.ensemble.selection.FEW_ROWS", 0):
        plain = select_ensemble(members, y, table.metric, size=_PLAIN_SIZE)
        alone = select_ensemble(members, y, table.metric, size=1)
    shipped = select_ensemble(members, y, table.metric)
    found = {ALONE: alone, PLAIN: plain, SHIPPED: shipped}
    return {name: _loss(table, tried, one, others) for name, one in found.items()}


def _loss(table: Collected, tried: list[Tried], selection: Selection, rows: np.ndarray) -> float:
    members = [tried[i].prediction[rows] for i in selection.weights]
    mixed = blend(members, list(selection.weights.values()))
    return float(table.metric.loss(table.y[rows], mixed, None, None))


def ahead(table: Collected, rows: int, candidates: int, draws: int) -> Mapping[str, float] | None:
    """Return the relative improvement over greedy selection; None for small datasets."""
    if rows > len(table.y) - _LEAST_OTHERS:
        return None
    found = [judged(table, rows, candidates, draw) for draw in range(draws)]
    way = table.baseline - min(min(of.values()) for of in found)
    return {
        name: float(np.mean([of[PLAIN] - of[name] for of in found])) / max(way, 1e-12)
        for name in (ALONE, SHIPPED)
    }


def lines(tables: list[Collected], draws: int, cores: int) -> Iterator[str]:
    """Yield the comparison as Markdown."""
    yield f"| rows | candidates | tables | {ALONE} | {SHIPPED} | better / worse |"
    yield "|---|---|---|---|---|---|"
    with ProcessPoolExecutor(cores) as pool:
        for rows in ROWS:
            for candidates in CANDIDATES:
                of = partial(ahead, rows=rows, candidates=candidates, draws=draws)
                found = [one for one in pool.map(of, tables) if one is not None]
                cells = []
                for name in (ALONE, SHIPPED):
                    gains = np.array([one[name] for one in found])
                    low, high = interval(gains)
                    mean = f"{100 * gains.mean():+.2f} %"
                    cells.append(f"{mean} ({100 * low:+.2f}, {100 * high:+.2f})")
                wins = f"{(gains > _TIE).sum()} / {(gains < -_TIE).sum()}"
                yield (
                    f"| {rows} | {candidates} | {len(found)} | " + " | ".join([*cells, wins]) + " |"
                )


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@click.option("--draws", default=5, show_default=True, help="Random draws of rows and candidates.")
@click.option("--cores", default=2, show_default=True)
def main(folder: str, draws: int, cores: int) -> None:
    """Compare with greedy selection from an empty ensemble, at most ten additions."""
    tables = read_collected(Path(folder))
    click.echo(f"{len(tables)} tables; ahead of '{PLAIN}' on rows that were not selected on.\n")
    for line in lines(tables, draws, cores):
        click.echo(line)


if __name__ == "__main__":
    main()
