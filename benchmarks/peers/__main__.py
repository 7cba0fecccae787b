"""Fit tables with metaauto and other AutoML systems, and compare them on unseen rows.

python -m benchmarks.peers install FOLDER flaml autogluon lightautoml
python -m benchmarks.peers run --tables POOL --environments FOLDER --part develop --out rows.jsonl
python -m benchmarks.peers report rows.jsonl

All systems get the same four fifths of the rows (at most 20,000), metric, budget and core. The pool
has parquet files with a column `target` and `catalog.csv`. metaauto uses a store without the group
of the table. A run continues where it stopped; two fits run side by side, each on its own core.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import pandas as pd

from benchmarks.guard.measure import Program, normalised_loss, peak_memory
from benchmarks.peers.summary import report
from benchmarks.peers.tables import PARTS, choose
from benchmarks.pinned import run_pinned
from benchmarks.tables import append_row, group_of, read_rows, split_table

REQUIREMENTS = {
    "flaml": ["flaml[automl]", "lightgbm", "xgboost", "catboost", "pyarrow"],
    "autogluon": [
        "autogluon.tabular[lightgbm,catboost,xgboost]",
        "ray[default]<2.59",
        "fastai==2.8.7",
        "pyarrow",
    ],
    "lightautoml": ["lightautoml", "pyarrow"],
}
ENVIRONMENTS = {"autogluon-best": "autogluon", "autogluon-medium": "autogluon"}
_HERE = ("metaauto", "boosting")
_FIT = Path(__file__).with_name("fit_peer.py")
_MAX_ROWS = 20_000
_SPLIT_SEED = 0
_FOLDER = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group()
def main() -> None:
    """Compare metaauto with other AutoML systems."""


@main.command("install")
@click.argument("folder", type=_FOLDER)
@click.argument("names", nargs=-1, required=True, type=click.Choice(list(REQUIREMENTS)))
def install(folder: Path, names: tuple[str, ...]) -> None:
    """Install systems, each in its own virtual environment in FOLDER."""
    for name in names:
        python = folder / name / "bin" / "python"
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(folder / name)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", *REQUIREMENTS[name]], check=True)


@main.command("run")
@click.option("--tables", type=_FOLDER, required=True)
@click.option("--environments", type=_FOLDER, required=True)
@click.option("--metaauto", type=_FILE, help="Default: in the folder of this Python.")
@click.option("--store", type=_FILE, help="Default: the store that comes with metaauto.")
@click.option("--part", type=click.Choice(PARTS), required=True)
@click.option("--systems", default="metaauto", show_default=True, help="Comma-separated.")
@click.option("--budget", default=60.0, show_default=True, help="Seconds.")
@click.option("--label", default="", help="Name of a variant of metaauto in the results.")
@click.option("--option", "options", multiple=True, help="NAME=JSON, for metaauto.")
@click.option("--names", default="", help="Only these tables, comma-separated.")
@click.option("--out", type=_FILE, required=True)
def run(
    tables: Path,
    environments: Path,
    metaauto: Path | None,
    store: Path | None,
    part: str,
    systems: str,
    budget: float,
    label: str,
    options: tuple[str, ...],
    names: str,
    out: Path,
) -> None:
    """Run the fits that are missing in the results."""
    catalog = pd.read_csv(tables / "catalog.csv")
    chosen = choose(catalog)
    chosen = chosen[chosen["part"] == part]
    if names:
        chosen = chosen[chosen["name"].isin(names.split(","))]
    found = metaauto or shutil.which("metaauto", path=str(Path(sys.executable).parent))
    if found is None:
        raise click.UsageError("Name the executable with --metaauto.")
    program = Program(Path(found).absolute(), store)
    more = {name: json.loads(value) for name, _, value in (o.partition("=") for o in options)}
    done = {(row["table"], row["system"], row["budget"]) for row in read_rows(out)}
    todo = []
    for name in chosen["name"]:
        for system in systems.split(","):
            shown = label if label and system == "metaauto" else system
            if (name, shown, budget) not in done:
                order = {"system": system, "budget": budget, "cores": 1, "seed": 0}
                extra = more if system == "metaauto" else {}
                todo.append((name, shown, {**order, "options": extra}))
    where = _Where(tables, environments, catalog.set_index("name"), program)
    run_pinned(_one, [(where, out, *item) for item in todo])
    print(report(read_rows(out)))


@main.command("report")
@click.argument("rows", type=_FILE, nargs=-1, required=True)
@click.option("--every", is_flag=True, help="Also one line per table and system.")
def show(rows: tuple[Path, ...], every: bool) -> None:
    """Print ranks, wins and losses, times and memory of the results in ROWS."""
    print(report([row for path in rows for row in read_rows(path)], every))


class _Where:
    """The pool, the environments of the systems, and the program under test."""

    def __init__(
        self, tables: Path, environments: Path, catalog: pd.DataFrame, program: Program
    ) -> None:
        self.tables, self.environments = tables.resolve(), environments.resolve()
        self.catalog, self.program = catalog, program

    def python(self, system: str) -> str:
        """Return the interpreter of a system."""
        if system in _HERE:
            return str(self.program.path.parent / "python")
        return str(self.environments / ENVIRONMENTS.get(system, system) / "bin" / "python")


def _one(where: _Where, out: Path, name: str, label: str, order: dict[str, Any]) -> None:
    """Fit a table with a system and save the measurements."""
    task, budget = str(where.catalog.loc[name, "task"]), order["budget"]
    with tempfile.TemporaryDirectory() as created:
        folder = Path(created)
        train, test = split_table(where.tables / f"{name}.parquet", _SPLIT_SEED)
        train = train.sample(min(len(train), _MAX_ROWS), random_state=_SPLIT_SEED)
        files = {part: str(folder / f"{part}.parquet") for part in ("train", "test", "predicted")}
        train.to_parquet(files["train"])
        test.to_parquet(files["test"])
        if order["system"] == "metaauto":
            without = group_of(where.tables, where.catalog, name)
            where.program.copy_store(folder / "knowledge.db", without=without)
            own = {"knowledge": str(folder / "knowledge.db"), "remember": False}
            order = {**order, "options": {**own, **order["options"]}}
        command = [where.python(order["system"]), str(_FIT)]
        order = {**order, "task": task, "folder": str(folder), **files}
        figures = _measured([*command, json.dumps(order)], folder, where, budget)
        if "error" not in figures:
            predicted = pd.read_parquet(files["predicted"])
            try:
                loss = normalised_loss(task, train["target"], test["target"], predicted)
                figures["loss"] = loss
            except click.ClickException as error:
                figures["error"] = error.message
    row = {"table": name, "task": task, "system": label, "budget": budget, "rows": len(train)}
    append_row(out, {**row, **figures})
    print(f"{name}, {label}: {figures.get('error') or figures['loss']}", file=sys.stderr)


def _measured(command: list[str], folder: Path, where: _Where, budget: float) -> dict[str, Any]:
    """Run a fit; return what it printed, its memory and the seconds of the process."""
    environment = {**where.program.environment, "OMP_WAIT_POLICY": "PASSIVE"}
    environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    began = time.monotonic()
    with open(folder / "log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        )
        output, memory = peak_memory(process, 3 * budget + 120)
    figures = {"memory_mib": memory / 2**20, "process_seconds": time.monotonic() - began}
    try:
        return {**figures, **json.loads(output.splitlines()[-1])}
    except (IndexError, ValueError):
        said = (folder / "log").read_text(encoding="utf-8", errors="replace").strip()
        status = f"exit status {process.returncode}: "
        return {**figures, "error": status + (said.splitlines() or ["no output"])[-1][-300:]}


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.peers")
