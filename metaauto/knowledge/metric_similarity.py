"""Similarity of metrics, to use knowledge of one metric for another.

Two metrics are similar if they rank models similarly. The groups follow what a metric depends on:
the ranking of scores, the probabilities, or the labels; in regression squared errors (the mean) or
absolute errors (the median).
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["order", "same"]

_ORDER = ("roc_auc", "roc_auc_ovr", "roc_auc_ovo", "roc_auc_ovr_weighted", "roc_auc_ovo_weighted")
_PROBABILITIES = ("log_loss", "brier")
_BALANCED = ("balanced_accuracy", "f1_macro", "recall_macro", "precision_macro")
_AGREEMENT = ("mcc", "cohen_kappa")
_ONE_CLASS = ("f1", "recall", "precision")
_PLAIN = ("accuracy", "f1_weighted", "precision_weighted")
_SQUARES = ("rmse", "mse", "r2")
_LOGARITHMS = ("rmsle", "msle")
_ABSOLUTE = ("mae", "median_ae")

#: Groups of related metrics, then the groups nearest to each, the nearest first.
_NEAREST: tuple[tuple[tuple[str, ...], tuple[tuple[str, ...], ...]], ...] = (
    (_ORDER, (("average_precision",), _PROBABILITIES, _BALANCED, _AGREEMENT, _ONE_CLASS, _PLAIN)),
    (
        ("average_precision",),
        (_ORDER, _PROBABILITIES, _ONE_CLASS, _AGREEMENT, _BALANCED, _PLAIN),
    ),
    (_PROBABILITIES, (_ORDER, ("average_precision",), _PLAIN, _AGREEMENT, _BALANCED, _ONE_CLASS)),
    (_BALANCED, (_AGREEMENT, _ONE_CLASS, _ORDER, _PLAIN, ("average_precision",), _PROBABILITIES)),
    (_AGREEMENT, (_BALANCED, _PLAIN, _ONE_CLASS, _ORDER, _PROBABILITIES, ("average_precision",))),
    (_ONE_CLASS, (_BALANCED, _AGREEMENT, ("average_precision",), _ORDER, _PLAIN, _PROBABILITIES)),
    (_PLAIN, (_AGREEMENT, _PROBABILITIES, _BALANCED, _ORDER, ("average_precision",), _ONE_CLASS)),
    (_SQUARES, (_ABSOLUTE, _LOGARITHMS, ("max_error", "mape"))),
    (_ABSOLUTE, (_SQUARES, _LOGARITHMS, ("mape", "max_error"))),
    (_LOGARITHMS, (("mape",), _ABSOLUTE, _SQUARES, ("max_error",))),
    (("mape",), (_LOGARITHMS, ("median_ae", "mae"), _SQUARES, ("max_error",))),
    (("max_error",), (_SQUARES, _ABSOLUTE, _LOGARITHMS, ("mape",))),
)

_SAME = {
    "neg_brier_score": "brier",
    "neg_log_loss": "log_loss",
    "neg_max_error": "max_error",
    "neg_mean_absolute_error": "mae",
    "neg_mean_absolute_percentage_error": "mape",
    "neg_mean_squared_error": "mse",
    "neg_mean_squared_log_error": "msle",
    "neg_median_absolute_error": "median_ae",
    "neg_root_mean_squared_error": "rmse",
    "neg_root_mean_squared_log_error": "rmsle",
    "f1_micro": "accuracy",
    "precision_micro": "accuracy",
    "recall_micro": "accuracy",
    "recall_weighted": "accuracy",
    "roc_auc_ovr": "roc_auc",
}


def same(metric: str, kind: str) -> list[str]:
    """Return the names of metrics with the same loss, the metric itself first."""
    plain = _SAME.get(metric, metric)
    names = {metric: None, plain: None}
    if kind == "binary" and plain in _ORDER:
        names.update(dict.fromkeys(_ORDER))
    names.update({other: None for other, of in _SAME.items() if of == plain})
    return list(names)


def order(kind: str, metric: str, others: Iterable[str] = ()) -> list[str]:
    """Return all known metrics by similarity to one, then `others` by name.

    An unknown metric is treated like log loss in classification, and like MAE in regression.
    """
    names = same(metric, kind)
    groups = next((g for g in _NEAREST if any(name in g[0] for name in names)), None)
    if groups is None:
        default = _ABSOLUTE if kind == "regression" else _PROBABILITIES
        groups = next(g for g in _NEAREST if g[0] == default)
    ordered = dict.fromkeys(names)
    for group in (groups[0], *groups[1]):
        for name in group:
            ordered.update(dict.fromkeys(same(name, kind)))
    ordered.update(dict.fromkeys(sorted(others)))
    return list(ordered)
