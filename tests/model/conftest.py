from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from metaauto.components import Deadline
from metaauto.configuration import Configuration
from metaauto.data import prepare
from metaauto.ensemble import Calibrator, Decision
from metaauto.model import FinalModel, Member
from metaauto.model.fit_record import FitRecord
from metaauto.search.dataset_io import Inputs
from metaauto.search.evaluate import Evaluator


@pytest.fixture(scope="session")
def table():
    """A function that makes tables."""
    return make_table


@pytest.fixture
def maker_of(registry, tmp_path):
    """A function that makes fitters of tables."""
    return lambda frame, **settings: Maker(frame, registry, tmp_path, **settings)


def make_table(kind: str, n_rows: int = 240, seed: int = 0) -> pd.DataFrame:
    """Every kind of column, missing values, and a target that depends on some of them."""
    random = np.random.default_rng(seed)
    size = random.normal(size=n_rows)
    age = random.normal(size=n_rows) * 10
    kinds = random.choice(["oak", "elm", "ash"], n_rows)
    frame = pd.DataFrame(
        {
            "size": np.where(random.random(n_rows) < 0.1, np.nan, size),
            "age": age.round(3),
            "width": random.normal(size=n_rows) ** 2,
            "tree": np.where(random.random(n_rows) < 0.1, None, kinds),
            "district": random.choice([f"d{i}" for i in range(15)], n_rows),
            "public": random.random(n_rows) < 0.5,
            "planted": pd.Timestamp("2020-01-01")
            + pd.to_timedelta(random.integers(0, 900, n_rows), unit="D"),
            "notes": [
                " ".join(random.choice(["leaves fall", "dry spot", "roots wide", "cut"], 3))
                + f" {i}"
                for i in range(n_rows)
            ],
        }
    )
    signal = size + (kinds == "oak") * 1.5 + random.normal(size=n_rows) * 0.3
    if kind == "regression":
        frame["target"] = signal * 3 + 20
    elif kind == "binary":
        frame["target"] = np.where(signal > 0.5, "yes", "no")
    else:
        frame["target"] = np.digitize(signal, [-0.3, 1.0]) + 1
    return frame


class Maker:
    """Fits fold models the way the search does."""

    def __init__(self, frame, registry, folder: Path, n_folds: int = 2, **settings) -> None:
        settings.setdefault("roles", {"notes": "text"} if "notes" in frame else None)
        data = prepare(frame, "target", metric_name="test_metric", **settings)
        self.data, self.registry = data, registry
        everything = np.arange(len(data.y))
        folds = [
            (everything[everything % n_folds != fold], everything[everything % n_folds == fold])
            for fold in range(n_folds)
        ]
        inputs = Inputs(data.task, data.X, data.y, None, folds)
        self.evaluator = Evaluator(inputs, registry, folder)
        self.folds = range(n_folds)

    def member(self, model: str, weight: float = 1.0, **values) -> Member:
        space = self.registry.model(model).space_for(self.data.task.kind)
        values = {**{name: bounds.default for name, bounds in space.items()}, **values}
        configuration = Configuration(model, values)
        with warnings.catch_warnings():
            # The search does not show the warnings of a fit, either.
            warnings.simplefilter("ignore")
            fitted = [
                self.evaluator.fit(configuration, fold, 0, Deadline.after(20.0))[0]
                for fold in self.folds
            ]
        return Member(f"{model}-1", model, dict(values), weight, fitted)

    def model(self, *members: Member, **settings) -> FinalModel:
        task = replace(self.data.task, metric="test_metric")
        return FinalModel(task, self.data.schema, list(members), "test_metric", **settings)


@pytest.fixture(scope="session")
def makers(registry, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fits")
    return {
        k: Maker(make_table(k), registry, folder) for k in ("binary", "multiclass", "regression")
    }


@pytest.fixture(scope="session")
def models(makers):
    """One small ensemble for each kind of task."""
    binary = makers["binary"]
    multiclass = makers["multiclass"]
    regression = makers["regression"]
    return {
        "binary": binary.model(
            binary.member("hist_gradient_boosting", 3.0, max_leaf_nodes=8),
            binary.member("logistic", 1.0),
            calibrator=Calibrator("temperature", (1.7,)),
            decision=Decision("threshold", (0.3,)),
            leaderboard_rows=[{"name": "logistic-1", "score": 0.9, "failed": float("nan")}],
            record=FitRecord(seed=np.int64(3), seconds=1.5, findings=("a column is constant",)),
        ),
        "multiclass": multiclass.model(
            multiclass.member("extra_trees", 1.0, min_samples_leaf=5),
            multiclass.member("knn", 0.5),
            multiclass.member("dummy", 0.0),
        ),
        "regression": regression.model(
            regression.member("hist_gradient_boosting", 1.0, max_leaf_nodes=8),
            regression.member("ridge", 2.0),
            fallback=20.0,
        ),
    }


@pytest.fixture(scope="session")
def new_rows():
    """Rows that no model has seen, without the target."""
    return make_table("binary", 60, seed=9).drop(columns="target")
