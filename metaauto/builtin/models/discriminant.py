"""Linear and quadratic discriminant analysis, and Gaussian naive Bayes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from metaauto.api import BuildContext, Choice, FitContext, Float, Model, Tags
from metaauto.builtin.models.fitting import ignore_solver_warnings

__all__ = ["LDA", "NAIVE_BAYES", "QDA"]


def _build_lda(values: Mapping[str, Any], context: BuildContext) -> Any:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    shrinkage = values["shrinkage"]
    return LinearDiscriminantAnalysis(
        solver="lsqr",
        shrinkage=values["strength"] if shrinkage == "manual" else "auto",
    )


LDA = Model(
    name="lda",
    build=_build_lda,
    space={
        "shrinkage": Choice(("auto", "manual"), "auto"),
        "strength": Float(1e-4, 1.0, 0.01, log=True, when={"shrinkage": ("manual",)}),
    },
    tasks=("binary", "multiclass"),
    tags=Tags(needs_scaling=True),
    portfolio=({"shrinkage": "manual", "strength": 1e-3},),
    max_features=1000,
    cost=0.02,
)


def _build_qda(values: Mapping[str, Any], context: BuildContext) -> Any:
    from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis

    from metaauto.builtin.models.temperature_scaling import TemperatureScaledClassifier

    if "solver" in inspect.signature(QuadraticDiscriminantAnalysis).parameters:
        # Unlike "svd", "eigen" supports classes with fewer rows than columns.
        classifier = QuadraticDiscriminantAnalysis(solver="eigen", shrinkage=values["shrinkage"])
    else:
        classifier = QuadraticDiscriminantAnalysis(reg_param=values["shrinkage"])
    return TemperatureScaledClassifier(classifier, min_class_rows=2)


def _fit_qda(estimator: Any, X: Any, y: Any, context: FitContext) -> Any:
    """Fit without classes of one row, whose covariance cannot be estimated."""
    import numpy as np

    codes, counts = np.unique(y, return_counts=True)
    kept = np.isin(y, codes[counts > 1])
    with ignore_solver_warnings():
        return estimator.fit(X[kept], np.asarray(y)[kept])


QDA = Model(
    name="qda",
    build=_build_qda,
    fit=_fit_qda,
    space={"shrinkage": Float(1e-4, 1.0, 0.3, log=True)},
    tasks=("binary", "multiclass"),
    tags=Tags(needs_scaling=True),
    portfolio=({"shrinkage": 0.02},),
    max_features=300,
    trusted=("metaauto.builtin.models.temperature_scaling.TemperatureScaledClassifier",),
    cost=0.1,
)


def _build_bayes(values: Mapping[str, Any], context: BuildContext) -> Any:
    from sklearn.naive_bayes import GaussianNB

    from metaauto.builtin.models.temperature_scaling import TemperatureScaledClassifier

    return TemperatureScaledClassifier(GaussianNB(var_smoothing=values["var_smoothing"]))


NAIVE_BAYES = Model(
    name="naive_bayes",
    build=_build_bayes,
    space={"var_smoothing": Float(1e-9, 10.0, 0.1, log=True)},
    tasks=("binary", "multiclass"),
    tags=Tags(needs_scaling=True, accepts_sample_weight=True),
    trusted=("metaauto.builtin.models.temperature_scaling.TemperatureScaledClassifier",),
    cost=0.02,
)
