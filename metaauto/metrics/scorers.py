"""Metrics from functions of the user and from scikit-learn scorers."""

from __future__ import annotations

import inspect
import numbers
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from metaauto.errors import Refused, SettingError
from metaauto.metrics.base import Metric, most_probable

__all__ = ["from_function", "from_scorer", "is_scorer", "scorer_named"]


@dataclass(frozen=True)
class FunctionMetric:
    """A user's ``f(y_true, y_pred)``, called with original labels instead of codes."""

    name: str
    function: Callable[..., float]
    classes: tuple[Any, ...] | None
    from_labels: bool

    def __call__(
        self, y: np.ndarray, prediction: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> float:
        """Return the value of the user's function, checked to be a number."""
        truth = decode(y, self.classes)
        given = decode(prediction, self.classes) if self.from_labels else prediction
        extra = {} if sample_weight is None else {"sample_weight": sample_weight}
        return _call_checked(self.name, self.function, truth, given, **extra)


@dataclass(frozen=True)
class ScorerMetric:
    """A scikit-learn scorer, called with a stub estimator that returns the given predictions."""

    name: str
    scorer: Callable[..., float]
    classes: tuple[Any, ...] | None
    kind: str
    requested: list[str] = field(default_factory=list, compare=False)

    def __call__(
        self, y: np.ndarray, prediction: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> float:
        """Return the value of the scorer; greater is better."""
        table, classes = _label_table(self.classes, y, prediction, self.kind)
        stub = _stub_class(self.kind)(prediction, table, self.requested)
        if classes is not None:
            stub.classes_ = classes
        truth = y if table is None else table[y]
        extra = {} if sample_weight is None else {"sample_weight": sample_weight}
        return _call_checked(self.name, self.scorer, stub, np.zeros((len(y), 1)), truth, **extra)


def decode(codes: np.ndarray, classes: tuple[Any, ...] | None) -> np.ndarray:
    """Return the original labels of class codes; the input itself if there are no classes."""
    return codes if classes is None else _as_array(classes)[codes]


@lru_cache(maxsize=32)
def _table_of(classes: tuple[Any, ...], types: tuple[type, ...]) -> np.ndarray:
    # numpy would silently convert mixed labels such as (1, "a") to text.
    if len(set(types)) == 1:
        return np.asarray(classes)
    table = np.empty(len(classes), dtype=object)
    table[:] = classes
    return table


def _as_array(classes: tuple[Any, ...]) -> np.ndarray:
    # The types are part of the key, because 1 == 1.0 == True.
    return _table_of(classes, tuple(type(c) for c in classes))


def _label_table(
    classes: tuple[Any, ...] | None, y: np.ndarray, prediction: np.ndarray, kind: str
) -> tuple[np.ndarray | None, np.ndarray | None]:
    if kind == "regression":
        return None, None
    if classes is not None:
        table = _as_array(classes)
    else:
        k = prediction.shape[1] if prediction.ndim == 2 else int(max(y.max(), prediction.max())) + 1
        table = np.arange(max(k, 2))
    return table, table


def _call_checked(name: str, function: Callable[..., Any], *args: Any, **extra: Any) -> float:
    # Warnings about undefined metrics would be repeated thousands of times in a search.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            value = function(*args, **extra)
        except Exception as error:
            raise SettingError(
                f"The metric {name!r} raised {type(error).__name__}: {error}.",
                hint="Fix the metric; test it on a few rows.",
                metric=name,
            ) from error
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise SettingError(
            f"The metric {name!r} returned a {type(value).__name__}; expected a number.",
            hint="Return one float.",
            metric=name,
        )
    return float(value)


@lru_cache(maxsize=2)
def _stub_class(kind: str) -> type:
    """Return the class of the stub estimator; created on first use to import scikit-learn late."""
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

    class GivenValues(RegressorMixin, BaseEstimator):
        """A fitted regressor that returns given predictions."""

        def __init__(self, given: Any = None, table: Any = None, requested: Any = None) -> None:
            self.given = given
            self.table = table
            self.requested = requested

        def __sklearn_is_fitted__(self) -> bool:
            return True

        def predict(self, X: Any) -> Any:
            """Return the given values."""
            self.requested.append("predict")
            return self.given

    class GivenProbabilities(ClassifierMixin, BaseEstimator):
        """A fitted classifier that returns given predictions."""

        def __init__(self, given: Any = None, table: Any = None, requested: Any = None) -> None:
            self.given = given
            self.table = table
            self.requested = requested

        def __sklearn_is_fitted__(self) -> bool:
            return True

        def predict(self, X: Any) -> Any:
            """Return the labels of the given codes, or the most probable labels."""
            self.requested.append("predict")
            codes = self.given if self.given.ndim == 1 else most_probable(self.given)
            return self.table[codes]

        def predict_proba(self, X: Any) -> Any:
            """Return the given probabilities, normalised to a row sum of one."""
            self.requested.append("predict_proba")
            given = np.asarray(self.given, dtype=np.float64)
            return given / given.sum(axis=1, keepdims=True)

        def decision_function(self, X: Any) -> Any:
            """Return decision values by probability, > 0 if the second class is more probable."""
            self.requested.append("decision_function")
            given = np.asarray(self.given, dtype=np.float64)
            if given.shape[1] == 2:
                return 2.0 * given[:, 1] - 1.0
            return given / given.sum(axis=1, keepdims=True)

    return GivenValues if kind == "regression" else GivenProbabilities


def is_scorer(spec: Any) -> bool:
    """Return whether it is called as ``scorer(estimator, X, y)``, by type or parameter names."""
    if not callable(spec):
        return False
    if hasattr(spec, "set_score_request"):
        return True
    try:
        parameters = list(inspect.signature(spec).parameters)
    except (TypeError, ValueError):
        return False
    return len(parameters) >= 3 and parameters[0] in ("estimator", "est", "model", "clf", "reg")


def _name_of(spec: Any) -> str:
    return getattr(spec, "__name__", None) or str(spec)


def from_scorer(
    scorer: Callable[..., float],
    kind: str,
    classes: Sequence[Any] | None = None,
    name: str | None = None,
) -> Metric:
    """Return a metric that calls a scorer through its public interface.

    A scorer that requests only labels gets the labels of the decision rule; one that requests
    probabilities (or both) gets the probabilities, and the most probable class as label.
    """
    label = name or _name_of(scorer)
    known = None if classes is None else tuple(classes)
    probe = ScorerMetric(label, scorer, known, kind)
    y, prediction = _sample(kind, known)
    weighted, failed = True, False
    try:
        probe(y, prediction, np.ones(len(y)))
    except SettingError:
        weighted = False
        try:
            probe(y, prediction)
        except SettingError:
            # check_metric reports the error; this call only records the requested predictions.
            failed = True
    needs = "values"
    if kind != "regression":
        labels_only = bool(probe.requested) and set(probe.requested) == {"predict"}
        needs = "labels" if labels_only else "probabilities"
    return Metric(
        label,
        (kind,),
        needs,
        ScorerMetric(label, scorer, known, kind, _NullList()),
        True,
        float("inf"),
        "A scikit-learn scorer.",
        weighted and not failed,
    )


class _NullList(list):
    """A list that stores nothing, so that a metric in use does not grow."""

    def append(self, item: object) -> None:
        """Discard the item."""


def _sample(kind: str, classes: tuple[Any, ...] | None) -> tuple[np.ndarray, np.ndarray]:
    if kind == "regression":
        values = np.linspace(1.0, 2.0, 12)
        return values, values[::-1].copy()
    k = len(classes) if classes is not None else (2 if kind == "binary" else 3)
    y = np.tile(np.arange(k), 4)
    prediction = np.random.default_rng(0).dirichlet(np.ones(k), size=len(y))
    return y, prediction


def scorer_named(name: str, kind: str) -> Metric | None:
    """Return a metric from scikit-learn's scorer of this name; None if there is none."""
    from sklearn.metrics import get_scorer, get_scorer_names

    if name not in get_scorer_names():
        return None
    scorer = get_scorer(name)
    # Scorers do not declare their task. Those of regression accept continuous targets but no text,
    # and would treat class codes as numbers.
    numbers_only = not _why_not(scorer, "regression", None) and bool(
        _why_not(scorer, "binary", ("a", "b"))
    )
    why = _why_not(scorer, kind, None)
    if why or numbers_only != (kind == "regression"):
        raise Refused(
            f"The scikit-learn scorer {name!r} does not support {kind} tasks.",
            hint=f"Choose another metric. Reason: {why}" if why else "Choose another metric.",
            metric=name,
            kind=kind,
        )
    return from_scorer(scorer, kind, name=name)


def _why_not(scorer: Callable[..., float], kind: str, classes: tuple[Any, ...] | None) -> str:
    """Return the error of a scorer on a small synthetic task, empty if there is none."""
    y, prediction = _sample(kind, classes)
    try:
        from_scorer(scorer, kind, classes).score(y, prediction)
    except SettingError as error:
        return error.message
    return ""


def from_function(
    function: Callable[..., float], kind: str, classes: Sequence[Any] | None = None
) -> Metric:
    """Return a metric of ``f(y_true, y_pred)``; see `resolve_metric` for its attributes."""
    name = _name_of(function)
    needs = getattr(function, "needs", "values" if kind == "regression" else "labels")
    if (needs == "values") != (kind == "regression"):
        raise Refused(
            f"Invalid needs={needs!r} of the metric {name!r} for a {kind} task.",
            hint="Use 'values' in regression, 'labels' or 'probabilities' in classification.",
        )
    is_loss = name.lower().endswith(("_loss", "_error"))
    known = None if classes is None or kind == "regression" else tuple(classes)
    return Metric(
        name,
        (kind,),
        needs,
        FunctionMetric(name, function, known, needs == "labels"),
        bool(getattr(function, "greater_is_better", not is_loss)),
        float(getattr(function, "optimum", float("inf"))),
        (inspect.getdoc(function) or "").partition("\n")[0],
        _takes_weight(function),
    )


def _takes_weight(function: Callable[..., Any]) -> bool:
    try:
        return "sample_weight" in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False
