"""The `MetafeatureExtractor` component and its input."""

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
    """The input of an extractor: a numeric subsample of the training rows.

    Parameters
    ----------
    X : ndarray of shape (rows, features), float64
        Imputed and ordinally encoded columns of a subsample (at most 2,000 rows).
    y : ndarray of shape (rows,)
        Class codes 0..k-1, or the numeric target.
    kind : {'binary', 'multiclass', 'regression'}
        Task.
    frame : pandas.DataFrame
        The same rows before encoding.
    roles : mapping of str to Role
        Role of each column of ``frame``.
    n_rows, n_features, n_classes : int
        Shape of the complete table.
    missing : float
        Share of missing values in the complete table.
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
    """A function that computes metafeatures.

    Parameters
    ----------
    name : str
        Unique short name; values are stored as ``name.key``.
    extract : callable
        ``extract(input: MetafeatureInput) -> dict[str, float]``; NaN for undefined values.
    keys : tuple of str
        Returned keys; each call returns all of them.
    version : int
        Increase it when the meaning of a value changes.
    seconds : float
        Typical time; it is skipped when less is left. It is not stopped while it runs.
    tasks : tuple of str
        Supported tasks.
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
                f"Invalid keys {keys!r} of the metafeature extractor {self.name!r}.",
                hint="Pass a tuple that contains each returned key once.",
            )
