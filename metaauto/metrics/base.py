"""The `Metric` type: a function with its direction, optimum and required input."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from metaauto.errors import ComponentError
from metaauto.task import TASK_KINDS

__all__ = ["NEEDS", "LabelRule", "Metric", "Negated"]

NEEDS = ("probabilities", "labels", "values")


class LabelRule(Protocol):
    """A rule that derives class codes from probabilities, such as `ensemble.Decision`."""

    def labels(self, probabilities: np.ndarray) -> np.ndarray:
        """Return class codes of shape (n,) from probabilities of shape (n, k)."""


@dataclass(frozen=True)
class Negated:
    """The negated value of a loss, as scikit-learn's ``neg_*`` scorers report it."""

    function: Callable[..., float]

    def __call__(
        self, y: np.ndarray, prediction: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> float:
        """Return the negated loss."""
        if sample_weight is None:
            return -self.function(y, prediction)
        return -self.function(y, prediction, sample_weight)


@dataclass(frozen=True)
class Metric:
    """A metric of predictions, as `score` (in the metric's direction) and `loss` (minimised).

    Parameters
    ----------
    name : str
        Unique name, for ``--metric`` and reports.
    tasks : tuple of {'binary', 'multiclass', 'regression'}
        Supported tasks.
    needs : {'probabilities', 'labels', 'values'}
        Type of the second argument of `function`.
    function : callable
        ``function(y, prediction, sample_weight=None) -> float``. In classification ``y`` are class
        codes 0..k-1 and the prediction is the (n, k) matrix of probabilities, or class codes if the
        metric needs labels; in regression both are floats of shape (n,).
    greater_is_better : bool
        Direction of the value.
    optimum : float
        Value of a perfect prediction; ``inf`` if unknown.
    description : str
        One sentence for the user.
    weighted : bool
        Whether `function` uses ``sample_weight``; otherwise weights are not passed.
    positive : {0, 1}, optional
        Code of the positive class in a binary task, set by `resolve_metric` if the score depends
        on it. For 0, `function` receives the two classes in reverse order: its class 1 is always
        the positive class.
    worst : float, optional
        Value of the worst prediction, infinite if there is no bound; unknown by default.

    Raises
    ------
    ComponentError
        If the tasks, the needs or the function are invalid.

    Examples
    --------
    >>> import numpy as np
    >>> from metaauto.api import Metric
    >>> def hits(y, labels, sample_weight=None):
    ...     return float(np.average(y == labels, weights=sample_weight))
    >>> metric = Metric("hits", ("binary", "multiclass"), "labels", hits)
    >>> metric.score(np.array([0, 1]), np.array([[0.9, 0.1], [0.8, 0.2]]))
    0.5
    """

    name: str
    tasks: tuple[str, ...]
    needs: str
    function: Callable[..., float]
    greater_is_better: bool = True
    optimum: float = 1.0
    description: str = ""
    weighted: bool = True
    positive: int | None = None
    worst: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "tasks", tuple(self.tasks))
        wrong = [kind for kind in self.tasks if kind not in TASK_KINDS]
        if wrong or not self.tasks:
            raise ComponentError(
                f"Invalid tasks {self.tasks!r} of the metric {self.name!r}.",
                hint=f"Choose from {', '.join(TASK_KINDS)}.",
            )
        if self.needs not in NEEDS:
            raise ComponentError(
                f"Invalid needs={self.needs!r} of the metric {self.name!r}.",
                hint=f"Choose from {', '.join(NEEDS)}.",
            )
        if (self.needs == "values") != (self.tasks == ("regression",)):
            raise ComponentError(
                f"Invalid metric {self.name!r}: needs={self.needs!r} does not match the tasks "
                f"{self.tasks!r}.",
                hint="Use 'values' for regression, 'probabilities' or 'labels' for classification.",
            )
        if not callable(self.function):
            raise ComponentError(
                f"The function of the metric {self.name!r} is not callable.",
                hint="Pass a function of (y, prediction, sample_weight=None).",
            )

    def score(
        self,
        y: np.ndarray,
        prediction: np.ndarray,
        sample_weight: np.ndarray | None = None,
        decision: LabelRule | None = None,
    ) -> float:
        """Return the value in the direction of the metric.

        Parameters
        ----------
        y : ndarray of shape (n,)
            Class codes 0..k-1, or floats.
        prediction : ndarray of shape (n, k) or (n,)
            Probabilities in classification, values in regression.
        sample_weight : ndarray of shape (n,), optional
            Weight of each row; not used if the metric is not `weighted`.
        decision : object with ``labels(probabilities)``, optional
            Rule that derives labels from probabilities; the most probable class by default.

        Returns
        -------
        float
            The value; NaN if it is undefined for these rows (AUC with one class).
        """
        if self.needs == "labels":
            prediction = (
                most_probable(prediction) if decision is None else decision.labels(prediction)
            )
        if self.positive == 0:
            y = 1 - y
            prediction = 1 - prediction if prediction.ndim == 1 else prediction[:, ::-1]
        if sample_weight is None or not self.weighted:
            return float(self.function(y, prediction))
        return float(self.function(y, prediction, sample_weight))

    def loss(
        self,
        y: np.ndarray,
        prediction: np.ndarray,
        sample_weight: np.ndarray | None = None,
        decision: LabelRule | None = None,
    ) -> float:
        """Return the value to minimise: distance to `optimum`, or signed score if unknown."""
        return self.score_to_loss(self.score(y, prediction, sample_weight, decision))

    def score_to_loss(self, score: float) -> float:
        """Convert a score into a loss to minimise."""
        base = self.optimum if math.isfinite(self.optimum) else 0.0
        return base - score if self.greater_is_better else score - base

    def loss_to_score(self, loss: float) -> float:
        """Convert a loss back into a score."""
        base = self.optimum if math.isfinite(self.optimum) else 0.0
        return base - loss if self.greater_is_better else base + loss

    def is_better(self, score: float, other: float) -> bool:
        """Return whether the first score is better than the second."""
        return score > other if self.greater_is_better else score < other

    def with_positive(self, code: int) -> Metric:
        """Return the metric of a binary task for the positive class, if the score depends on it."""
        y = np.repeat([0, 1], [12, 4])
        first = np.random.default_rng(0).random(len(y))
        prediction = np.column_stack([first, 1.0 - first])
        as_0, as_1 = (replace(self, positive=code) for code in (0, 1))
        try:
            is_same = math.isclose(as_0.score(y, prediction), as_1.score(y, prediction))
        except Exception:
            # The check of the metric before the search reports the error.
            is_same = False
        return self if is_same else replace(self, positive=code)

    def positive_label(self, classes: Sequence[Any] | None) -> Any:
        """Return the class that is scored as the positive one; None if the score has none."""
        return None if self.positive is None or classes is None else classes[self.positive]

    @property
    def core(self) -> Callable[..., Any]:
        """Return the function without negation."""
        return self.function.function if isinstance(self.function, Negated) else self.function


def most_probable(probabilities: np.ndarray) -> np.ndarray:
    """Return the codes of the most probable classes; the first one in a tie."""
    if probabilities.shape[1] == 2:
        return (probabilities[:, 1] > probabilities[:, 0]).astype(np.int64)
    codes: np.ndarray = probabilities.argmax(axis=1)
    return codes
