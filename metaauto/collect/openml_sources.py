"""Tables of OpenML to measure on: tasks and suites, on their official splits."""

from __future__ import annotations

import hashlib
import logging
import math
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from metaauto.collect.openml_client import (
    Damaged,
    Unreachable,
    ask,
    forget,
    forget_broken_descriptions,
    intact,
)
from metaauto.collect.recipes import load_recipe
from metaauto.collect.sources import Source
from metaauto.errors import ReadError

__all__ = ["TIMEOUT", "recipe_sources", "suite_sources", "task_sources"]

logger = logging.getLogger("metaauto")

TIMEOUT = 1800.0
"""Seconds to wait for one file."""
MOST_CELLS = 300_000_000
"""Sparse tables of more cells are not made dense."""

_CLASSIFICATION, _REGRESSION = 1, 2
_VERSION = re.compile(r"[\s._-]+v(er(sion)?)?[\s._-]*\d+$")

Fold = tuple[np.ndarray, np.ndarray]


def recipe_sources(
    name: str, *, timeout: float = TIMEOUT, tell: Callable[[int, int], None] | None = None
) -> list[Source]:
    """The tables of a recipe that comes with metaauto; see `metaauto.collect.recipe_names`.

    Parameters
    ----------
    name : str
        Name of the recipe, as ``"openml-cc18"``.
    timeout, tell
        As in `task_sources`.
    """
    recipe = load_recipe(name)
    if recipe.suite is not None:
        return suite_sources(recipe.suite, timeout=timeout, tell=tell)
    return task_sources(recipe.tasks, timeout=timeout, tell=tell)


def suite_sources(
    name_or_id: str | int,
    *,
    timeout: float = TIMEOUT,
    tell: Callable[[int, int], None] | None = None,
) -> list[Source]:
    """The tables of a suite at OpenML.

    Parameters
    ----------
    name_or_id : str or int
        Alias or number, as ``"OpenML-CC18"`` or 99.
    timeout, tell
        As in `task_sources`.

    Raises
    ------
    ReadError
        The suite is unknown, lists no task, or OpenML cannot be reached.
    """
    import openml

    what = f"suite {name_or_id!r}" if isinstance(name_or_id, str) else f"suite {name_or_id}"
    suite: Any = ask(what, lambda: openml.study.get_suite(name_or_id), timeout)
    if not suite.tasks:
        raise ReadError(f"OpenML's {what} lists no task.", hint="Name a suite of tasks.")
    return task_sources(suite.tasks, timeout=timeout, tell=tell)


def task_sources(
    ids: Iterable[int],
    *,
    timeout: float = TIMEOUT,
    tell: Callable[[int, int], None] | None = None,
) -> list[Source]:
    """The tables of tasks at OpenML, small ones first.

    Their descriptions are fetched now, four requests for each that is not in the client's cache;
    a table and its splits when it is measured. A task that cannot be described is listed last, and
    raises when it is measured, so that a build leaves it out and goes on.

    Parameters
    ----------
    ids : iterable of int
        Numbers of classification and regression tasks.
    timeout : float, default=1800
        Seconds to wait for one file.
    tell : callable, optional
        Told how many tasks are described, and how many there are.

    Raises
    ------
    ReadError
        OpenML cannot be reached for the very first task.

    Examples
    --------
    >>> (source,) = task_sources([59])  # doctest: +SKIP
    >>> source.label, source.kind, source.scheme  # doctest: +SKIP
    ('iris [task 59]', 'multiclass', 'openml-task-59/10-fold')
    """
    numbers = list(dict.fromkeys(int(number) for number in ids))
    sources = []
    for place, number in enumerate(numbers):
        try:
            sources.append(_Task(number, timeout).source())
        except Unreachable as error:
            if not sources:
                raise
            sources.append(_missing(number, error))
        except ReadError as error:
            sources.append(_missing(number, error))
        if tell is not None:
            tell(place + 1, len(numbers))
    return sorted(sources, key=lambda source: (source.cells, source.label))


