"""Contexts that components receive when they are built and fitted, and the deadline."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["BuildContext", "Deadline", "FitContext", "FitTask", "FittedTask"]


@dataclass(frozen=True)
class Deadline:
    """A point in time by which work should end.

    Parameters
    ----------
    at : float
        The time on the monotonic clock in seconds; infinite for no limit.
    """

    at: float = float("inf")

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Return the deadline this many seconds from now."""
        return cls(time.monotonic() + seconds)

    def remaining(self) -> float:
        """Return the seconds left; negative after the deadline, infinite without a limit."""
        return self.at - time.monotonic()

    def passed(self) -> bool:
        """Return whether the deadline has passed."""
        return self.remaining() <= 0


@dataclass(frozen=True)
class BuildContext:
    """The context of a component when it is built.

    Parameters
    ----------
    kind : {'binary', 'multiclass', 'regression'}
        Task.
    n_rows, n_features : int
        Shape of the data that the component will be fitted on.
    n_classes : int
        Number of classes, 0 in regression.
    seed : int
        Seed for everything random.
    threads : int
        Number of threads the component may use.
    categorical : tuple of int
        Indices of columns with category codes (only for models tagged ``accepts_categories``).
        A code is an integer; NaN is a missing value, -1 an unseen category.
    metric : str
        Name of the metric that the search optimises, for information.
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
        """Return whether the task is a classification."""
        return self.kind != "regression"


@dataclass(frozen=True)
class FitContext(BuildContext):
    """The context of a model's own `fit`, in addition to the training rows.

    Parameters
    ----------
    X_validation, y_validation : array-like, optional
        Validation part of the fold, prepared like the training rows. The target of a regression
        is standardised if its mean exceeds 1,000 standard deviations, or the standard deviation
        is below 1e-6 or above 1e12.
    sample_weight, validation_weight : array of shape (n_rows,), optional
        Sample weights.
    deadline : Deadline
        Time by which fitting should stop and return a usable model.
    rounds : int, optional
        Number of training rounds of a model with `Model.rounds`, in a refit on all rows: what early
        stopping found in the fold models, on average. There is no validation part then.
    """

    X_validation: Any = None
    y_validation: Any = None
    sample_weight: Any = None
    validation_weight: Any = None
    deadline: Deadline = Deadline()
    rounds: int | None = None


@dataclass(frozen=True)
class FitTask:
    """One configuration on one fold, for `Model.fit_many`.

    Parameters
    ----------
    configuration, fold : int
        Numbers of the configuration and of the fold. The folds of a configuration are fitted and
        stopped together.
    values : mapping
        Hyperparameter values.
    X, y : array-like
        Prepared training rows and their target; tasks of one fold may share them.
    context : FitContext
        Context of the fit.
    """

    configuration: int
    fold: int
    values: Mapping[str, Any]
    X: Any
    y: Any
    context: FitContext


@dataclass(frozen=True)
class FittedTask:
    """What `Model.fit_many` yields for each task.

    Parameters
    ----------
    task : FitTask
        The task.
    estimator : Any
        Fitted estimator.
    share : float, default=1.0
        Share of the training; below 1 for a configuration that was stopped for better ones.
    """

    task: FitTask
    estimator: Any
    share: float = 1.0
