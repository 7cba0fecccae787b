"""Datasets of OpenML tasks and suites, with their official splits."""

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
    fetch_intact,
    remove_cached,
    remove_damaged_descriptions,
    request,
)
from metaauto.collect.recipes import load_recipe
from metaauto.collect.sources import Source
from metaauto.errors import ReadError

__all__ = ["TIMEOUT", "recipe_sources", "suite_sources", "task_sources"]

logger = logging.getLogger("metaauto")

TIMEOUT = 1800.0
"""Seconds to wait for one file."""
MOST_CELLS = 300_000_000
"""Maximum number of values of a sparse table that is converted to a dense one."""

_CLASSIFICATION, _REGRESSION = 1, 2
_VERSION = re.compile(r"[\s._-]+v(er(sion)?)?[\s._-]*\d+$")

Fold = tuple[np.ndarray, np.ndarray]


def recipe_sources(
    name: str, *, timeout: float = TIMEOUT, on_progress: Callable[[int, int], None] | None = None
) -> list[Source]:
    """Return the datasets of a built-in recipe; see `metaauto.collect.recipe_names`.

    Parameters
    ----------
    name : str
        Name of the recipe, as ``"openml-cc18"``.
    timeout, on_progress
        As in `task_sources`.
    """
    recipe = load_recipe(name)
    if recipe.suite is not None:
        return suite_sources(recipe.suite, timeout=timeout, on_progress=on_progress)
    return task_sources(recipe.tasks, timeout=timeout, on_progress=on_progress)


def suite_sources(
    name_or_id: str | int,
    *,
    timeout: float = TIMEOUT,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Source]:
    """Return the datasets of a suite at OpenML.

    Parameters
    ----------
    name_or_id : str or int
        Alias or number, as ``"OpenML-CC18"`` or 99.
    timeout, on_progress
        As in `task_sources`.

    Raises
    ------
    ReadError
        The suite is unknown, has no tasks, or OpenML cannot be reached.
    """
    import openml

    item = f"suite {name_or_id!r}" if isinstance(name_or_id, str) else f"suite {name_or_id}"
    suite: Any = request(item, lambda: openml.study.get_suite(name_or_id), timeout)
    if not suite.tasks:
        raise ReadError(f"OpenML's {item} has no tasks.", hint="Choose a suite of tasks.")
    return task_sources(suite.tasks, timeout=timeout, on_progress=on_progress)


def task_sources(
    ids: Iterable[int],
    *,
    timeout: float = TIMEOUT,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Source]:
    """Return the datasets of tasks at OpenML, small ones first.

    The descriptions are fetched immediately (four requests per task that is not cached), the tables
    and splits when they are loaded. A task whose description cannot be fetched is listed last and
    raises when it is loaded, so that a build skips it.

    Parameters
    ----------
    ids : iterable of int
        Numbers of classification and regression tasks.
    timeout : float, default=1800
        Seconds to wait for one file.
    on_progress : callable, optional
        Called with the number of fetched descriptions and the number of tasks.

    Raises
    ------
    ReadError
        OpenML cannot be reached for the first task.

    Examples
    --------
    >>> (source,) = task_sources([59])  # doctest: +SKIP
    >>> source.label, source.kind, source.scheme  # doctest: +SKIP
    ('iris [task 59]', 'multiclass', 'openml-task-59/10-fold')
    """
    numbers = list(dict.fromkeys(int(number) for number in ids))
    sources = []
    for count, number in enumerate(numbers, start=1):
        try:
            sources.append(_Task(number, timeout).source())
        except Unreachable as error:
            if not sources:
                raise
            sources.append(_missing(number, error))
        except ReadError as error:
            sources.append(_missing(number, error))
        if on_progress is not None:
            on_progress(count, len(numbers))
    return sorted(sources, key=lambda source: (source.cells, source.label))


def _missing(number: int, error: ReadError) -> Source:
    """Return a source that raises the error of its description when it is loaded."""
    logger.info("The description of OpenML task %d cannot be fetched: %s", number, error)

    def load() -> Any:
        raise error

    return Source(label=f"openml task {number}", load=load, cells=math.inf)