def _missing(number: int, error: ReadError) -> Source:
    """A task that could not be described: the error comes when it is wanted."""
    logger.info("Task %d of OpenML cannot be described: %s", number, error)

    def load() -> Any:
        raise error

    return Source(label=f"openml task {number}", load=load, cells=math.inf)


class _Task:
    """One task: described at once, its table and splits fetched on demand."""

    def __init__(self, number: int, timeout: float) -> None:
        self.number = number
        self._timeout = timeout
        self._has_target: np.ndarray | None = None
        self._rows_said = math.nan
        self._task: Any = intact(self._described, self._forget_task)
        self._dataset_id = int(self._task.dataset_id)
        self._target = str(self._task.target_name)

    def source(self) -> Source:
        """The source of its table."""
        dataset: Any = intact(self._dataset, self._forget_dataset)
        sizes = self._sizes(dataset)
        self._rows_said = sizes.get("NumberOfInstances", math.nan)
        name = str(dataset.name)[:150]
        return Source(
            label=f"{name} [task {self.number}]",
            load=self.load,
            target=self._target,
            kind=self._kind(),
            group=_VERSION.sub("", name.lower()) or name,
            openml_id=self._dataset_id,
            cells=sizes.get("NumberOfInstances", math.inf) * sizes.get("NumberOfFeatures", 1.0),
            splits=self.splits,
            scheme=self._scheme(),
        )

    def load(self) -> pd.DataFrame:
        """The table, without its row numbers and the columns that are to be ignored."""
        return intact(self._load, self._forget_dataset)

    def splits(self) -> list[Fold]:
        """The official folds, repeat by repeat."""
        if self._has_target is None:
            self.load()
        return intact(self._splits, self._forget_task)

    def _ask(self, what: str, question: Callable[[], Any]) -> Any:
        return ask(what, question, self._timeout)

    def _forget_task(self) -> None:
        forget("tasks", self.number)
        forget_broken_descriptions()

    def _forget_dataset(self) -> None:
        forget("datasets", self._dataset_id)

    def _described(self) -> Any:
        import openml

        task: Any = self._ask(
            f"task {self.number}", lambda: openml.tasks.get_task(self.number, download_splits=False)
        )
        if task.task_type_id.value not in (_CLASSIFICATION, _REGRESSION):
            raise ReadError(
                f"OpenML's task {self.number} is of the type {task.task_type!r}.",
                hint="Name tasks of supervised classification or regression.",
            )
        return task

    def _dataset(self, *, with_data: bool = False) -> Any:
        import openml

        return self._ask(
            f"dataset {self._dataset_id} of task {self.number}",
            lambda: openml.datasets.get_dataset(self._dataset_id, download_data=with_data),
        )

    def _sizes(self, dataset: Any) -> dict[str, float]:
        """The qualities; a table without them is taken for a large one."""
        what = f"the qualities of dataset {self._dataset_id}"
        try:
            found = intact(
                lambda: self._ask(what, lambda: dataset.qualities), forget_broken_descriptions
            )
        except ReadError as error:
            logger.info("%s", error)
            return {}
        return {name: value for name, value in (found or {}).items() if value == value}

    def _kind(self) -> str:
        if self._task.task_type_id.value == _REGRESSION:
            return "regression"
        labels = self._task.class_labels
        if not labels:
            return "classification"
        return "binary" if len(labels) == 2 else "multiclass"

    def _scheme(self) -> str:
        folds = self._parameter("number_folds")
        is_cross = self._task.estimation_procedure["type"] == "crossvalidation"
        return f"openml-task-{self.number}" + (f"/{folds}-fold" if is_cross and folds else "")

    def _parameter(self, name: str) -> int | None:
        text = str((self._task.estimation_procedure["parameters"] or {}).get(name) or "")
        return int(text) if text.isdigit() else None

    def _load(self) -> pd.DataFrame:
        dataset = self._dataset(with_data=True)
        what = f"dataset {self._dataset_id} of task {self.number}"
        _check_copy(dataset, what)
        frame: Any = ask(
            what,
            lambda: dataset.get_data(include_row_id=True, include_ignore_attribute=True)[0],
            math.inf,
        )
        said = self._rows_said
        if dataset.md5_checksum is None and said == said and len(frame) != said:
            raise Damaged(
                f"The table of {what} has {len(frame):,} rows, OpenML says {said:,.0f}.",
                hint="Try again later; its copies were removed.",
            )
        if self._target not in frame.columns:
            raise ReadError(
                f"The table of {what} has no column {self._target!r}.",
                hint="Leave the task out.",
            )
        left_out = _names(dataset.row_id_attribute) | _names(dataset.ignore_attribute)
        kept = [n for n in frame.columns if n == self._target or n not in left_out]
        frame = _dense(frame[kept], what)
        self._has_target = frame[self._target].notna().to_numpy()
        return frame

    def _splits(self) -> list[Fold]:
        split = self._ask(f"the splits of task {self.number}", self._task.download_split)
        folds = []
        for repeat in sorted(split.split):
            for fold in sorted(split.split[repeat]):
                train, test = split.split[repeat][fold][0]
                folds.append((train.astype(np.int64), test.astype(np.int64)))
        assert self._has_target is not None
        said = (self._parameter("number_repeats"), self._parameter("number_folds"))
        problem = _fault(folds, self._has_target)
        if None not in said and said != (split.repeats, split.folds):
            problem = f"{split.repeats} x {split.folds} folds of {said[0]} x {said[1]} are there"
        if problem:
            raise Damaged(
                f"The splits of task {self.number} are not whole: {problem}.",
                hint="Try again later; the copy was removed.",
            )
        return folds


