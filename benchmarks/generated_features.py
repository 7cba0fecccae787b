"""Is a model better with generated features? The same split, with each choice of the slot.

python -m benchmarks.generated_features --tables POOL --out rows.jsonl

Thirty pool tables, ten of each task: three fifths of the rows
for training, one for early stopping, one unseen for the loss. It continues where it stopped.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from benchmarks.guard.measure import METRICS, normalised_loss
from benchmarks.guard.summary import header, line
from benchmarks.peers.tables import MAX_ROWS, MIN_ROWS, by_hash
from benchmarks.tables import append_row, mean_interval, read_rows, split_table
from metaauto.components import Deadline
from metaauto.configuration import Configuration
from metaauto.data import prepare
from metaauto.plugins.manager import load_plugins
from metaauto.search.dataset_io import Inputs
from metaauto.search.evaluate import Evaluator
from metaauto.search.pipeline import plan_preparation
from metaauto.space import SearchSpace

CHOICES = ("none", "arithmetic", "groups", "all")
_PLACES = slice(16, 26)
_MAX_ROWS = 20_000
_SECONDS = 60.0


@click.command()
@click.option("--tables", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--model", default="lightgbm", show_default=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
def main(tables: Path, model: str, out: Path) -> None:
    """Fit the missing tables and print the paired differences to no generated features."""
    catalog = pd.read_csv(tables / "catalog.csv")
    fitting = by_hash(catalog[catalog["rows"].between(MIN_ROWS, MAX_ROWS)])
    chosen = fitting.drop_duplicates("group").groupby("task", sort=True).nth(_PLACES)
    done = {(row["table"], row["model"]) for row in read_rows(out)}
    for name, task in zip(chosen["name"], chosen["task"], strict=True):
        if (name, model) in done:
            continue
        for row in _losses(tables / f"{name}.parquet", task, model):
            append_row(out, {"table": name, "task": task, "model": model, **row})
            print(name, row, flush=True)
    print(_summary([row for row in read_rows(out) if row["model"] == model]))


def _losses(path: Path, task: str, model: str) -> list[dict[str, Any]]:
    train, test = split_table(path, 0)
    train = train.sample(min(len(train), _MAX_ROWS), random_state=0).reset_index(drop=True)
    data = prepare(train, "target", task=task, metric_name=METRICS[task])
    order = np.random.default_rng(0).permutation(len(data.y))
    folds = [(np.sort(order[len(order) // 4 :]), np.sort(order[: len(order) // 4]))]
    registry = load_plugins().registry
    space = SearchSpace(registry, data.task)
    inputs = Inputs(data.task, data.X, data.y, data.weights, folds)
    found: list[dict[str, Any]] = []
    seen: set[str] = set()
    for choice in CHOICES:
        given = Configuration(model, {"generate": choice})
        configuration = space.repair(given).configuration
        if configuration.key in seen:
            continue
        seen.add(configuration.key)
        evaluator = Evaluator(inputs, registry, Path("."))
        began = time.monotonic()
        pipeline, _ = evaluator.fit(configuration, 0, 0, Deadline.after(_SECONDS))
        seconds = time.monotonic() - began
        rows = data.schema.encode(test.drop(columns="target"))
        if task == "regression":
            predicted = pd.DataFrame({"target": np.asarray(pipeline.predict(rows))})
        else:
            labels = [str(label) for label in data.task.classes or ()]
            predicted = pd.DataFrame(pipeline.predict_proba(rows), columns=labels)
        loss = normalised_loss(task, train["target"], test["target"], predicted)
        preparation = plan_preparation(space, registry, configuration)
        assert preparation.steps.get("generate", (None,))[0] is not None or choice == "none"
        found.append({"choice": choice, "loss": loss, "seconds": round(seconds, 2)})
    return found


def _summary(rows: list[dict[str, Any]]) -> str:
    frame = pd.DataFrame(rows)
    loss = frame.pivot_table(index="table", columns="choice", values="loss")
    seconds = frame.pivot_table(index="table", columns="choice", values="seconds")
    lines = header(["choice", "tables", "wins-losses", "mean difference, 95 %", "seconds ratio"])
    for choice in loss.columns.drop("none"):
        both = loss[["none", choice]].dropna()
        gap = (both[choice] / both["none"] - 1.0).to_numpy()
        low, high = mean_interval(gap)
        ratio = (seconds[choice] / seconds["none"]).median()
        wins, losses = int((gap < -1e-3).sum()), int((gap > 1e-3).sum())
        interval = f"{100 * gap.mean():+.2f} % ({100 * low:+.2f} to {100 * high:+.2f})"
        lines.append(line([choice, str(len(gap)), f"{wins}-{losses}", interval, f"{ratio:.2f}"]))
    lines += ["", *header(["table", *loss.columns])]
    for table in loss.index:
        lines.append(line([str(table), *(f"{loss.loc[table, c]:.4f}" for c in loss.columns)]))
    return "\n".join(lines)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.generated_features")
