"""The `Preprocessor` component: fills a slot of the preprocessing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from metaauto.components.context import BuildContext
from metaauto.components.hyperparameters import Space, check_space
from metaauto.components.validation import check_component, check_tasks, check_trusted
from metaauto.errors import ComponentError
from metaauto.task import TASK_KINDS, Role

__all__ = ["SLOTS", "Preprocessor"]

SLOTS = ("generate", "impute", "categorical", "scale", "datetime", "text", "reduce")


@dataclass(frozen=True)
class Preprocessor:
    """A preprocessing step for one slot.

    Parameters
    ----------
    name : str
        Unique short name within its slot, such as ``"onehot"``.
    slot : {'generate', 'impute', 'categorical', 'scale', 'datetime', 'text', 'reduce'}
        Slot. ``generate`` receives the numeric and the category columns and returns additional
        numeric columns, which pass through ``impute`` and ``scale``; only models with a `Choice`
        named ``generate`` use it. ``impute`` and ``scale`` receive the numeric columns (in this
        order), ``categorical`` the category columns (pandas category dtype), ``datetime`` the date
        columns, ``text`` one text column at a time (a one-dimensional array of str), ``reduce``
        the complete numeric matrix after the other slots. Except in ``generate``, a preprocessor
        is an option for all models; a model restricts them with a `Choice` named like the slot.
    build : callable
        ``build(values, context) -> transformer``, or None for no transformation. A transformer
        has ``fit``, ``transform`` and ``fit_transform``, and ``get_feature_names_out(names)``,
        which returns one unique name per output column. Own classes inherit
        ``TransformerMixin`` and ``BaseEstimator`` of scikit-learn, and ``OneToOneFeatureMixin``
        if each input column gives one output column. It is fitted on the training rows only.
    space : mapping
        Ranges by hyperparameter name.
    default : bool
        Whether it is the default of its slot; exactly one installed preprocessor of a slot should
        be.
    passes_nan : bool
        The output may contain NaN (used only for models tagged ``accepts_nan``).
    outputs_categories : bool
        The output consists of category codes for models tagged ``accepts_categories``.
    outputs_sparse : bool
        The output may be sparse.
    needs_dense : bool
        Needs a dense matrix, for example to centre columns.
    outputs_scaled : bool
        The output is suitable for distances, as models tagged ``needs_scaling`` require.
    columns : mapping of str to int
        Number of columns by role (``"numeric"``, ``"categorical"``, ...) below which the step is
        not offered.
    tasks, space_version, max_rows, max_features, requires, trusted
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
    columns: Mapping[str, int] = field(default_factory=dict)
    tasks: tuple[str, ...] = TASK_KINDS
    space_version: int = 1
    max_rows: int | None = None
    max_features: int | None = None
    requires: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_component(self, "build")
        check_tasks(self.name, self.tasks)
        check_trusted(self.name, self.trusted)
        if self.slot not in SLOTS:
            raise ComponentError(
                f"Invalid slot {self.slot!r} of the preprocessor {self.name!r}.",
                hint=f"Choose from {', '.join(SLOTS)}.",
            )
        check_space(self.name, self.space)
        if unknown := set(self.columns) - set(Role):
            raise ComponentError(
                f"Invalid columns of the preprocessor {self.name!r}: {', '.join(sorted(unknown))}.",
                hint=f"Choose from {', '.join(Role)}.",
            )
