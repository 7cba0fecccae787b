"""Is the model `network` better than `mlp`? The same split, rows and seconds for both.

python -m benchmarks.networks --tables POOL --part judge --out rows.jsonl

Three fifths of the rows for training, one for early stopping, one for the loss. The settings were
chosen on the part `develop`. The part `judge` has thirty tables, ten of each task, that decided
nothing about networks; `known` has the thirty tables of an earlier comparison.
Seconds are those of the processor, at most ten a fit. It continues where it stopped.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from scipy.stats import binomtest
from sklearn.metrics import log_loss

from benchmarks.guard.__main__ import TABLES as GUARDED
from benchmarks.guard.measure import METRICS, normalised_loss
from benchmarks.guard.summary import header, line
from benchmarks.peers.tables import by_hash
from benchmarks.peers.tables import choose as choose_for_peers
from benchmarks.tables import append_row, mean_interval, read_rows, split_table
from metaauto.components import Deadline
from metaauto.configuration import Configuration
from metaauto.data import prepare
from metaauto.plugins.manager import load_plugins
from metaauto.search.dataset_io import Inputs
from metaauto.search.evaluate import Evaluator

DEVELOP = (
    "airfoil", "california_housing", "credit_g", "pima_diabetes",
    "segment", "splice", "vowel", "wine_quality_white",
)  # fmt: skip
FIRST = {"learning_rate": 2e-3}
SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "mlp": ("mlp", {}),
    "first": ("network", FIRST),
    "no encoding": ("network", {**FIRST, "encoding": "none"}),
    "periodic": ("network", {**FIRST, "encoding": "periodic"}),
    "four members": ("network", {**FIRST, "members": 4}),
    "three layers": ("network", {**FIRST, "layers": 3}),
    "more regularised": ("network", {**FIRST, "dropout": 0.25, "weight_decay": 1.0}),
    "learning rate 0.005": ("network", {"learning_rate": 5e-3}),
    "network": ("network", {}),
}
"""Model and values: all fixed before any was fitted, except the last, the default now."""
SECONDS = 10.0
MIN_ROWS, MAX_ROWS, PER_TASK = 300, 60_000, 10
MORE_ROWS = 1_500
"""Results are also shown below and from this number of rows."""
_EARLIER = Path(__file__).parent / "results" / "networks.jsonl"


class ProcessorDeadline(Deadline):
    """A deadline on the processor time of this process, because the machine is shared."""

    def remaining(self) -> float:
        """Return the processor seconds left."""
        return self.at - time.process_time()


@click.command()
@click.option("--tables", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--part", type=click.Choice(["develop", "judge", "known"]), required=True)
@click.option("--settings", default="mlp,network", show_default=True)
@click.option("--splits", default=1, show_default=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
def main(tables: Path, part: str, settings: str, splits: int, out: Path) -> None:
    """Fit what is missing in the results and print the paired comparisons with `mlp`."""
    catalog = pd.read_csv(tables / "catalog.csv")
    chosen = choose(catalog, part)
    names = settings.split(",")
    done = {(row["table"], row["setting"], row["split"]) for row in read_rows(out)}
    for split in range(splits):
        for name, task in zip(chosen["name"], chosen["task"], strict=True):
            todo = [setting for setting in names if (name, setting, split) not in done]
            if todo:
                for row in _losses(tables / f"{name}.parquet", task, split, todo):
                    append_row(out, {"table": name, "task": task, "split": split, **row})
                    print(name, row, flush=True)
    print(summary([row for row in read_rows(out) if row["setting"] in names]))


def choose(catalog: pd.DataFrame, part: str) -> pd.DataFrame:
    """Return the rows of the catalog that are the tables of a part."""
    earlier = {json.loads(line)["table"] for line in _EARLIER.read_text("utf-8").splitlines()}
    if part != "judge":
        return catalog[catalog["name"].isin(DEVELOP if part == "develop" else earlier)]
    guarded = {name for names in GUARDED.values() for name in names}
    used = {*earlier, *guarded, *DEVELOP, *choose_for_peers(catalog)["name"]}
    is_new = ~catalog["group"].isin(catalog.loc[catalog["name"].isin(used), "group"])
    fitting = by_hash(catalog[catalog["rows"].between(MIN_ROWS, MAX_ROWS) & is_new])
    return fitting.drop_duplicates("group").groupby("task", sort=True).head(PER_TASK)


def _losses(path: Path, task: str, split: int, settings: list[str]) -> list[dict[str, Any]]:
    train, test = split_table(path, split)
    data = prepare(train.reset_index(drop=True), "target", task=task, metric_name=METRICS[task])
    order = np.random.default_rng(split).permutation(len(data.y))
    folds = [(np.sort(order[len(order) // 4 :]), np.sort(order[: len(order) // 4]))]
    registry = load_plugins().registry
    inputs = Inputs(data.task, data.X, data.y, data.weights, folds)
    rows = data.schema.encode(test.drop(columns="target"))
    found = []
    for setting in settings:
        model, values = SETTINGS[setting]
        # A new one for each, because it keeps the prepared rows.
        evaluator = Evaluator(inputs, registry, Path("."))
        configuration = evaluator.space.repair(Configuration(model, values)).configuration
        began = time.process_time()
        deadline = ProcessorDeadline(began + SECONDS)
        pipeline, _ = evaluator.fit(configuration, 0, split, deadline)
        row = {"setting": setting, "rows": len(train) + len(test), "features": rows.shape[1]}
        row["seconds"] = round(time.process_time() - began, 3)
        if task == "regression":
            predicted = pd.DataFrame({"target": np.asarray(pipeline.predict(rows))})
        else:
            labels = [str(label) for label in data.task.classes or ()]
            predicted = pd.DataFrame(pipeline.predict_proba(rows), columns=labels)
            truth = labels_of(test["target"], labels)
            row["log_loss"] = log_loss(truth, predicted.to_numpy(), labels=range(len(labels)))
        row["loss"] = normalised_loss(task, train["target"], test["target"], predicted)
        found.append(row)
    return found


def labels_of(target: pd.Series, labels: list[str]) -> np.ndarray:
    """Return the position of each class in a list of labels."""
    return pd.Index(labels).get_indexer(target.astype(str))


def summary(rows: list[dict[str, Any]]) -> str:
    """Return paired comparisons of each setting with `mlp`, and the losses of each table."""
    frame = pd.DataFrame(rows)
    loss = frame.pivot_table(index=["table", "split"], columns="setting", values="loss")
    log_losses = frame[frame["task"] == "binary"].pivot_table(
        index=["table", "split"], columns="setting", values="log_loss"
    )
    seconds = frame.groupby("setting")["seconds"].median()
    facts = frame.drop_duplicates("table").set_index("table")
    task, n_rows = facts["task"], facts["rows"]
    groups = {"all": task.index, **{kind: task.index[task == kind] for kind in METRICS}}
    groups[f"below {MORE_ROWS:,} rows"] = n_rows.index[n_rows < MORE_ROWS]
    groups[f"from {MORE_ROWS:,} rows"] = n_rows.index[n_rows >= MORE_ROWS]
    lines = header(["setting", "tables", "number", "wins", "p", "mean log ratio x 100, 95 %",
                    "median", "s"])  # fmt: skip
    for setting in loss.columns.drop("mlp"):
        ratio = _log_ratio(loss, setting)
        compared = {group: ratio[ratio.index.isin(names)] for group, names in groups.items()}
        compared["binary, log loss"] = _log_ratio(log_losses, setting)
        for group, part in compared.items():
            if len(part) > 1:
                figures = [*_figures(part.to_numpy()), f"{seconds[setting]:.1f}"]
                lines.append(line([setting, group, *figures]))
    lines += ["", f"Median seconds of mlp: {seconds['mlp']:.1f}", ""]
    lines += header(["table", "task", "rows x features", *loss.columns])
    for name, row in loss.groupby("table").mean().iterrows():
        shape = f"{n_rows[name]} x {facts.loc[name, 'features']}"
        lines.append(line([str(name), task[name], shape, *(f"{row[c]:.4f}" for c in row.index)]))
    return "\n".join(lines)


def _log_ratio(loss: pd.DataFrame, setting: str) -> pd.Series:
    """Return the mean over splits for each table; without tables that both predict perfectly."""
    return 100.0 * np.log(loss[setting] / loss["mlp"]).groupby("table").mean().dropna()


def _figures(ratio: np.ndarray) -> list[str]:
    wins, (low, high) = int((ratio < 0).sum()), mean_interval(ratio)
    p = binomtest(wins, len(ratio)).pvalue
    interval = f"{ratio.mean():+.1f} ({low:+.1f} to {high:+.1f})"
    return [str(len(ratio)), str(wins), f"{p:.3f}", interval, f"{np.median(ratio):+.1f}"]


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.networks")
