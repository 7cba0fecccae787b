"""XGBoost model for metaauto."""

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
    Range,
    Register,
    Tags,
    hookimpl,
)

SPACE = {
    "learning_rate": Float(0.01, 0.3, 0.05, log=True),
    "grow_policy": Choice(("depthwise", "lossguide")),
    "max_depth": Int(2, 12, 5, when={"grow_policy": ("depthwise",)}),
    "max_leaves": Int(4, 255, 31, log=True, when={"grow_policy": ("lossguide",)}),
    "min_child_weight": Float(0.1, 50.0, 1.0, log=True),
    "subsample": Float(0.5, 1.0, 0.9),
    "colsample_bytree": Float(0.3, 1.0, 0.8),
    "colsample_bynode": Float(0.3, 1.0, 1.0),
    "reg_lambda": Float(1e-3, 30.0, 1.0, log=True),
    "reg_alpha": Float(1e-3, 10.0, 1e-3, log=True),
    "max_cat_to_onehot": Int(2, 100, 4, log=True),
}

# The Hessian of a row is 1 in regression, but p (1 - p) in classification.
SPACE_BY_KIND = {
    "multiclass": {"min_child_weight": Float(0.03, 30.0, 0.3, log=True)},
    "regression": {"min_child_weight": Float(0.5, 100.0, 4.0, log=True)},
}

PORTFOLIO = (
    {"learning_rate": 0.1, "max_depth": 3, "subsample": 0.8, "colsample_bynode": 0.6},
    {"learning_rate": 0.03, "max_depth": 9, "colsample_bytree": 0.7},
    {"grow_policy": "lossguide", "max_leaves": 64, "min_child_weight": 5.0, "reg_lambda": 10.0,
     "colsample_bytree": 0.6},
)  # fmt: skip


def space(kind: str) -> dict[str, Range]:
    """Return the hyperparameter ranges of a kind of task."""
    return {**SPACE, **SPACE_BY_KIND.get(kind, {})}


def build(values: Mapping[str, Any], context: BuildContext) -> Any:
    """Build an unfitted estimator for the task."""
    from metaauto_xgboost.estimator import XGBoostClassifier, XGBoostRegressor

    kind = XGBoostClassifier if context.is_classification else XGBoostRegressor
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
    """Register the model ``xgboost``."""
    register.model(
        Model(
            name="xgboost",
            build=build,
            fit=fit,
            space=space,
            portfolio=PORTFOLIO,
            tags=Tags(
                accepts_nan=True,
                accepts_categories=True,
                accepts_sparse=True,
                accepts_sample_weight=True,
                uses_early_stopping=True,
                keeps_deadline=True,
            ),
            cost=2.0,
            requires=("xgboost",),
            rounds="n_iter_",
            max_rounds="max_iter_",
            trusted=(
                "metaauto_xgboost.estimator.XGBoostClassifier",
                "metaauto_xgboost.estimator.XGBoostRegressor",
            ),
        )
    )