def _fault(folds: list[Fold], has_target: np.ndarray) -> str:
    """What is wrong with folds that should cover every row; OpenML says no checksum of them."""
    total = len(has_target)
    for number, sides in enumerate(folds):
        rows = np.concatenate(sides)
        if len(rows) and (rows.min() < 0 or rows.max() >= total):
            return f"fold {number} names row {rows.max():,} of a table of {total:,} rows"
        count = np.bincount(rows, minlength=total)
        if (count > 1).any():
            return f"fold {number} names row {int(count.argmax()):,} twice"
        left_out = int((has_target & (count == 0)).sum())
        if left_out:
            return f"fold {number} leaves out {left_out:,} rows"
    return ""


def _check_copy(dataset: Any, what: str) -> None:
    """Compare the ARFF file with the checksum that OpenML says; the client does so only once."""
    path, said = dataset.data_file, dataset.md5_checksum
    # Where lines end in two characters, the client's copy is not what the checksum is of.
    if not path or not said or os.linesep != "\n":
        return
    digest = hashlib.md5(usedforsecurity=False)
    with Path(path).open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    if digest.hexdigest() != said:
        raise Damaged(
            f"The copy of {what} does not have the checksum that OpenML says.",
            hint="Try again later; it was removed.",
        )


def _names(said: Any) -> set[str]:
    """Names of columns, which OpenML writes as one text, as a list, or with commas between."""
    names = [said] if isinstance(said, str) else list(said or [])
    return {part.strip() for name in names for part in (name, *name.split(","))}


def _dense(frame: pd.DataFrame, what: str) -> pd.DataFrame:
    """A sparse table, of which every column is sparse, as a plain one."""
    if not all(isinstance(kind, pd.SparseDtype) for kind in frame.dtypes):
        return frame
    if frame.size > MOST_CELLS:
        raise ReadError(
            f"The sparse table of {what} has {frame.shape[0]:,} x {frame.shape[1]:,} cells.",
            hint="It is too large to be measured; leave the task out.",
        )
    return frame.sparse.to_dense()
