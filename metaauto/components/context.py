"""What a component may know when it is built and fitted, and by when it should be done."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

__all__ = ["BuildContext", "Deadline", "FitContext"]


@dataclass(frozen=True)
class Deadline:
    """A moment on the monotonic clock (seconds) by which work should be done."""

    at: float = float("inf")

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """The moment this many seconds from now."""
        return cls(time.monotonic() + seconds)

    def remaining(self) -> float:
        """Seconds left; negative once it has passed, infinite without a limit."""
        return self.at - time.monotonic()

    def passed(self) -> bool:
        """Whether the moment has come."""
        return self.remaining() <= 0


@dataclass(frozen=True)
class BuildContext:
    """What a component may know when it is built.

    Parameters
    ----------
    kind : {'binary', 'multiclass', 'regression'}
        Kind of task.
    n_rows, n_features : int
        Shape of what the component will be fitted on.
    n_classes : int
        Number of classes, 0 in regression.
    seed : int
        Seed for everything random.
    threads : int
        Threads the component may use.
    categorical : tuple of int
        Indices of columns holding category codes (only for models tagged ``accepts_categories``).
        A code is a whole number; NaN is a missing value, -1 an unseen category.
    metric : str
        Name of the metric that drives the search, as a hint.
    """

    kind: str
    n_rows: int
    n_features: int
    n_classes: int = 0
    seed: int = 0
    threads: int = 1
    categorical: tuple[int, ...] = ()
    metric: str = ""

    @property
    def is_classification(self) -> bool:
        """Whether the target is a class."""
        return self.kind != "regression"


@dataclass(frozen=True)
class FitContext(BuildContext):
    """What a model's own `fit` may use besides the training rows.

    Parameters
    ----------
    X_validation, y_validation : array-like, optional
        The fold's validation part, prepared like the training rows.
    sample_weight, validation_weight : array of shape (n_rows,), optional
        Sample weights.
    deadline : Deadline
        Stop before it and keep what was learned.
    """

    X_validation: Any = None
    y_validation: Any = None
    sample_weight: Any = None
    validation_weight: Any = None
    deadline: Deadline = Deadline()
