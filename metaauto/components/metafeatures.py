"""Sources of metafeatures, and the view of the table that they see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from metaauto.components.validation import check_component, check_tasks
from metaauto.errors import ComponentError
from metaauto.task import TASK_KINDS, Role

__all__ = ["MetafeatureExtractor", "MetafeatureInput"]


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
class MetafeatureExtractor:
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
        check_component(self, "extract")
        check_tasks(self.name, self.tasks)
        keys = self.keys
        if isinstance(keys, str) or not keys or len(set(keys)) != len(keys):
            raise ComponentError(
                f"Metafeature extractor {self.name!r} names the keys {keys!r}.",
                hint="List each key that it returns once, in a tuple.",
            )
