"""Resolve the metric that the user requests, and check that it works."""

from __future__ import annotations

import inspect
import logging
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from metaauto.errors import Refused, SettingError
from metaauto.metrics.base import Metric
from metaauto.metrics.catalog import ALIASES, DEFAULTS, METRICS, named, names_for
from metaauto.metrics.scorers import from_function, from_scorer, is_scorer

__all__ = ["check_metric", "resolve_metric", "sample_rows", "synthetic_predictions"]

logger = logging.getLogger("metaauto")

CHECKED_ROWS = 5_000


def resolve_metric(
    spec: Any,
    kind: str,
    extra: Iterable[Metric] = (),
    classes: Sequence[Any] | None = None,
    positive: int = 1,
) -> Metric:
    """Return the metric that a user requests.

    Parameters
    ----------
    spec : None, str, Metric, scorer or callable
        - None: ``roc_auc`` (binary), ``log_loss`` (multiclass) or ``rmse`` (regression).
        - a name of `METRICS`, an alias, ``"quantile@0.9"``, or the name of a scikit-learn scorer,
          case-insensitive. ``neg_log_loss`` reports the negated value (greater is better),
          ``log_loss`` the value itself (lower is better).
        - a scikit-learn scorer, such as from ``make_scorer``: greater is better.
        - a function ``f(y_true, y_pred) -> float`` of original labels (or values). Greater is
          better, unless the function has the attribute ``greater_is_better = False`` or, without
          that attribute, a name that ends in ``_loss`` or ``_error``. Other attributes are
          ``optimum`` (best value) and ``needs = "probabilities"`` (the second argument is then the
          (n, k) matrix). It receives ``sample_weight=`` if it has such a parameter. Functions of
          `sklearn.metrics` select the metric of their name.
    kind : {'binary', 'multiclass', 'regression'}
        Task.
    extra : iterable of Metric
        Metrics of plugins.
    classes : sequence, optional
        Original class labels by code, for scorers and functions.
    positive : {0, 1}, default=1
        Code of the positive class of a binary task, for metrics given by name. Scorers and
        functions receive the original labels and choose it themselves (``pos_label``).

    Returns
    -------
    Metric

    Raises
    ------
    UnknownName
        If no metric has this name; the hint lists similar names.
    Refused
        If the metric does not support the task; the hint lists metrics that do.
    SettingError
        If the spec has another type.

    Examples
    --------
    >>> from metaauto.metrics import resolve_metric
    >>> resolve_metric("AUC", "binary").name
    'roc_auc'
    """
    metric = _coded_metric(spec, kind, extra)
    if metric is not None:
        return metric.with_positive(positive) if kind == "binary" else metric
    if is_scorer(spec) and not inspect.isclass(spec):
        return from_scorer(spec, kind, classes)
    if callable(spec) and not inspect.isclass(spec):
        return from_function(spec, kind, classes)
    raise SettingError(
        f"Invalid metric {spec!r} of type {type(spec).__name__}.",
        hint="Pass a name, a scikit-learn scorer or a function f(y_true, y_pred) -> float.",
    )


def _coded_metric(spec: Any, kind: str, extra: Iterable[Metric]) -> Metric | None:
    """Return the metric of class codes that is meant; None for scorers and functions."""
    if spec is None:
        return METRICS[DEFAULTS[kind]]
    if isinstance(spec, str):
        return named(spec, kind, extra)
    if isinstance(spec, Metric):
        if kind not in spec.tasks:
            raise Refused(
                f"The metric {spec.name!r} does not support {kind} tasks.",
                hint=f"Choose from {', '.join(names_for(kind, extra))}.",
                metric=spec.name,
                kind=kind,
            )
        return spec
    is_function = callable(spec) and not inspect.isclass(spec) and not is_scorer(spec)
    if is_function and getattr(spec, "__module__", "").startswith("sklearn.metrics"):
        own = getattr(spec, "__name__", "")
        own = ALIASES.get(own, own)
        if own in METRICS or own.startswith("quantile@"):
            return named(own, kind, extra)
    return None


def check_metric(
    metric: Metric, y: np.ndarray, kind: str, classes: Sequence[Any] | None = None
) -> None:
    """Check a metric on synthetic predictions, before any model is trained.

    Parameters
    ----------
    metric : Metric
        The metric.
    y : ndarray of shape (n,)
        Target: class codes 0..k-1, or floats.
    kind : {'binary', 'multiclass', 'regression'}
        Task.
    classes : sequence, optional
        Class labels by code; only their number is used.

    Raises
    ------
    SettingError
        If the metric raises, does not return a number, or returns NaN.

    Warns
    -----
    Through the ``metaauto`` logger, if a perfect prediction scores worse than a synthetic one: the
    direction is then probably wrong.
    """
    rows = sample_rows(y, kind)
    y = np.asarray(y)[rows]
    synthetic, perfect = synthetic_predictions(
        y, kind, len(classes) if classes is not None else None
    )
    score = _checked_score(metric, y, synthetic)
    best = _checked_score(metric, y, perfect)
    if metric.is_better(score, best):
        logger.warning(
            "The metric %r scores a synthetic prediction (%g) better than a perfect one (%g). "
            "If lower is better, set %s.greater_is_better = False.",
            metric.name,
            score,
            best,
            metric.name,
        )


def _checked_score(metric: Metric, y: np.ndarray, prediction: np.ndarray) -> float:
    try:
        score = metric.score(y, prediction)
    except SettingError:
        raise
    except Exception as error:
        raise SettingError(
            f"The metric {metric.name!r} raised {type(error).__name__}: {error}.",
            hint="Fix the metric or choose another one.",
            metric=metric.name,
        ) from error
    if math.isnan(score):
        raise SettingError(
            f"The metric {metric.name!r} is NaN for this target.",
            hint="Choose another metric, or check the values of the target.",
            metric=metric.name,
        )
    return score


def sample_rows(y: np.ndarray, kind: str) -> np.ndarray:
    """Return rows for the check: a sample with the extreme values or one row of each class."""
    n = len(y)
    rows = np.arange(n)
    if n > CHECKED_ROWS:
        rows = np.random.default_rng(0).choice(n, CHECKED_ROWS, replace=False)
    if kind == "regression":
        needed = np.array([np.argmin(y), np.argmax(y)])
    else:
        needed = np.unique(y, return_index=True)[1]
    return np.union1d(rows, needed)


def synthetic_predictions(y: np.ndarray, kind: str, k: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return a random prediction and a perfect one."""
    random = np.random.default_rng(0)
    if kind == "regression":
        return random.permutation(y), np.asarray(y, dtype=np.float64)
    k = k or int(y.max()) + 1
    perfect = np.eye(k)[y]
    synthetic = (
        0.5 * random.dirichlet(np.ones(k), size=len(y)) + 0.5 * perfect[random.permutation(len(y))]
    )
    return synthetic.astype(np.float32), perfect
