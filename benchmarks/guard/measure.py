"""Run and measure one fit through the command line."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import psutil
from sklearn.metrics import roc_auc_score

__all__ = ["Program", "fit_and_score", "normalised_loss", "peak_memory"]

BUDGET = 10.0
METRICS = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}
_SAMPLE_EVERY = 0.2
_MOST_SECONDS = 120.0
_MIB = 2.0**20


class Program:
    """The metaauto executable under test and the knowledge store of its fits."""

    def __init__(self, path: Path, store: Path | None) -> None:
        self.path = path
        # The environment must not change the version or the options of metaauto.
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if name != "PYTHONPATH" and not name.startswith("METAAUTO_")
        }
        if store is None:
            told = json.loads(self.output("knowledge", "info", "--json"))
            store = next(Path(one["path"]) for one in told if one["origin"] == "shipped")
        self.store = store.absolute()
        self.known = self.count_tables(self.store)

    def start(self, *arguments: Any, folder: Path) -> subprocess.Popen[str]:
        """Start a command in a folder that has no package of the same name."""
        command = [str(self.path), *map(str, arguments)]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, cwd=folder, env=self.environment, stdout=pipe, stderr=pipe, text=True
        )

    def output(self, *arguments: Any) -> str:
        """Return the standard output of a command; stop if it fails."""
        with tempfile.TemporaryDirectory() as folder:
            process = self.start(*arguments, folder=Path(folder))
            output, errors = process.communicate()
        if process.returncode:
            raise click.ClickException(f"metaauto {' '.join(map(str, arguments))}: {errors}")
        return output

    def count_tables(self, store: Path) -> int:
        """Return the number of datasets in a store."""
        (told,) = json.loads(self.output("knowledge", "info", store, "--json"))
        return int(sum(told["datasets"].values()))

    def copy_store(self, copy: Path, without: Mapping[Path, str]) -> None:
        """Copy the store without the given datasets, each with its task."""
        shutil.copyfile(self.store, copy)
        for path, task in without.items():
            options = ("--data", path, "--target", "target", "--task", task, "--store", copy)
            self.output("knowledge", "forget", *options)
        left = self.count_tables(copy)
        if left > self.known - len(without):
            raise click.ClickException(f"{left} of {self.known} tables are left in the copy.")


def fit_and_score(program: Program, folder: Path, task: str, seed: int) -> dict[str, Any]:
    """Return the measurements of one fit, with an error if it fails."""
    model, predicted = folder / "model.metaauto", folder / "predicted.parquet"
    options = ["--target", "target", "--task", task, "--metric", METRICS[task]]
    options += ["--budget", f"{BUDGET:g}s", "--cores", "1", "--seed", seed, "--no-remember"]
    options += ["--knowledge", folder / "knowledge.db", "--out", model]
    start = time.perf_counter()
    process = program.start("fit", folder / "train.parquet", *options, folder=folder)
    first, memory, said = _watch(process, METRICS[task], start)
    seconds = time.perf_counter() - start
    figures = {
        "budget": BUDGET,
        "seconds": seconds,
        "overrun": max(0.0, seconds - BUDGET),
        "first_answer": first,
        "memory_mib": memory / _MIB,
    }
    if process.returncode or not model.exists():
        return {**figures, "error": f"exit status {process.returncode}: {' '.join(said)[-500:]}"}
    shown = json.loads(program.output("leaderboard", model, "--json"))["leaderboard"]
    trials = [one for one in shown if one["configuration"] is not None]
    figures["model_mib"] = model.stat().st_size / _MIB
    figures["trials"] = len(trials)
    figures["members"] = sum(one["weight"] > 0 for one in trials)
    proba = [] if task == "regression" else ["--proba"]
    program.output("predict", model, folder / "test.parquet", "-o", predicted, *proba)
    train, test = (pd.read_parquet(folder / f"{part}.parquet") for part in ("train", "test"))
    found = pd.read_parquet(predicted)
    if proba:
        # Releases differ in whether the label stands beside the probabilities.
        found = found.drop(columns="target", errors="ignore")
    loss = normalised_loss(task, train["target"], test["target"], found)
    return {**figures, "loss": loss}


def _watch(
    process: subprocess.Popen[str], metric: str, start: float
) -> tuple[float | None, float, list[str]]:
    """Wait for a fit; return the seconds to its first score, its memory and its output."""
    first, lines, sampled = None, [], [0.0]
    has_score = re.compile(rf"\b{re.escape(metric)} +-?\d")
    sampler = threading.Thread(target=_sample, args=(process, sampled))
    sampler.start()
    for line in process.stderr or ():
        if first is None and has_score.search(line):
            first = time.perf_counter() - start
        lines.append(line.strip())
    process.communicate()
    return first, max(sampled), lines


def peak_memory(process: subprocess.Popen[str], seconds: float) -> tuple[str, float]:
    """Return the output of a process, killed after some seconds, and its peak memory in bytes."""
    sampled = [0.0]
    sampler = threading.Thread(target=_sample, args=(process, sampled, seconds))
    sampler.start()
    output, _ = process.communicate()
    sampler.join()
    return output, max(sampled)


def _sample(
    process: subprocess.Popen[str], sampled: list[float], seconds: float = _MOST_SECONDS
) -> None:
    """Sample the memory of a process and its children; kill them after a timeout."""
    latest = time.monotonic() + seconds
    while process.returncode is None:
        with contextlib.suppress(psutil.Error):
            parent = psutil.Process(process.pid)
            tree = [parent, *parent.children(recursive=True)]
            sampled.append(sum(map(_memory, tree)))
            if time.monotonic() > latest:
                for one in tree:
                    one.kill()
        time.sleep(_SAMPLE_EVERY)


def _memory(process: psutil.Process) -> float:
    """Return the memory of a process in bytes: PSS if available, otherwise RSS."""
    try:
        full = process.memory_full_info()
        return float(getattr(full, "pss", full.rss))
    except psutil.AccessDenied:
        return float(process.memory_info().rss)
    except psutil.Error:
        return 0.0


def normalised_loss(task: str, train: pd.Series, test: pd.Series, predicted: pd.DataFrame) -> float:
    """Return the loss divided by that of a constant: the training mean or class frequencies."""
    if task == "regression":
        y, mean = test.to_numpy(float), train.to_numpy(float).mean()
        squares = np.mean((y - predicted["target"].to_numpy(float)) ** 2)
        return float(np.sqrt(squares / np.mean((y - mean) ** 2)))
    y = test.astype(str)
    places = predicted.columns.get_indexer(y)
    if (places < 0).any():
        raise click.ClickException(f"No probabilities of some classes: {list(predicted)}.")
    if task == "binary":
        return float((1.0 - roc_auc_score(places, predicted.iloc[:, 1])) / 0.5)
    values = predicted.to_numpy(float)
    right = values[np.arange(len(y)), places] / values.sum(axis=1)
    shares = y.map(train.astype(str).value_counts(normalize=True)).to_numpy(float)
    return float(np.log(np.clip(right, 1e-15, 1.0)).mean() / np.log(shares).mean())
