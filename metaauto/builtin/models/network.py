"""Averaged multilayer perceptrons in NumPy with encodings of numbers and a schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metaauto.api import BuildContext, Choice, FitContext, Float, Int, Model, Tags
from metaauto.builtin.models.fitting import validation_rows

__all__ = ["NETWORK"]

FEW_ROWS, SOME_ROWS = 1_500, 10_000


def _build(values: Mapping[str, Any], context: BuildContext) -> Any:
    from metaauto.builtin.models.network_estimator import NetworkClassifier, NetworkRegressor

    settings = dict(values)
    settings["batch_size"] = _batch_size(values["batch_size"], context.n_rows)
    settings["members"] = _members(values["members"], context.n_rows)
    kind = NetworkClassifier if context.is_classification else NetworkRegressor
    return kind(**settings, categorical=context.categorical, random_state=context.seed)


def _batch_size(size: Any, n_rows: int) -> int:
    if size == "auto":
        return 64 if n_rows < FEW_ROWS else 128 if n_rows < SOME_ROWS else 256
    return int(size)


def _members(members: Any, n_rows: int) -> int:
    if members == "auto":
        return 4 if n_rows < FEW_ROWS else 2 if n_rows < SOME_ROWS else 1
    return int(members)


def _fit(estimator: Any, X: Any, y: Any, context: FitContext) -> Any:
    return estimator.fit(X, y, context.sample_weight, validation_rows(y, context), context.deadline)


NETWORK = Model(
    name="network",
    build=_build,
    fit=_fit,
    space={
        "layers": Int(1, 4, 2),
        "width": Int(32, 256, 128, log=True),
        "activation": Choice(("mish", "selu"), "mish"),
        "encoding": Choice(("piecewise_linear", "periodic", "none"), "piecewise_linear"),
        "bins": Int(4, 32, 8, log=True, when={"encoding": ("piecewise_linear", "periodic")}),
        "dropout": Float(0.0, 0.5, 0.1),
        "learning_rate": Float(3e-4, 1e-2, 3e-3, log=True),
        "weight_decay": Float(1e-3, 3.0, 0.1, log=True),
        "batch_size": Choice(("auto", 32, 128, 512), "auto"),
        "members": Choice(("auto", 1, 2, 4, 8), "auto"),
    },
    tags=Tags(
        accepts_nan=True,
        accepts_categories=True,
        accepts_sample_weight=True,
        uses_early_stopping=True,
        keeps_deadline=True,
    ),
    portfolio=(
        {"layers": 3, "learning_rate": 2e-3},
        {"encoding": "periodic", "learning_rate": 2e-3},
    ),
    max_classes=1000,
    cost=2.5,
)
