"""Random forest and extremely randomised trees, fitted in batches until the deadline."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from metaauto.api import BuildContext, Choice, FitContext, Int, Model, Range, Tags
from metaauto.builtin.models.fitting import CLASS_WEIGHT, affordable_rounds

__all__ = ["EXTRA_TREES", "RANDOM_FOREST"]

N_TREES = 200
# Typical number of columns of the tables on which the costs were measured.
TYPICAL_COLUMNS = 20


def _space(features: Mapping[str, Any], leaf: Mapping[str, int]) -> Any:
    def space(kind: str) -> dict[str, Range]:
        ranges: dict[str, Range] = {
            "max_features": Choice(("sqrt", "log2", 0.25, 0.5, 0.75, 1.0), features[kind]),
            "min_samples_leaf": Int(1, 80, leaf[kind], log=True),
            "max_leaf_nodes": Int(64, 50_000, 16_384, log=True),
        }
        if kind != "regression":
            ranges["criterion"] = Choice(("gini", "entropy"))
            ranges["class_weight"] = Choice(CLASS_WEIGHT)
        return ranges

    return space


def _cost_factor(values: Mapping[str, Any], context: BuildContext) -> float:
    """Return a lower cost for wide tables if each split examines few columns."""
    if values.get("max_features") not in ("sqrt", "log2"):
        return 1.0
    return min(1.0, (TYPICAL_COLUMNS / max(context.n_features, 1)) ** 0.5)


def _settings(values: Mapping[str, Any], context: BuildContext) -> dict[str, Any]:
    settings = {
        "n_estimators": N_TREES,
        "max_features": values["max_features"],
        "min_samples_leaf": values["min_samples_leaf"],
        "n_jobs": context.threads,
        "random_state": context.seed,
    }
    # With max_leaf_nodes trees grow best-first, which is slower: set it only if it is binding.
    if values["max_leaf_nodes"] * values["min_samples_leaf"] < context.n_rows:
        settings["max_leaf_nodes"] = values["max_leaf_nodes"]
    if context.is_classification:
        settings["criterion"] = values.get("criterion", "gini")
        settings["class_weight"] = values.get("class_weight")
    return settings


def _build_random_forest(values: Mapping[str, Any], context: BuildContext) -> Any:
    from metaauto.builtin.models import compact_trees

    kind: Any = compact_trees.CompactRandomForestRegressor
    if context.is_classification:
        kind = compact_trees.CompactRandomForestClassifier
    return kind(**_settings(values, context))


def _build_extra_trees(values: Mapping[str, Any], context: BuildContext) -> Any:
    from metaauto.builtin.models import compact_trees

    kind: Any = compact_trees.CompactExtraTreesRegressor
    if context.is_classification:
        kind = compact_trees.CompactExtraTreesClassifier
    return kind(**_settings(values, context))


def _fit(estimator: Any, X: Any, y: Any, context: FitContext) -> Any:
    """Fit trees batch by batch; the trees do not depend on the batch sizes."""
    total = estimator.n_estimators
    if getattr(estimator, "class_weight", None) == "balanced":
        # scikit-learn warns about "balanced" with warm_start; these weights are the same.
        estimator.set_params(class_weight=_class_weight(y))
    estimator.set_params(warm_start=True)
    began = time.monotonic()
    done, batch = 0, min(max(context.threads, 1), total)
    while batch > 0:
        done += batch
        estimator.set_params(n_estimators=done)
        estimator.fit(X, y, sample_weight=context.sample_weight)
        batch = affordable_rounds(done, total, time.monotonic() - began, context)
    return estimator.set_params(warm_start=False)


def _class_weight(y: Any) -> dict[int, float]:
    import numpy as np

    codes, counts = np.unique(y, return_counts=True)
    return {int(c): float(len(y) / (len(codes) * n)) for c, n in zip(codes, counts, strict=True)}


RANDOM_FOREST = Model(
    name="random_forest",
    build=_build_random_forest,
    fit=_fit,
    space=_space(
        {"binary": "sqrt", "multiclass": "sqrt", "regression": 0.5},
        {"binary": 4, "multiclass": 2, "regression": 1},
    ),
    tags=Tags(accepts_nan=True, accepts_sample_weight=True, keeps_deadline=True),
    portfolio=(
        {"max_features": 0.5, "min_samples_leaf": 5},
        {"max_features": 0.75, "min_samples_leaf": 1, "criterion": "entropy"},
        {"max_features": "log2", "min_samples_leaf": 1},
    ),
    cost=6.0,
    cost_factor=_cost_factor,
)

EXTRA_TREES = Model(
    name="extra_trees",
    build=_build_extra_trees,
    fit=_fit,
    space=_space(
        {"binary": "sqrt", "multiclass": 0.75, "regression": 1.0},
        {"binary": 4, "multiclass": 2, "regression": 2},
    ),
    tags=Tags(accepts_nan=True, accepts_sample_weight=True, keeps_deadline=True),
    portfolio=(
        {"max_features": 1.0, "min_samples_leaf": 4, "criterion": "entropy"},
        {"max_features": 0.75, "min_samples_leaf": 1},
        {"max_features": "sqrt", "min_samples_leaf": 1},
    ),
    cost=3.5,
    cost_factor=_cost_factor,
)
