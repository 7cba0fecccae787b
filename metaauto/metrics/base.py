"""What a metric is: a function with a direction, the best value and what it needs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from metaauto.errors import ComponentError
from metaauto.task import TASK_KINDS

__all__ = ["NEEDS", "LabelRule", "Metric", "Negated"]

NEEDS = ("probabilities", "labels", "values")


class LabelRule(Protocol):
    """Anything that turns probabilities into class codes, such as `ensemble.Decision`."""

    def labels(self, probabilities: np.ndarray) -> np.ndarray:
        """Class codes of shape (n,) from probabilities of shape (n, k)."""


@dataclass(frozen=True)
class Negated:
    """The negated value of a loss, as scikit-learn's ``neg_*`` scorers report it."""

    function: Callable[..., float]

    def __call__(
        self, y: np.ndarray, prediction: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> float:
        """Minus the loss."""
        if sample_weight is None:
            return -self.function(y, prediction)
        return -self.function(y, prediction, sample_weight)


@dataclass(frozen=True)
class Metric:
    """A measure of predictions, in the user's direction (`score`) and minimised (`loss`).

    Parameters
    ----------
    name : str
        Name that users write and reports show.
    tasks : tuple of {'binary', 'multiclass', 'regression'}
        Tasks it measures.
    needs : {'probabilities', 'labels', 'values'}
        What `function` is given as its second argument.
    function : callable
        ``function(y, prediction, sample_weight=None) -> float``. In classification ``y`` are class
        codes 0..k-1 and the prediction is the whole (n, k) matrix of probabilities, or class codes
        where the metric needs labels; in regression both are floats of shape (n,).
    greater_is_better : bool
        Direction of the value.
    optimum : float
        Value of a perfect prediction; ``inf`` where none is known.
    description : str
        One sentence for the user.
    weighted : bool
        Whether `function` honours ``sample_weight``; otherwise weights are left out.

    Raises
    ------
    ComponentError
        If the tasks, the needs or the function cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> from metaauto.metrics import Metric
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

    def __post_init__(self) -> None:
        object.__setattr__(self, "tasks", tuple(self.tasks))
        wrong = [kind for kind in self.tasks if kind not in TASK_KINDS]
        if wrong or not self.tasks:
            raise ComponentError(
                f"The metric {self.name!r} names the tasks {self.tasks!r}.",
                hint=f"Choose from {', '.join(TASK_KINDS)}.",
            )
        if self.needs not in NEEDS:
            raise ComponentError(
                f"The metric {self.name!r} needs {self.needs!r}.",
                hint=f"Choose from {', '.join(NEEDS)}.",
            )
        if (self.needs == "values") != (self.tasks == ("regression",)):
            raise ComponentError(
                f"The metric {self.name!r} needs {self.needs} and measures {self.tasks!r}.",
                hint="Metrics of regression need 'values'; the others probabilities or labels.",
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
        """Value in the user's direction.

        Parameters
        ----------
        y : ndarray of shape (n,)
            Class codes 0..k-1, or floats.
        prediction : ndarray of shape (n, k) or (n,)
            Probabilities in classification, values in regression.
        sample_weight : ndarray of shape (n,), optional
            Weight of each row; left out where the metric is not `weighted`.
        decision : object with ``labels(probabilities)``, optional
            How labels come from probabilities; the most probable class by default.

        Returns
        -------
        float
            The value; NaN where the rows do not define one (AUC with one class).
        """
        if self.needs == "labels":
            prediction = (
                most_probable(prediction) if decision is None else decision.labels(prediction)
            )
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
        """Value to minimise: the distance from `optimum`, or the signed score without one."""
        return self.score_to_loss(self.score(y, prediction, sample_weight, decision))

    def score_to_loss(self, score: float) -> float:
        """Turn a value in the user's direction into one to minimise."""
        base = self.optimum if math.isfinite(self.optimum) else 0.0
        return base - score if self.greater_is_better else score - base

    def loss_to_score(self, loss: float) -> float:
        """Turn a minimised value back into the user's direction."""
        base = self.optimum if math.isfinite(self.optimum) else 0.0
        return base - loss if self.greater_is_better else base + loss

    def is_better(self, score: float, other: float) -> bool:
        """Whether the first value is better than the second, in the user's direction."""
        return score > other if self.greater_is_better else score < other

    @property
    def core(self) -> Callable[..., Any]:
        """The function without its sign."""
        return self.function.function if isinstance(self.function, Negated) else self.function


def most_probable(probabilities: np.ndarray) -> np.ndarray:
    """Codes of the most probable classes; the first one in a tie."""
    if probabilities.shape[1] == 2:
        return (probabilities[:, 1] > probabilities[:, 0]).astype(np.int64)
    return probabilities.argmax(axis=1)
