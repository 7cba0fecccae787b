"""Learning algorithms: what they take as it is, their ranges, how they are built and fitted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from metaauto.components.context import BuildContext, FitContext
from metaauto.components.hyperparameters import Range, Scalar, Space, check_space
from metaauto.components.validation import check_callable, check_component, check_tasks
from metaauto.task import TASK_KINDS

__all__ = ["Model", "Tags"]


@dataclass(frozen=True)
class Tags:
    """What a model accepts, needs, uses and outputs; the engine prepares the rest.

    Parameters
    ----------
    accepts_nan : bool
        Accepts NaN in numeric columns; otherwise they are imputed.
    accepts_categories : bool
        Accepts category codes (columns ``context.categorical``); otherwise they are encoded.
    accepts_sparse : bool
        Accepts scipy sparse matrices.
    needs_scaling : bool
        Needs numeric columns on one scale.
    accepts_sample_weight : bool
        Its ``fit`` accepts sample weights and honours them.
    outputs_probabilities : bool
        Has ``predict_proba`` (classification).
    uses_threads : bool
        Uses ``context.threads`` threads.
    uses_early_stopping : bool
        Stops early by the loss on the validation part of the fold.
    keeps_deadline : bool
        Stops before the deadline by itself and returns a usable model.
    deterministic : bool
        The same seed and data give the same model.
    accepts_dataframe : bool
        Accepts the table itself (a DataFrame), without any preprocessing.
    """

    accepts_nan: bool = False
    accepts_categories: bool = False
    accepts_sparse: bool = False
    needs_scaling: bool = False
    accepts_sample_weight: bool = False
    outputs_probabilities: bool = True
    uses_threads: bool = False
    uses_early_stopping: bool = False
    keeps_deadline: bool = False
    deterministic: bool = True
    accepts_dataframe: bool = False


@dataclass(frozen=True)
class Model:
    """A learning algorithm that the search may use.

    Parameters
    ----------
    name : str
        Unique short name, such as ``"lightgbm"``.
    build : callable
        ``build(values, context) -> estimator``: a scikit-learn style estimator (fit, predict,
        predict_proba, get_params) from a dict of hyperparameter values and a `BuildContext`.
        Class labels arrive as 0..k-1, features as float arrays of shape (rows, features).
    space : mapping or callable
        Ranges by hyperparameter name, or ``space(kind) -> mapping``. A `Choice` named like a slot
        (``"categorical"``) says which preprocessors of that slot suit the model, and the default.
    tasks : tuple of str
        Kinds of task it can do.
    tags : Tags
        What it accepts, needs, uses and outputs.
    fit : callable, optional
        ``fit(estimator, X, y, context) -> estimator`` with a `FitContext`, for early stopping and
        deadlines; without it the host calls ``estimator.fit(X, y[, sample_weight=...])``.
    portfolio : tuple of dict
        Hyperparameter values worth trying early, besides the default.
    space_version : int
        Raise it when the meaning of a hyperparameter changes.
    max_rows, max_features, max_classes, max_cells : int, optional
        Beyond these the model is not tried; cells are rows times features.
    cost : float
        Rough cost beside a histogram gradient boosting of 100 rounds on the same rows (1.0);
        orders the first trials until real times are known.
    cost_factor : callable, optional
        ``cost_factor(values, context) -> float``, by which the cost differs with the values and
        the shape of the table.
    per_class : bool
        Whether fitting takes longer the more classes there are, as when each class has its trees.
    priority : float
        How early its default is tried when nothing is known yet; higher is earlier.
    requires : tuple of str
        Modules that must be importable, such as ``("lightgbm",)``.
    trusted : tuple of str
        Full names of classes, besides scikit-learn's and numpy's, that a saved model holds.
    """

    name: str
    build: Callable[[Mapping[str, Any], BuildContext], Any]
    space: Space | Callable[[str], Space] = field(default_factory=dict)
    tasks: tuple[str, ...] = TASK_KINDS
    tags: Tags = Tags()
    fit: Callable[[Any, Any, Any, FitContext], Any] | None = None
    portfolio: tuple[Mapping[str, Scalar], ...] = ()
    space_version: int = 1
    max_rows: int | None = None
    max_features: int | None = None
    max_classes: int | None = None
    max_cells: int | None = None
    cost: float = 1.0
    cost_factor: Callable[[Mapping[str, Any], BuildContext], float] | None = None
    per_class: bool = False
    priority: float = 0.0
    requires: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_component(self, "build")
        check_tasks(self.name, self.tasks)
        if self.fit is not None:
            check_callable(self, "fit")
        if self.cost_factor is not None:
            check_callable(self, "cost_factor")

    def space_for(self, kind: str) -> dict[str, Range]:
        """The ranges for one kind of task, checked."""
        space = self.space(kind) if callable(self.space) else self.space
        return check_space(self.name, space)

    def why_not(self, kind: str, n_rows: int, n_features: int, n_classes: int) -> str | None:
        """Why it cannot do this task, or None if it can."""
        if kind not in self.tasks:
            return f"does not do {kind}"
        limits = (
            ("rows", n_rows, self.max_rows),
            ("features", n_features, self.max_features),
            ("classes", n_classes, self.max_classes),
            ("cells", n_rows * n_features, self.max_cells),
        )
        for what, value, limit in limits:
            if limit is not None and value > limit:
                return f"is for at most {limit} {what}, the table has {value}"
        return None
