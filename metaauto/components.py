"""What plugins register: models, preprocessors and metafeature extractors, with their ranges."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from metaauto.errors import ComponentError
from metaauto.ranges import Range, Scalar, Space, check_space
from metaauto.task import TASK_KINDS, Role

__all__ = [
    "SLOTS",
    "BuildContext",
    "Deadline",
    "Extractor",
    "FitContext",
    "MetafeatureInput",
    "Model",
    "Preprocessor",
    "Reader",
    "Tags",
]

SLOTS = ("impute", "categorical", "scale", "datetime", "text", "reduce")


@dataclass(frozen=True)
class Tags:
    """What a model can take as it is; the rest is prepared for it.

    Parameters
    ----------
    missing : bool
        Takes NaN in numeric columns; otherwise they are imputed.
    categories : bool
        Takes category codes (columns ``context.categorical``); otherwise they are encoded.
    sparse : bool
        Takes scipy sparse matrices.
    scaled : bool
        Wants numeric columns on one scale.
    sample_weight : bool
        Its ``fit`` honours sample weights.
    probabilities : bool
        Has ``predict_proba`` (classification).
    threads : bool
        Uses ``context.threads`` threads.
    early_stopping : bool
        Uses the fold's validation part to stop.
    deadline : bool
        Stops by itself before the deadline and keeps what it has.
    deterministic : bool
        Same seed and data, same model.
    raw : bool
        Takes the table itself (a DataFrame), with no preprocessing at all.
    """

    missing: bool = False
    categories: bool = False
    sparse: bool = False
    scaled: bool = False
    sample_weight: bool = False
    probabilities: bool = True
    threads: bool = False
    early_stopping: bool = False
    deadline: bool = False
    deterministic: bool = True
    raw: bool = False


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
        Indices of columns holding category codes (only for models tagged ``categories``).
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
        What it takes as it is.
    fit : callable, optional
        ``fit(estimator, X, y, context) -> estimator`` with a `FitContext`, for early stopping and
        deadlines; without it the host calls ``estimator.fit(X, y[, sample_weight=...])``.
    portfolio : tuple of dict
        Hyperparameter values worth trying early, besides the default.
    space_version : int
        Raise it when the meaning of a hyperparameter changes.
    max_rows, max_features, max_classes : int, optional
        Beyond these the model is not tried.
    cost : float
        Rough cost beside a histogram gradient boosting of 100 rounds on the same rows (1.0);
        orders the first trials until real times are known.
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
    cost: float = 1.0
    per_class: bool = False
    priority: float = 0.0
    requires: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_component(self, "build")
        _check_tasks(self.name, self.tasks)
        if self.fit is not None:
            _check_callable(self, "fit")

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
        )
        for what, value, limit in limits:
            if limit is not None and value > limit:
                return f"is for at most {limit} {what}, the table has {value}"
        return None


@dataclass(frozen=True)
class Preprocessor:
    """A way to fill one slot of the preprocessing.

    Parameters
    ----------
    name : str
        Unique short name within its slot, such as ``"onehot"``.
    slot : {'impute', 'categorical', 'scale', 'datetime', 'text', 'reduce'}
        Where it stands. ``impute`` and ``scale`` see the numeric columns (in this order),
        ``categorical`` the category columns (pandas category dtype), ``datetime`` the date
        columns, ``text`` one text column at a time (a one-dimensional array of str), ``reduce``
        the whole numeric matrix behind the others.
    build : callable
        ``build(values, context) -> transformer`` (scikit-learn style), or None for "leave as it
        is". Nothing else may be fitted outside the training rows.
    space : mapping
        Ranges by hyperparameter name.
    default : bool
        Whether it is its slot's choice until the search says otherwise; exactly one installed
        preprocessor of a slot should say so.
    keeps_missing : bool
        Its output may hold NaN (then only models tagged ``missing`` get it).
    native : bool
        Its output are category codes for models tagged ``categories``.
    sparse : bool
        Its output may be sparse.
    centers : bool
        It shifts columns, and so cannot take a sparse matrix.
    suits_scaled : bool
        Its output has a sense of distance, as models tagged ``scaled`` want it.
    tasks, space_version, requires, trusted, max_rows, max_features, cost
        As in `Model`.
    """

    name: str
    slot: str
    build: Callable[[Mapping[str, Any], BuildContext], Any]
    space: Space = field(default_factory=dict)
    default: bool = False
    keeps_missing: bool = False
    native: bool = False
    sparse: bool = False
    centers: bool = False
    suits_scaled: bool = True
    tasks: tuple[str, ...] = TASK_KINDS
    space_version: int = 1
    max_rows: int | None = None
    max_features: int | None = None
    requires: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_component(self, "build")
        _check_tasks(self.name, self.tasks)
        if self.slot not in SLOTS:
            raise ComponentError(
                f"Preprocessor {self.name!r} names the slot {self.slot!r}.",
                hint=f"Slots are {', '.join(SLOTS)}.",
            )
        check_space(self.name, self.space)


@dataclass(frozen=True)
class Reader:
    """A source of tables.

    Parameters
    ----------
    name : str
        Unique short name, such as ``"parquet"``.
    matches : callable
        ``matches(source: str) -> bool``: whether it reads this path, prefix or address.
    read : callable
        ``read(source: str) -> pandas.DataFrame``. It may set ``frame.attrs["target"]`` to the
        name of the target column where the source knows it. Raises `ReadError`.
    description : str
        What it reads, one line, with an example.
    requires : tuple of str
        Modules that must be importable.
    """

    name: str
    matches: Callable[[str], bool]
    read: Callable[[str], Any]
    description: str = ""
    requires: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_component(self, "read")
        _check_callable(self, "matches")


@dataclass(frozen=True)
class MetafeatureInput:
    """What an extractor sees: a capped, numeric view of the training rows.

    Parameters
    ----------
    X : ndarray of shape (rows, features), float64
        Imputed and ordinally encoded columns of a subsample (at most 2,000 rows).
    y : ndarray of shape (rows,)
        Class codes 0..k-1, or the numeric target.
    kind : {'binary', 'multiclass', 'regression'}
        Kind of task.
    frame : pandas.DataFrame
        The same rows before encoding.
    roles : mapping of str to Role
        Role of each column of ``frame``.
    n_rows, n_features, n_classes : int
        Shape of the whole table.
    missing : float
        Share of missing cells in the whole table.
    seed : int
        Seed for everything random.
    """

    X: Any
    y: Any
    kind: str
    frame: Any
    roles: Mapping[str, Role]
    n_rows: int
    n_features: int
    n_classes: int
    missing: float
    seed: int = 0


@dataclass(frozen=True)
class Extractor:
    """A source of metafeatures.

    Parameters
    ----------
    name : str
        Unique short name; values are stored as ``name.key``.
    extract : callable
        ``extract(input: MetafeatureInput) -> dict[str, float]``; NaN for what cannot be said.
    keys : tuple of str
        The keys it returns, always all of them.
    version : int
        Raise it when a value changes its meaning.
    seconds : float
        Time it usually takes; it is left out when less is left. It is not stopped while it runs.
    tasks : tuple of str
        Kinds of task it can describe.
    """

    name: str
    extract: Callable[[MetafeatureInput], Mapping[str, float]]
    keys: tuple[str, ...]
    version: int = 1
    seconds: float = 0.5
    tasks: tuple[str, ...] = TASK_KINDS

    def __post_init__(self) -> None:
        _check_component(self, "extract")
        _check_tasks(self.name, self.tasks)
        keys = self.keys
        if isinstance(keys, str) or not keys or len(set(keys)) != len(keys):
            raise ComponentError(
                f"Extractor {self.name!r} names the keys {keys!r}.",
                hint="List each key that it returns once, in a tuple.",
            )


def _check_component(component: Any, function: str) -> None:
    name = component.name
    if not isinstance(name, str) or not name.replace("_", "").replace("-", "").isalnum():
        raise ComponentError(
            f"{type(component).__name__} has the name {name!r}.",
            hint="Use letters, digits, '-' and '_'.",
        )
    _check_callable(component, function)


def _check_callable(component: Any, function: str) -> None:
    if not callable(getattr(component, function)):
        raise ComponentError(
            f"{type(component).__name__} {component.name!r}: {function} is not callable.",
            hint=f"Pass a function as {function}.",
        )


def _check_tasks(name: str, tasks: Sequence[str]) -> None:
    wrong = [kind for kind in tasks if kind not in TASK_KINDS]
    if wrong or not tasks or isinstance(tasks, str):
        raise ComponentError(
            f"{name!r} names the tasks {tasks!r}.", hint=f"Choose from {', '.join(TASK_KINDS)}."
        )
