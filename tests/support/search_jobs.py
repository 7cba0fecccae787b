"""Jobs on a small table, with models that do harm on purpose."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from metaauto.configuration import Configuration
from metaauto.data import prepare
from metaauto.plugins.manager import PluginSettings
from metaauto.search import Executor, Inputs, Job, Setup, write_inputs

PLUGINS = PluginSettings(only=(), modules=("metaauto.testing.faults",))
TIMEOUT = 120.0
POSIX = pytest.mark.skipif(os.name != "posix", reason="signals and forks are of POSIX systems")


def write_table(folder: Path) -> Setup:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"a": random.normal(size=60), "b": random.normal(size=60)})
    frame["y"] = np.where(frame["a"] > 0, "yes", "no")
    data = prepare(frame, "y", metric_name="log_loss")
    rows = np.arange(60)
    folds = [(rows[rows % 2 != f], rows[rows % 2 == f]) for f in (0, 1)]
    write_inputs(folder / "data", Inputs(data.task, data.X, data.y, None, folds))
    for name in ("predictions", "models", "logs"):
        (folder / name).mkdir(exist_ok=True)
    return Setup(str(folder), PLUGINS)


def job(fault: str, number: int = 0, fold: int = 0, hard: float = TIMEOUT, **values) -> Job:
    name = fault if fault == "naive_bayes" else f"fault_{fault}"
    values = {"var_smoothing": 0.3} if fault == "naive_bayes" else values
    return Job(number, fold, Configuration(name, values), 0, hard_seconds=hard)


def await_free(pool: Executor, n: int) -> None:
    end = time.monotonic() + TIMEOUT
    while pool.free() < n:
        assert time.monotonic() < end, "no worker is free"
        pool.wait(0.5)


def outcomes_of(pool: Executor, n: int) -> list:
    found: list = []
    end = time.monotonic() + TIMEOUT
    while len(found) < n:
        assert time.monotonic() < end, found
        found += pool.wait(0.5)
    assert len(found) == n
    return found


def run(pool: Executor, *jobs: Job) -> list:
    await_free(pool, len(jobs))
    for each in jobs:
        pool.submit(each)
    return outcomes_of(pool, len(jobs))
