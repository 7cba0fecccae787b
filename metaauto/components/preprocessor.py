"""Ways to fill the slots of the preprocessing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from metaauto.components.context import BuildContext
from metaauto.components.hyperparameters import Space, check_space
from metaauto.components.validation import check_component, check_tasks
from metaauto.errors import ComponentError
from metaauto.task import TASK_KINDS

__all__ = ["SLOTS", "Preprocessor"]

SLOTS = ("impute", "categorical", "scale", "datetime", "text", "reduce")


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
    passes_nan : bool
        Its output may hold NaN (then only models tagged ``accepts_nan`` get it).
    outputs_categories : bool
        Its output are category codes for models tagged ``accepts_categories``.
    outputs_sparse : bool
        Its output may be sparse.
    needs_dense : bool
        It needs a dense matrix, because it centres columns.
    outputs_scaled : bool
        Its output has a sense of distance, as models tagged ``needs_scaling`` need it.
    tasks, space_version, requires, trusted, max_rows, max_features, cost
        As in `Model`.
    """

    name: str
    slot: str
    build: Callable[[Mapping[str, Any], BuildContext], Any]
    space: Space = field(default_factory=dict)
    default: bool = False
    passes_nan: bool = False
    outputs_categories: bool = False
    outputs_sparse: bool = False
    needs_dense: bool = False
    outputs_scaled: bool = True
    tasks: tuple[str, ...] = TASK_KINDS
    space_version: int = 1
    max_rows: int | None = None
    max_features: int | None = None
    requires: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_component(self, "build")
        check_tasks(self.name, self.tasks)
        if self.slot not in SLOTS:
            raise ComponentError(
                f"Preprocessor {self.name!r} names the slot {self.slot!r}.",
                hint=f"Slots are {', '.join(SLOTS)}.",
            )
        check_space(self.name, self.space)
