"""Kernel methods for small tables: support vector machines and Gaussian processes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from metaauto.api import BuildContext, Choice, FitContext, Float, Int, Model, Range, Tags
from metaauto.builtin.models.fitting import CLASS_WEIGHT, ignore_solver_warnings, training_rows

__all__ = ["GAUSSIAN_PROCESS", "SVM"]

# Limits the worst case (a large C on noisy rows); most fits need far fewer iterations.
SVM_ITERATIONS = 300_000
# Typical number of rows of the tables on which the cost was measured.
TYPICAL_ROWS = 3_000


def _svm_space(kind: str) -> dict[str, Range]:
    gamma = 1.0 if kind == "regression" else 0.5
    ranges: dict[str, Range] = {
        "C": Float(0.01, 1e4, 10.0 if kind == "regression" else 3.0, log=True),
        "kernel": Choice(("rbf", "poly", "linear"), "rbf"),
        "gamma": Float(0.01, 30.0, gamma, log=True, when={"kernel": ("rbf", "poly")}),
        "degree": Int(2, 4, 3, when={"kernel": ("poly",)}),
    }
    if kind == "regression":
        ranges["epsilon"] = Float(1e-3, 0.5, 0.1, log=True)
    else:
        ranges["class_weight"] = Choice(CLASS_WEIGHT)
    return ranges


def _build_svm(values: Mapping[str, Any], context: BuildContext) -> Any:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC, SVR

    settings = {
        "C": values["C"],
        "kernel": values["kernel"],
        # `fit` divides it by the variance of the columns, which is unknown here.
        "gamma": values.get("gamma", 1.0),
        "degree": values.get("degree", 3),
        "coef0": 1.0 if values["kernel"] == "poly" else 0.0,
        "cache_size": 500,
        "max_iter": SVM_ITERATIONS,
    }
    if not context.is_classification:
        regressor = SVR(epsilon=values["epsilon"], **settings)
        return TransformedTargetRegressor(regressor, transformer=StandardScaler())
    classifier = SVC(class_weight=values.get("class_weight"), random_state=context.seed, **settings)
    return CalibratedClassifierCV(classifier, method="sigmoid", cv=3, ensemble=False)


def _fit_svm(estimator: Any, X: Any, y: Any, context: FitContext) -> Any:
    import numpy as np

    X, y, weight = training_rows(X, y, context.sample_weight)
    inner = "estimator" if context.is_classification else "regressor"
    factor = estimator.get_params()[f"{inner}__gamma"]
    estimator.set_params(**{f"{inner}__gamma": factor / _total_variance(X)})
    if context.is_classification:
        estimator = _set_calibration(estimator, X, y, weight)
    # SVR draws an unused seed from the global random generator.
    state = np.random.get_state()
    try:
        with ignore_solver_warnings():
            estimator.fit(X, y, sample_weight=weight)
    finally:
        np.random.set_state(state)
    # cv may contain lists of rows, which the fitted model must not keep.
    return estimator.set_params(cv=3) if context.is_classification else estimator


def _total_variance(X: Any) -> float:
    """Return the number of columns times the variance, the scale of squared distances."""
    if hasattr(X, "multiply"):
        variance = float(X.multiply(X).mean() - X.mean() ** 2)
    else:
        variance = float(X.var())
    return X.shape[1] * variance or 1.0


def _set_calibration(estimator: Any, X: Any, y: Any, weight: Any) -> Any:
    """Set the calibration folds; calibrate on the training rows if a class has one row."""
    import numpy as np

    rarest = int(np.unique(y, return_counts=True)[1].min())
    if rarest > 1:
        return estimator.set_params(cv=min(3, rarest))
    from sklearn.frozen import FrozenEstimator

    with ignore_solver_warnings():
        classifier = estimator.estimator.fit(X, y, sample_weight=weight)
    halves = np.array_split(np.arange(len(y)), 2)
    return estimator.set_params(estimator=FrozenEstimator(classifier), cv=[halves, halves[::-1]])


def _svm_cost_factor(values: Mapping[str, Any], context: BuildContext) -> float:
    """Return a lower cost for few rows, because kernel matrices grow quadratically."""
    return min(1.0, context.n_rows / TYPICAL_ROWS)


SVM = Model(
    name="svm",
    build=_build_svm,
    fit=_fit_svm,
    space=_svm_space,
    tags=Tags(accepts_sparse=True, needs_scaling=True, accepts_sample_weight=True),
    portfolio=(
        {"C": 30.0, "kernel": "rbf", "gamma": 0.1},
        {"C": 30.0, "kernel": "rbf", "gamma": 2.0},
        {"C": 0.1, "kernel": "linear"},
    ),
    max_rows=6_000,
    max_cells=30_000_000,
    max_classes=50,
    cost=2.5,
    cost_factor=_svm_cost_factor,
)


def _gp_space(kind: str) -> dict[str, Range]:
    ranges: dict[str, Range] = {
        "kernel": Choice(("matern12", "matern32", "matern52", "rbf"), "matern32"),
    }
    if kind == "regression":
        ranges["ard"] = Choice((False, True), False)
    return ranges


def _build_gp(values: Mapping[str, Any], context: BuildContext) -> Any:
    from sklearn.gaussian_process import (
        GaussianProcessClassifier,
        GaussianProcessRegressor,
        kernels,
    )

    scale: Any = float(max(context.n_features, 1)) ** 0.5
    if values.get("ard"):
        scale = [scale] * context.n_features
    bounds = (1e-2, 1e4)
    if values["kernel"] == "rbf":
        shape = kernels.RBF(scale, bounds)
    else:
        smoothness = {"matern12": 0.5, "matern32": 1.5, "matern52": 2.5}[values["kernel"]]
        shape = kernels.Matern(scale, bounds, nu=smoothness)
    kernel = kernels.ConstantKernel(1.0, (1e-3, 1e3)) * shape
    if context.is_classification:
        return GaussianProcessClassifier(
            kernel, max_iter_predict=30, random_state=context.seed, copy_X_train=False
        )
    kernel = kernel + kernels.WhiteKernel(0.1, (1e-6, 10.0))
    return GaussianProcessRegressor(
        kernel, normalize_y=True, random_state=context.seed, copy_X_train=False
    )


def _fit_gp(estimator: Any, X: Any, y: Any, context: FitContext) -> Any:
    """Optimise the kernel until the deadline; in multiclass every class gets an equal share."""
    problems = context.n_classes if context.n_classes > 2 else 1
    optimizer = _TimedOptimizer(context, problems)
    estimator.set_params(optimizer=optimizer.minimise)
    with ignore_solver_warnings(), warnings.catch_warnings():
        # The bounds are wide on purpose: values at a bound are acceptable.
        warnings.filterwarnings("ignore", message=".*close to the specified.*bound.*")
        estimator.fit(X, y)
    fitted = getattr(estimator, "base_estimator_", None)
    template = getattr(fitted, "estimator", None)
    # The optimizer refers to the deadline and must not be pickled with the model.
    for part in (estimator, fitted, template, *getattr(fitted, "estimators_", ())):
        if part is not None and "optimizer" in part.get_params(deep=False):
            part.set_params(optimizer="fmin_l_bfgs_b")
    return estimator


class _OutOfTime(Exception):
    """The time limit of an optimisation is reached."""


class _TimedOptimizer:
    """Kernel optimizer with a time limit; returns the best parameters found."""

    evaluations = 40

    def __init__(self, context: FitContext, problems: int) -> None:
        self.deadline = context.deadline
        self.left = problems

    def __deepcopy__(self, memo: dict[int, Any]) -> _TimedOptimizer:
        return self

    def minimise(self, function: Any, initial: Any, bounds: Any) -> tuple[Any, float]:
        """Minimise with scipy's L-BFGS-B within this problem's share of the time."""
        import time

        from scipy.optimize import minimize

        share = 0.8 * self.deadline.remaining() / max(self.left, 1)
        until = time.monotonic() + share
        self.left -= 1
        best: tuple[Any, float] = (initial, float("inf"))

        def objective(theta: Any) -> Any:
            nonlocal best
            if time.monotonic() >= until and best[1] < float("inf"):
                raise _OutOfTime
            value, gradient = function(theta, eval_gradient=True)
            if value < best[1]:
                best = (theta.copy(), float(value))
            return value, gradient

        options = {"maxfun": self.evaluations}
        try:
            minimize(
                objective, initial, method="L-BFGS-B", jac=True, bounds=bounds, options=options
            )
        except _OutOfTime:
            return best
        return best


GAUSSIAN_PROCESS = Model(
    name="gaussian_process",
    build=_build_gp,
    fit=_fit_gp,
    space=_gp_space,
    tags=Tags(needs_scaling=True, keeps_deadline=True),
    portfolio=({"kernel": "rbf"},),
    max_rows=1_200,
    max_features=200,
    max_classes=3,
    cost=20.0,
)
