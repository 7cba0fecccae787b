"""Measure the latency of a saved model, in seconds of one core.

python -m benchmarks.latency house.metaauto ROW.csv other.metaauto OTHER.csv

Each model is loaded, and each command is run, in child processes. The lowest of several values is
reported, since other processes on the machine can only add to it.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time

import click

LIBRARIES = ("numpy", "pandas", "sklearn.pipeline", "sklearn.compose", "skops.io")
BOOSTING = ("lightgbm", "xgboost", "catboost")
FURTHER = 50


@click.command()
@click.argument("models_and_rows", nargs=-1, required=True)
@click.option("--repeats", default=5, show_default=True, help="Child processes per value.")
def main(models_and_rows: tuple[str, ...], repeats: int) -> None:
    """Print a row of a table in Markdown for each MODEL and ROW.csv."""
    click.echo(
        "| model | fold models | imports alone (s) | load (ms) | first row (ms) | further rows (ms)"
        " | shell (s) | shell above imports (s) |"
    )
    click.echo("|---|---|---|---|---|---|---|---|")
    pairs = zip(models_and_rows[::2], models_and_rows[1::2], strict=True)
    for model, row in pairs:
        found = [_child(model, row) for _ in range(repeats)]
        best = {name: min(one[name] for one in found) for name in ("load", "first", "further")}
        statements = "; ".join(f"import {library}" for library in found[0]["libraries"])
        imports = "import metaauto.model.serialization as s; s.import_skops_alone(); " + statements
        alone = _process_seconds([sys.executable, "-c", imports], repeats)
        command = [sys.executable, "-m", "metaauto", "predict", model, row]
        shell = _process_seconds(command, repeats)
        cells = [f"{best[name] * 1000:.1f}" for name in ("load", "first", "further")]
        click.echo(
            f"| {model} | {found[0]['folds']} | {alone:.2f} | {' | '.join(cells)} | {shell:.2f} |"
            f" {shell - alone:.2f} |"
        )


def _child(model: str, row: str) -> dict[str, float | list[str]]:
    command = [sys.executable, "-c", "from benchmarks.latency import measure; measure()"]
    done = subprocess.run([*command, model, row], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def measure() -> None:
    """Print the seconds to load a model, to predict a first row and further ones, as JSON."""
    import pandas as pd

    from metaauto.model import FinalModel
    from metaauto.model.serialization import import_skops_alone

    import_skops_alone()
    # The first load imports libraries.
    FinalModel.load(sys.argv[1])
    started = time.process_time()
    model = FinalModel.load(sys.argv[1])
    loaded = time.process_time()
    row = pd.read_csv(sys.argv[2]).iloc[0].to_dict()
    seconds = []
    for _ in range(1 + FURTHER):
        began = time.process_time()
        model.predict_raw(row)
        seconds.append(time.process_time() - began)
    result = {
        "folds": sum(len(fitted) for m in model.members for *_, fitted in m.parts),
        "libraries": [*LIBRARIES, *(name for name in BOOSTING if name in sys.modules)],
        "load": loaded - started,
        "first": seconds[0],
        "further": min(seconds[1:]),
    }
    print(json.dumps(result))


def _process_seconds(command: list[str], repeats: int) -> float:
    """Return the lowest number of seconds of user and system that a command takes."""
    seconds = []
    for _ in range(repeats):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(seconds)


if __name__ == "__main__":
    main()
