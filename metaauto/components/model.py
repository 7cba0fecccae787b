"""The `Model` component: a learning algorithm with its tags and hyperparameter ranges."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from metaauto.components.context import BuildContext, Deadline, FitContext, FitTask, FittedTask
from metaauto.components.hyperparameters import Range, Scalar, Space, check_space
from metaauto.components.validation import (
    check_callable,
    check_component,
    check_tasks,
    check_trusted,
)
from metaauto.errors import ComponentError
from metaauto.task import TASK_KINDS

__all__ = ["Model", "Tags"]


@dataclass(frozen=True)
class Tags:
    """Capabilities and requirements of a model; the engine preprocesses the data accordingly.

    Parameters
    ----------
    accepts_nan : bool
        Accepts NaN in numeric columns; otherwise missing values are imputed.
    accepts_categories : bool
        Accepts category codes (columns ``context.categorical``); otherwise categories are encoded.
    accepts_sparse : bool
        Accepts scipy sparse matrices.
    needs_scaling : bool
        Needs scaled numeric columns.
    accepts_sample_weight : bool
        Its ``fit`` accepts and uses sample weights.
    outputs_probabilities : bool
        Has ``predict_proba`` (classification).
    uses_early_stopping : bool
        Uses the validation part of the fold for early stopping.
    keeps_deadline : bool
        Stops before the deadline and returns a usable model.
    deterministic : bool
        Gives the same model for the same seed and data.
    accepts_dataframe : bool
        Accepts the table (a DataFrame) without preprocessing.
    """

    accepts_nan: bool = False
    accepts_categories: bool = False
    accepts_sparse: bool = False
    needs_scaling: bool = False
    accepts_sample_weight: bool = False
    outputs_probabilities: bool = True
    uses_early_stopping: bool = False
    keeps_deadline: bool = False
    deterministic: bool = True
    accepts_dataframe: bool = False


@dataclass(frozen=True)
class Model:
    """A learning algorithm for the search.

    Parameters
    ----------
    name : str
        Unique short name, such as ``"lightgbm"``.
    build : callable
        ``build(values, context) -> estimator``: a scikit-learn estimator (fit, predict,
        predict_proba) from a dict of hyperparameter values and a `BuildContext`. Own classes
        inherit ``sklearn.base.BaseEstimator`` and are listed in `trusted`. Class labels arrive as
        0..k-1, features as float arrays of shape (rows, features).
    space : mapping or callable
        Ranges by hyperparameter name, or ``space(kind) -> mapping``. A `Choice` named like a slot
        (``"categorical"``) lists the suitable preprocessors of that slot and the default.
    tasks : tuple of str
        Supported tasks.
    tags : Tags
        Capabilities and requirements.
    fit : callable, optional
        ``fit(estimator, X, y, context) -> estimator`` with a `FitContext`, for early stopping and
        deadlines; without it the engine calls ``estimator.fit(X, y[, sample_weight=...])``.
    fit_many : callable, optional
        ``fit_many(tasks, deadline)`` fits several configurations on all folds at once, yields a
        `FittedTask` for each `FitTask`, and may stop the worse configurations early. Only fits with
        a time limit call it.
    joint_size : callable, optional
        ``joint_size(context, n_folds, seconds) -> int``: number of configurations to pass to
        `fit_many`, given a `BuildContext`, the number of folds and the seconds left for one
        worker; below 2, each is fitted alone.
    portfolio : tuple of dict
        Hyperparameter values to try early, besides the default.
    space_version : int
        Increase it when the meaning of a hyperparameter changes.
    max_rows, max_features, max_classes, max_cells : int, optional
        Limits above which the model is not tried; cells are rows times features.
    cost : float
        Rough cost relative to histogram gradient boosting with 100 rounds on the same rows (1.0);
        orders the first trials until times are observed.
    cost_factor : callable, optional
        ``cost_factor(values, context) -> float``: factor on the cost for hyperparameter values, the
        shape of the table and the number of classes.
    requires : tuple of str
        Modules that must be importable, such as ``("lightgbm",)``.
    fit_requires : tuple of str
        Modules that only `build` and `fit` need. If one is missing, the model is not part of
        searches, and its saved models still predict.
    trusted : tuple of str
        Full names of classes in a saved model, except those of scikit-learn and numpy. A model
        with other classes cannot be saved. Their ``__setstate__`` gets what a file from anybody
        says: it raises ValueError for indices and sizes that compiled code would use unchecked.
    rounds : str
        Attribute of the fitted estimator with the number of training rounds that early stopping
        found, such as ``"n_iter_"``. A refit on all rows then trains ``context.rounds`` rounds;
        without it, a model that stops early is refitted with a validation part.
    max_rounds : str
        Attribute of the fitted estimator with the most rounds of a fit with a validation part.
        Where the fold models come near it, the loss was still falling: a model on all rows then
        trains for more rounds.
    """

    name: str
    build: Callable[[Mapping[str, Any], BuildContext], Any]
    space: Space | Callable[[str], Space] = field(default_factory=dict)
    tasks: tuple[str, ...] = TASK_KINDS
    tags: Tags = Tags()
    fit: Callable[[Any, Any, Any, FitContext], Any] | None = None
    fit_many: Callable[[Sequence[FitTask], Deadline], Iterator[FittedTask]] | None = None
    joint_size: Callable[[BuildContext, int, float], int] | None = None
    portfolio: tuple[Mapping[str, Scalar], ...] = ()
    space_version: int = 1
    max_rows: int | None = None
    max_features: int | None = None
    max_classes: int | None = None
    max_cells: int | None = None
    cost: float = 1.0
    cost_factor: Callable[[Mapping[str, Any], BuildContext], float] | None = None
    requires: tuple[str, ...] = ()
    fit_requires: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()
    rounds: str = ""
    max_rounds: str = ""

    def __post_init__(self) -> None:
        check_component(self, "build")
        check_tasks(self.name, self.tasks)
        check_trusted(self.name, self.trusted)
        if self.fit is not None:
            check_callable(self, "fit")
        for name in ("fit_many", "joint_size", "cost_factor"):
            if getattr(self, name) is not None:
                check_callable(self, name)
        if (self.fit_many is None) != (self.joint_size is None):
            raise ComponentError(
                f"Model {self.name!r} has only one of fit_many and joint_size.",
                hint="Pass both or neither.",
            )

    def space_for(self, kind: str) -> dict[str, Range]:
        """Return the checked ranges for a task."""
        space = self.space(kind) if callable(self.space) else self.space
        return check_space(self.name, space)

    def why_not(self, kind: str, n_rows: int, n_features: int, n_classes: int) -> str | None:
        """Return the reason why the model cannot be used for a task, or None if it can."""
        if kind not in self.tasks:
            return f"does not support {kind}"
        limits = (
            ("rows", n_rows, self.max_rows),
            ("features", n_features, self.max_features),
            ("classes", n_classes, self.max_classes),
            ("cells", n_rows * n_features, self.max_cells),
        )
        for unit, value, limit in limits:
            if limit is not None and value > limit:
                return f"supports at most {limit} {unit}, the table has {value}"
        return None
