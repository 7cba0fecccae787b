"""Compare metaauto fit with HistGradientBoosting and ordinal encoding on the same splits.

python -m benchmarks.versus_boosting run --tables FOLDER --names a,b --store STORE --out R.jsonl
python -m benchmarks.versus_boosting table R.jsonl
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np
import pandas as pd

from benchmarks.side_by_side import without_group
from benchmarks.tables import (
    GIVEN_NAMES,
    GIVEN_OUT,
    GIVEN_SEED,
    GIVEN_TABLES,
    append_row,
    over_splits,
    read_rows,
    relative_gain,
    split_table,
)


@click.group()
def main() -> None:
    """Compare, then tabulate."""


@main.command()
@GIVEN_TABLES
@GIVEN_NAMES
@click.option("--budget", default=30.0, show_default=True, help="Seconds of a fit.")
@GIVEN_SEED
@click.option(
    "--store",
    type=click.Path(exists=True, dir_okay=False),
    help="Start warm from this store without the table and its group.",
)
@click.option("--label", default="metaauto", show_default=True)
@click.option("--fit-args", default="", help="Further arguments of `metaauto fit`.")
@GIVEN_OUT
def run(
    tables: str,
    names: str,
    budget: float,
    seed: int,
    store: str | None,
    label: str,
    fit_args: str,
    out: str,
) -> None:
    """Fit, predict and evaluate each dataset on the command line."""
    done = {(r["table"], r["seed"], r["label"]) for r in read_rows(Path(out))}
    for name in names.split(","):
        if (name, seed, label) in done:
            continue
        with tempfile.TemporaryDirectory() as folder:
            knowledge = ["--no-knowledge"]
            if store is not None:
                known = Path(folder) / "others.db"
                without_group(Path(store), known, name)
                knowledge = ["--knowledge", str(known)]
            more = [*knowledge, *fit_args.split()]
            row = _compare(Path(tables) / f"{name}.parquet", budget, seed, more)
        row.update(table=name, seed=seed, label=label, budget=budget)
        append_row(Path(out), row)
        click.echo(json.dumps(row))


@main.command()
@click.argument("results", type=click.Path(exists=True))
@click.option("--label", default="metaauto", show_default=True)
def table(results: str, label: str) -> None:
    """Print the comparison as Markdown."""
    rows = [r for r in read_rows(Path(results)) if r["label"] == label]
    heads = "table, rows x features, metric, splits, metaauto, boosting, gain, fit s, wall s"
    click.echo(f"| {heads.replace(', ', ' | ')} |")
    click.echo("|---" * 9 + "|")
    gains = []
    means = over_splits(rows, ("score", "boosting", "fit_seconds", "wall_seconds"))
    for r in sorted(means, key=lambda r: (r["metric"], r["table"])):
        gain = relative_gain(r["score"], r["boosting"], r["greater_is_better"])
        gains.append(gain)
        cells = (
            r["table"],
            f"{r['rows']} x {r['features']}",
            r["metric"],
            r["splits"],
            f"{r['score']:.5g}",
            f"{r['boosting']:.5g}",
            f"{100 * gain:+.2f} %",
            f"{r['fit_seconds']:.1f}",
            f"{r['wall_seconds']:.1f}",
        )
        click.echo(f"| {' | '.join(map(str, cells))} |")
    count = len(gains)
    click.echo(
        f"\nBetter on {sum(g > 0 for g in gains)} of {count}, at least as good within 1 % on "
        f"{sum(g >= -0.01 for g in gains)}; median gain {100 * float(np.median(gains)):+.2f} %."
    )
    late = max(r["fit_seconds"] - r["budget"] * 1.02 - 1.0 for r in rows)
    click.echo(f"Latest fit: {late:+.2f} s against budget x 1.02 + 1 s.")


def _compare(path: Path, budget: float, seed: int, fit_args: list[str]) -> dict:
    from metaauto.metrics import resolve_metric
    from metaauto.model import read_manifest

    train, test = split_table(path, seed)
    with tempfile.TemporaryDirectory() as folder:
        files = {part: f"{folder}/{part}.parquet" for part in ("train", "test", "predictions")}
        train.to_parquet(files["train"])
        test.to_parquet(files["test"])
        model = f"{folder}/model.metaauto"
        began = time.monotonic()
        command = ["fit", files["train"], "--target", "target", "--budget", f"{budget}s"]
        _metaauto(
            *command, "--seed", str(seed), "--out", model, "--quiet", "--no-remember", *fit_args
        )
        wall = time.monotonic() - began
        _metaauto("predict", model, files["test"], "-o", files["predictions"])
        if len(pd.read_parquet(files["predictions"])) != len(test):
            raise SystemExit("predict lost rows")
        report = json.loads(_metaauto("evaluate", model, files["test"], "--json"))
        manifest = read_manifest(model)
    metric = resolve_metric(report["metric"], manifest["task"]["kind"])
    return {
        "rows": len(train),
        "features": train.shape[1] - 1,
        "task": manifest["task"]["kind"],
        "metric": metric.name,
        "greater_is_better": metric.greater_is_better,
        "score": report["scores"][report["metric"]],
        "boosting": _boosting(train, test, manifest["task"]["kind"], metric),
        "fit_seconds": manifest["facts"]["seconds"],
        "wall_seconds": wall,
    }


def _metaauto(*arguments: str) -> str:
    command = [sys.executable, "-m", "metaauto", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: {ended.stderr}")
    return ended.stdout


def _boosting(train: pd.DataFrame, test: pd.DataFrame, task: str, metric: object) -> float:
    """Return the score of HistGradientBoosting with defaults and ordinal encoding."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    X_train, X_test = train.drop(columns="target"), test.drop(columns="target")
    words = [c for c in X_train if not pd.api.types.is_numeric_dtype(X_train[c])]
    for column in words:
        X_train[column], X_test[column] = (
            X[column].astype(object).where(X[column].notna(), None) for X in (X_train, X_test)
        )
        X_train[column], X_test[column] = (
            X[column].map(lambda v: None if v is None else str(v)) for X in (X_train, X_test)
        )
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    prepare = make_column_transformer((encoder, words), remainder="passthrough")
    if task == "regression":
        model = make_pipeline(prepare, HistGradientBoostingRegressor(random_state=0))
        model.fit(X_train, train["target"])
        return float(metric.score(test["target"].to_numpy(float), model.predict(X_test)))
    model = make_pipeline(prepare, HistGradientBoostingClassifier(random_state=0))
    model.fit(X_train, train["target"])
    codes = np.searchsorted(model.classes_, test["target"].to_numpy())
    return float(metric.score(codes, model.predict_proba(X_test)))


if __name__ == "__main__":
    main()
