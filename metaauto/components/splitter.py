"""The `Splitter` component: a named way to split rows into folds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from metaauto.components.validation import check_component
from metaauto.task import Task

__all__ = ["SplitInput", "Splitter"]


@dataclass(frozen=True)
class SplitInput:
    """The input of a splitter: the rows that the search uses.

    Parameters
    ----------
    X : pandas.DataFrame
        The features.
    y : ndarray of shape (rows,)
        Class codes from 0, or values.
    groups : ndarray of shape (rows,) or None
        Codes of groups whose rows must stay in one fold.
    times : ndarray of shape (rows,) or None
        Numbers or dates that order the rows.
    task : Task
        The task with its columns.
    seed : int
        Seed for everything random.
    """

    X: Any
    y: Any
    groups: Any
    times: Any
    task: Task
    seed: int


@dataclass(frozen=True)
class Splitter:
    """A way to split rows into folds.

    The folds are checked: each has training and validation rows, no row in both, every class in
    training, no group in both; no row is validated twice. Rows need not all be validated.

    Parameters
    ----------
    name : str
        Unique short name, for ``--cv``.
    split : callable
        ``split(input: SplitInput) -> iterable of (training, validation)``: positions of rows from
        0, or masks. The same seed gives the same folds. It raises `DataError` or `Refused` if the
        table cannot be split so.
    description : str
        Principle of the splitter, a few words for the user.
    """

    name: str
    split: Callable[[SplitInput], Iterable[tuple[Any, Any]]]
    description: str = ""

    def __post_init__(self) -> None:
        check_component(self, "split")
