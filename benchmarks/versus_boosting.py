"""metaauto's command line against HistGradientBoosting with plain encoding, on the same splits.

python benchmarks/versus_boosting.py run --tables FOLDER --names titanic,iris --out results.jsonl
python benchmarks/versus_boosting.py table results.jsonl
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


@click.group()
def main() -> None:
    """Compare, then tabulate."""


@main.command()
@click.option("--tables", type=click.Path(exists=True, file_okay=False), required=True)
@click.option("--names", required=True, help="Comma-separated file names without .parquet.")
@click.option("--budget", default=30.0, show_default=True, help="Seconds of a fit.")
@click.option("--seed", default=0, show_default=True, help="Seed of the split and of the fit.")
@click.option("--label", default="metaauto", show_default=True)
@click.option("--fit-args", default="", help="Further arguments of `metaauto fit`.")
@click.option("--out", type=click.Path(dir_okay=False), required=True)
def run(
    tables: str, names: str, budget: float, seed: int, label: str, fit_args: str, out: str
) -> None:
    """Fit, predict and evaluate each table by the command line."""
    done = {(r["table"], r["seed"], r["label"]) for r in _rows(Path(out))}
    for name in names.split(","):
        if (name, seed, label) in done:
            continue
        row = _compare(Path(tables) / f"{name}.parquet", budget, seed, fit_args.split())
        row.update(table=name, seed=seed, label=label, budget=budget)
        with open(out, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        click.echo(json.dumps(row))


@main.command()
@click.argument("results", type=click.Path(exists=True))
@click.option("--label", default="metaauto", show_default=True)
def table(results: str, label: str) -> None:
    """Print the comparison as Markdown."""
    rows = [r for r in _rows(Path(results)) if r["label"] == label]
    click.echo("| table | rows x features | metric | metaauto | boosting | gain | fit s | wall s |")
    click.echo("|---|---|---|---|---|---|---|---|")
    gains = []
    for r in sorted(rows, key=lambda r: (r["metric"], r["table"])):
        sign = 1.0 if r["greater_is_better"] else -1.0
        gain = sign * (r["score"] - r["boosting"]) / max(abs(r["boosting"]), 1e-12)
        gains.append(gain)
        click.echo(
            f"| {r['table']} | {r['rows']} x {r['features']} | {r['metric']} | {r['score']:.5g} | "
            f"{r['boosting']:.5g} | {100 * gain:+.2f} % | {r['fit_seconds']:.1f} | "
            f"{r['wall_seconds']:.1f} |"
        )
    count = len(gains)
    click.echo(
        f"\nBetter on {sum(g > 0 for g in gains)} of {count}, at least as good within 1 % on "
        f"{sum(g >= -0.01 for g in gains)}; median gain {100 * float(np.median(gains)):+.2f} %."
    )
    late = max(r["fit_seconds"] - r["budget"] * 1.02 - 1.0 for r in rows)
    click.echo(f"Latest fit: {late:+.2f} s against budget x 1.02 + 1 s.")


@main.command()
@click.argument("results", type=click.Path(exists=True))
@click.argument("first")
@click.argument("second")
def pairs(results: str, first: str, second: str) -> None:
    """Compare two labels on the tables that both have, as Markdown."""
    found = {(r["label"], r["table"], r["seed"]): r for r in _rows(Path(results))}
    places = [(table, seed) for label, table, seed in found if label == first]
    click.echo(f"| table | rows x features | metric | {first} | {second} | gain of {first} |")
    click.echo("|---|---|---|---|---|---|")
    gains = []
    for table, seed in sorted(places):
        if (second, table, seed) not in found:
            continue
        one, other = found[first, table, seed], found[second, table, seed]
        sign = 1.0 if one["greater_is_better"] else -1.0
        gains.append(sign * (one["score"] - other["score"]) / max(abs(other["score"]), 1e-12))
        click.echo(
            f"| {table} | {one['rows']} x {one['features']} | {one['metric']} | "
            f"{one['score']:.5g} | {other['score']:.5g} | {100 * gains[-1]:+.2f} % |"
        )
    wins, losses = sum(g > 0 for g in gains), sum(g < 0 for g in gains)
    low, high = _interval(np.array(gains))
    click.echo(
        f"\n{first}: {wins} wins, {len(gains) - wins - losses} ties, {losses} losses; median gain "
        f"{100 * float(np.median(gains)):+.2f} % (95 % bootstrap {100 * low:+.2f} to "
        f"{100 * high:+.2f})."
    )


def _interval(gains: np.ndarray) -> tuple[float, float]:
    """Of the median, over tables."""
    draws = np.random.default_rng(0).choice(gains, (2000, len(gains)))
    low, high = np.quantile(np.median(draws, axis=1), (0.025, 0.975))
    return float(low), float(high)


def _rows(path: Path) -> list[dict]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _compare(path: Path, budget: float, seed: int, fit_args: list[str]) -> dict:
    from sklearn.model_selection import train_test_split

    from metaauto.metrics import resolve_metric
    from metaauto.model import read_manifest

    frame = pd.read_parquet(path)
    frame = frame[frame["target"].notna()].reset_index(drop=True)
    is_class = not pd.api.types.is_float_dtype(frame["target"]) and frame["target"].nunique() <= 50
    strata = frame["target"] if is_class else None
    train, test = train_test_split(frame, test_size=0.2, random_state=seed, stratify=strata)
    with tempfile.TemporaryDirectory() as folder:
        files = {part: f"{folder}/{part}.parquet" for part in ("train", "test", "predictions")}
        train.to_parquet(files["train"])
        test.to_parquet(files["test"])
        model = f"{folder}/model.metaauto"
        began = time.monotonic()
        command = ["fit", files["train"], "--target", "target", "--budget", f"{budget}s"]
        _metaauto(*command, "--seed", str(seed), "--out", model, "--quiet", *fit_args)
        wall = time.monotonic() - began
        _metaauto("predict", model, files["test"], "-o", files["predictions"])
        if len(pd.read_parquet(files["predictions"])) != len(test):
            raise SystemExit("predict lost rows")
        report = json.loads(_metaauto("evaluate", model, files["test"], "--json"))
        manifest = read_manifest(model)
    metric = resolve_metric(report["metric"], manifest["task"]["kind"])
    return {
        "rows": len(train),
        "features": frame.shape[1] - 1,
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
    """HistGradientBoosting with its defaults; words and dates become ordinal codes."""
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
