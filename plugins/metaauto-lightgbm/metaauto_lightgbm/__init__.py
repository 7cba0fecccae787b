"""LightGBM model for metaauto."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metaauto.api import (
    BuildContext,
    Choice,
    FitContext,
    Float,
    Int,
    Model,
    Register,
    Tags,
    hookimpl,
)

SPACE = {
    "learning_rate": Float(0.005, 0.3, 0.05, log=True),
    "num_leaves": Int(4, 255, 20, log=True),
    "min_data_in_leaf": Int(1, 100, 20, log=True),
    "feature_fraction": Float(0.3, 1.0, 0.8),
    "bagging": Choice((False, True)),
    "bagging_fraction": Float(0.5, 1.0, 0.8, when={"bagging": (True,)}),
    "lambda_l1": Float(1e-6, 30.0, 1e-6, log=True),
    "lambda_l2": Float(1e-3, 30.0, 1e-2, log=True),
    "extra_trees": Choice((False, True)),
    "cat_l2": Float(5e-3, 100.0, 10.0, log=True),
    "cat_smooth": Float(1e-3, 100.0, 10.0, log=True),
    "max_cat_to_onehot": Int(2, 100, 4, log=True),
    "min_data_per_group": Int(2, 100, 20, log=True),
    "generate": Choice(("none", "arithmetic", "groups", "all")),
}

PORTFOLIO = (
    {"extra_trees": True, "min_data_in_leaf": 5, "feature_fraction": 0.6},
    {"generate": "arithmetic"},
    {"learning_rate": 0.03, "num_leaves": 127, "min_data_in_leaf": 4, "feature_fraction": 0.9},
    {"learning_rate": 0.1, "num_leaves": 8, "min_data_in_leaf": 40, "lambda_l2": 10.0},
    {"learning_rate": 0.02, "num_leaves": 16, "min_data_in_leaf": 3, "feature_fraction": 0.5,
     "bagging": True, "bagging_fraction": 0.8},
    {"generate": "all", "extra_trees": True, "min_data_in_leaf": 5, "feature_fraction": 0.6},
)  # fmt: skip


def build(values: Mapping[str, Any], context: BuildContext) -> Any:
    """Build an unfitted estimator for the task."""
    from metaauto_lightgbm.estimator import LightGBMClassifier, LightGBMRegressor

    kind = LightGBMClassifier if context.is_classification else LightGBMRegressor
    return kind(
        values=dict(values),
        categorical=context.categorical,
        random_state=context.seed,
        n_jobs=context.threads,
    )


def fit(estimator: Any, X: Any, y: Any, context: FitContext) -> Any:
    """Fit until early stopping on the fold's validation part or the deadline."""
    validation = None
    if context.X_validation is not None:
        validation = (context.X_validation, context.y_validation, context.validation_weight)
    return estimator.fit(
        X,
        y,
        sample_weight=context.sample_weight,
        validation=validation,
        deadline=context.deadline,
        rounds=context.rounds,
    )


@hookimpl
def register_models(register: Register) -> None:
    """Register the model ``lightgbm``."""
    register.model(
        Model(
            name="lightgbm",
            build=build,
            fit=fit,
            space=SPACE,
            portfolio=PORTFOLIO,
            tags=Tags(
                accepts_nan=True,
                accepts_categories=True,
                accepts_sparse=True,
                accepts_sample_weight=True,
                uses_early_stopping=True,
                keeps_deadline=True,
            ),
            cost=1.0,
            requires=("lightgbm",),
            rounds="n_iter_",
            max_rounds="max_iter_",
            trusted=(
                "metaauto_lightgbm.estimator.LightGBMClassifier",
                "metaauto_lightgbm.estimator.LightGBMRegressor",
            ),
        )
    )
