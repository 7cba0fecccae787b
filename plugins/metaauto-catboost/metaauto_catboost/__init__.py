"""CatBoost model for metaauto."""

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
    "learning_rate": Float(0.02, 0.3, 0.06, log=True),
    "grow_policy": Choice(("SymmetricTree", "Depthwise")),
    "depth": Int(3, 9, 6),
    "min_data_in_leaf": Int(1, 50, 5, log=True, when={"grow_policy": ("Depthwise",)}),
    "l2_leaf_reg": Float(0.5, 30.0, 3.0, log=True),
    "random_strength": Float(0.01, 10.0, 1.0, log=True),
    "bootstrap_type": Choice(("MVS", "Bayesian")),
    "subsample": Float(0.5, 0.95, 0.8, when={"bootstrap_type": ("MVS",)}),
    "bagging_temperature": Float(0.1, 5.0, 1.0, log=True, when={"bootstrap_type": ("Bayesian",)}),
    "one_hot_max_size": Int(2, 50, 10, log=True),
    "max_ctr_complexity": Int(1, 4, 2),
    "border_count": Int(32, 254, 128, log=True),
}

# A multiclass round fits one tree per class: fewer rounds with a larger learning rate and fewer
# bins lost little accuracy in measurements. Regression gained from more bins on 3 of 4 tables.
SPACE_BY_KIND = {
    "multiclass": {
        "learning_rate": Float(0.05, 0.4, 0.15, log=True),
        "border_count": Int(32, 254, 64, log=True),
    },
    "regression": {"border_count": Int(32, 254, 254, log=True)},
}

PORTFOLIO = (
    {"grow_policy": "Depthwise", "depth": 6, "min_data_in_leaf": 10},
    {"depth": 4, "l2_leaf_reg": 4.5, "max_ctr_complexity": 3},
    {"depth": 8, "bootstrap_type": "Bayesian", "bagging_temperature": 1.0},
)  # fmt: skip


def space(kind: str) -> dict[str, Range]:
    """Return the hyperparameter ranges of a kind of task."""
    return {**SPACE, **SPACE_BY_KIND.get(kind, {})}


def build(values: Mapping[str, Any], context: BuildContext) -> Any:
    """Build an unfitted estimator for the task."""
    from metaauto_catboost.estimator import CatBoostClassifier, CatBoostRegressor

    kind = CatBoostClassifier if context.is_classification else CatBoostRegressor
    # CatBoost rejects inactive parameters.
    active = {
        name: value
        for name, value in values.items()
        if all(values.get(other) in allowed for other, allowed in SPACE[name].when.items())
    }
    return kind(
        values=active,
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
    """Register the model ``catboost``."""
    register.model(
        Model(
            name="catboost",
            build=build,
            fit=fit,
            space=space,
            portfolio=PORTFOLIO,
            tags=Tags(
                accepts_nan=True,
                accepts_categories=True,
                accepts_sample_weight=True,
                uses_early_stopping=True,
                keeps_deadline=True,
            ),
            cost=4.0,
            requires=("catboost",),
            rounds="n_iter_",
            max_rounds="max_iter_",
            trusted=(
                "metaauto_catboost.estimator.CatBoostClassifier",
                "metaauto_catboost.estimator.CatBoostRegressor",
            ),
        )
    )
