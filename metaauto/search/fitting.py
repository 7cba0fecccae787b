"""Build and fit an estimator of a model on prepared rows."""

from __future__ import annotations

import logging
from typing import Any

from metaauto.components import FitContext, Model
from metaauto.configuration import Configuration
from metaauto.errors import ComponentError

__all__ = ["build_model", "fit_built", "fit_model", "model_values", "training_rounds"]

logger = logging.getLogger(__name__)


def fit_model(model: Model, values: dict[str, Any], X: Any, y: Any, context: FitContext) -> Any:
    """Build a model and fit it, with its own `fit` if it has one."""
    return fit_built(model, build_model(model, values, context), X, y, context)


def build_model(model: Model, values: dict[str, Any], context: FitContext) -> Any:
    """Build the estimator of a model."""
    estimator = model.build(values, context)
    if estimator is None or not hasattr(estimator, "predict"):
        raise ComponentError(
            f"build of model {model.name!r} returned {type(estimator).__name__}.",
            hint="Return an estimator with fit and predict, as in scikit-learn.",
        )
    return estimator


def fit_built(model: Model, estimator: Any, X: Any, y: Any, context: FitContext) -> Any:
    """Fit an estimator that its model has built."""
    if model.fit is not None:
        fitted = model.fit(estimator, X, y, context)
        return estimator if fitted is None else fitted
    if context.sample_weight is not None:
        estimator.fit(X, y, sample_weight=context.sample_weight)
    else:
        estimator.fit(X, y)
    return estimator


def training_rounds(model: Model, estimator: Any) -> tuple[int, int]:
    """Return the training rounds of a fitted estimator and their limit; 0 if unknown."""
    try:
        names = (model.rounds, model.max_rounds)
        done, most = (max(int(getattr(estimator, n)), 0) if n else 0 for n in names)
    except Exception as error:
        # A plugin's property may raise anything.
        logger.debug("No rounds of %s: %s", type(estimator).__name__, error)
        return 0, 0
    return done, most


def model_values(configuration: Configuration) -> dict[str, Any]:
    """Return the hyperparameter values of the model, without those of the preprocessing."""
    from metaauto.components import SLOTS

    return {k: v for k, v in configuration.values.items() if k.split(".")[0] not in SLOTS}
