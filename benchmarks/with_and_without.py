"""Compare warm fits with and without some models or plugins, in parallel on one core each.

python -m benchmarks.with_and_without run STORE --tables FOLDER --names a --without svm --out R.json
python -m benchmarks.with_and_without table R.json
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import click
import numpy as np

from benchmarks.side_by_side import side_by_side, without_group
from benchmarks.tables import (
    GIVEN_NAMES,
    GIVEN_OUT,
    GIVEN_SEED,
    GIVEN_STORE,
    GIVEN_TABLES,
    append_row,
    median_interval,
    read_rows,
    relative_gain,
)

WITH, WITHOUT = "with", "without"


@click.group()
def main() -> None:
    """Compare, then tabulate."""


@main.command()
@GIVEN_STORE
@GIVEN_TABLES
@GIVEN_NAMES
@click.option("--without", required=True, help="Models or plugins to leave out, with commas.")
@click.option("--budget", default=60.0, show_default=True, help="Seconds of a fit.")
@GIVEN_SEED
@GIVEN_OUT
def run(
    store: str, tables: str, names: str, without: str, budget: float, seed: int, out: str
) -> None:
    """Fit each dataset both ways in parallel, with its group removed from the store."""
    done = {(row["table"], row["seed"]) for row in read_rows(Path(out))}
    for name in names.split(","):
        if (name, seed) in done:
            continue
        with tempfile.TemporaryDirectory() as folder:
            known = Path(folder) / "others.db"
            without_group(Path(store), known, name)
            options = {"budget": budget, "seed": seed, "cores": 1, "knowledge": str(known)}
            arms = {WITH: options, WITHOUT: {**options, "exclude": without.split(",")}}
            fits = side_by_side(Path(tables) / f"{name}.parquet", arms, Path(folder))
        append_row(Path(out), {"table": name, "seed": seed, "budget": budget, **fits})
        click.echo(json.dumps({"table": name, **{arm: fits[arm].get("score") for arm in arms}}))


@main.command()
@click.argument("results", type=click.Path(exists=True))
def table(results: str) -> None:
    """Print the comparison as Markdown."""
    rows = [r for r in read_rows(Path(results)) if "score" in r[WITH] and "score" in r[WITHOUT]]
    click.echo("| table | metric | with | without | gain |")
    click.echo("|---|---|---|---|---|")
    gains = []
    for row in sorted(rows, key=lambda row: row["table"]):
        one, other = row[WITH], row[WITHOUT]
        gains.append(relative_gain(one["score"], other["score"], one["greater_is_better"]))
        click.echo(
            f"| {row['table']} | {one['metric']} | {one['score']:.5g} | {other['score']:.5g} | "
            f"{100 * gains[-1]:+.2f} % |"
        )
    wins, losses = sum(g > 0 for g in gains), sum(g < 0 for g in gains)
    low, high = median_interval(np.array(gains))
    click.echo(
        f"\nWith: {wins} wins, {len(gains) - wins - losses} ties, {losses} losses; median gain "
        f"{100 * float(np.median(gains)):+.2f} % (95 % bootstrap {100 * low:+.2f} to "
        f"{100 * high:+.2f})."
    )


if __name__ == "__main__":
    main()