class _Task:
    """One task: the description is fetched immediately, table and splits on demand."""

    def __init__(self, number: int, timeout: float) -> None:
        self.number = number
        self._timeout = timeout
        self._has_target: np.ndarray | None = None
        self._stated_rows = math.nan
        self._task: Any = fetch_intact(self._description, self._remove_task)
        self._dataset_id = int(self._task.dataset_id)
        self._target = str(self._task.target_name)

    def source(self) -> Source:
        """Return the source of the dataset."""
        dataset: Any = fetch_intact(self._dataset, self._remove_dataset)
        sizes = self._sizes(dataset)
        self._stated_rows = sizes.get("NumberOfInstances", math.nan)
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
        """Load the table, without row numbers and the columns to ignore."""
        return fetch_intact(self._load, self._remove_dataset)

    def splits(self) -> list[Fold]:
        """Return the official folds of all repeats."""
        if self._has_target is None:
            self.load()
        return fetch_intact(self._splits, self._remove_task)

    def _request(self, item: str, call: Callable[[], Any]) -> Any:
        return request(item, call, self._timeout)

    def _remove_task(self) -> None:
        remove_cached("tasks", self.number)
        remove_damaged_descriptions()

    def _remove_dataset(self) -> None:
        remove_cached("datasets", self._dataset_id)

    def _description(self) -> Any:
        import openml

        task: Any = self._request(
            f"task {self.number}", lambda: openml.tasks.get_task(self.number, download_splits=False)
        )
        if task.task_type_id.value not in (_CLASSIFICATION, _REGRESSION):
            raise ReadError(
                f"OpenML's task {self.number} has the unsupported type {task.task_type!r}.",
                hint="Choose tasks of supervised classification or regression.",
            )
        return task

    def _dataset(self, *, with_data: bool = False) -> Any:
        import openml

        return self._request(
            f"dataset {self._dataset_id} of task {self.number}",
            lambda: openml.datasets.get_dataset(self._dataset_id, download_data=with_data),
        )

    def _sizes(self, dataset: Any) -> dict[str, float]:
        """Return the qualities; a dataset without them is assumed to be large."""
        item = f"the qualities of dataset {self._dataset_id}"
        try:
            qualities = fetch_intact(
                lambda: self._request(item, lambda: dataset.qualities), remove_damaged_descriptions
            )
        except ReadError as error:
            logger.info("%s", error)
            return {}
        return {name: value for name, value in (qualities or {}).items() if value == value}

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
        item = f"dataset {self._dataset_id} of task {self.number}"
        _check_copy(dataset, item)
        frame: Any = request(
            item,
            lambda: dataset.get_data(include_row_id=True, include_ignore_attribute=True)[0],
            math.inf,
        )
        stated = self._stated_rows
        if dataset.md5_checksum is None and stated == stated and len(frame) != stated:
            raise Damaged(
                f"The table of {item} has {len(frame):,} rows; OpenML states {stated:,.0f}.",
                hint="Try again later; the cached files were removed.",
            )
        if self._target not in frame.columns:
            raise ReadError(
                f"The table of {item} has no column {self._target!r}.",
                hint="Exclude the task.",
            )
        ignored = _names(dataset.row_id_attribute) | _names(dataset.ignore_attribute)
        kept = [n for n in frame.columns if n == self._target or n not in ignored]
        frame = _dense(frame[kept], item)
        self._has_target = frame[self._target].notna().to_numpy()
        return frame

    def _splits(self) -> list[Fold]:
        split = self._request(f"the splits of task {self.number}", self._task.download_split)
        folds = []
        for repeat in sorted(split.split):
            for fold in sorted(split.split[repeat]):
                train, test = split.split[repeat][fold][0]
                folds.append((train.astype(np.int64), test.astype(np.int64)))
        assert self._has_target is not None
        stated = (self._parameter("number_repeats"), self._parameter("number_folds"))
        problem = _problem_of(folds, self._has_target)
        if None not in stated and stated != (split.repeats, split.folds):
            problem = (
                f"expected {stated[0]} x {stated[1]} folds, got {split.repeats} x {split.folds}"
            )
        if problem:
            raise Damaged(
                f"The splits of task {self.number} are incomplete: {problem}.",
                hint="Try again later; the cached file was removed.",
            )
        return folds


def _problem_of(folds: list[Fold], has_target: np.ndarray) -> str:
    """Return why folds do not cover every row once; OpenML provides no checksum of splits."""
    total = len(has_target)
    for number, sides in enumerate(folds):
        rows = np.concatenate(sides)
        if len(rows) and (rows.min() < 0 or rows.max() >= total):
            return f"fold {number} contains row {rows.max():,} of a table of {total:,} rows"
        count = np.bincount(rows, minlength=total)
        if (count > 1).any():
            return f"fold {number} contains row {int(count.argmax()):,} twice"
        missing = int((has_target & (count == 0)).sum())
        if missing:
            return f"fold {number} does not contain {missing:,} rows"
    return ""


def _check_copy(dataset: Any, item: str) -> None:
    """Check the checksum of the cached ARFF file; the client does so after the download only."""
    path, expected = dataset.data_file, dataset.md5_checksum
    # With other line endings, the client's file differs from the original one.
    if not path or not expected or os.linesep != "\n":
        return
    digest = hashlib.md5(usedforsecurity=False)
    with Path(path).open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    if digest.hexdigest() != expected:
        raise Damaged(
            f"The checksum of the cached file of {item} differs from the one at OpenML.",
            hint="Try again later; the cached file was removed.",
        )


def _names(given: Any) -> set[str]:
    """Return column names, which OpenML gives as one text, a list, or separated by commas."""
    names = [given] if isinstance(given, str) else list(given or [])
    return {part.strip() for name in names for part in (name, *name.split(","))}


def _dense(frame: pd.DataFrame, item: str) -> pd.DataFrame:
    """Convert a sparse table to a dense one."""
    if not all(isinstance(kind, pd.SparseDtype) for kind in frame.dtypes):
        return frame
    if frame.size > MOST_CELLS:
        raise ReadError(
            f"The sparse table of {item} is too large: {frame.shape[0]:,} x {frame.shape[1]:,} "
            "values.",
            hint="Exclude the task.",
        )
    return frame.sparse.to_dense()
