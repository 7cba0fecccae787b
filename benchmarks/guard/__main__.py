"""Fit twelve datasets for ten seconds each and show the results; compare two such results.

python -m benchmarks.guard --tables FOLDER --out results.jsonl
python -m benchmarks.guard compare before.jsonl after.jsonl

The folder has parquet files with a column `target`, and `catalog.csv` with the columns name, task,
rows and group. Run it before and after a change, on the same otherwise idle machine: about three
minutes for one repeat. Results of ten seconds are noisy; more repeats reduce the noise.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import click
import pandas as pd

from benchmarks.guard.measure import Program, fit_and_score
from benchmarks.guard.summary import comparison, summary
from benchmarks.pinned import run_pinned
from benchmarks.tables import append_row, group_of, read_rows, split_table

TABLES = {
    "binary": ("cylinder_bands", "sick", "telco_churn", "magic"),
    "multiclass": ("anneal", "splice", "facebook_live", "letter"),
    "regression": ("boston", "colleges_usnews", "wine_quality_white", "bike_sharing"),
}
_SPLIT_SEED = 0
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(invoke_without_command=True)
@click.option("--tables", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--metaauto", type=_FILE, help="Default: in the folder of this Python.")
@click.option("--store", type=_FILE, help="Default: the store that comes with metaauto.")
@click.option("--repeats", default=1, show_default=True, help="Fits of each table.")
@click.option("--names", default="", help="Only these tables, comma-separated.")
@click.pass_context
def main(
    context: click.Context,
    tables: Path | None,
    out: Path | None,
    metaauto: Path | None,
    store: Path | None,
    repeats: int,
    names: str,
) -> None:
    """Run the fits that are missing in the results, and show all results."""
    if context.invoked_subcommand is not None:
        return
    program = metaauto or shutil.which("metaauto", path=str(Path(sys.executable).parent))
    if tables is None or out is None or program is None:
        raise click.UsageError("Name --tables and --out, and --metaauto if it is elsewhere.")
    only = names.split(",") if names else [name for kind in TABLES.values() for name in kind]
    order = [(name, seed) for name in only for seed in range(repeats)]
    done = {(row["table"], row["repeat"]) for row in read_rows(out)}
    if todo := [pair for pair in order if pair not in done]:
        _measure(tables.resolve(), Program(Path(program).absolute(), store), out, todo)
    found = {(row["table"], row["repeat"]): row for row in read_rows(out)}
    print(summary([found[pair] for pair in order]))


@main.command("compare")
@click.argument("before", type=_FILE)
@click.argument("after", type=_FILE)
def compare(before: Path, after: Path) -> None:
    """Compare two files of results by dataset."""
    print(comparison(read_rows(before), read_rows(after)))


def _measure(tables: Path, program: Program, out: Path, todo: list[tuple[str, int]]) -> None:
    """Fit datasets with the given seeds, two in parallel, each on its own core."""
    catalog = pd.read_csv(tables / "catalog.csv").set_index("name")
    run_pinned(_one, [(tables, catalog, program, out, *pair) for pair in todo])


def _one(
    tables: Path, catalog: pd.DataFrame, program: Program, out: Path, name: str, seed: int
) -> None:
    """Fit a dataset with its group removed from the store, and save the results."""
    about = catalog.loc[name]
    with tempfile.TemporaryDirectory() as created:
        folder = Path(created)
        program.copy_store(folder / "knowledge.db", without=group_of(tables, catalog, name))
        train, test = split_table(tables / f"{name}.parquet", _SPLIT_SEED)
        train.to_parquet(folder / "train.parquet")
        test.to_parquet(folder / "test.parquet")
        figures = fit_and_score(program, folder, about["task"], seed)
    append_row(out, {"table": name, "task": about["task"], "repeat": seed, **figures})
    print(f"{name}, repeat {seed}: {figures.get('error') or figures['loss']}", file=sys.stderr)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.guard")
