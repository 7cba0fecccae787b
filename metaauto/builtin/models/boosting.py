"""Histogram gradient boosting with early stopping on the fold's validation part."""

from __future__ import annotations

import inspect
import time
from collections.abc import Mapping
from typing import Any

from metaauto.api import BuildContext, Choice, FitContext, Float, Int, Model, Range, Tags
from metaauto.builtin.models.fitting import CLASS_WEIGHT, affordable_rounds, validation_rows

__all__ = ["HIST_GRADIENT_BOOSTING"]

MAX_ROUNDS = 1000
FULL_CLASSES = 10
"""Most classes with the full number of rounds: each round has one tree per class."""
ROUNDS_WITHOUT_VALIDATION = 200
PATIENCE = 20


def _space(kind: str) -> dict[str, Range]:
    ranges: dict[str, Range] = {
        "learning_rate": Float(0.01, 0.3, 0.06, log=True),
        "max_leaf_nodes": Int(4, 255, 24, log=True),
        "min_samples_leaf": Int(1, 200, 12, log=True),
        "l2_regularization": Float(1e-8, 30.0, 1e-2, log=True),
        "max_features": Float(0.2, 1.0, 0.6),
        "max_bins": Int(31, 255, 255, log=True),
    }
    if kind == "regression":
        ranges["loss"] = Choice(("squared_error", "absolute_error"))
    else:
        ranges["class_weight"] = Choice(CLASS_WEIGHT)
    return ranges


def _build(values: Mapping[str, Any], context: BuildContext) -> Any:
    from metaauto.builtin.models.compact_trees import (
        CompactBoostingClassifier,
        CompactBoostingRegressor,
    )

    settings = {
        "learning_rate": values["learning_rate"],
        "max_leaf_nodes": values["max_leaf_nodes"],
        "min_samples_leaf": values["min_samples_leaf"],
        "l2_regularization": values["l2_regularization"],
        "max_features": values["max_features"],
        "max_bins": values["max_bins"],
        "categorical_features": list(context.categorical) or None,
        "max_iter": MAX_ROUNDS,
        "n_iter_no_change": PATIENCE,
        "early_stopping": False,
        "random_state": context.seed,
    }
    if context.is_classification:
        settings["class_weight"] = values.get("class_weight")
        return CompactBoostingClassifier(**settings)
    return CompactBoostingRegressor(loss=values.get("loss", "squared_error"), **settings)


def _fit(estimator: Any, X: Any, y: Any, context: FitContext) -> Any:
    estimator.set_params(warm_start=True, categorical_features=_supported_categories(estimator, X))
    validation = validation_rows(y, context)
    if validation is None:
        total = context.rounds or ROUNDS_WITHOUT_VALIDATION
        stopping: Any = _FixedRounds()
    else:
        total = _max_rounds(context.n_classes)
        native = "X_val" in inspect.signature(estimator.fit).parameters
        stopping = _NativeEarlyStopping(validation) if native else _EarlyStopping(validation)
    began = time.monotonic()
    # The first rounds measure the time per round; their number depends on the table only.
    batch = 5 if len(y) * max(context.n_classes, 1) <= 100_000 else 1
    done = 0
    while batch > 0:
        batch = min(batch, stopping.step)
        estimator.set_params(max_iter=done + batch)
        stopping.fit(estimator, X, y, context.sample_weight)
        done += batch
        if stopping.should_stop(estimator):
            break
        batch = affordable_rounds(done, total, time.monotonic() - began, context)
    return estimator.set_params(warm_start=False, max_iter=estimator.n_iter_)


def _max_rounds(n_classes: int) -> int:
    return max(round(MAX_ROUNDS * min(1.0, FULL_CLASSES / max(n_classes, 1))), 1)


def _supported_categories(estimator: Any, X: Any) -> list[int] | None:
    """Return the columns with few enough categories; the others are treated as numeric."""
    import numpy as np

    columns = estimator.categorical_features
    if columns is None:
        return None
    kept = []
    for column in columns:
        codes = np.asarray(X)[:, column]
        codes = codes[np.isfinite(codes) & (codes >= 0)]
        if len(np.unique(codes)) <= estimator.max_bins and codes.max(initial=0) < 255:
            kept.append(int(column))
    return kept or None


class _FixedRounds:
    """No early stopping, for fits without a validation part."""

    step = MAX_ROUNDS

    def fit(self, estimator: Any, X: Any, y: Any, sample_weight: Any) -> None:
        estimator.fit(X, y, sample_weight=sample_weight)

    def should_stop(self, estimator: Any) -> bool:
        return False


class _NativeEarlyStopping:
    """Early stopping by scikit-learn 1.7 and later, which accepts a validation part in `fit`."""

    step = MAX_ROUNDS

    def __init__(self, rows: tuple[Any, Any, Any]) -> None:
        self.X, self.y, self.weight = rows

    def fit(self, estimator: Any, X: Any, y: Any, sample_weight: Any) -> None:
        estimator.set_params(early_stopping=True)
        estimator.fit(
            X,
            y,
            sample_weight=sample_weight,
            X_val=self.X,
            y_val=self.y,
            sample_weight_val=self.weight,
        )

    def should_stop(self, estimator: Any) -> bool:
        return bool(estimator.n_iter_ < estimator.max_iter)


class _EarlyStopping:
    """Early stopping for scikit-learn < 1.7: compute the validation loss after a few rounds."""

    step = PATIENCE // 2

    def __init__(self, rows: tuple[Any, Any, Any]) -> None:
        self.X, self.y, self.weight = rows
        self.best = float("inf")
        self.best_round = 0

    def fit(self, estimator: Any, X: Any, y: Any, sample_weight: Any) -> None:
        estimator.fit(X, y, sample_weight=sample_weight)

    def should_stop(self, estimator: Any) -> bool:
        from sklearn import metrics

        if hasattr(estimator, "classes_"):
            predictions = estimator.predict_proba(self.X)
            loss = metrics.log_loss(
                self.y, predictions, sample_weight=self.weight, labels=estimator.classes_
            )
        else:
            metric = getattr(metrics, f"mean_{estimator.loss}")
            loss = metric(self.y, estimator.predict(self.X), sample_weight=self.weight)
        if loss < self.best:
            self.best, self.best_round = loss, estimator.n_iter_
        return bool(estimator.n_iter_ - self.best_round >= PATIENCE)


def _cost_factor(values: Mapping[str, Any], context: BuildContext) -> float:
    # Every class has its own trees, on the same bins.
    return float(max(context.n_classes - 1, 1) ** 0.7)


HIST_GRADIENT_BOOSTING = Model(
    name="hist_gradient_boosting",
    build=_build,
    fit=_fit,
    rounds="n_iter_",
    space=_space,
    tags=Tags(
        accepts_nan=True,
        accepts_categories=True,
        accepts_sample_weight=True,
        uses_early_stopping=True,
        keeps_deadline=True,
    ),
    portfolio=(
        {"learning_rate": 0.1, "max_leaf_nodes": 6, "min_samples_leaf": 10, "max_features": 1.0},
        {"learning_rate": 0.03, "max_leaf_nodes": 80, "min_samples_leaf": 5, "max_features": 0.5},
        {"learning_rate": 0.05, "max_leaf_nodes": 31, "min_samples_leaf": 60, "max_features": 0.4},
        {"learning_rate": 0.1, "max_leaf_nodes": 31, "min_samples_leaf": 20, "max_features": 1.0},
    ),
    max_classes=200,
    cost=1.0,
    cost_factor=_cost_factor,
)
