"""The contents of a loopback OpenML server, and its responses by path."""

from __future__ import annotations

import hashlib
import urllib.parse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import openml_forms as forms
import pandas as pd
from openml_forms import Fold, HostedDataset, HostedSuite, HostedTask

__all__ = ["Answer", "OpenmlHost"]

_UNKNOWN = {
    "data": (111, "Unknown dataset"),
    "data/features": (271, "Unknown dataset"),
    "data/qualities": (361, "Unknown dataset"),
    "task": (151, "Unknown task"),
    "study": (601, "Unknown study"),
}


@dataclass(frozen=True)
class Answer:
    """A response: its HTTP status, content, and whether the connection breaks midway."""

    status: int
    body: bytes
    kind: str = "text/xml"
    dropped: bool = False


class OpenmlHost:
    """Datasets, tasks and suites, and the responses about them, without any connection.

    Parameters
    ----------
    url : str
        Base address of its files.
    """

    def __init__(self, url: str = "") -> None:
        self.url = url
        self._datasets: dict[int, HostedDataset] = {}
        self._tasks: dict[int, HostedTask] = {}
        self._suites: dict[int, HostedSuite] = {}

    def add_dataset(
        self,
        frame: pd.DataFrame,
        *,
        name: str = "table",
        target: str | None = None,
        number: int | None = None,
        version: int = 1,
        row_id: str | None = None,
        ignore: Sequence[str] = (),
        status: str = "active",
        checksum: bool = True,
        has_qualities: bool = True,
        sparse: bool = False,
    ) -> int:
        """Add a dataset to the server and return its id.

        Parameters
        ----------
        frame : pandas.DataFrame of shape (rows, columns)
            Numeric columns become numeric attributes, categories and booleans nominal ones, the
            rest text.
        name : str, default='table'
            Name of the dataset.
        target : str, optional
            Default target.
        number : int, optional
            Its id; the next free one by default.
        version : int, default=1
            Version of the dataset of this name.
        row_id : str, optional
            Column with row identifiers.
        ignore : sequence of str
            Columns that are not features.
        status : {'active', 'deactivated', 'in_preparation'}, default='active'
            Only active datasets are listed by default.
        checksum, has_qualities : bool, default=True
            Whether the description has the MD5 of the file, and the qualities were computed.
        sparse : bool, default=False
            Whether the file is sparse ARFF.

        Returns
        -------
        int
            Its id.
        """
        number = _next(self._datasets, number)
        self._datasets[number] = HostedDataset(
            number=number,
            name=name,
            version=version,
            frame=frame.copy(),
            target=target,
            row_id=row_id,
            ignore=tuple(ignore),
            status=status,
            checksum=checksum,
            has_qualities=has_qualities,
            sparse=sparse,
        )
        return number

    def add_task(
        self,
        dataset: int,
        *,
        target: str | None = None,
        number: int | None = None,
        folds: int = 10,
        repeats: int = 1,
        splits: Iterable[Fold] | None = None,
        procedure: str = "crossvalidation",
        seed: int = 0,
    ) -> int:
        """Add a task with splits over all rows of its dataset, and return its id.

        Parameters
        ----------
        dataset : int
            Id of the dataset.
        target : str, optional
            Target column, by default that of the dataset. A numeric target makes a regression.
        number : int, optional
            Its id; the next free one by default.
        folds, repeats : int
            Of the cross-validation, which is random.
        splits : iterable of Fold, optional
            Explicit splits instead of random ones.
        procedure : {'crossvalidation', 'holdout', 'learningcurve'}, default='crossvalidation'
            Name of the estimation procedure; 'holdout' without splits tests a third of the rows.
        seed : int, default=0
            Seed of the random splits.

        Returns
        -------
        int
            Its id.
        """
        number = _next(self._tasks, number)
        hosted = self._datasets[dataset]
        wanted = target or hosted.target
        if wanted is None:
            raise ValueError(f"Dataset {dataset} has no default target: pass `target`.")
        rows = len(hosted.frame)
        if splits is None:
            splits = _random_folds(rows, 3 if procedure == "holdout" else folds, repeats, seed)
            splits = [f for f in splits if procedure != "holdout" or f.fold == 0]
        column = hosted.frame[wanted]
        is_number = pd.api.types.is_numeric_dtype(column) and column.dtype != bool
        self._tasks[number] = HostedTask(
            number=number,
            dataset=hosted,
            target=wanted,
            is_classification=not is_number,
            procedure=procedure,
            folds=tuple(splits),
        )
        return number

    def add_suite(
        self, tasks: Iterable[int], *, alias: str = "", name: str = "", number: int | None = None
    ) -> int:
        """Add a suite of tasks to the server and return its id.

        Parameters
        ----------
        tasks : iterable of int
            Ids of the tasks.
        alias, name : str
            Its name in addresses, and its display name.
        number : int, optional
            Its id; the next free one by default.

        Returns
        -------
        int
            Its id.
        """
        number = _next(self._suites, number)
        members = tuple(self._tasks[task] for task in tasks)
        alias = alias or f"suite-{number}"
        self._suites[number] = HostedSuite(number, alias, name or alias, members)
        return number

    def file_of(self, dataset: int) -> str:
        """Return the path of a dataset's ARFF file, for `fault`."""
        name = urllib.parse.quote(self._datasets[dataset].name, safe="")
        return f"data/v1/download/{dataset}/{name}.arff"

    def splits_of(self, task: int) -> str:
        """Return the path of a task's splits, for `fault`."""
        return f"api_splits/get/{task}/Task_{task}_splits.arff"

    def answer(self, path: str) -> Answer:
        """Return the response for a path of the API, such as ``"data/1"``, or of a file."""
        what, _, key = path.rpartition("/")
        if path.startswith("data/list"):
            return self._list(path.removeprefix("data/list").strip("/"))
        if path.startswith("data/v1/download/"):
            return self._file(forms.dataset_file, self._datasets, path.split("/")[3])
        if path.startswith("api_splits/get/"):
            return self._file(forms.splits_file, self._tasks, path.split("/")[2])
        if what not in _UNKNOWN:
            return Answer(412, forms.error(100, "Function not available").encode())
        if what == "data/qualities" and self._lacks_qualities(key):
            return Answer(412, forms.error(362, "No qualities found").encode())
        text = self._describe(what, key)
        if text is None:
            return Answer(412, forms.error(*_UNKNOWN[what]).encode())
        return Answer(200, text.encode())

    def _describe(self, what: str, key: str) -> str | None:
        """Return the XML of a dataset, task or suite; None if it does not exist."""
        number = int(key) if key.isdigit() else -1
        if what == "study":
            suites = self._suites.values()
            found = [suite for suite in suites if key in (suite.alias, str(suite.number))]
            return forms.suite_description(found[0]) if found else None
        if what == "task":
            task = self._tasks.get(number)
            if task is None:
                return None
            return forms.task_description(task, f"{self.url}/{self.splits_of(number)}")
        dataset = self._datasets.get(number)
        if dataset is None:
            return None
        if what == "data/features":
            return forms.features(dataset)
        if what == "data/qualities":
            return forms.qualities(dataset)
        md5 = hashlib.md5(forms.dataset_file(dataset).encode(), usedforsecurity=False)
        url = f"{self.url}/{self.file_of(number)}"
        return forms.dataset_description(dataset, url, md5.hexdigest())

    def _lacks_qualities(self, key: str) -> bool:
        return any(str(d.number) == key and not d.has_qualities for d in self._datasets.values())

    def _file(self, form: Any, held: dict[int, Any], key: str) -> Answer:
        found = held.get(int(key)) if key.isdigit() else None
        if found is None:
            return Answer(404, b"<html><body>404 Not Found<hr></html>", "text/html")
        return Answer(200, form(found).encode(), "text/plain")

    def _list(self, filters: str) -> Answer:
        parts = filters.split("/") if filters else []
        asked = dict(zip(parts[::2], parts[1::2], strict=False))
        status = asked.get("status", "active")
        ids = {int(n) for n in asked["data_id"].split(",")} if "data_id" in asked else None
        found = [
            dataset
            for number, dataset in sorted(self._datasets.items())
            if status in ("all", dataset.status)
            and asked.get("data_name", dataset.name) == dataset.name
            and asked.get("data_version", str(dataset.version)) == str(dataset.version)
            and (ids is None or number in ids)
        ]
        start = int(asked.get("offset", 0))
        found = found[start : start + int(asked.get("limit", len(found)))]
        if not found:
            return Answer(412, forms.error(372, "No results").encode())
        return Answer(200, forms.dataset_list(found).encode())


def _next(held: dict[int, Any], number: int | None) -> int:
    if number in held:
        raise ValueError(f"The id {number} already exists.")
    return max(held, default=0) + 1 if number is None else number


def _random_folds(rows: int, folds: int, repeats: int, seed: int) -> list[Fold]:
    """Return random folds; every row is tested once in each repeat."""
    random = np.random.default_rng(seed)
    found = []
    for repeat in range(repeats):
        parts = np.array_split(random.permutation(rows), folds)
        for fold, test in enumerate(parts):
            train = np.concatenate([part for part in parts if part is not test])
            found.append(Fold(repeat, fold, 0, np.sort(train), np.sort(test)))
    return found
