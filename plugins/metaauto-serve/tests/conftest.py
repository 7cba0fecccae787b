from __future__ import annotations

import logging
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from metaauto.components import Deadline
from metaauto.configuration import Configuration
from metaauto.data import prepare
from metaauto.model import FinalModel, Member
from metaauto.model.fit_record import FitRecord
from metaauto.plugins.manager import PluginSettings, load_plugins
from metaauto.search.dataset_io import Inputs
from metaauto.search.evaluate import Evaluator

pytest.importorskip("fastapi", reason="needs fastapi")
pytest.importorskip("uvicorn", reason="needs uvicorn")

EVIL = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def _restored_loggers():
    """Restore the loggers of metaauto, which the command line changes."""
    loggers = [logging.getLogger(name) for name in ("metaauto", "metaauto.plugins")]
    before = [(logger.handlers, logger.propagate, logger.level) for logger in loggers]
    yield
    for logger, (handlers, propagate, level) in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


@pytest.fixture(scope="session")
def table():
    """A table with HTML in names, cells and labels."""
    random, n = np.random.default_rng(0), 120
    size = random.normal(100, 20, n).round(1)
    return pd.DataFrame(
        {
            "size": size,
            f"district {EVIL}": random.choice(["north", "south", EVIL, 'a"b'], n),
            "garden": random.choice(["yes", "no"], n),
            "sold": pd.date_range("2024-01-01", periods=n).strftime("%Y-%m-%d"),
            "sale": np.where(size > 100, "<b>high</b>", "low"),
            "price": size * 2 + random.normal(0, 1, n).round(2),
        }
    )


def fitted_model(table, target, model, folder):
    """Fit one model on one fold, in this process, which spares a fit with its workers."""
    data = prepare(table, target, metric_name="score")
    registry = load_plugins(PluginSettings(only=())).registry
    rows = np.arange(len(table))
    inputs = Inputs(data.task, data.X, data.y, None, [(rows[20:], rows[:20])])
    space = registry.model(model).space_for(data.task.kind)
    values = {key: bounds.default for key, bounds in space.items()}
    evaluator, deadline = Evaluator(inputs, registry, folder), Deadline.after(60.0)
    estimator, *_ = evaluator.fit(Configuration(model, values), 0, 0, deadline)
    record = FitRecord(score=0.9, created="2026-01-31T00:00:00+00:00")
    member = Member(f"{model}-1", model, values, 1.0, [estimator])
    return FinalModel(data.task, data.schema, [member], "score", record=record)


@pytest.fixture(scope="session")
def paths(table, tmp_path_factory):
    """Model files of a classification and a regression, and the table, by name."""
    folder = tmp_path_factory.mktemp("models")
    found = {"table": str(folder / "table.csv")}
    table.to_csv(found["table"], index=False)
    for name, other, model in (("sale", "price", "lda"), ("price", "sale", "elastic_net")):
        fitted = fitted_model(table.drop(columns=other), name, model, folder)
        found[name] = str(fitted.save(folder / f"{name}.metaauto"))
    return found


@pytest.fixture(scope="session")
def workers(paths):
    from metaauto_serve.workers import Workers

    models = {name: paths[name] for name in ("sale", "price")}
    settings = {"models": models, "background": paths["table"], "max_rows": 1_000, "memory": 4}
    found = Workers(settings, 1)
    yield found
    found.close()


@pytest.fixture(scope="session")
def client(workers):
    """A client of an application with both models."""
    from fastapi.testclient import TestClient
    from metaauto_serve.app import Limits, create_app

    app = create_app(workers, Limits(2_000_000, 250.0, 2), ["models.example"])
    with TestClient(app, "http://localhost", raise_server_exceptions=False) as found:
        yield found


class Served:
    """The command ``metaauto serve`` as a process."""

    def __init__(self, paths, district):
        command = [sys.executable, "-m", "metaauto", "serve", paths["sale"], "--port", "0"]
        command += ["--workers", "1", "--idle-timeout", "1", "--timeout", "20"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("Serving sale at http://127.0.0.1:"), line
        self.address, self.district = line.split()[3], district
        self.port = int(self.address.rstrip("/").rsplit(":", 1)[1])

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def served(paths, table):
    found = Served(paths, table.columns[1])
    yield found
    found.close()
