"""Linear models: logistic regression, ridge and elastic net."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from metaauto.api import BuildContext, Choice, FitContext, Float, Model, Tags
from metaauto.builtin.models.fitting import CLASS_WEIGHT, ignore_solver_warnings

__all__ = ["ELASTIC_NET", "LOGISTIC", "RIDGE"]

# Iterations per call and maximum number of calls; the deadline is checked between calls.
LBFGS_STEPS = (100, 10)
SAGA_STEPS = (20, 10)


def _build_logistic(values: Mapping[str, Any], context: BuildContext) -> Any:
    from sklearn.linear_model import LogisticRegression

    penalty = values.get("penalty", "l2")
    settings: dict[str, Any] = {
        "C": values["C"],
        "class_weight": values.get("class_weight"),
        "solver": "lbfgs" if penalty == "l2" else "saga",
        "random_state": context.seed,
        "tol": 1e-4 if penalty == "l2" else 1e-3,
    }
    ratio = {"l2": 0.0, "l1": 1.0}.get(penalty, values.get("l1_ratio", 0.5))
    if LogisticRegression().penalty == "deprecated":
        settings["l1_ratio"] = ratio
    else:
        settings["penalty"] = penalty
        if penalty == "elasticnet":
            settings["l1_ratio"] = ratio
    return LogisticRegression(**settings)


def _fit_logistic(estimator: Any, X: Any, y: Any, context: FitContext) -> Any:
    step, calls = LBFGS_STEPS if estimator.solver == "lbfgs" else SAGA_STEPS
    estimator.set_params(warm_start=True, max_iter=_first_step(step, X, context))
    for _ in range(calls):
        began = time.monotonic()
        with ignore_solver_warnings():
            estimator.fit(X, y, sample_weight=context.sample_weight)
        took = time.monotonic() - began
        converged = estimator.n_iter_.max() < estimator.max_iter
        if converged or context.deadline.remaining() < 1.5 * took:
            break
        estimator.set_params(max_iter=step)
    return estimator.set_params(warm_start=False)


def _first_step(step: int, X: Any, context: FitContext) -> int:
    """Return the iterations of the first call, fewer for large tables."""
    cells = X.nnz if hasattr(X, "nnz") else X.shape[0] * X.shape[1]
    return step if cells * max(context.n_classes, 1) < 20_000_000 else max(step // 10, 2)


LOGISTIC = Model(
    name="logistic",
    build=_build_logistic,
    fit=_fit_logistic,
    space={
        "C": Float(1e-4, 1e3, 1.0, log=True),
        "penalty": Choice(("l2", "l1", "elasticnet"), "l2"),
        "l1_ratio": Float(0.05, 0.95, 0.5, when={"penalty": ("elasticnet",)}),
        "class_weight": Choice(CLASS_WEIGHT),
    },
    tasks=("binary", "multiclass"),
    tags=Tags(
        accepts_sparse=True, needs_scaling=True, accepts_sample_weight=True, keeps_deadline=True
    ),
    portfolio=({"C": 0.02, "penalty": "l2"}, {"C": 0.1, "penalty": "l1"}, {"C": 100.0}),
    max_classes=1000,
    cost=0.03,
)


def _build_ridge(values: Mapping[str, Any], context: BuildContext) -> Any:
    from sklearn.linear_model import Ridge

    return Ridge(alpha=values["alpha"], random_state=context.seed)


RIDGE = Model(
    name="ridge",
    build=_build_ridge,
    space={"alpha": Float(1e-4, 1e5, 1.0, log=True)},
    tasks=("regression",),
    tags=Tags(accepts_sparse=True, needs_scaling=True, accepts_sample_weight=True),
    portfolio=({"alpha": 100.0},),
    cost=0.02,
)


def _build_elastic_net(values: Mapping[str, Any], context: BuildContext) -> Any:
    from sklearn.linear_model import ElasticNet

    return ElasticNet(
        alpha=values["alpha"],
        l1_ratio=values["l1_ratio"],
        max_iter=2000,
        tol=1e-3,
        random_state=context.seed,
    )


def _fit_elastic_net(estimator: Any, X: Any, y: Any, context: FitContext) -> Any:
    """Fit on the standardised target, so that alpha does not depend on the target's scale."""
    import numpy as np

    target = np.asarray(y, dtype=float)
    mean = float(np.average(target, weights=context.sample_weight))
    scale = float(target.std()) or 1.0
    with ignore_solver_warnings():
        estimator.fit(X, (target - mean) / scale, sample_weight=context.sample_weight)
    estimator.coef_ = estimator.coef_ * scale
    estimator.intercept_ = estimator.intercept_ * scale + mean
    return estimator


ELASTIC_NET = Model(
    name="elastic_net",
    build=_build_elastic_net,
    fit=_fit_elastic_net,
    space={
        "alpha": Float(1e-5, 1.0, 1e-3, log=True),
        "l1_ratio": Float(0.05, 1.0, 0.5),
    },
    tasks=("regression",),
    tags=Tags(accepts_sparse=True, needs_scaling=True, accepts_sample_weight=True),
    portfolio=({"alpha": 0.01, "l1_ratio": 1.0}, {"alpha": 0.03, "l1_ratio": 0.1}),
    cost=0.02,
)
