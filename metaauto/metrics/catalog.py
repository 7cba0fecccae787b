"""The catalogue of named metrics, and the look-up by name."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from metaauto.errors import NameClash, Refused, SettingError, UnknownName
from metaauto.metrics import probability, regression
from metaauto.metrics.base import Metric, Negated
from metaauto.metrics.classification import ConfusionMetric

__all__ = ["ALIASES", "DEFAULTS", "METRICS", "named", "names_for", "quantile"]

BOTH = ("binary", "multiclass")
BINARY = ("binary",)
REGRESSION = ("regression",)

#: Default metric of each task.
DEFAULTS = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}


def _probability(
    name: str,
    function: Callable[..., float],
    description: str,
    *,
    worst: float = 0.0,
    weighted: bool = True,
) -> Metric:
    is_loss = worst > 0.0
    return Metric(
        *(name, BOTH, "probabilities", function, not is_loss, float(not is_loss)),
        description=description,
        weighted=weighted,
        worst=worst,
    )


def _labels(
    name: str, description: str, kinds: tuple[str, ...] = BOTH, worst: float = 0.0
) -> Metric:
    function = ConfusionMetric(name)
    return Metric(name, kinds, "labels", function, description=description, worst=worst)


def _error(
    name: str, function: Callable[..., float], description: str, *, weighted: bool = True
) -> Metric:
    return Metric(
        *(name, REGRESSION, "values", function, False, 0.0, description, weighted), worst=math.inf
    )


def _negated(metric: Metric, name: str) -> Metric:
    """Return a loss under its scikit-learn ``neg_*`` name; the score is the negated value."""
    return replace(
        metric,
        name=name,
        function=Negated(metric.function),
        greater_is_better=True,
        worst=None if metric.worst is None else -metric.worst,
        description=f"Minus {metric.name}. {metric.description}",
    )


PLAIN = (
    _probability(
        "roc_auc",
        probability.roc_auc,
        "Area under the ROC curve; with several classes, the mean of one class against the rest.",
    ),
    _probability(
        "roc_auc_ovr",
        probability.roc_auc,
        "Area under the ROC curve, the mean of one class against the rest.",
    ),
    _probability(
        "roc_auc_ovr_weighted",
        probability.roc_auc_weighted,
        "Area under the ROC curve, one class against the rest, weighted by prevalence.",
    ),
    _probability(
        "roc_auc_ovo",
        probability.roc_auc_ovo,
        "Area under the ROC curve, the mean over pairs of classes.",
        weighted=False,
    ),
    _probability(
        "roc_auc_ovo_weighted",
        probability.roc_auc_ovo_weighted,
        "Area under the ROC curve over pairs of classes, weighted by prevalence.",
        weighted=False,
    ),
    _probability(
        "average_precision",
        probability.average_precision,
        "Area under the precision-recall curve of the positive class, or the mean over classes.",
    ),
    _probability(
        "log_loss",
        probability.log_loss,
        "Mean negative logarithm of the true class's probability.",
        worst=math.inf,
    ),
    _probability(
        "brier",
        probability.brier,
        "Squared error of the probabilities: of the second of two classes, or summed over classes.",
        worst=2.0,
    ),
    _labels("accuracy", "Share of rows with the correct class."),
    _labels("balanced_accuracy", "Mean recall over the classes."),
    _labels("f1", "Harmonic mean of precision and recall of the positive class.", BINARY),
    _labels("f1_macro", "Mean F1 over the classes."),
    _labels("f1_micro", "F1 over all rows together; equals accuracy."),
    _labels("f1_weighted", "Mean F1 over the classes, weighted by prevalence."),
    _labels("precision", "Share of correct predictions of the positive class.", BINARY),
    _labels("precision_macro", "Mean precision over the classes."),
    _labels("precision_micro", "Precision over all rows together; equals accuracy."),
    _labels("precision_weighted", "Mean precision over the classes, weighted by prevalence."),
    _labels("recall", "Share of rows of the positive class that are predicted as such.", BINARY),
    _labels("recall_macro", "Mean recall over the classes."),
    _labels("recall_micro", "Recall over all rows together; equals accuracy."),
    _labels("recall_weighted", "Mean recall over the classes, weighted by prevalence."),
    _labels("mcc", "Matthews correlation coefficient.", worst=-1.0),
    _labels("cohen_kappa", "Agreement of prediction and truth beyond chance.", worst=-1.0),
    _error("rmse", regression.rmse, "Root of the mean squared error."),
    _error("mse", regression.mse, "Mean squared error."),
    _error("mae", regression.mae, "Mean absolute error."),
    _error("median_ae", regression.median_ae, "Median absolute error."),
    _error("max_error", regression.max_error, "Largest absolute error.", weighted=False),
    _error("mape", regression.mape, "Mean absolute error relative to the target."),
    _error("msle", regression.msle, "Mean squared error of log(1 + value)."),
    _error("rmsle", regression.rmsle, "Root of the mean squared error of log(1 + value)."),
    Metric(
        *("r2", REGRESSION, "values", regression.r2),
        description="Share of variance explained.",
        worst=-math.inf,
    ),
)

_NEGATED = {
    "neg_log_loss": "log_loss",
    "neg_brier_score": "brier",
    "neg_root_mean_squared_error": "rmse",
    "neg_mean_squared_error": "mse",
    "neg_mean_absolute_error": "mae",
    "neg_median_absolute_error": "median_ae",
    "neg_max_error": "max_error",
    "neg_mean_absolute_percentage_error": "mape",
    "neg_mean_squared_log_error": "msle",
    "neg_root_mean_squared_log_error": "rmsle",
}

_BY_NAME = {metric.name: metric for metric in PLAIN}

#: All named metrics. A ``neg_*`` name reports the negated value (greater is better), the plain
#: name of a loss reports the loss itself (lower is better); both minimise the same loss.
METRICS: dict[str, Metric] = {
    **_BY_NAME,
    **{name: _negated(_BY_NAME[plain], name) for name, plain in _NEGATED.items()},
}

#: Aliases, including the function names of scikit-learn.
ALIASES: dict[str, str] = {
    "auc": "roc_auc",
    "roc_auc_score": "roc_auc",
    "ap": "average_precision",
    "average_precision_score": "average_precision",
    "logloss": "log_loss",
    "cross_entropy": "log_loss",
    "brier_score": "brier",
    "brier_score_loss": "brier",
    "neg_brier": "neg_brier_score",
    "acc": "accuracy",
    "accuracy_score": "accuracy",
    "balanced_accuracy_score": "balanced_accuracy",
    "f1_score": "f1",
    "precision_score": "precision",
    "recall_score": "recall",
    "matthews_corrcoef": "mcc",
    "cohen_kappa_score": "cohen_kappa",
    "kappa": "cohen_kappa",
    "root_mean_squared_error": "rmse",
    "neg_rmse": "neg_root_mean_squared_error",
    "mean_squared_error": "mse",
    "neg_mse": "neg_mean_squared_error",
    "mean_absolute_error": "mae",
    "neg_mae": "neg_mean_absolute_error",
    "median_absolute_error": "median_ae",
    "neg_median_ae": "neg_median_absolute_error",
    "mean_absolute_percentage_error": "mape",
    "neg_mape": "neg_mean_absolute_percentage_error",
    "mean_squared_log_error": "msle",
    "neg_msle": "neg_mean_squared_log_error",
    "root_mean_squared_log_error": "rmsle",
    "neg_rmsle": "neg_root_mean_squared_log_error",
    "r2_score": "r2",
    "mean_pinball_loss": "quantile@0.5",
}

_QUANTILE = re.compile(r"(neg_)?(quantile|pinball)(?:_loss)?@([0-9.eE+-]+)")


def quantile(alpha: float, *, negated: bool = False) -> Metric:
    """Return the pinball loss of one quantile, named ``quantile@alpha``.

    Parameters
    ----------
    alpha : float
        Quantile to predict, above 0 and below 1.
    negated : bool
        Report the negated value under ``neg_quantile@alpha``.

    Raises
    ------
    SettingError
        If alpha is not strictly between 0 and 1.

    Examples
    --------
    >>> from metaauto.metrics import quantile
    >>> quantile(0.9).name
    'quantile@0.9'
    """
    if not 0.0 < alpha < 1.0:
        raise SettingError(
            f"Invalid quantile {alpha!r}: expected a number between 0 and 1.",
            hint="Write for example 'quantile@0.9'.",
        )
    metric = _error(f"quantile@{alpha:g}", regression.Pinball(float(alpha)), "Mean pinball loss.")
    return _negated(metric, f"neg_{metric.name}") if negated else metric


def names_for(kind: str, extra: Iterable[Metric] = ()) -> list[str]:
    """Return the names of the metrics that support a task."""
    found = [m.name for m in (*METRICS.values(), *extra) if kind in m.tasks]
    return found + (["quantile@0.9"] if kind == "regression" else [])


def named(name: str, kind: str, extra: Iterable[Metric] = ()) -> Metric:
    """Return a metric by name: from the catalogue, `extra`, quantiles or scikit-learn's scorers.

    Raises
    ------
    UnknownName
        If no metric has this name.
    Refused
        If the metric does not support the task.
    """
    extra = tuple(extra)
    catalogue = _with_extra(extra)
    key = name.strip().lower()
    key = ALIASES.get(key, key)
    metric = catalogue.get(key) or _quantile_named(key, name)
    if metric is None:
        from metaauto.metrics.scorers import scorer_named

        metric = scorer_named(key, kind)
    if metric is None:
        raise UnknownName.among("metric", name, [*catalogue, *ALIASES, "quantile@0.9"])
    if kind not in metric.tasks:
        raise Refused(
            f"The metric {name!r} does not support {kind} tasks.",
            hint=f"Choose from {', '.join(names_for(kind, extra))}.",
            metric=name,
            kind=kind,
        )
    return metric


def _quantile_named(key: str, name: str) -> Metric | None:
    match = _QUANTILE.fullmatch(key)
    if match is None:
        return None
    try:
        alpha = float(match[3])
    except ValueError:
        raise SettingError(
            f"Invalid quantile {match[3]!r} in {name!r}: expected a number.",
            hint="Write for example 'quantile@0.9'.",
        ) from None
    return quantile(alpha, negated=bool(match[1]))


def _with_extra(extra: Iterable[Metric]) -> Mapping[str, Metric]:
    catalogue = dict(METRICS)
    for metric in extra:
        key = metric.name.lower()
        if key in catalogue and catalogue[key] is not metric:
            raise NameClash(
                f"Two metrics have the name {metric.name!r}.", hint="Rename the plugin's metric."
            )
        if key in ALIASES:
            raise NameClash(
                f"The name of the metric {metric.name!r} is an alias of {ALIASES[key]!r}.",
                hint="Rename the plugin's metric.",
            )
        catalogue[key] = metric
    return catalogue
